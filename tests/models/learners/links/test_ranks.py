"""Ranks and metrics of links against a naive reference; intervals over queries."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinome.models.learners.links.graph import LinkGraph
from clinome.models.learners.links.intervals import corrected, difference, means
from clinome.models.learners.links.ranks import KNOWN, METRICS, NEW, held_out_ranks, per_list, per_query

Q, C = 5, 12


@st.composite
def cases(draw: st.DrawFn) -> tuple[LinkGraph, np.ndarray, np.ndarray, np.ndarray]:
    pairs = [(q, c) for q in range(Q) for c in range(C)]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=2, max_size=40, unique=True))
    cut = draw(st.integers(1, len(chosen) - 1))
    links, held = (np.array(sorted(part), dtype=np.int64) for part in (chosen[cut:], chosen[:cut]))
    nodes = {"Drug": tuple("abcde"), "Diagnosis": tuple("abcdefghijkl")}
    graph = LinkGraph("Drug", "Diagnosis", nodes, links, np.full(len(links), np.nan), ())
    score = np.array(draw(st.lists(st.integers(0, 4), min_size=Q * C, max_size=Q * C)), dtype=float).reshape(Q, C)
    return graph, held, np.unique(held[:, 0]), score


def naive_rank(score: np.ndarray, own: int, others: list[int]) -> float:
    return 1 + float(sum((score[c] > score[own]) + (score[c] == score[own]) / 2 for c in others))


@given(cases())
@settings(max_examples=100, deadline=None)
def test_ranks_equal_the_naive_ones(case: tuple[LinkGraph, np.ndarray, np.ndarray, np.ndarray]) -> None:
    graph, held, queries, score = case
    found = held_out_ranks(graph, held, queries, score[queries], seed=1)
    linked, lost = {tuple(one) for one in graph.links}, {tuple(one) for one in held}
    known = {c for _, c in linked}
    assert found.height == len(held)
    for row in found.iter_rows(named=True):
        q, c = row["query"], row["candidate"]
        others = [one for one in range(C) if (q, one) not in linked and (q, one) not in lost]
        same = [one for one in others if (one in known) == (c in known)]
        assert row["list"] == (KNOWN if c in known else NEW)
        assert row["rank"] == pytest.approx(naive_rank(score[q], c, others))
        assert row["rank_in_list"] == pytest.approx(naive_rank(score[q], c, same))
        assert 0 <= row["wins"] <= 1


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(1, 60)), min_size=1, max_size=30))
@settings(max_examples=80, deadline=None)
def test_metrics_equal_the_naive_ones(rows: list[tuple[int, int, int]]) -> None:
    ranks = pl.DataFrame(
        [
            {"repeat": 0, "fold": f, "query": q, "rank": float(r), "rank_in_list": r / 2, "wins": 0.5, "list": NEW}
            for f, q, r in rows
        ]
    )
    for hold_out, scale in (("edges", 1), ("candidates", 2)):
        found = {(one["fold"], one["query"]): one for one in per_query(ranks, hold_out).iter_rows(named=True)}
        assert len(found) == len({(f, q) for f, q, _ in rows})
        for (fold, query), one in found.items():
            mine = [r / scale for f, q, r in rows if (f, q) == (fold, query)]
            assert one["mrr"] == pytest.approx(max(1 / r for r in mine))
            assert one["recall@20"] == pytest.approx(np.mean([r <= 20 for r in mine]))
            assert one["hits@10"] == float(min(mine) <= 10)
            assert one["hits@1"] == float(min(mine) <= 1)
    assert per_list(ranks, KNOWN).is_empty()


def test_degree_matched_negatives_take_popularity_its_worth() -> None:
    """Candidates ranked by their degree alone win against all others, and not against those of their degree."""
    rng = np.random.default_rng(1)
    popular = rng.zipf(1.6, 3000).clip(1, 400) % 400
    links = np.unique(np.stack([rng.integers(0, 60, 3000), popular], axis=1), axis=0)
    held = rng.permutation(len(links)) < 400
    nodes = {"Drug": tuple(map(str, range(60))), "Diagnosis": tuple(map(str, range(400)))}
    graph = LinkGraph("Drug", "Diagnosis", nodes, links, np.full(len(links), np.nan), ()).without(held)
    queries = np.unique(links[held, 0])
    found = held_out_ranks(graph, links[held], queries, np.tile(graph.degree(), (len(queries), 1)), seed=1)
    plain = 1 - float(found["rank"].mean()) / 400  # type: ignore[arg-type]
    assert plain > 0.75
    assert abs(float(found["wins"].mean()) - 0.5) < plain - 0.5 - 0.1  # type: ignore[arg-type]


def test_a_score_that_is_no_number_is_refused() -> None:
    nodes = {"Drug": ("a",), "Diagnosis": ("x", "y")}
    graph = LinkGraph("Drug", "Diagnosis", nodes, np.array([[0, 0]]), np.full(1, np.nan), ())
    with pytest.raises(ValueError, match="NaN"):
        held_out_ranks(graph, np.array([[0, 1]]), np.array([0]), np.array([[np.nan, 1.0]]), seed=1)


def test_intervals_draw_queries_and_not_rows() -> None:
    """A query in many folds is one query: ten copies of each row give the same interval."""
    rng = np.random.default_rng(3)
    rows = [
        {"repeat": 0, "fold": 0, "query": q, **{m: float(v) for m in METRICS}} for q, v in enumerate(rng.random(80))
    ]
    once = means(pl.DataFrame(rows), seed=1)["mrr"]
    often = means(pl.DataFrame([{**one, "fold": f} for one in rows for f in range(10)]), seed=1)["mrr"]
    assert once["low"] == pytest.approx(often["low"])
    assert once["low"] < once["mean"] < once["high"]  # type: ignore[operator]
    assert once["queries"] == 80


def test_paired_differences() -> None:
    rng = np.random.default_rng(4)
    base = rng.random(200)

    def table(value: np.ndarray) -> pl.DataFrame:
        return pl.DataFrame(
            [{"repeat": 0, "fold": 0, "query": q, **{m: float(v) for m in METRICS}} for q, v in enumerate(value)]
        )

    tables = {"a": table(base + 0.1), "b": table(base), "c": table(rng.permutation(base))}
    better, null = corrected([difference(one, "b", tables, "mrr", seed=1) for one in ("a", "c")])
    assert better.difference == pytest.approx(0.1)
    assert better.low == pytest.approx(0.1)
    assert null.low < 0 < null.high
    assert null.p_holm is not None and null.p_holm > 0.05
