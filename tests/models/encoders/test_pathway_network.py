"""The pathway network: genes count for the smallest pathways, sums along the hierarchy are PyG's own, no patient sees another."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.nn import SimpleConv

from clinome.models.encoders.genes.pathway_graph import FEWEST, PathwayGraph, pathway_graph
from clinome.models.encoders.genes.pathway_network import Gathering, PathwayNetwork
from clinome.models.training.batch import Batch

GENES = [f"NCBIGene:{g}" for g in range(10)]
SCHEMA = {"subject": pl.String, "predicate": pl.String, "object": pl.String}
Members = dict[str, set[int]]
Parts = set[tuple[str, str]]


def links(members: Members, parts: Parts) -> pl.DataFrame:
    rows = [(GENES[g], "IN_PATHWAY", pathway) for pathway, genes in members.items() for g in genes]
    rows += [(part, "PART_OF", larger) for part, larger in parts]
    return pl.DataFrame([*rows, ("stranger", "IN_PATHWAY", "P0")], schema=SCHEMA, orient="row")


TREE = links({"A": {0, 1, 2}, "B": {3, 4, 5}, "C": {6, 7, 8}, "T": {0, 1, 2, 3, 4, 5, 9}}, {("A", "T"), ("B", "T")})

names = st.sampled_from([f"P{i}" for i in range(6)])
members_of = st.dictionaries(names, st.sets(st.integers(0, 9), min_size=1, max_size=8), max_size=6)
parts_of = st.sets(st.tuples(names, names), max_size=9)


@given(members_of, parts_of)
@settings(max_examples=120, deadline=None)
def test_every_pathway_stands_above_its_parts_and_has_the_genes_that_they_lack(members: Members, parts: Parts) -> None:
    graph = pathway_graph(GENES, links(members, parts))
    below: list[set[int]] = [set() for _ in graph.ids]
    for i, pathway in enumerate(graph.ids):
        own = set(graph.members[0, graph.members[1] == i].tolist())
        of_parts = [int(p) for p in graph.parts[0, graph.parts[1] == i]]
        under = set().union(*(below[p] for p in of_parts))
        below[i] = under | own
        assert own <= members.get(pathway, set()) and not own & under
        assert len(below[i]) >= FEWEST and own | set(of_parts)
        assert graph.level[i] == 1 + max((graph.level[p] for p in of_parts), default=-1)
        assert all((graph.ids[p], pathway) in parts for p in of_parts)
    assert (np.diff(graph.level) >= 0).all()
    assert all((np.diff(edges[1]) >= 0).all() for edges in (graph.members, graph.parts))


def test_without_a_hierarchy_pathways_are_of_one_level_and_alike_ones_are_one() -> None:
    graph = pathway_graph(GENES, links({"A": {0, 1, 2}, "B": {0, 1, 2}, "C": {1, 2, 3}, "D": {4, 5}}, set()))
    assert graph.ids == ("A", "C") and graph.level.tolist() == [0, 0]


def test_a_circle_of_pathways_ends_somewhere() -> None:
    graph = pathway_graph(GENES, links({"A": {0, 1, 2}, "B": {3, 4, 5}}, {("A", "B"), ("B", "A")}))
    assert len(graph.ids) == 2 and graph.parts.shape[1] == 1


@given(st.integers(0, 20))
@settings(max_examples=15, deadline=None)
def test_shuffling_keeps_sizes_and_levels(seed: int) -> None:
    true, mixed = pathway_graph(GENES, TREE), pathway_graph(GENES, TREE, "shuffled", np.random.default_rng(seed))
    assert mixed.level.tolist() == true.level.tolist()
    for key in ("members", "parts"):
        assert np.bincount(getattr(mixed, key)[1]).tolist() == np.bincount(getattr(true, key)[1]).tolist()
    assert (mixed.level[mixed.parts[0]] < mixed.level[mixed.parts[1]]).all()
    with pytest.raises(ValueError, match="expected true, shuffled or none"):
        pathway_graph(GENES, TREE, "mixed")


def test_a_sum_is_what_pyg_sends_patient_by_patient() -> None:
    edges = pathway_graph(GENES, TREE).members
    x, gather = torch.randn(10, 5, 3), Gathering(edges, 10, 4)
    found, size = gather(x), np.bincount(edges[1], minlength=4)
    weight = torch.tensor(1 / np.sqrt(size[edges[1]]), dtype=torch.float32)
    for patient in range(5):
        pair = (x[:, patient], torch.zeros(4, 3))
        expected = SimpleConv(aggr="sum")(pair, torch.from_numpy(edges), weight)
        torch.testing.assert_close(found[:, patient], expected, rtol=1e-5, atol=1e-6)


def network(graph: PathwayGraph) -> PathwayNetwork:
    torch.manual_seed(0)
    made = PathwayNetwork(graph, ["rna", "mutations"], ["rna"], 5, width=4)
    for one in made.read:
        torch.nn.init.normal_(one)
    return made


def batch(n: int = 6) -> Batch:
    """The last row has no layer, the one before no rna."""
    rng, layers, present = np.random.default_rng(0), {}, {}
    for name, without in (("rna", 2), ("mutations", 1)):
        here = np.arange(n) < n - without
        mask = (rng.random((n, 10)) < 0.9) & here[:, None]
        layers[name] = torch.tensor(np.stack([rng.normal(size=(n, 10)) * mask, mask], -1), dtype=torch.float32)
        present[name] = torch.tensor(here)
    return Batch(n, layers, present)


def picked(one: Batch, rows: list[int]) -> Batch:
    return Batch(len(rows), {k: x[rows] for k, x in one.layers.items()}, {k: x[rows] for k, x in one.present.items()})


@pytest.mark.parametrize("edges", ["true", "none"])
def test_rows_do_not_see_each_other_and_a_row_without_a_layer_is_zero(edges: str) -> None:
    encoder, whole = network(pathway_graph(GENES, TREE, edges)).eval(), batch()
    with torch.no_grad():
        h, mask = encoder(whole)
        moved, _ = encoder(picked(whole, [3, 5, 0, 4, 2, 1]))
    assert h.shape == (6, 5) and mask.tolist() == [True] * 5 + [False] and not h[-1].any()
    torch.testing.assert_close(moved, h[[3, 5, 0, 4, 2, 1]])


def test_what_moves_a_gene_moves_its_pathways_and_those_above_and_no_other() -> None:
    graph = pathway_graph(GENES, TREE)
    encoder, one = network(graph).eval(), batch()
    moved = Batch(one.size, {name: x.clone() for name, x in one.layers.items()}, one.present)
    moved.layers["rna"][:, 0, 0] += 1.0
    with torch.no_grad():
        before, after = encoder.nodes(one), encoder.nodes(moved)
    changed = [
        graph.ids[i + sum(len(x) for x in before[1:level])]
        for level, (a, b) in enumerate(zip(before, after, strict=True))
        if level
        for i in range(len(a))
        if not torch.allclose(a[i], b[i])
    ]
    assert changed == ["A", "T"]


def test_the_gradient_reaches_every_parameter_and_without_training_it_has_no_opinion() -> None:
    graph = pathway_graph(GENES, TREE)
    fresh = PathwayNetwork(graph, ["rna", "mutations"], ["rna"], 5).eval()
    h = fresh(batch())[0]
    torch.testing.assert_close(h[0], h[1])
    encoder = network(graph).train()
    encoder(batch())[0].pow(2).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_a_mask_is_of_its_edge_whatever_its_level() -> None:
    """A membership moves its pathway and those above, a part what it is part of."""
    graph = pathway_graph(
        GENES, links({"A": {0, 1, 2}, "B": {3, 4, 5}, "T": {9}, "Z": {6, 7}}, {("A", "T"), ("B", "T"), ("T", "Z")})
    )
    torch.manual_seed(0)
    made = PathwayNetwork(graph, ["rna"], [], 5, width=4).eval()
    values = torch.stack([torch.randn(3, 10), torch.ones(3, 10)], -1)
    batch = Batch(3, {"rna": values}, {"rna": torch.ones(3, dtype=torch.bool)})
    above = {i: {i, *(int(q) for p, q in graph.parts.T if p == i)} for i in range(len(graph.ids))}
    for i in reversed(range(len(graph.ids))):
        above[i] |= set().union(*(above[q] for q in above[i] - {i}))
    with torch.no_grad():
        right = torch.cat(made.nodes(batch)[1:])
        for relation, edges in (("IN_PATHWAY", graph.members), ("PART_OF", graph.parts)):
            ones = torch.ones(edges.shape[1])
            torch.testing.assert_close(torch.cat(made.nodes(batch, {relation: ones})[1:]), right)
            for edge in range(edges.shape[1]):
                mask = ones.clone()
                mask[edge] = 0
                moved = (torch.cat(made.nodes(batch, {relation: mask})[1:]) - right).abs().amax((1, 2)) > 1e-6
                assert set(moved.nonzero().flatten().tolist()) == above[int(edges[1, edge])]
