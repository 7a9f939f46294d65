"""The graph of the codes: what it holds, and what a code that nobody taught hears of it."""

from __future__ import annotations

import polars as pl
import torch
from tiny_batches import DIM, ENTRIES, make_batch

from clinome.models.encoders.codes.code_graph import code_graph
from clinome.models.encoders.codes.code_network import CodeNetwork
from clinome.models.encoders.codes.token_embedding import TokenEmbedding
from clinome.models.encoders.codes.transformer import SequenceEncoder
from clinome.models.encoders.relational_graph import RelationalGraph

LINKS = pl.DataFrame(
    [
        ("I:1.1", "IS_A", "I:1"), ("I:1.2", "IS_A", "I:1"), ("I:1", "IS_A", "I:A-Z"),
        ("I:1.1", "MAPS_TO", "M:7"), ("R:5", "TARGETS", "G:3"), ("G:3", "ASSOCIATED_WITH", "M:7"),
    ],
    schema=["subject", "predicate", "object"], orient="row",
).with_columns(score=pl.lit(None, pl.Float64))  # fmt: skip
CODES = ("", "?", "I:1.1", "I:1.2", "L:9", "L:9", "R:5", "I:1", "I:A-Z")
PARENTS = ((), (), (7, 8), (7, 8), (), (), (), (8,), ())
ANCESTORS = torch.tensor([[i, *above, *[0] * (2 - len(above))] for i, above in enumerate(PARENTS)])


def graph() -> RelationalGraph:
    made = code_graph(CODES, PARENTS, LINKS)
    assert made is not None
    return made


def named_edges(made: RelationalGraph) -> set[tuple[str, str, str]]:
    ends = zip(*made.edge_index.tolist(), made.edge_type.tolist(), strict=True)
    return {(made.ids[a] or str(a), made.relations[r], made.ids[b] or str(b)) for a, b, r in ends}


def test_entries_stand_in_front_and_every_ancestor_one_step_away() -> None:
    made = graph()
    assert made.ids[: len(CODES)] == ("", "", *CODES[2:]) and set(made.ids[len(CODES) :]) == {"M:7", "G:3"}
    found = named_edges(made)
    assert {("I:1.1", "IS_A", "I:A-Z"), ("I:A-Z", "rev_IS_A", "I:1.2"), ("M:7", "rev_MAPS_TO", "I:1.1")} <= found
    assert {
        ("R:5", "TARGETS", "G:3"),
        ("G:3", "ASSOCIATED_WITH", "M:7"),
    } <= found  # a drug and a diagnosis, through a gene
    assert ("L:9", "SAME_AS", "L:9") in found and len(found) == made.edge_index.shape[1]


def test_there_is_none_where_no_code_is_linked() -> None:
    assert code_graph(CODES, PARENTS, LINKS.filter(pl.col("subject") == "G:3")) is None
    assert code_graph(CODES[:2], PARENTS[:2], LINKS) is None


def test_codes_without_a_vector_of_their_own_are_what_they_are_linked_to() -> None:
    torch.manual_seed(0)
    embed = TokenEmbedding(ANCESTORS, DIM, graph=graph())
    own = embed.code.weight
    assert not own[2].any() and not own[3].any() and own[6].any()  # what lies under others starts with nothing
    with torch.no_grad():
        table = embed.table()
        own[7] += 1  # the parent learns; its children, one of them in no patient, hear it
        moved = (embed.table() - table).norm(dim=1)
    assert table.shape == (len(CODES), DIM) and moved[2] > 0.1 and moved[3] > 0.1 and moved[4] == 0


def test_a_drug_hears_a_diagnosis_through_a_gene_in_three_steps_and_in_two_its_gene() -> None:
    torch.manual_seed(0)
    made, h = graph(), torch.randn(11, DIM, requires_grad=True)
    for depth, heard in ((1, {"G:3", "R:5"}), (2, {"G:3", "R:5", "M:7"}), (3, {"G:3", "R:5", "M:7", "I:1.1"})):
        network = CodeNetwork(made, DIM, depth)
        (gradient,) = torch.autograd.grad(network(h)[6].sum(), h)
        assert {made.ids[i] for i in gradient.abs().sum(1).nonzero().ravel().tolist()} == heard


def test_the_encoder_learns_through_it_and_rows_stay_apart() -> None:
    torch.manual_seed(0)
    parents = [(), (), *[(ENTRIES - 1,)] * (ENTRIES - 3), ()]
    codes = ["", "?", *(f"I:{i}" for i in range(2, ENTRIES))]
    made = code_graph(
        codes,
        parents,
        pl.DataFrame([(c, "IS_A", codes[-1], None) for c in codes[2:-1]], schema=LINKS.schema, orient="row"),
    )
    table = torch.tensor([[i, *(above or (0,))] for i, above in enumerate(parents)])
    encoder = SequenceEncoder(table, 16, out=DIM, graph=made)
    batch = make_batch()
    vectors, present = encoder(batch)
    vectors.sum().backward()
    assert present.tolist()[-1] is False and all(p.grad is not None for p in encoder.embed.parameters())
    assert encoder.embed.network is not None and all(
        p.grad.any() for p in encoder.embed.network.parameters() if p.grad is not None
    )
