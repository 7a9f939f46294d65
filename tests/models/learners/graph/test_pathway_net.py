"""The pathway network finds what pathways as a whole do, its twins do not; nothing is found where nothing is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from explained import explained
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Layer, Snapshot
from clinome.models.base import snapshot as base
from clinome.models.experiment.controls import permuted
from clinome.models.learners.registry import make, select
from clinome.models.metrics.task_metrics import inner_score, targets

TRAIN, TUNING, HELD = np.arange(600), np.arange(600, 700), np.arange(700, 1200)


@cache
def deviations(n: int = 1200, genes: int = 200, pathways: int = 16, size: int = 12) -> Snapshot:
    """A pathway is out of order when its genes' mean is off in either direction; half of the larger ones do harm."""
    rng = np.random.default_rng(3)
    members = [rng.choice(genes, size, replace=False) for _ in range(pathways)]
    x = rng.normal(size=(n, genes))
    off = np.stack([np.abs(x[:, of].mean(1)) * np.sqrt(size) for of in members], 1)
    effect = (off - off.mean(0)) @ np.where(np.arange(pathways) % 4 < 2, 1.0, -1.0)
    label = (rng.random(n) < 1 / (1 + np.exp(-2 * effect / effect.std()))).astype(np.int64)
    names = [f"NCBIGene:{g}" for g in range(genes)]
    var = pl.DataFrame({"feature": names, "symbol": names, "gene": names})
    links = [(names[g], "IN_PATHWAY", f"PATHWAY:L{k:02d}") for k, of in enumerate(members) for g in of]
    links += [(f"PATHWAY:L{k:02d}", "PART_OF", f"PATHWAY:Q{k % 4}") for k in range(pathways)]
    table = pl.DataFrame(links, orient="row", schema=["subject", "predicate", "object"])
    table = table.with_columns(score=pl.lit(None, pl.Float64), source=pl.lit("planted"))
    rows = pl.DataFrame({"subject_id": [f"s{i:04d}" for i in range(n)], "label": label})
    rows = rows.with_columns(prediction_time=pl.lit(None, pl.Datetime("us")))
    layer = Layer("rna", "expression", "none", var, x.astype(np.float32), np.ones(n, dtype=bool))
    return Snapshot("binary", rows, pl.DataFrame(), {"rna": layer}, None, table, pl.DataFrame(), "dated", ("0", "1"))


def auroc(snapshot: base.Snapshot, name: str = "pathway_net", **setting: object) -> float:
    learner = make(name).with_setting(setting, 1)
    learner.fit(snapshot, TRAIN, TUNING)
    y = targets(snapshot.rows[HELD], "binary", snapshot.classes)
    return inner_score("binary", y, learner.predict(snapshot, HELD))


def test_what_pathways_do_as_a_whole_is_found_and_by_no_twin() -> None:
    snapshot = deviations()
    true, shuffled, edgeless = (auroc(snapshot, edges=edges) for edges in ("true", "shuffled", "none"))
    assert true > 0.75 and max(shuffled, edgeless, auroc(snapshot, "ridge_late")) < 0.6  # one standard error is 0.026


def test_permuted_labels_teach_nothing() -> None:
    found = [auroc(permuted(deviations(), seed)) for seed in range(3)]
    assert abs(np.mean(found) - 0.5) < 0.05  # one standard error of the mean is 0.015


def test_contributions_add_up_to_what_the_values_moved() -> None:
    snapshot, learner = deviations(), make("pathway_net").with_setting({}, 1)
    learner.fit(snapshot, TRAIN, TUNING)
    found, score = learner.attribute(snapshot, HELD), learner.predict(snapshot, HELD)
    assert found is not None
    assert np.corrcoef(found["rna"].values.sum(1), np.log(score / (1 - score)))[0, 1] > 0.9


@pytest.mark.parametrize("task", ["multiclass", "survival"])
def test_it_learns_every_task(task: str) -> None:
    snapshot = make_snapshot(task, n=240, layers=("rna", "mutations", "methylation"), signal=2.0, features=30)
    learner = make("pathway_net").with_setting({}, 1)
    learner.fit(snapshot, np.arange(120), np.arange(120, 150))
    rows = np.arange(150, 240)
    y = targets(snapshot.rows[rows], task, snapshot.classes)
    assert inner_score(task, y, learner.predict(snapshot, rows)) > (0.5 if task == "multiclass" else 0.65)


def test_it_says_why_it_cannot_run_and_default_has_it_where_a_hierarchy_is_known() -> None:
    learner, snapshot = make("pathway_net"), deviations()
    assert learner.reason(snapshot) is None
    alone = replace(snapshot, links=snapshot.links.filter(pl.col("predicate") != "IN_PATHWAY"))
    assert "which pathways the measured genes are in" in (learner.reason(alone) or "")
    assert "no omics layer" in (learner.reason(replace(snapshot, layers={})) or "")
    assert "pathway_net" in [one.name for one in select(snapshot, ["default"])[0]]
    flat = replace(snapshot, links=snapshot.links.filter(pl.col("predicate") != "PART_OF"))
    assert "PART_OF" in select(flat, ["default"])[1]["pathway_net"]
    assert "pathway_net" in [one.name for one in select(flat, ["pathway_net"])[0]]


def test_the_messages_that_moved_a_patient_go_to_pathways_out_of_order() -> None:
    snapshot, learner = deviations(), make("pathway_net").with_setting({}, 1)
    learner.fit(snapshot, TRAIN, TUNING)
    members = snapshot.links.filter(pl.col("predicate") == "IN_PATHWAY")
    x, effect, told = np.asarray(snapshot.layers["rna"].values), [], []
    for row in HELD[:10]:
        found = explained(learner, snapshot, int(row))
        heard = dict(found.edges.group_by("target").agg(pl.col("score").sum()).iter_rows())
        for (pathway,), part in members.group_by("object", maintain_order=True):
            genes = part["subject"].str.slice(9).cast(int).to_numpy()
            kind = int(str(pathway)[-2:]) % 4
            effect.append((1 if kind < 2 else -1) * abs(x[row, genes].mean()) * np.sqrt(len(genes)))
            told.append(heard[str(pathway)])
    assert np.corrcoef(effect, told)[0, 1] > 0.5
