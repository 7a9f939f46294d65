"""Scores beside a competing event: by hand, against loops over rows, lifelines, and a process whose incidence is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from lifelines import AalenJohansenFitter

from clinome.models.evaluation.calibration import calibrated, horizon
from clinome.models.evaluation.decisions.decision_curve import net_benefit
from clinome.models.evaluation.fold_scores import FoldScores
from clinome.models.evaluation.survival_curves import Rivals, follow, grid, rivals_of
from clinome.models.metrics.metric import SurvivalCurves
from clinome.models.metrics.survival import brier_rows
from clinome.models.metrics.task_metrics import evaluate, measures


def _patients(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log hazard of the event (its hazard 0.1 e^x; of the competing one 0.15; of being lost 0.05), outcomes (n, 2), rivals."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    times = np.stack([rng.exponential(1 / rate) for rate in (0.1 * np.exp(x), np.full(n, 0.15), np.full(n, 0.05))])
    first = times.argmin(axis=0)
    return x, np.column_stack([times.min(axis=0), first == 0]).astype(float), first == 1


def _incidence(x: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(n, t) the truth."""
    mine = 0.1 * np.exp(x)[:, None]
    both = mine + 0.15
    return np.asarray(mine / both * (1 - np.exp(-both * at)))


def test_the_brier_score_by_hand() -> None:
    """Four rows, nobody lost: event at 1, competing at 2, event at 3, free at 9; F = 0.3 at day 1.5 and 0.6 at day 4.

    Day 1.5: (1 − .3)² + 3 · .3² = .76. Day 4: two events (1 − .6)², the other two .6²: 1.04. Mean of rows .19 and .26; over
    the days between (trapezoid): .225. Who died at day 2 counts as free of the event: as censored he would not at day 4.
    """
    y = np.array([[1.0, 1], [2, 0], [3, 1], [9, 0]])
    rival = np.array([False, True, False, False])
    either = np.column_stack([y[:, 0], (y[:, 1] > 0) | rival])
    curves = SurvivalCurves(either, np.array([1.5, 4.0]), np.tile([0.7, 0.4], (4, 1)), rival)
    assert brier_rows(y, curves).mean() == pytest.approx((0.76 + 1.04) / 4 / 2)


def test_the_brier_score_is_that_of_a_loop_over_rows_and_times() -> None:
    x, y, rival = _patients(120, 3)
    _, train, lost = _patients(150, 4)
    either = np.column_stack([train[:, 0], (train[:, 1] > 0) | lost])
    times = np.array([0.5, 1.5, 3.0, 5.0])
    held = SurvivalCurves(either, times, 1 - _incidence(x, times), rival)

    def g(t: float, before: bool) -> float:
        """Kaplan–Meier of being lost, in the training rows, until (and, unless before, at) t."""
        kept = 1.0
        for when in np.unique(either[either[:, 1] == 0, 0]):
            if when < t or (when == t and not before):
                risk = ((either[:, 0] > when) | ((either[:, 0] == when) & (either[:, 1] == 0))).sum()
                kept *= 1 - ((either[:, 0] == when) & (either[:, 1] == 0)).sum() / risk
        return kept

    each = np.zeros((len(y), len(times)))
    for i, (days, event) in enumerate(y):
        for j, t in enumerate(times):
            p = 1 - held.curves[i, j]
            if days > t:
                each[i, j] = p**2 / g(t, False)
            elif event or rival[i]:
                each[i, j] = (1.0 * bool(event) - p) ** 2 / g(days, False)
    expected = np.trapezoid(each, times, axis=1) / (times[-1] - times[0])
    np.testing.assert_allclose(brier_rows(y, held), expected, atol=1e-12)
    assert evaluate("survival", y, x, (), held)["ibs"] == pytest.approx(expected.mean())
    drawn = measures("survival", y, x, 0, held)["ibs"](np.ones((1, len(y))))
    assert drawn[0][0] / drawn[1][0] == pytest.approx(expected.mean())


def test_risks_become_the_incidence_that_was_planted_and_the_truth_scores_best() -> None:
    x, y, rival = _patients(6000)
    train, held = slice(0, 3000), slice(3000, 6000)
    times = grid(y)
    found = follow(y[train], y[train], x[train], x[held], times, Rivals(rival[train], rival[train], rival[held]))
    truth = _incidence(x[held], times)
    assert np.abs(1 - found.curves - truth).mean() < 0.015 and np.abs(1 - found.curves - truth).max() < 0.12
    assert ((found.curves >= 0) & (found.curves <= 1)).all() and (np.diff(found.curves) <= 1e-12).all()
    alone = follow(y[train], y[train], x[train], x[held], times)  # as if nobody died of anything else
    assert (1 - alone.curves - truth).mean() > 0.04
    score = {name: brier_rows(y[held], replace(found, curves=curves)).mean()
             for name, curves in {"own": found.curves, "truth": 1 - truth, "alone": alone.curves}.items()}  # fmt: skip
    assert score["own"] == pytest.approx(score["truth"], abs=0.002) and score["own"] < score["alone"] - 0.002


def test_who_knows_nothing_predicts_aalen_and_johansens_incidence() -> None:
    _, y, rival = _patients(400, 1)
    flat, at = np.zeros(400), np.array([1.0, 3.0, 6.0])
    found = follow(y, y, flat, flat[:2], at, Rivals(rival, rival, rival[:2]))
    code = y[:, 1] + 2 * rival
    theirs = AalenJohansenFitter(calculate_variance=False).fit(y[:, 0], code, event_of_interest=1).cumulative_density_
    expected = [theirs[theirs.index <= t].to_numpy()[-1, 0] for t in at]
    np.testing.assert_allclose(1 - found.curves[0], expected, atol=0.006)


def _part(extreme: float = 1.0, n: int = 5000) -> FoldScores:
    """Predictions that are the truth, or whose logits are so many times it."""
    x, y, rival = _patients(n, 6)
    times = grid(y)
    p = _incidence(x, times)
    logit = extreme * np.log(p / (1 - p))
    either = np.column_stack([y[:, 0], (y[:, 1] > 0) | rival])
    followed = SurvivalCurves(either, times, 1 / (1 + np.exp(logit)), rival)
    return FoldScores("x", 0, 0, np.arange(n), y, x, followed)


@pytest.mark.parametrize("extreme", (1.0, 2.0))
def test_calibration_is_of_this_world(extreme: float) -> None:
    part = _part(extreme)
    found = calibrated("survival", [part], np.arange(5000))
    assert (
        found is not None and found.slope is not None and found.slope_low is not None and found.slope_high is not None
    )
    assert found.slope_low < 1 / extreme < found.slope_high and found.slope_high - found.slope_low < 0.25
    assert part.followed is not None and part.followed.rival is not None
    code = part.y[:, 1] + 2 * part.followed.rival
    theirs = (
        AalenJohansenFitter(calculate_variance=False).fit(part.y[:, 0], code, event_of_interest=1).cumulative_density_
    )
    assert found.observed == pytest.approx(theirs[theirs.index <= horizon([part])].to_numpy()[-1, 0])
    if extreme == 1:
        assert found.intercept_low < 0 < found.intercept_high and found.ece < 0.02
        assert found.predicted == pytest.approx(found.observed, abs=0.015)


def test_net_benefit_without_censoring_counts_the_other_event_as_none() -> None:
    _, y, rival = _patients(400, 5)
    seen = (y[:, 1] > 0) | rival
    y, rival, p = y[seen], rival[seen], np.random.default_rng(0).random(seen.sum())
    had = ((y[:, 0] <= 3) & (y[:, 1] > 0)).astype(int)
    np.testing.assert_allclose(net_benefit(y, p, at=3.0, rival=rival), net_benefit(had, p), atol=1e-12)


def test_a_cohort_in_which_nobody_had_the_other_event_has_none() -> None:
    rows = pl.DataFrame({"competing": [0, 0, None]})
    assert rivals_of(rows) is None and rivals_of(rows.drop("competing")) is None
    found = rivals_of(rows.with_columns(competing=pl.Series([0, 1, None])))
    assert found is not None and found.tolist() == [False, True, False]
