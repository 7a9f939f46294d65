"""Calibration against scikit-learn, lifelines and what was simulated; net benefit by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lifelines import CoxPHFitter
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from snapshots import make_snapshot

from clinome.models.base.folds import parts
from clinome.models.base.task import task_of
from clinome.models.estimators.late_fusion import calibrate, scaled
from clinome.models.evaluation.calibration import calibrated, cox_slope, horizon, logistic
from clinome.models.evaluation.decisions.decision_curve import THRESHOLDS, decision_curves, net_benefit, useful
from clinome.models.evaluation.fold_scores import FoldScores
from clinome.models.evaluation.survival_curves import follow, grid
from clinome.models.experiment.tuning import fit_tuned, inner_plan, tune
from clinome.models.learners.adapters.scikit_learn import sklearn
from clinome.models.learners.registry import make
from clinome.models.metrics.task_metrics import targets


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x)))


def _binary(slope: float, shift: float, n: int = 4000, folds: int = 5) -> list[FoldScores]:
    """Predictions whose true logit is slope × theirs + shift."""
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 1.5, n)
    y = (rng.random(n) < _sigmoid(slope * logit + shift)).astype(int)
    rows = np.arange(n)
    return [FoldScores("x", 0, k, rows[k::folds], y[k::folds], _sigmoid(logit)[k::folds]) for k in range(folds)]


def _survival(slope: float, n: int = 1500) -> list[FoldScores]:
    """Risks that are given as curves with `slope` times the truth's log hazard."""
    rng = np.random.default_rng(1)
    cause = rng.normal(size=n)
    died, lost = rng.exponential(np.exp(-cause)), rng.exponential(2.0, n)
    y = np.column_stack([np.minimum(died, lost), died <= lost]).astype(float)
    train, held = y[: n // 2], y[n // 2 :]
    followed = follow(train, train, cause[: n // 2], cause[n // 2 :], grid(y))
    curves = np.exp(-(-np.log(followed.curves.mean(axis=0)) * np.exp(slope * cause[n // 2 :, None])))
    return [FoldScores("x", 0, 0, np.arange(n // 2, n), held, cause[n // 2 :], replace(followed, curves=curves))]


@pytest.mark.parametrize(("slope", "shift"), ((1.0, 0.0), (0.4, 0.0), (1.0, -0.7)))
def test_slope_and_intercept_are_those_that_were_simulated(slope: float, shift: float) -> None:
    found = calibrated("binary", _binary(slope, shift), np.arange(4000))
    assert found is not None and found.slope is not None
    assert found.slope_low is not None and found.slope_high is not None
    assert found.slope_low < slope < found.slope_high
    assert found.slope_high - found.slope_low < 0.4
    if slope == 1:
        assert found.intercept_low < shift < found.intercept_high
    assert (found.ece < 0.03) == ((slope, shift) == (1.0, 0.0))
    assert found.observed == pytest.approx(np.concatenate([p.y for p in _binary(slope, shift)]).mean())


def test_logistic_is_scikit_learns_and_its_errors_count_a_patient_once() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(300), rng.normal(size=300)])
    y = (rng.random(300) < _sigmoid(x @ [0.3, 0.8])).astype(int)
    w, error = logistic(x, y, np.zeros(300), np.arange(300))
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x[:, 1:], y)
    np.testing.assert_allclose(w, [fitted.intercept_[0], fitted.coef_[0, 0]], atol=1e-4)
    ten = np.repeat(np.arange(300), 10)
    again, same = logistic(x[ten], y[ten], np.zeros(3000), ten)
    np.testing.assert_allclose(again, w, atol=1e-6)
    np.testing.assert_allclose(same, error, rtol=1e-4)


def test_what_separates_perfectly_stays_finite_and_what_never_varies_has_no_slope() -> None:
    y = np.repeat([0, 1], 20)
    perfect = calibrated("binary", [FoldScores("x", 0, 0, np.arange(40), y, y * 0.98 + 0.01)], np.arange(40))
    assert perfect is not None and perfect.slope is not None and np.isfinite(perfect.slope)
    folds = [FoldScores("x", 0, k, np.arange(40)[k::2], y[k::2], np.full(20, 0.4 + 0.1 * k)) for k in (0, 1)]
    flat = calibrated("binary", folds, np.arange(40))
    assert flat is not None and flat.slope is None
    assert (
        calibrated("binary", [FoldScores("x", 0, 0, np.arange(5), np.ones(5), np.full(5, 0.9))], np.arange(5)) is None
    )
    assert calibrated("multiclass", folds, np.arange(40)) is None


def test_cox_slope_is_lifelines() -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    y = np.column_stack([rng.exponential(np.exp(-0.7 * x)), rng.random(200) < 0.6]).astype(float)
    frame = pd.DataFrame({"x": x, "t": y[:, 0], "e": y[:, 1]})
    fitted = CoxPHFitter().fit(frame, "t", "e")
    assert cox_slope(x, y) == pytest.approx((fitted.params_["x"], fitted.standard_errors_["x"]), abs=1e-3)


@pytest.mark.parametrize("slope", (1.0, 2.5))
def test_survival_risks_that_are_too_extreme_have_a_slope_below_one(slope: float) -> None:
    parts = _survival(slope)
    found = calibrated("survival", parts, np.arange(1500))
    assert found is not None and found.slope is not None
    assert found.slope == pytest.approx(1 / slope, abs=0.12)
    assert abs(found.observed - found.predicted) < 0.1
    assert (found.ece < 0.06) == (slope == 1.0)
    assert horizon(parts) == parts[0].followed.times[10]  # type: ignore[union-attr]


def test_net_benefit_by_hand() -> None:
    y, p = np.array([1, 0, 1, 0]), np.array([0.9, 0.6, 0.4, 0.1])
    found = net_benefit(y, p, np.array([0.05, 0.25, 0.5, 0.95]))
    assert found == pytest.approx([(2 - 2 / 19) / 4, (2 - 1 / 3) / 4, (1 - 1) / 4, 0.0])
    everyone = net_benefit(y, np.ones(4))
    assert everyone == pytest.approx(0.5 - 0.5 * THRESHOLDS / (1 - THRESHOLDS))


def test_net_benefit_without_censoring_is_that_of_the_event_by_then() -> None:
    rng = np.random.default_rng(0)
    time, p = rng.exponential(size=300), rng.random(300)
    y = np.column_stack([time, np.ones(300)])
    np.testing.assert_allclose(net_benefit(y, p, at=0.7), net_benefit((time <= 0.7).astype(int), p), atol=1e-12)


def test_decision_curves_say_where_acting_on_predictions_is_worth_it() -> None:
    found = decision_curves("binary", {"chosen": _binary(1.0, 0.0)})
    assert set(found["curves"]) == {"chosen", "everyone", "no one"}
    assert {len(v) for v in found["curves"].values()} == {len(found["thresholds"])}
    at = useful(found)
    assert at is not None and at[0] < 0.15 and at[1] > 0.7
    noise = [replace(one, score=np.full(len(one.score), 0.5)) for one in _binary(1.0, 0.0)]
    assert useful(decision_curves("binary", {"chosen": noise})) is None
    survival = decision_curves("survival", {"chosen": _survival(1.0)})
    assert survival["horizon_days"] == horizon(_survival(1.0))
    assert useful(survival) is not None
    assert decision_curves("multiclass", {"chosen": _binary(1.0, 0.0)}) == {}


RECALIBRATED = ("best_feature", "forest", "boosting", "LinearSVC")


@pytest.mark.parametrize("task", ["binary", "multiclass"])
@pytest.mark.parametrize("name", RECALIBRATED)
def test_who_needs_it_is_recalibrated_by_scores_of_training_rows_not_seen(name: str, task: str) -> None:
    snapshot = make_snapshot(task, n=120, features=12)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    learner = sklearn(LinearSVC()) if name == "LinearSVC" else make(name)
    tuned = tune(learner, snapshot, inner_plan(snapshot, train, tuning, 0), trials=1, seed=0)
    y = targets(snapshot.rows[tuned.rows], task, snapshot.classes)
    assert tuned.final is not None and tuned.final[0] != pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(
        calibrate(task_of(task).logits(tuned.oof), y, task)[0], 1.0, atol=0.1
    )  # nothing left to mend

    plain = learner.with_setting(tuned.setting, 7)
    plain.fit(snapshot, train, tuning)
    mended = fit_tuned(learner, snapshot, train, tuning, tuned, 7)
    before, after = plain.predict(snapshot, held), mended.predict(snapshot, held)
    np.testing.assert_allclose(after, scaled(before, tuned.final, task), atol=1e-12)
    assert np.isfinite(after).all() and not np.allclose(before, after)
    again = learner.with_setting(tuned.setting, 7).restore(mended.state())
    np.testing.assert_allclose(again.predict(snapshot, held), after, atol=1e-6)


@pytest.mark.parametrize(("name", "task"), [("ridge_late", "binary"), ("majority", "binary"), ("forest", "survival")])
def test_others_are_left_alone(name: str, task: str) -> None:
    snapshot = make_snapshot(task, n=90, features=12)
    train, tuning, _ = parts(snapshot.folds, 0, 0)
    assert tune(make(name), snapshot, inner_plan(snapshot, train, tuning, 0), trials=1, seed=0).final is None
