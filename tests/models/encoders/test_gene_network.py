"""The gene network: PyG's own sum of messages for many patients at once, no patient sees another, genes have no order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.nn import GraphConv

from clinome.models.encoders.genes.gene_graph import MEMBERS, GeneGraph, gene_graph
from clinome.models.encoders.genes.gene_network import GeneNetwork, SharedConv
from clinome.models.training.batch import Batch

GENES = [f"NCBIGene:{g}" for g in range(8)]
SCHEMA = {"subject": pl.String, "predicate": pl.String, "object": pl.String, "score": pl.Float64}


def links(pairs: list[tuple[int, int, float | None]], pathways: list[list[int]]) -> pl.DataFrame:
    rows: list[tuple[str, str, str, float | None]] = [
        (GENES[a], "INTERACTS_WITH", GENES[b], score) for a, b, score in pairs
    ]
    rows += [(GENES[g], "IN_PATHWAY", f"P{p}", None) for p, members in enumerate(pathways) for g in members]
    return pl.DataFrame([*rows, ("X", "INTERACTS_WITH", GENES[0], 1.0)], schema=SCHEMA, orient="row")


RING = links([(i, (i + 1) % 8, None) for i in range(8)] + [(0, 4, 3.0)], [[0, 1, 2], [3, 4, 5, 6, 7]])


def network(graph: GeneGraph, seed: int = 0, **more: object) -> GeneNetwork:
    torch.manual_seed(seed)
    made = GeneNetwork(graph, ["rna", "mutations"], ["rna"], 5, width=4, heads=2, **more)  # type: ignore[arg-type]
    torch.nn.init.normal_(made.out.weight)
    return made


def batch(n: int = 6, genes: int = 8, seed: int = 0) -> Batch:
    """The last row has no layer, the one before no rna."""
    rng = np.random.default_rng(seed)
    layers, present = {}, {}
    for name, without in (("rna", 2), ("mutations", 1)):
        here = np.arange(n) < n - without
        mask = (rng.random((n, genes)) < 0.9) & here[:, None]
        layers[name] = torch.tensor(np.stack([rng.normal(size=(n, genes)) * mask, mask], -1), dtype=torch.float32)
        present[name] = torch.tensor(here)
    return Batch(n, layers, present)


def picked(one: Batch, rows: list[int]) -> Batch:
    return Batch(len(rows), {k: x[rows] for k, x in one.layers.items()}, {k: x[rows] for k, x in one.present.items()})


pairs = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7), st.none() | st.floats(0.01, 5)),
    max_size=20,
    unique_by=lambda p: p[:2],
)


@given(pairs)
@settings(max_examples=40, deadline=None)
def test_the_graph_is_each_pair_once_and_receivers_hear_a_mean(found: list[tuple[int, int, float | None]]) -> None:
    graph = gene_graph(GENES, links(found, []))
    naive = np.zeros((8, 8))
    for a, b, score in found:
        if a != b:
            naive[a, b] = naive[b, a] = max(naive[a, b], 1.0 if score is None else score)
    total = naive.sum(1, keepdims=True)
    expected = np.divide(naive, total, out=np.zeros_like(naive), where=total > 0)
    dense = np.zeros((8, 8))
    sender, receiver = graph.edge_index
    dense[receiver, sender] = graph.weight
    np.testing.assert_allclose(dense, expected, atol=1e-6)
    assert graph.edge_index.shape[1] == (naive > 0).sum() and (np.diff(receiver) >= 0).all()


@given(pairs, st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_shuffling_keeps_degrees_and_sizes_of_pathways(found: list[tuple[int, int, float | None]], seed: int) -> None:
    table = links(found, [[0, 1, 2], [0, 1, 2], [2, 3, 4, 5], [6, 7]])
    true, mixed = gene_graph(GENES, table), gene_graph(GENES, table, "shuffled", np.random.default_rng(seed))
    for one in (true, mixed):
        assert one.pathways == 2 and sorted(np.bincount(one.members[1])) == [
            3,
            4,
        ]  # of two alike one, of two genes none
    degrees = [np.sort(np.bincount(one.edge_index[1], minlength=8)) for one in (true, mixed)]
    assert degrees[0].tolist() == degrees[1].tolist()


def test_without_edges_there_is_neither_interaction_nor_pathway() -> None:
    graph = gene_graph(GENES, RING, "none")
    assert graph.edge_index.shape == (2, 0) and graph.pathways == 0
    with pytest.raises(ValueError, match="expected true, shuffled or none"):
        gene_graph(GENES, RING, "mixed")
    assert MEMBERS[0] > 1


def test_one_product_sends_what_pyg_sends_patient_by_patient() -> None:
    torch.manual_seed(0)
    conv, plain = SharedConv(3, 4), GraphConv(3, 8)
    plain.load_state_dict(conv.state_dict())
    graph, x = gene_graph(GENES, RING), torch.randn(8, 5, 3)
    encoder = GeneNetwork(graph, ["rna"], [], 2)
    edge_index, weight = torch.from_numpy(graph.edge_index), torch.from_numpy(graph.weight)
    with torch.no_grad():
        found = conv(x, encoder.matrix("edges", 8))
        for patient in range(5):
            own = plain.lin_root(x[:, patient])
            heard = plain(x[:, patient], edge_index, weight) - own
            expected = own[:, :4] + heard[:, :4] + own[:, 4:] * heard[:, 4:]
            torch.testing.assert_close(found[:, patient], expected, rtol=1e-5, atol=1e-6)


def test_rows_do_not_see_each_other_and_a_row_without_a_layer_is_zero() -> None:
    encoder, whole = network(gene_graph(GENES, RING)).eval(), batch()
    with torch.no_grad():
        h, mask = encoder(whole)
        alone, _ = encoder(picked(whole, [2]))
        moved, _ = encoder(picked(whole, [3, 5, 0, 4, 2, 1]))
    assert h.shape == (6, 5) and mask.tolist() == [True] * 5 + [False] and not h[-1].any()
    torch.testing.assert_close(alone[0], h[2])
    torch.testing.assert_close(moved, h[[3, 5, 0, 4, 2, 1]])


def test_names_and_order_of_the_genes_mean_nothing() -> None:
    order = np.random.default_rng(0).permutation(8)
    one, other = network(gene_graph(GENES, RING)), network(gene_graph([GENES[i] for i in order], RING))
    other.load_state_dict(one.state_dict())
    given = batch()
    turned = replace(given, layers={name: x[:, order] for name, x in given.layers.items()})
    with torch.no_grad():
        torch.testing.assert_close(one.eval()(given)[0], other.eval()(turned)[0], rtol=1e-4, atol=1e-5)


def test_the_gradient_reaches_every_parameter_and_neighbours() -> None:
    encoder, given = network(gene_graph(GENES, RING)).train(), batch()
    x = given.layers["rna"].clone().requires_grad_()
    encoder(replace(given, layers={**given.layers, "rna": x}))[0].square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.abs().sum() > 0), name
    assert x.grad is not None and bool((x.grad[0, :, 0] != 0).all())


def test_dropped_edges_are_dropped_in_training_alone_and_made_up_for() -> None:
    encoder = network(gene_graph(GENES, RING), edge_dropout=0.5)
    whole = encoder.matrix("edges", 8).to_dense()
    torch.manual_seed(3)
    drawn = torch.stack([encoder.train().matrix("edges", 8, 0.5).to_dense() for _ in range(400)])
    assert bool(((drawn == 0) | torch.isclose(drawn, 2 * whole)).all())
    torch.testing.assert_close(drawn.mean(0), whole, atol=0.15, rtol=0)
    torch.testing.assert_close(encoder.eval().matrix("edges", 8, 0.5).to_dense(), whole)


def test_it_starts_as_nothing() -> None:
    torch.manual_seed(0)
    encoder = GeneNetwork(gene_graph(GENES, RING), ["rna", "mutations"], [], 3).eval()
    assert not encoder(batch())[0].any()


def test_a_study_in_which_nothing_was_measured_is_served() -> None:
    encoder = GeneNetwork(gene_graph([], RING), [], [], 3).eval()
    h, mask = encoder(Batch(4))
    assert h.shape == (4, 3) and not h.any() and not mask.any()


def test_masks_of_one_change_nothing_and_of_zero_are_the_network_without_messages() -> None:
    graph = gene_graph(GENES, RING)
    made, edges = network(graph).eval(), graph.edge_index.shape[1]
    with torch.no_grad():
        whole = made(batch(), {"INTERACTS_WITH": torch.ones(edges), "IN_PATHWAY": torch.ones(graph.members.shape[1])})
        torch.testing.assert_close(whole[0], made(batch())[0])
        alone = replace(graph, weight=np.zeros_like(graph.weight))
        silent = network(alone).eval()
        silent.load_state_dict(made.state_dict())
        torch.testing.assert_close(made(batch(), {"INTERACTS_WITH": torch.zeros(edges)})[0], silent(batch())[0])
