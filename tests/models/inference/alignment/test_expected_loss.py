"""A model on another platform: alignment brings back what a shift takes, and the expected loss says what missing features cost."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from snapshots import PLANTED, make_snapshot

from clinome.models.base.snapshot import derived
from clinome.models.evaluation.external import compare_external, judge_external
from clinome.models.inference.alignment.distribution import distributions_of
from clinome.models.inference.alignment.expected_loss import ALIGNED, AS_IT_IS, MISSING, expected_loss, masked_snapshot
from clinome.models.inference.input_schema import InputSchema
from clinome.models.inference.model import Model, member_of
from clinome.models.learners.registry import make
from clinome.models.learners.stacking import Choice
from clinome.snapshot import Snapshot


def _cohort(seed: int, n: int, task: str = "binary") -> Snapshot:
    return make_snapshot(task, n=n, seed=seed, layers=("rna",), covariates=False, missing=0.0, signal=2.0)


@cache
def _model(task: str = "binary") -> tuple[Snapshot, Model]:
    snapshot = _cohort(0, 200, task)
    learner = make("ridge_late").with_setting({}, 3)
    learner.fit(snapshot, np.arange(120), np.arange(120, 200))
    choice = Choice("ridge_late", {"ridge_late": 1.0}, {}, {}, np.zeros(0), {"ridge_late": 0.5})
    model = Model(InputSchema.of(snapshot), choice, (member_of(learner),), {}, distributions_of(snapshot))
    return snapshot, model


def _elsewhere(snapshot: Snapshot, missing: float, seed: int = 5) -> Snapshot:
    """The same patients as another platform sees them: each feature by a saturating curve of its own, some not at all."""
    rng = np.random.default_rng(seed)
    layer = snapshot.layers["rna"]
    x = np.log1p(np.asarray(layer.values, dtype=np.float64)) - 6
    p = x.shape[1]
    x = rng.uniform(0.2, 30, p) * np.arctan(rng.uniform(0.2, 1, p) * x) + rng.uniform(-40, 40, p)
    kept = np.sort(rng.permutation(p)[: round((1 - missing) * p)])
    var = layer.var[kept]
    return replace(
        snapshot, layers={"rna": replace(layer, values=x[:, kept].astype(np.float32), var=var, scale="none")}
    )


def _auroc(model: Model, snapshot: Snapshot, methods: dict[str, str]) -> float:
    served, _ = model.align(model.serve(snapshot), methods)
    return float(judge_external(served.snapshot, model.predict(served.snapshot))[0]["auroc"]["mean"])


def test_quantile_alignment_gives_back_what_a_monotone_shift_takes() -> None:
    _, model = _model()
    new = _cohort(1, 300)
    own = _auroc(model, new, {})
    assert own > 0.85
    unaligned = _auroc(model, _elsewhere(new, 0.0), {})
    found = _auroc(model, _elsewhere(new, 0.0), {"rna": "quantile"})
    assert unaligned < own - 0.05
    assert found == _auroc(model, new, {"rna": "quantile"}) and abs(found - own) < 0.01
    fewer = _auroc(model, _elsewhere(new, 0.3), {"rna": "quantile"})
    assert unaligned < fewer < own + 0.01 and fewer > own - 0.06


def test_the_pair_before_and_after_has_an_interval_and_nothing_without_outcomes() -> None:
    _, model = _model()
    new = _elsewhere(_cohort(1, 300), 0.0)
    served, shifts = model.align(model.serve(new), {"rna": "quantile"})
    plain = model.serve(new).snapshot
    pair = compare_external(served.snapshot, model.predict(served.snapshot), model.predict(plain))
    assert pair is not None and pair["metric"] == "auroc" and 0 < pair["low"] < pair["difference"] < pair["high"]
    assert pair["a"] - pair["b"] == pytest.approx(pair["difference"])
    assert shifts["rna"].before is not None and shifts["rna"].before > 0.3
    nobody = replace(served.snapshot, rows=served.snapshot.rows.drop("label"))
    assert compare_external(nobody, model.predict(plain), model.predict(plain)) is None


@pytest.mark.parametrize("task", ["binary", "survival", "multiclass"])
def test_the_expected_loss_is_what_the_missing_features_are_worth(task: str) -> None:
    snapshot, model = _model(task)
    features = snapshot.layers["rna"].var["feature"].to_list()

    def loss(missing: Any, methods: dict[str, str]) -> dict[str, Any]:
        found = expected_loss(snapshot, snapshot.folds, model, missing, methods)
        return {one["arm"]: one for one in found["arms"]}

    noise = loss({"rna": features[PLANTED + 20 :]}, {"rna": "quantile"})
    planted = loss({"rna": features[:PLANTED]}, {})
    assert list(noise) == [AS_IT_IS, MISSING, ALIGNED] and list(planted) == [AS_IT_IS, MISSING]
    assert noise[AS_IT_IS] == planted[AS_IT_IS] and noise[AS_IT_IS]["mean"] > 0.6
    assert abs(noise[MISSING]["difference"]["mean"]) < 0.05 and abs(noise[ALIGNED]["difference"]["mean"]) < 0.06
    assert planted[MISSING]["difference"]["high"] < 0


def test_what_is_masked_is_as_in_a_study_that_lacks_it() -> None:
    snapshot = make_snapshot(n=40, missing=0.0)
    features = snapshot.layers["rna"].var["feature"].to_list()
    made = masked_snapshot(snapshot, {"rna": features[:3], "mutations": None})
    assert np.isnan(made.layers["rna"].values[:, :3]).all() and np.isfinite(made.layers["rna"].values[:, 3:]).all()
    assert made.layers["rna"].profiled.all() and not made.layers["mutations"].profiled.any()
    assert not masked_snapshot(snapshot, {"rna": None}).layers["rna"].profiled.any()
    assert derived(snapshot).layers == masked_snapshot(snapshot, {}).layers
