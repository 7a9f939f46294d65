"""The Kaplan–Meier estimate: lifelines' numbers, ties, and what it is where there is nothing to estimate."""

from __future__ import annotations

import numpy as np
import pytest
from lifelines import KaplanMeierFitter

from clinome.models.metrics.kaplan_meier import kaplan_meier, reverse_kaplan_meier, step


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.2, 0.7, 1.0])
def test_curve_interval_and_median_are_those_of_lifelines(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    duration, event = np.ceil(rng.exponential(20, 60)), rng.random(60) < share  # whole days, so that many are tied
    ours, theirs = kaplan_meier(duration, event), KaplanMeierFitter().fit(duration, event)
    times = theirs.survival_function_.index.to_numpy()[1:]
    np.testing.assert_array_equal(ours.times, times)
    np.testing.assert_allclose(ours.survival, theirs.survival_function_.to_numpy()[1:, 0], atol=1e-12)
    np.testing.assert_array_equal(ours.at_risk, theirs.event_table["at_risk"].to_numpy()[1:])
    np.testing.assert_array_equal(ours.events, theirs.event_table["observed"].to_numpy()[1:])
    np.testing.assert_allclose(np.stack(ours.interval(), 1), theirs.confidence_interval_.to_numpy()[1:], atol=1e-9)
    assert (np.inf if ours.median is None else ours.median) == theirs.median_survival_time_


def test_the_interval_holds_the_curve_and_widens() -> None:
    rng = np.random.default_rng(0)
    curve = kaplan_meier(rng.exponential(10, 200), rng.random(200) < 0.8)
    low, high = curve.interval()
    assert np.all(low <= curve.survival) and np.all(curve.survival <= high)
    early, late = (int(np.searchsorted(-curve.survival, -s)) for s in (0.95, 0.5))
    assert high[late] - low[late] > high[early] - low[early]


def test_without_events_or_rows_nobody_falls() -> None:
    still = kaplan_meier(np.array([3.0, 5.0]), np.zeros(2))
    low, high = still.interval()
    assert still.survival.tolist() == low.tolist() == high.tolist() == [1.0, 1.0] and still.median is None
    nobody = kaplan_meier(np.zeros(0), np.zeros(0))
    assert nobody.at(np.array([0.0, 9.0])).tolist() == [1.0, 1.0] and nobody.median is None


def test_an_event_leaves_before_a_censoring_of_the_same_time() -> None:
    duration, event = np.array([1.0, 2.0, 2.0, 3.0]), np.array([1, 0, 1, 1])
    assert kaplan_meier(duration, event).at(np.array([2.0])).tolist() == [0.75 * 2 / 3]
    assert reverse_kaplan_meier(duration, event).at(np.array([1.9, 2.0])).tolist() == [1.0, 0.5]
    assert step(np.array([1.0]), np.array([0.4]), np.array([0.9, 1.0, 7.0])).tolist() == [1.0, 0.4, 0.4]
