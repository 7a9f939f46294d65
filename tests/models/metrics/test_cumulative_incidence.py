"""Cumulative incidence beside a competing event: lifelines' numbers, the truth of a planted process, and Kaplan–Meier alone."""

from __future__ import annotations

import numpy as np
import pytest
from lifelines import AalenJohansenFitter

from clinome.models.metrics.cumulative_incidence import cumulative_incidence
from clinome.models.metrics.kaplan_meier import kaplan_meier


def _followed(n: int, mine: float, other: float, lost: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Constant hazards: duration, event, competing; whoever has neither was lost before."""
    rng = np.random.default_rng(seed)
    times = np.stack([rng.exponential(1 / rate, n) for rate in (mine, other, lost)])
    return times.min(axis=0), (times.argmin(axis=0) == 0).astype(int), (times.argmin(axis=0) == 1).astype(int)


@pytest.mark.parametrize("seed", range(3))
def test_the_numbers_are_lifelines(seed: int) -> None:
    duration, event, competing = _followed(80, 0.2, 0.3, 0.2, seed)
    found = cumulative_incidence(duration, event, competing)
    for code, mine in ((1, found.event), (2, found.competing)):
        theirs = AalenJohansenFitter().fit(duration, event + 2 * competing, event_of_interest=code)
        np.testing.assert_allclose(mine, theirs.cumulative_density_.to_numpy()[1:, 0], atol=1e-12)
        if code == 1:
            given = theirs.variance_.to_numpy()[1:].ravel()  # NaN once nobody is left
            known = np.isfinite(given)
            assert known.sum() >= 79
            np.testing.assert_allclose(found.variance[known], given[known], atol=1e-12)


def test_a_known_incidence_is_recovered_which_kaplan_meier_overstates() -> None:
    duration, event, competing = _followed(20_000, 0.1, 0.2, 0.05, 1)
    at = np.array([1.0, 3.0, 8.0])
    truth = 0.1 / 0.3 * (1 - np.exp(-0.3 * at))
    found = cumulative_incidence(duration, event, competing)
    np.testing.assert_allclose(found.at(at), truth, atol=0.01)
    low, high = found.interval()
    place = np.searchsorted(found.times, at, side="right") - 1
    assert ((low[place] <= truth + 0.003) & (truth - 0.003 <= high[place])).all()
    assert (1 - kaplan_meier(duration, event).at(at) > truth + np.array([0.005, 0.03, 0.15])).all()


def test_without_a_competing_event_it_is_one_minus_kaplan_meier() -> None:
    duration, event, _ = _followed(60, 0.3, 1e-9, 0.3, 0)
    duration = np.ceil(duration)  # with ties
    found = cumulative_incidence(duration, event, np.zeros(60))
    np.testing.assert_allclose(found.event, 1 - kaplan_meier(duration, event).survival, atol=1e-12)


def test_shares_of_event_rival_and_neither_are_one() -> None:
    duration, event, competing = _followed(200, 0.3, 0.3, 0.3, 5)
    duration = np.ceil(4 * duration)
    found, either = cumulative_incidence(duration, event, competing), kaplan_meier(duration, event + competing)
    np.testing.assert_allclose(found.event + found.competing + either.survival, 1.0)


def test_a_row_ends_once() -> None:
    with pytest.raises(ValueError, match="both"):
        cumulative_incidence(np.ones(2), np.ones(2), np.array([0, 1]))
