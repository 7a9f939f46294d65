"""Fusion over omics and records: whoever lacks a layer, or all, is served."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.base.folds import parts
from clinome.models.learners.network import NetworkLearner, late_fusion
from clinome.models.learners.registry import make
from clinome.models.metrics.task_metrics import inner_score, targets
from clinome.snapshot import Snapshot


def without(snapshot: Snapshot, rows: np.ndarray, layers: tuple[str, ...], records: bool = False) -> Snapshot:
    """The same with these rows not profiled in these layers, and without events."""
    made = dict(snapshot.layers)
    for name in layers:
        layer = made[name]
        profiled = layer.profiled.copy()
        profiled[rows] = False
        made[name] = Layer(name, layer.kind, layer.scale, layer.var, layer.values, profiled)
    events = snapshot.events
    if records and events is not None:
        events = events.filter(~pl.Series(np.isin(events["row"].to_numpy(), rows)))
    return replace(snapshot, layers=made, events=events)


@pytest.fixture(scope="module", params=["binary", "multiclass", "survival"])
def fitted(request: pytest.FixtureRequest) -> tuple[NetworkLearner, Snapshot, np.ndarray]:
    snapshot = make_snapshot(request.param, n=180, records=True, signal=2.0, covariates=False)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    learner = make("fusion").with_setting({"plan": {"epochs": 5}}, 1)
    assert isinstance(learner, NetworkLearner)
    learner.fit(snapshot, train, tuning)
    return learner, snapshot, held


Fitted = tuple[NetworkLearner, Snapshot, np.ndarray]


def test_it_learns_what_linear_models_learn(fitted: Fitted) -> None:
    learner, snapshot, held = fitted
    y = targets(snapshot.rows[held], snapshot.task, snapshot.classes)
    train, tuning, _ = parts(snapshot.folds, 0, 0)
    linear = make("ridge_late").with_setting({}, 1)
    linear.fit(snapshot, train, tuning)
    known = inner_score(snapshot.task, y, linear.predict(snapshot, held)) - 0.5
    assert known > 0.15 and inner_score(snapshot.task, y, learner.predict(snapshot, held)) - 0.5 > 0.6 * known


@pytest.mark.parametrize("gone", [("rna",), ("mutations",), ("rna", "mutations")])
@pytest.mark.parametrize("records", [False, True])
def test_missing_any_or_all_is_served(fitted: Fitted, gone: tuple[str, ...], records: bool) -> None:
    learner, snapshot, held = fitted
    score = learner.predict(without(snapshot, held, gone, records), held)
    assert np.isfinite(score).all() and len(score) == len(held)
    if len(gone) == 2 and records:
        assert np.allclose(score, score[0])  # nothing is known: one score for all
        if snapshot.task == "binary":
            assert 0 < score[0] < 1


def test_what_is_not_profiled_is_not_looked_at(fitted: Fitted) -> None:
    learner, snapshot, held = fitted
    gone = without(snapshot, held, ("rna",))
    layer = gone.layers["rna"]
    values = np.array(layer.values)
    values[held] = 123.0
    loud = Layer("rna", layer.kind, layer.scale, layer.var, values, layer.profiled)
    other = replace(gone, layers={**gone.layers, "rna": loud})
    assert np.array_equal(learner.predict(gone, held), learner.predict(other, held))
    assert np.allclose(learner.predict(snapshot, held, frozenset({"rna"})), learner.predict(gone, held), atol=1e-6)


def test_weights_start_with_what_each_readout_knows() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    good, noise = (y - 0.5)[:, None] + rng.normal(size=(200, 1)), rng.normal(size=(200, 1))
    good[:40] = np.nan  # not measured there
    weights, slope = late_fusion({"good": good, "noise": noise}, np.arange(200), y, "binary")
    assert weights["good"] > 3 * abs(weights["noise"]) and slope > 0
    assert late_fusion({}, np.arange(200), y, "binary") == ({}, 1.0)


def test_it_needs_both_sides() -> None:
    for alone in (make_snapshot(n=30), make_snapshot(n=30, layers=(), records=True)):
        assert "nothing to fuse" in (make("fusion").reason(alone) or "")
