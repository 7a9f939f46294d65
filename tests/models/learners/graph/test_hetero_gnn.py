"""The heterogeneous network finds what only typed relations tell, its twins do not; nothing is found where nothing is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from explained import explained
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.base import snapshot as base
from clinome.models.experiment.controls import permuted
from clinome.models.learners.registry import make, select
from clinome.models.metrics.task_metrics import inner_score, targets

TRAIN, TUNING, HELD = np.arange(700), np.arange(700, 800), np.arange(800, 1300)


@cache
def typed(n: int = 1300, codes: int = 900, diseases: int = 12) -> Snapshot:
    """What IS_A a disease does what it does, what MAPS_TO it the contrary; six patients of the training part have a code."""
    rng = np.random.default_rng(5)
    has = rng.random((n, codes)) < 0.008
    of, contrary = rng.integers(0, diseases, codes), rng.random(codes) < 0.5
    effect = np.where(of < diseases // 2, 1.0, -1.0) * np.where(contrary, -1.0, 1.0)
    score = has @ effect
    label = (rng.random(n) < 1 / (1 + np.exp(-2 * (score - score.mean()) / score.std()))).astype(np.int64)
    names = [f"ICD10CM:{chr(65 + j // 100)}{j % 100:02d}" for j in range(codes)]
    row, column = has.nonzero()
    plain = make_snapshot("binary", n=30, records=True)
    assert plain.events is not None
    events = pl.DataFrame({"row": row, "days": 10.0, "code": [names[j] for j in column]})
    empty = [
        pl.lit(None, dtype).alias(name) for name, dtype in plain.events.schema.items() if name not in events.columns
    ]
    events = events.with_columns(empty).select(plain.events.columns).cast(plain.events.schema)
    links = [(names[j], "MAPS_TO" if contrary[j] else "IS_A", f"MONDO:{of[j]:07d}") for j in range(codes)]
    table = pl.DataFrame(links, orient="row", schema=["subject", "predicate", "object"])
    table = table.with_columns(score=pl.lit(None, pl.Float64), source=pl.lit("planted"))
    rows = pl.DataFrame({"subject_id": [f"s{i:04d}" for i in range(n)], "label": label})
    rows = rows.with_columns(prediction_time=pl.lit(None, pl.Datetime("us")))
    return Snapshot("binary", rows, pl.DataFrame(), {}, events.sort("row"), table, pl.DataFrame(), "dated", ("0", "1"))


def auroc(snapshot: base.Snapshot, name: str = "hetero_gnn", **setting: object) -> float:
    learner = make(name).with_setting(setting, 1)
    learner.fit(snapshot, TRAIN, TUNING)
    y = targets(snapshot.rows[HELD], "binary", snapshot.classes)
    return inner_score("binary", y, learner.predict(snapshot, HELD))


def test_what_only_typed_relations_tell_is_found_and_by_no_twin() -> None:
    snapshot = typed()
    true, shuffled, edgeless = (auroc(snapshot, edges=edges) for edges in ("true", "shuffled", "none"))
    plain = auroc(snapshot, "ridge_late")  # it counts what IS_A a disease, and that is half of what there is
    assert true > 0.77 and max(shuffled, edgeless) < 0.71 and plain < 0.75  # one standard error is 0.022


def recency(n: int = 900, clock: str = "dated") -> Snapshot:
    """Everyone has each of twelve codes once; recent ones (30 days) of six do harm, of the other six good; old ones nothing."""
    rng = np.random.default_rng(3)
    recent = rng.random((n, 12)) < 0.5
    days = np.where(recent, rng.uniform(0, 30, recent.shape), rng.uniform(200, 900, recent.shape))
    score = recent @ np.repeat([1.0, -1.0], 6)
    label = (rng.random(n) < 1 / (1 + np.exp(-1.5 * score))).astype(np.int64)
    row, code = (one.ravel() for one in np.indices(recent.shape))
    events = pl.DataFrame({"row": row, "days": days.ravel(), "code": [f"ICD10CM:A{j:02d}" for j in code]})
    plain = typed().events
    assert plain is not None
    events = events.with_columns(pl.lit(None, t).alias(c) for c, t in plain.schema.items() if c not in events.columns)
    events = events.select(plain.columns).cast(plain.schema).sort("row", pl.col("days").neg())
    links = typed().links.head(12).with_columns(subject=pl.Series([f"ICD10CM:A{j:02d}" for j in range(12)]))
    rows = (
        typed().rows.head(1).select("subject_id", "prediction_time").join(pl.DataFrame({"label": label}), how="cross")
    )
    rows = rows.with_columns(subject_id=pl.Series([f"s{i:04d}" for i in range(n)]))
    return Snapshot("binary", rows, pl.DataFrame(), {}, events, links, pl.DataFrame(), clock, ("0", "1"))


def test_what_only_recency_tells_is_found_and_not_without_times() -> None:
    snapshot, parts = recency(), (np.arange(400), np.arange(400, 500), np.arange(500, 900))
    y, found = snapshot.rows["label"].to_numpy()[parts[2]], {}
    for times in ("true", "none"):
        learner = make("hetero_gnn").with_setting({"times": times}, 1)
        learner.fit(snapshot, *parts[:2])
        found[times] = inner_score("binary", y, learner.predict(snapshot, parts[2]))
    assert found["true"] > 0.85 and 0.4 < found["none"] < 0.6  # 0.03 is one standard error


def test_under_an_order_clock_days_change_nothing() -> None:
    snapshot, learner = recency(120, "order"), make("hetero_gnn").with_setting({"plan": {"epochs": 2}}, 1)
    assert snapshot.events is not None
    other = replace(snapshot, events=snapshot.events.with_columns(days=pl.col("days") ** 2 + 3))
    learner.fit(snapshot, np.arange(80), np.arange(80, 90))
    rows = np.arange(90, 120)
    np.testing.assert_array_equal(learner.predict(snapshot, rows), learner.predict(other, rows))


def test_permuted_labels_teach_nothing() -> None:
    found = [auroc(permuted(typed(), seed), plan={"epochs": 5}) for seed in range(3)]
    assert abs(np.mean(found) - 0.5) < 0.05  # one standard error of the mean is 0.015


def test_contributions_add_up_to_what_the_values_moved() -> None:
    snapshot, learner = typed(), make("hetero_gnn").with_setting({}, 1)
    learner.fit(snapshot, TRAIN, TUNING)
    found, score = learner.attribute(snapshot, HELD), learner.predict(snapshot, HELD)
    assert found is not None and set(found) == {"records"}
    assert np.corrcoef(found["records"].values.sum(1), np.log(score / (1 - score)))[0, 1] > 0.9


@pytest.mark.parametrize("task", ["multiclass", "survival"])
def test_it_learns_every_task_from_layers_and_records(task: str) -> None:
    snapshot = make_snapshot(task, n=240, layers=("rna", "mutations"), signal=2.0, features=30, records=True)
    learner = make("hetero_gnn").with_setting({}, 1)
    learner.fit(snapshot, np.arange(120), np.arange(120, 150))
    rows = np.arange(150, 240)
    y = targets(snapshot.rows[rows], task, snapshot.classes)
    assert inner_score(task, y, learner.predict(snapshot, rows)) > (0.45 if task == "multiclass" else 0.6)


def test_it_says_why_it_cannot_run_and_when_it_takes_long() -> None:
    snapshot = make_snapshot("binary", n=60)
    learner = make("hetero_gnn")
    assert learner.reason(snapshot) is None and "hetero_gnn" in [one.name for one in select(snapshot, ["default"])[0]]
    assert "no knowledge" in (learner.reason(replace(snapshot, links=snapshot.links.clear())) or "")
    assert "no graph" in (learner.reason(replace(snapshot, layers={})) or "")
    many = replace(typed(), links=pl.concat([typed().links] * 40))
    assert "36,000 links" in select(many, ["default"])[1]["hetero_gnn"]
    assert "hetero_gnn" in [one.name for one in select(many, ["hetero_gnn"])[0]]


def test_the_messages_that_moved_a_patient_go_to_the_codes_that_it_has() -> None:
    snapshot, learner = typed(), make("hetero_gnn").with_setting({}, 1)
    learner.fit(snapshot, TRAIN, TUNING)
    assert snapshot.events is not None
    theirs, others = [], []
    for row in HELD[:8]:
        found = explained(learner, snapshot, int(row))
        known = found.edges.filter(pl.col("relation").is_in(["rev_IS_A", "rev_MAPS_TO"]))
        own = known["target"].is_in(snapshot.events.filter(pl.col("row") == row)["code"].implode())
        theirs.append(known["score"].abs().filter(own).to_numpy().mean())
        others.append(known["score"].abs().filter(~own).to_numpy().mean())
    assert np.mean(theirs) > 5 * np.mean(others)
