"""Differences between two groups: Cliff's delta, odds ratio, log-rank test and hazard ratio, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ..metrics.kaplan_meier import kaplan_meier
from .rank_tests import ranks

_Z = NormalDist().inv_cdf(0.975)


def cliffs_delta(x: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(p,) P(a > b) − P(a < b) of each column, low and high of its 95 % interval; NaN where a group has nobody.

    The interval through the AUC, also where the groups lie wholly apart. (In our test it covers 94–98 % down to eight a
    group; Hanley & McNeil's and DeLong's, tried beside it, fell to 41 % there.)
    Source: Cliff 1993, doi:10.1037/0033-2909.114.3.494; Newcombe 2006, method 5, doi:10.1002/sim.2324.
    """
    ranked, there = ranks(x)
    a, b = (there[side].sum(axis=0).astype(np.float64) for side in (group, ~group))
    with np.errstate(divide="ignore", invalid="ignore"):
        area = (ranked[group].sum(axis=0) - a * (a + 1) / 2) / (a * b)
        low, high = (_bound(area, a, b, side) for side in (0.0, 1.0))
    return 2 * area - 1, 2 * low - 1, 2 * high - 1


def _bound(area: np.ndarray, a: np.ndarray, b: np.ndarray, side: float) -> np.ndarray:
    """The AUC farthest towards `side` whose own standard error still reaches the one seen, by bisection."""
    inside, outside = area.copy(), np.full_like(area, side)
    more = (a + b) / 2 - 1
    for _ in range(40):
        at = (inside + outside) / 2
        error = np.sqrt(at * (1 - at) * (1 + more * ((1 - at) / (2 - at) + at / (1 + at))) / (a * b))
        reaches = np.abs(area - at) <= _Z * error
        inside, outside = np.where(reaches, at, inside), np.where(reaches, outside, at)
    return np.where(np.isnan(area), np.nan, inside)


def odds_ratio(
    a: np.ndarray, n_a: int | np.ndarray, b: np.ndarray, n_b: int | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Odds ratio of a of n_a to b of n_b with Woolf's 95 % interval, half a patient added to every cell.

    Source: Haldane 1956, Anscombe 1956; Woolf 1955.
    """
    cells = [a + 0.5, n_a - a + 0.5, b + 0.5, n_b - b + 0.5]
    log = np.log(cells[0]) - np.log(cells[1]) - np.log(cells[2]) + np.log(cells[3])
    half = _Z * np.sqrt(sum(1 / cell for cell in cells))
    return np.exp(log), np.exp(log - half), np.exp(log + half)


@dataclass(frozen=True)
class SurvivalContrast:
    """Two groups followed over time. p: log-rank. hazard_ratio: A to B, with 95 %; None where a group has no event.

    median: days until half had the event, by Kaplan–Meier; None where it was not reached.
    """

    n: tuple[int, int]
    events: tuple[int, int]
    median: tuple[float | None, float | None]
    p: float | None
    hazard_ratio: float | None = None
    low: float | None = None
    high: float | None = None


def followed(duration: np.ndarray, event: np.ndarray, group: np.ndarray) -> SurvivalContrast:
    """Log-rank test and hazard ratio of two groups.

    Args:
        duration: (n,) days, above 0. event: (n,) bool. group: (n,) bool, True for A.
    """
    from lifelines.statistics import logrank_test

    sides = (group, ~group)
    n, died = (tuple(int(v) for v in (what[side].sum() for side in sides)) for what in (np.ones(len(group)), event))
    medians = [kaplan_meier(duration[side], event[side]).median for side in sides]
    p = float(logrank_test(duration[group], duration[~group], event[group], event[~group]).p_value) if min(n) else None
    ratio = _hazard_ratio(duration, event, group) if min(died) else (None, None, None)
    return SurvivalContrast((n[0], n[1]), (died[0], died[1]), (medians[0], medians[1]), p, *ratio)


def _hazard_ratio(duration: np.ndarray, event: np.ndarray, group: np.ndarray) -> tuple[float, float, float]:
    import pandas as pd
    from lifelines import CoxPHFitter

    table = pd.DataFrame({"duration": duration, "event": event.astype(int), "group": group.astype(float)})
    fitted = CoxPHFitter().fit(table, "duration", "event")
    low, high = fitted.confidence_intervals_.to_numpy()[0]
    return float(np.exp(fitted.params_.iloc[0])), float(np.exp(low)), float(np.exp(high))
