"""Responses: Spearman's correlation, R² and mean absolute error, each endpoint by itself, and their mean (macro).

Of all pairs of patient and endpoint at once none is reported: endpoints differ in level, and whoever predicts their means
gets nearly all of it. An endpoint of which the held-out part holds one value is left out; one of which the same is
predicted for everybody counts as a correlation of 0.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..discrimination import macro, mean_known
from ..metric import Drawn, Measure, Metric, Scored
from ..regression import R2, MeanAbsoluteError, Spearman, explained

LEAST = 3
"""Rows that an endpoint must have to be judged: two are always in one order or the other."""
_NOTHING = "no endpoint has two values among the held-out part"


class _Macro(Metric):
    """of: what is averaged over endpoints."""

    why_null = _NOTHING
    of: ClassVar[Metric]

    def value(self, part: Scored) -> float | None:
        return mean_known([self.one(y, score) for y, score in by_endpoint(part.y, part.score)])

    def one(self, y: np.ndarray, score: np.ndarray) -> float | None:
        """Of one endpoint's known rows."""
        return self.of.value(Scored(y, score))

    def drawn(self, y: np.ndarray, score: np.ndarray) -> Measure:
        """`one` as a function of how often each row is drawn."""
        measure = self.of.measure(Scored(y, score))
        assert measure is not None  # by_endpoint gives none without a value
        return measure

    def measure(self, part: Scored) -> Measure:
        columns = judged(part.y)
        each = [self.drawn(y, score) for y, score in by_endpoint(part.y, part.score)]
        return (
            macro([_among(np.isfinite(part.y[:, k]), one) for k, one in zip(columns, each, strict=True)])
            if each
            else _none
        )


class MacroSpearman(_Macro):
    """Mean over endpoints of Spearman's rank correlation."""

    key, label, low, chance, of = "macro_spearman", "macro Spearman", -1.0, 0.0, Spearman()

    def one(self, y: np.ndarray, score: np.ndarray) -> float | None:
        return spearman(y, score)

    def drawn(self, y: np.ndarray, score: np.ndarray) -> Measure:
        return super().drawn(y, score) if np.ptp(score) > 0 else _chance


class MacroR2(_Macro):
    """Mean over endpoints of R²; below 0 for worse than each one's mean."""

    key, label, low, chance, of = "macro_r2", "macro R²", -np.inf, 0.0, R2()

    def one(self, y: np.ndarray, score: np.ndarray) -> float | None:
        return explained(y, score)


class MacroMeanAbsoluteError(_Macro):
    """Mean over endpoints of the mean absolute error, each in its own unit: to be read where they share one."""

    key, label, high, higher_is_better, of = "macro_mae", "macro MAE", np.inf, False, MeanAbsoluteError()


class EndpointsJudged(Metric):
    """How many endpoints have two values or more among the held-out part: the others are in no macro mean."""

    key, label, high, chooses, counts = "endpoints_judged", "endpoints judged", np.inf, False, True

    def value(self, part: Scored) -> float:
        return float(len(judged(part.y)))

    def measure(self, part: Scored) -> Measure:
        here = self.value(part)
        return lambda w: (np.full(len(w), here), np.ones(len(w)))


def judged(y: np.ndarray) -> np.ndarray:
    """Columns of (n, k), NaN not known, that hold LEAST rows and more than one value."""
    known = np.isfinite(y)
    if not len(y):
        return np.zeros(0, np.int64)
    low, high = np.where(known, y, np.inf).min(axis=0), np.where(known, y, -np.inf).max(axis=0)
    return np.flatnonzero((known.sum(axis=0) >= LEAST) & (high > low))


def by_endpoint(y: np.ndarray, score: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The known values and scores of each endpoint that can be judged."""
    return [(y[known, k], score[known, k]) for k in judged(y) for known in [np.isfinite(y[:, k])]]


def spearman(y: np.ndarray, score: np.ndarray) -> float | None:
    """Spearman's correlation of one endpoint; 0 where the same is predicted for all, None where all are the same.

    Example:
        >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.4, 0.3]))
        0.5
    """
    from scipy.stats import rankdata

    if len(y) < 2 or not np.ptp(y) > 0:
        return None
    if not np.ptp(score) > 0:
        return 0.0
    a, b = (rankdata(one) - (len(y) + 1) / 2 for one in (y, score))
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def macro_spearman(y: np.ndarray, score: np.ndarray) -> float | None:
    """Mean Spearman correlation over the endpoints that can be judged; None where none can. y: (n, k), NaN not known."""
    return mean_known([spearman(*one) for one in by_endpoint(y, score)])


def _among(known: np.ndarray, inside: Measure) -> Measure:
    """A measure of the known rows, as one of all rows."""
    return lambda w: inside(w[:, known])


def _chance(w: np.ndarray) -> Drawn:
    """A score that never varies has correlation 0 in every resample."""
    return np.zeros(len(w)), (w.sum(axis=1) > 0).astype(np.float64)


def _none(w: np.ndarray) -> Drawn:
    return np.zeros(len(w)), np.zeros(len(w))
