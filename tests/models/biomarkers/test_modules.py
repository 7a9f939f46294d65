"""Modules: the planted one is found and in one piece, shuffled networks pass as often as they should, scores are what they say."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from snapshots import PLANTED, make_snapshot

from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.biomarkers.modules.connected_search import best_groups, cost_of, value_of
from clinome.models.biomarkers.modules.gene_scores import GeneValues, centred, feature_scores, gene_scores
from clinome.models.biomarkers.modules.modules import SCHEMA, modules
from clinome.models.learners.links.graph import Relation
from clinome.models.learners.links.twins import shuffled
from clinome.snapshot import Snapshot


def network(genes: int, seed: int) -> np.ndarray:
    """(m, 2) edges of a network with hubs."""
    return np.array(nx.barabasi_albert_graph(genes, 3, seed=seed).edges)


def planted(seed: int, n: int = 240, genes: int = 400, effect: float = 0.45) -> tuple[Snapshot, set[str]]:
    """Twelve connected genes that are a little higher in cases; a fifth of the rows held out, five times."""
    rng, edges = np.random.default_rng(seed), network(genes, seed)
    graph: Any = nx.Graph(edges.tolist())
    inside = [int(rng.choice([g for g in graph if graph.degree(g) <= 6]))]
    while len(inside) < 12:
        edge = sorted({h for g in inside for h in graph[g] if graph.degree(h) <= 30} - set(inside))
        inside.append(int(rng.choice(edge)))
    y = (rng.random(n) < 0.5).astype(np.int64)
    x = rng.standard_normal((n, genes))
    x[:, inside] += effect * (y[:, None] - 0.5)
    names = [f"NCBIGene:{g + 1}" for g in range(genes)]
    var = pl.DataFrame({"feature": names, "symbol": [f"G{g + 1}" for g in range(genes)], "gene": names})
    layer = Layer("rna", "expression", "none", var, x.astype(np.float32), np.ones(n, dtype=bool))
    base = make_snapshot("binary", n=n, layers=("rna",), covariates=False)
    folds = pl.DataFrame(
        {"repeat": 0, "fold": np.repeat(np.arange(5), n), "row": np.tile(np.arange(n), 5)}
    ).with_columns(
        split=pl.when(pl.col("row") % 5 == pl.col("fold")).then(pl.lit("held_out")).otherwise(pl.lit("train"))
    )
    rows = base.rows.with_columns(label=pl.Series(y))
    return with_edges(replace(base, rows=rows, layers={"rna": layer}, folds=folds), edges), {names[g] for g in inside}


def with_edges(snapshot: Snapshot, edges: np.ndarray) -> Snapshot:
    names = [f"NCBIGene:{g + 1}" for g in range(int(edges.max()) + 1)]
    links = pl.DataFrame(
        {"subject": [names[a] for a, _ in edges], "object": [names[b] for _, b in edges]}
    ).with_columns(predicate=pl.lit("INTERACTS_WITH"), score=pl.lit(None, pl.Float64), source=pl.lit("planted"))
    return replace(snapshot, links=links.select("subject", "predicate", "object", "score", "source"))


def test_a_planted_module_is_found_in_one_piece_and_holds_in_others() -> None:
    hits, others = [], []
    for seed in range(3):
        snapshot, truth = planted(seed)
        first = modules(snapshot).filter(pl.col("module") == 1)
        assert dict(first.schema) == SCHEMA
        assert first["direction"][0] == "up"
        assert first["q"][0] <= 0.05
        assert first["held_out_low"][0] < first["held_out"][0] < first["held_out_high"][0]
        assert first["held_out"][0] > 0.55
        graph: Any = nx.Graph(snapshot.links.select("subject", "object").rows())
        assert nx.is_connected(graph.subgraph(first["gene"]))
        hits.append(len(truth & set(first["gene"])))
        others.append(first.height - hits[-1])
    assert np.mean(hits) >= 9
    assert np.mean(others) <= 4


def test_where_cases_are_lower_the_module_goes_down() -> None:
    snapshot, truth = planted(1)
    turned = replace(snapshot, rows=snapshot.rows.with_columns(label=1 - pl.col("label")))
    first = modules(turned, shuffles=19).filter(pl.col("module") == 1)
    assert first["direction"][0] == "down"
    assert len(truth & set(first["gene"])) >= 8
    assert first["held_out"][0] > 0.55  # judged in its own direction


def test_networks_of_the_same_degrees_pass_as_often_as_they_should() -> None:
    snapshot, _ = planted(0)
    edges = network(400, 0)
    rng, passed = np.random.default_rng(5), 0
    bare = replace(snapshot, folds=snapshot.folds.clear())
    for _ in range(20):
        pairs = shuffled(Relation("", "Gene", "Gene", edges, np.ones(len(edges))), rng).pairs
        passed += bool(
            (modules(with_edges(bare, pairs), shuffles=39, seed=int(rng.integers(1 << 30)))["q"] <= 0.05).any()
        )
    assert passed <= 4  # of 20 at 5 %: more has a chance below 0.003


def test_without_interactions_or_an_outcome_of_few_columns_there_is_none() -> None:
    snapshot = make_snapshot("binary")
    assert modules(replace(snapshot, links=snapshot.links.filter(pl.col("predicate") != "INTERACTS_WITH"))).is_empty()


@pytest.mark.parametrize("task", ["survival", "regression", "multiclass", "responses"])
def test_every_kind_of_outcome(task: str) -> None:
    table = modules(make_snapshot(task, n=200, layers=("rna", "methylation", "mutations")), shuffles=39)
    assert table.height
    first = table.filter((pl.col("module") == 1) & (pl.col("joined_as") == "signal"))
    assert set(first["gene"]) <= {f"NCBIGene:{g + 1}" for g in range(PLANTED)}
    assert (table["class"] != "").any() == (task in ("multiclass", "responses"))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 9))
def test_the_value_is_that_of_a_connected_group_and_near_the_best_there_is(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = [pair for pair in combinations(range(n), 2) if rng.random() < 0.4]
    edges, score = np.array(pairs, dtype=np.int64).reshape(-1, 2), np.abs(rng.normal(1.5, 1.5, n))
    graph: Any = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(pairs)
    cost = cost_of(n, len(edges))
    best = max(
        (value_of(score[list(some)].sum(), len(some), cost) for size in range(2, n + 1)
         for some in combinations(range(n), size) if nx.is_connected(graph.subgraph(some))), default=-np.inf,
    )  # fmt: skip
    found = best_groups(edges, score, cost, most=3)
    taken: set[int] = set()
    for group in found:
        assert nx.is_connected(graph.subgraph(group.nodes))
        assert np.isclose(group.value, value_of(score[group.nodes].sum(), len(group.nodes), cost))
        assert not taken & set(group.nodes.tolist())
        taken |= set(group.nodes.tolist())
    if found:
        assert found[0].value <= best + 1e-9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_a_score_is_a_correlation_of_the_known_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    x[rng.random(x.shape) < 0.2] = np.nan
    found = feature_scores(x, y)
    for j in range(3):
        known = np.isfinite(x[:, j])
        naive = np.corrcoef(x[known, j], y[known])[0, 1] * np.sqrt(known.sum() - 1)
        assert np.isclose(found[j], naive)


def test_a_rare_mutation_has_no_score_and_most_genes_are_the_null() -> None:
    x = np.zeros((50, 2))
    x[:3, 0] = x[:9, 1] = 1
    found = feature_scores(x, np.arange(50.0))
    assert np.isnan(found[0])
    assert np.isfinite(found[1])
    moved = np.random.default_rng(0).normal(2, 4, 4000)
    assert abs(np.median(centred(moved))) < 0.01
    assert np.isclose(centred(moved).std(), 1, atol=0.05)
    assert np.isclose(centred(moved / 10).std(), 0.4, atol=0.02)  # never made larger


def test_a_gene_of_many_features_pays_for_them() -> None:
    values = GeneValues(["a", "b", "c"], np.arange(4), np.array([0, 0, 1, 1]), np.zeros((1, 4), dtype=np.float32))
    score, best = gene_scores(values, np.array([1.0, 3.0, np.nan, 3.0]))
    assert np.isclose(score[0], stats.norm.isf(1 - (1 - stats.norm.sf(3.0)) ** 2))
    assert score[1] == 3.0
    assert score[2] == 0.0
    assert best.tolist() == [1, 3, -1]
