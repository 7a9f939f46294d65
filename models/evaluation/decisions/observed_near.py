"""Observed outcomes near a risk: what became of held-out patients whose predicted risk was nearest, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..subgroups import HIDDEN

LEAST, MOST = 50, 200


@dataclass(frozen=True)
class ObservedNear:
    """patients: how many; lowest, highest: their scores. share with low and high (95 %): how many of them had the outcome,
    of a time until `horizon`; None, as `events` is, where one to nine had it (few: "events"), or had it not ("others")."""

    patients: int
    lowest: float
    highest: float
    events: int | None
    share: float | None
    low: float | None
    high: float | None
    few: str = ""


def nearest(distance: np.ndarray, k: int) -> np.ndarray:
    """(k,) rows of the smallest distances, ties by place; fewer where there are fewer.

    Example:
        >>> nearest(np.array([3.0, 1.0, 2.0]), 2).tolist()
        [1, 2]
    """
    return np.argsort(distance, kind="stable")[:k]


def how_many(n: int) -> int:
    """A fifth of the patients, between LEAST and MOST."""
    return int(np.clip(n // 5, LEAST, MOST))


def observed_near(score: np.ndarray, y: np.ndarray, at: float, horizon: float | None = None) -> ObservedNear:
    """What became of those whose held-out score was nearest to `at`: risk and interval that owe nothing to the model's own scale.

    Args:
        score: (n,) held-out scores, one a row. y: (n,) bool; or (n, 2) durations in days and events, with a `horizon`.
        at: the score of the new patient. horizon: days.
    Source: of a share Wilson 1927, doi:10.2307/2276774; of a time Kaplan–Meier with log-log limits (lifelines).
    Example:
        >>> found = observed_near(np.linspace(0, 1, 100), np.arange(100) % 2 == 0, 0.5)
        >>> found.patients, found.events, round(found.share, 2)
        (50, 25, 0.5)
    """
    rows = nearest(np.abs(score - at), how_many(len(score)))
    return observed(rows, score[rows], y, horizon)


def observed(rows: np.ndarray, score: np.ndarray, y: np.ndarray, horizon: float | None = None) -> ObservedNear:
    """The same of rows that somebody else picked; `score` is theirs."""
    n, low, high = len(rows), float(np.min(score)), float(np.max(score))
    if horizon is None:
        events = int(np.asarray(y[rows], dtype=bool).sum())
        interval = stats.binomtest(events, n).proportion_ci(method="wilson")
        found = (events / n, float(interval.low), float(interval.high))
    else:
        events, found = _until(y[rows], horizon)
    if n < HIDDEN or 0 < events < HIDDEN or 0 < n - events < HIDDEN:
        few = "" if n < HIDDEN else "events" if events < HIDDEN else "others"
        return ObservedNear(n, low, high, None, None, None, None, few)
    return ObservedNear(n, low, high, events, *found)


def _until(y: np.ndarray, horizon: float) -> tuple[int, tuple[float, float, float]]:
    """Events until the horizon, and one less Kaplan–Meier there with its interval."""
    from lifelines import KaplanMeierFitter

    time, event = y[:, 0], y[:, 1].astype(bool)
    fitted = KaplanMeierFitter().fit(time, event)
    curve = fitted.confidence_interval_survival_function_
    before = curve[curve.index <= horizon]
    upper, lower = (before.iloc[-1, k] if len(before) else 1.0 for k in (1, 0))
    share = 1 - float(fitted.predict(horizon))
    return int((event & (time <= horizon)).sum()), (share, 1 - float(upper), 1 - float(lower))
