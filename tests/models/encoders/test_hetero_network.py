"""The heterogeneous network: R-GCN's own means over typed relations, no patient sees another, what is missing adds nothing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.nn import RGCNConv

from clinome.models.encoders.hetero_network import HeteroNetwork
from clinome.models.encoders.relational_graph import RelationalGraph, relational_graph
from clinome.models.training.batch import Batch

COLUMNS: list[str | None] = ["a", "b", "c", None, "a", "d"]
WIDTH = {"rna": 4, "records": 2}
SCHEMA = {"subject": pl.String, "predicate": pl.String, "object": pl.String, "score": pl.Float64}


def links(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame([(*row, None) for row in rows], schema=SCHEMA, orient="row")


KNOWN = links(("a", "IS_A", "x"), ("b", "MAPS_TO", "x"), ("d", "IS_A", "y"), ("x", "IS_A", "z"))


def network(graph: RelationalGraph, depth: int = 1) -> HeteroNetwork:
    torch.manual_seed(0)
    made = HeteroNetwork(graph, WIDTH, 5, width=3, depth=depth)
    torch.nn.init.normal_(made.node.weight)
    return made


def batch(n: int = 5) -> Batch:
    """The last row has nothing, the one before no records."""
    rng = np.random.default_rng(0)
    present = {"rna": np.arange(n) < n - 1, "records": np.arange(n) < n - 2}
    layers = {name: torch.tensor(rng.normal(size=(n, k)), dtype=torch.float32) for name, k in WIDTH.items()}
    return Batch(n, layers, {name: torch.tensor(here) for name, here in present.items()})


ends = st.sampled_from(["a", "b", "c", "d", "x", "y"])
triples = st.lists(st.tuples(ends, st.sampled_from(["IS_A", "MAPS_TO"]), ends), max_size=12)


@given(triples)
@settings(max_examples=60, deadline=None)
def test_every_link_goes_both_ways_under_names_of_its_own(rows: list[tuple[str, str, str]]) -> None:
    graph = relational_graph(COLUMNS, {}, links(*rows))
    first = {"a": 0, "b": 1, "c": 2, "d": 5}
    seen = {(r, *((first.get(s, s), first.get(o, o)))) for s, r, o in rows if s != o}
    kinds = [graph.relations[k] for k in graph.edge_type]
    forward = [(k, a, b) for k, a, b in zip(kinds, *graph.edge_index.tolist(), strict=True) if not k.startswith("rev_")]
    back = [(k[4:], b, a) for k, a, b in zip(kinds, *graph.edge_index.tolist(), strict=True) if k.startswith("rev_")]
    assert sorted(forward) == sorted(back)
    assert ("SAME_AS", 4, 0) in forward
    inside = {(k, a, b) for k, a, b in seen if isinstance(a, int) and isinstance(b, int)}
    assert {one for one in forward if one[1] < 6 and one[2] < 6 and one[0] != "SAME_AS"} == inside


def test_shuffled_columns_keep_every_degree_and_without_edges_there_are_none() -> None:
    true, mixed = (
        relational_graph(COLUMNS, {}, KNOWN, edges, np.random.default_rng(1)) for edges in ("true", "shuffled")
    )
    assert mixed.edge_type.tolist() == true.edge_type.tolist()
    degrees = [np.sort(np.bincount(one.edge_index[1], minlength=one.nodes)) for one in (true, mixed)]
    assert degrees[0].tolist() == degrees[1].tolist() and (mixed.edge_index != true.edge_index).any()
    assert relational_graph(COLUMNS, {}, KNOWN, "none").edge_index.shape == (2, 0)
    with pytest.raises(ValueError, match="expected true, shuffled or none"):
        relational_graph(COLUMNS, {}, KNOWN, "mixed")


def test_a_node_hears_the_mean_over_each_relation_by_weights_of_the_relation() -> None:
    graph = relational_graph(COLUMNS, {}, KNOWN)
    encoder = network(graph)
    (conv,) = encoder.convs
    assert isinstance(conv, RGCNConv)
    e = encoder.node.weight
    with torch.no_grad():
        found = encoder.nodes()
        for node in range(graph.nodes):
            heard = e[node] @ conv.root + conv.bias
            for kind in range(len(graph.relations)):
                mine = (graph.edge_index[1] == node) & (graph.edge_type == kind)
                if mine.any():
                    heard = heard + e[graph.edge_index[0, mine]].mean(0) @ conv.weight[kind]
            torch.testing.assert_close(found[node], e[node] + heard, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("edges", ["true", "none"])
def test_rows_do_not_see_each_other_and_what_is_missing_adds_nothing(edges: str) -> None:
    encoder, one = network(relational_graph(COLUMNS, {}, KNOWN, edges)).eval(), batch()
    order = [3, 0, 4, 2, 1]
    turned = Batch(5, {k: x[order] for k, x in one.layers.items()}, {k: x[order] for k, x in one.present.items()})
    other = Batch(
        5, {**one.layers, "records": one.layers["records"] + 9 * ~one.present["records"][:, None]}, one.present
    )
    with torch.no_grad():
        h, mask = encoder(one)
        torch.testing.assert_close(encoder(turned)[0], h[order])
        torch.testing.assert_close(encoder(other)[0], h)
    assert mask.tolist() == [True] * 4 + [False] and not h[-1].any()


def test_the_gradient_reaches_what_lies_two_steps_away() -> None:
    encoder = network(relational_graph(COLUMNS, {}, KNOWN), depth=2)
    encoder(batch())[0].pow(2).sum().backward()
    assert encoder.node.weight.grad is not None and (encoder.node.weight.grad.abs().sum(1) > 0).all()


@given(triples)
@settings(max_examples=60, deadline=None)
def test_masks_of_one_leave_pyg_s_messages_as_they_are_and_of_zero_take_them_away(
    rows: list[tuple[str, str, str]],
) -> None:
    graph = relational_graph(COLUMNS, {}, links(*rows))
    made, edgeless = network(graph, 2).eval(), network(relational_graph(COLUMNS, {}, links(*rows), "none"), 2).eval()
    edges = graph.edge_index.shape[1]
    torch.testing.assert_close(made.nodes(torch.ones(edges)), made.nodes())
    own = edgeless.state_dict()  # weights of relations, which it has not, are of another shape
    edgeless.load_state_dict(
        {name: x if x.shape == own[name].shape else own[name] for name, x in made.state_dict().items()}
    )
    torch.testing.assert_close(made.nodes(torch.zeros(edges)), edgeless.nodes())


def test_a_mask_is_of_its_edge() -> None:
    graph = relational_graph(COLUMNS, {}, KNOWN)
    made = network(graph).eval()
    for edge in range(graph.edge_index.shape[1]):
        mask = torch.ones(graph.edge_index.shape[1])
        mask[edge] = 0
        moved = (made.nodes(mask) - made.nodes()).abs().amax(1) > 1e-5
        assert moved.nonzero().flatten().tolist() == [graph.edge_index[1, edge]]
