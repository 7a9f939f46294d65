"""The gene network finds what only the graph tells, its twins do not; nothing is found where nothing is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from explained import explained
from scipy import sparse
from snapshots import PLANTED, make_snapshot

from clinome.graphs.snapshot.snapshot import Layer, Snapshot
from clinome.models.base import snapshot as base
from clinome.models.experiment.controls import permuted
from clinome.models.learners.graph import on_genes
from clinome.models.learners.graph.gene_gnn import GeneGNN
from clinome.models.learners.registry import make, select
from clinome.models.metrics.task_metrics import inner_score, targets

TRAIN, TUNING, HELD = np.arange(500), np.arange(500, 600), np.arange(600, 1000)


@cache
def crosstalk(seed: int = 1, n: int = 1000, genes: int = 150) -> Snapshot:
    """A mutation helps or harms by how its gene's neighbours are expressed; no gene alone says anything."""
    rng = np.random.default_rng(seed)
    pairs = sorted({(min(a, b), max(a, b)) for a, b in rng.integers(0, genes, (2 * genes, 2)) if a != b})
    near = np.zeros((genes, genes))
    near[tuple(np.array(pairs).T)] = 1
    near += near.T
    rna, hit = rng.normal(size=(n, genes)), rng.random((n, genes)) < 0.08
    effect = (hit * (rna @ near / np.sqrt(np.maximum(near.sum(0), 1)))).sum(1)
    label = (rng.random(n) < 1 / (1 + np.exp(-2 * effect / effect.std()))).astype(np.int64)
    names = [f"NCBIGene:{g}" for g in range(genes)]
    var = pl.DataFrame({"feature": names, "symbol": names, "gene": names})
    everyone = np.ones(n, dtype=bool)
    layers = {
        "rna": Layer("rna", "expression", "none", var, rna.astype(np.float32), everyone),
        "mutations": Layer("mutations", "mutation", "none", var, sparse.csr_matrix(hit.astype(np.float32)), everyone),
    }
    links = pl.DataFrame(
        [(names[a], "INTERACTS_WITH", names[b], None, "planted") for a, b in pairs], orient="row",
        schema={"subject": pl.String, "predicate": pl.String, "object": pl.String, "score": pl.Float64, "source": pl.String},
    )  # fmt: skip
    rows = pl.DataFrame({"subject_id": [f"s{i:04d}" for i in range(n)], "label": label}).with_columns(
        prediction_time=pl.lit(None, pl.Datetime("us"))
    )
    return Snapshot("binary", rows, pl.DataFrame(), layers, None, links, pl.DataFrame(), "dated", ("0", "1"))


def auroc(snapshot: base.Snapshot, name: str = "gene_gnn", **setting: object) -> float:
    learner = make(name).with_setting(setting, 1)
    learner.fit(snapshot, TRAIN, TUNING)
    y = targets(snapshot.rows[HELD], "binary", snapshot.classes)
    return inner_score("binary", y, learner.predict(snapshot, HELD))


def test_what_only_the_graph_tells_is_found_and_by_no_twin() -> None:
    snapshot = crosstalk()
    true, shuffled, edgeless = (auroc(snapshot, edges=edges) for edges in ("true", "shuffled", "none"))
    assert true > 0.75 and max(shuffled, edgeless, auroc(snapshot, "ridge_late")) < 0.67  # one standard error is 0.03


def test_permuted_labels_teach_nothing() -> None:
    found = [auroc(permuted(crosstalk(), seed)) for seed in range(3)]
    assert abs(np.mean(found) - 0.5) < 0.06  # one standard error of the mean is 0.017


def test_contributions_add_up_to_what_the_values_moved() -> None:
    snapshot = crosstalk()
    learner = GeneGNN(seed=1)
    learner.fit(snapshot, TRAIN, TUNING)
    found = learner.attribute(snapshot, HELD)
    assert found is not None and set(found) == {"rna", "mutations"}
    score = learner.predict(snapshot, HELD)
    total = sum(one.values.sum(1) for one in found.values())
    assert np.corrcoef(total, np.log(score / (1 - score)))[0, 1] > 0.9


def test_few_rows_are_gone_through_more_often_and_with_more_patience() -> None:
    many, few = (GeneGNN()._plan(rows) for rows in (2000, 100))
    assert few.epochs * -(-100 // few.batch_size) >= on_genes.STEPS > 100 * few.epochs // few.batch_size - few.epochs
    assert few.epochs / few.patience == pytest.approx(many.epochs / many.patience, rel=0.05)
    assert GeneGNN({"plan": {"epochs": 3}})._plan(100).epochs == 3


@pytest.mark.parametrize("task", ["multiclass", "survival"])
def test_it_learns_every_task(task: str) -> None:
    snapshot = make_snapshot(task, n=240, layers=("rna", "mutations", "methylation"), signal=2.0, features=30)
    learner = make("gene_gnn").with_setting({}, 1)
    learner.fit(snapshot, np.arange(120), np.arange(120, 150))
    rows = np.arange(150, 240)
    y = targets(snapshot.rows[rows], task, snapshot.classes)
    assert inner_score(task, y, learner.predict(snapshot, rows)) > (0.5 if task == "multiclass" else 0.65)


def test_it_says_why_it_cannot_run() -> None:
    learner, snapshot = make("gene_gnn"), make_snapshot(n=30)
    assert learner.reason(snapshot) is None
    alone = replace(snapshot, links=snapshot.links.filter(pl.col("predicate") != "INTERACTS_WITH"))
    assert "which of the measured genes interact" in (learner.reason(alone) or "")
    strangers = snapshot.links.with_columns(pl.col("object") + "x")
    assert "which of the measured genes interact" in (learner.reason(replace(snapshot, links=strangers)) or "")
    nameless = {
        name: replace(one, var=one.var.with_columns(gene=pl.lit(None, pl.String)))
        for name, one in snapshot.layers.items()
    }
    assert "no omics layer" in (learner.reason(replace(snapshot, layers=nameless)) or "")
    assert "no omics layer" in (learner.reason(replace(snapshot, layers={})) or "")


def test_default_leaves_it_out_where_a_fit_takes_long_and_whoever_names_it_gets_it() -> None:
    small, large = crosstalk(), crosstalk(n=200, genes=2000)
    assert "gene_gnn" in [one.name for one in select(small, ["default"])[0]]
    learners, left_out = select(large, ["default"])
    assert "gene_gnn" not in [one.name for one in learners]
    assert "2,000 genes" in left_out["gene_gnn"]
    named, left_out = select(large, ["default", "gene_gnn"])
    assert "gene_gnn" in [one.name for one in named] and "gene_gnn" not in left_out


def test_of_many_genes_those_are_taken_that_go_with_the_outcome_or_whose_neighbours_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(on_genes, "MOST", 20)
    snapshot = make_snapshot(n=200, layers=("rna",), features=60, signal=3.0, missing=0.0)
    learner = GeneGNN({"plan": {"epochs": 1}}, 1)
    learner.fit(snapshot, np.arange(150), np.arange(150, 200))
    assert len(learner.genes) == 20 and learner.graph.genes == 20
    assert {f"NCBIGene:{g + 1}" for g in range(PLANTED)} <= set(learner.genes)
    other = replace(snapshot, rows=snapshot.rows.with_columns(label=pl.lit(1, pl.Int64)))
    mixed = replace(snapshot, rows=pl.concat([snapshot.rows[:150], other.rows[150:]]))
    again = GeneGNN({"plan": {"epochs": 1}}, 1)
    again.fit(mixed, np.arange(150), np.arange(150, 200))
    assert again.genes == learner.genes, "rows that stop the training choose nothing"


def test_a_gene_that_a_new_study_lacks_is_not_measured_there() -> None:
    snapshot = make_snapshot(n=90, features=20, missing=0.3)
    learner = make("gene_gnn").with_setting({"plan": {"epochs": 3}}, 1)
    learner.fit(snapshot, np.arange(50), np.arange(50, 60))
    without = {n: replace(one, var=one.var[5:], values=one.values[:, 5:]) for n, one in snapshot.layers.items()}
    rows = np.arange(60, 90)
    found = learner.attribute(replace(snapshot, layers=without), rows)
    assert found is not None and not found["rna"].values[:, :5].any()
    assert np.isfinite(learner.predict(replace(snapshot, layers=without), rows)).all()


def test_the_messages_that_moved_a_patient_are_those_to_mutated_genes() -> None:
    """Only there something was planted; what a neighbour's expression did there goes with its value."""
    snapshot, learner = crosstalk(), GeneGNN(seed=1)
    learner.fit(snapshot, TRAIN, TUNING)
    hit, rna = (
        sparse.csr_matrix(snapshot.layers["mutations"].values).toarray(),
        np.asarray(snapshot.layers["rna"].values),
    )
    there, elsewhere, value, moved = [], [], [], []
    for row in HELD[:6]:
        found = explained(learner, snapshot, int(row))
        score = learner.predict(snapshot, np.array([row]))[0]
        assert found.score == pytest.approx(np.log(score / (1 - score)), abs=1e-4)
        source, target = (found.edges[side].str.slice(9).cast(int).to_numpy() for side in ("source", "target"))
        scores, mutated = found.edges["score"].to_numpy(), hit[row, target] > 0
        there.append(np.abs(scores[mutated]).mean())
        elsewhere.append(np.abs(scores[~mutated]).mean())
        value.append(rna[row, source[mutated]])
        moved.append(scores[mutated])
    assert np.mean(there) > 4 * np.mean(elsewhere)
    assert np.corrcoef(np.concatenate(value), np.concatenate(moved))[0, 1] > 0.6


def test_pathways_are_named_and_have_their_attention() -> None:
    snapshot = make_snapshot("multiclass", n=120, layers=("rna", "mutations"), features=30)
    learner = GeneGNN({"plan": {"epochs": 20}}, 1)
    learner.fit(snapshot, np.arange(80), np.arange(80, 100))
    found = explained(learner, snapshot, 110)
    pathways = found.edges.filter(pl.col("relation") == "IN_PATHWAY")
    assert pathways["target"].is_in(["PATHWAY:P0", "PATHWAY:P1", "PATHWAY:P2"]).all() and len(pathways) == 30
    assert pathways.unique("target")["attention"].sum() == pytest.approx(1, abs=1e-5)
    assert found.edges.filter(pl.col("relation") == "INTERACTS_WITH")["attention"].is_null().all()
