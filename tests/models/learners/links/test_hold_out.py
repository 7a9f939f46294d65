"""Hold-outs of links: what is held out together, and that no learner can see it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from links_study import edges, planted

from clinome.loaders.errors import InputError
from clinome.models.base.specs import HOLD_OUTS, LinkTask
from clinome.models.learners.links.graph import LinkGraph, Relation, link_graph
from clinome.models.learners.links.hold_out import hold_outs, inner
from clinome.models.learners.links.registry import RANKERS, make

LINKS = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 9)), min_size=12, max_size=60)


def graph_of(links: set[tuple[int, int]], hold_out: str, same: list[tuple[int, int]] | None = None) -> LinkGraph:
    nodes = {"Diagnosis": tuple(f"d{i}" for i in range(8)), "Gene": tuple(f"g{i}" for i in range(10))}
    pairs = np.array(same or np.zeros((0, 2)), dtype=np.int64)
    relations = (Relation("MAPS_TO", "Diagnosis", "Diagnosis", pairs, np.ones(len(pairs), dtype=np.float32)),)
    table = np.array(sorted(links), dtype=np.int64)
    return LinkGraph("Diagnosis", "Gene", nodes, table, np.full(len(table), np.nan), relations, hold_out)


@given(LINKS, st.integers(2, 3), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_edges_leave_each_query_some_and_hold_every_other_out_once(
    links: set[tuple[int, int]], folds: int, seed: int
) -> None:
    graph = graph_of(links, "edges")
    try:
        held = [one.held for one in hold_outs(graph, folds, 1, seed)]
    except InputError:
        return
    counts = np.bincount(graph.links[:, 0], minlength=8)
    for one in held:
        left = np.bincount(graph.without(one).links[:, 0], minlength=8)
        assert (left[counts > 0] > 0).all()
    assert (np.sum(held, axis=0) == (counts[graph.links[:, 0]] > 1)).all()


@pytest.mark.parametrize(("kind", "end"), [("candidates", 1), ("queries", 0)])
@given(links=LINKS, seed=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_whole_nodes_are_held_out(kind: str, end: int, links: set[tuple[int, int]], seed: int) -> None:
    graph = graph_of(links, kind)
    try:
        held = [one.held for one in hold_outs(graph, 2, 1, seed)]
    except InputError:
        return
    assert (np.sum(held, axis=0) == 1).all()
    for one in held:
        assert not set(graph.links[one, end]) & set(graph.without(one).links[:, end])


@pytest.mark.parametrize("kind", ["edges", "queries"])
def test_what_maps_to_each_other_is_held_out_together(kind: str) -> None:
    links = (
        {(q, c) for q in range(8) for c in range(q % 3, 10, 3)}
        | {(0, c) for c in range(10)}
        | {(1, c) for c in range(10)}
    )
    graph = graph_of(links, kind, same=[(0, 1)])
    for one in hold_outs(graph, 3, 2, seed=1):
        both = {tuple(link) for link in graph.links[one.held]}
        assert {c for q, c in both if q == 0} == {c for q, c in both if q == 1}


def test_time_holds_out_later_links_and_inside_the_latest() -> None:
    graph = planted("time")
    (one,) = hold_outs(graph, 5, 1, seed=1, after=2015)
    assert (graph.years[one.held] >= 2015).all()
    assert (graph.years[~one.held] < 2015).all()
    seen = graph.without(one.held)
    earlier, later = inner(seen, seed=1)
    assert earlier.years.max() < 2015
    assert len(earlier.links) + len(later) == len(seen.links)


@pytest.mark.parametrize("kind", HOLD_OUTS)
def test_the_inner_hold_out_is_of_the_same_kind_and_inside(kind: str) -> None:
    graph = planted(kind)
    one = next(iter(hold_outs(graph, 5, 1, seed=1, after=2015)))
    seen = graph.without(one.held)
    left, held = inner(seen, seed=2)
    outside = {tuple(link) for link in graph.links[one.held]}
    assert not outside & {tuple(link) for link in [*left.links, *held]}
    if kind == "candidates":
        assert not set(held[:, 1]) & set(left.links[:, 1])


def test_nothing_to_hold_out_says_so() -> None:
    with pytest.raises(InputError, match="held out"):
        list(hold_outs(graph_of({(q, q) for q in range(8)}, "edges"), 2, 1, seed=1))
    with pytest.raises(InputError, match="held out"):
        list(hold_outs(planted("time"), 5, 1, seed=1, after=1990))


def test_a_relation_of_the_same_predicate_is_left_out() -> None:
    """Gene–phenotype edges are derived through the gene's diseases."""
    derived = (
        edges()
        .filter(pl.col("predicate") == "ASSOCIATED_WITH")
        .with_columns(object=pl.lit("HP:0000001"), object_label=pl.lit("Phenotype"))
    )
    task = LinkTask("ASSOCIATED_WITH", "Diagnosis", "Gene", hold_out="candidates")
    graph = link_graph(pl.concat([edges(), derived]).unique(maintain_order=True), task)
    assert {one.predicate for one in graph.relations} == {"IN_PATHWAY", "INTERACTS_WITH", "HAS_PHENOTYPE"}


@pytest.mark.parametrize("kind", HOLD_OUTS)
@pytest.mark.parametrize("name", RANKERS)
def test_changing_held_out_links_changes_no_score(name: str, kind: str) -> None:
    graph = planted(kind)
    one = next(iter(hold_outs(graph, 5, 1, seed=1, after=2015)))
    seen = graph.without(one.held)
    changed = graph.links.copy()
    changed[one.held, 1] = (changed[one.held, 1] + 17) % graph.shape[1]
    other = replace(graph, links=changed).without(one.held)
    if make(name).reason(seen) is not None:
        return
    queries = np.unique(graph.links[one.held, 0])
    scores = []
    for given_graph in (seen, other):
        learner = make(name).fresh(3)
        learner.fit(given_graph)
        scores.append(learner.score(queries))
    np.testing.assert_array_equal(scores[0], scores[1])


def test_the_check_above_would_see_a_leak() -> None:
    graph = planted("candidates")
    one = next(iter(hold_outs(graph, 5, 1, seed=1)))
    changed = graph.links.copy()
    changed[one.held, 1] = (changed[one.held, 1] + 17) % graph.shape[1]
    scores = []
    for leaky in (graph, replace(graph, links=changed)):  # nothing held out
        learner = make("diffusion").fresh(3)
        learner.fit(leaky)
        scores.append(learner.score(np.arange(5)))
    assert not np.array_equal(scores[0], scores[1])
