"""Regression: R², Spearman's rank correlation, mean absolute and root mean squared error."""

from __future__ import annotations

import numpy as np

from .discrimination import by_score
from .influence import ties
from .metric import Drawn, Measure, Metric, Scored, mean

_ONE_VALUE = "the held-out part holds one value"


class R2(Metric):
    """Coefficient of determination: share of the variance that is explained; below 0 for worse than the mean.

    Of the held-out part's own variance about its own mean: who predicts the training mean gets 0 or a little less.
    """

    key, label, low, chance = "r2", "R²", -np.inf, 0.0
    why_null = _ONE_VALUE

    def value(self, part: Scored) -> float | None:
        return explained(part.y, part.score)

    def measure(self, part: Scored) -> Measure:
        y, error = part.y - part.y.mean(), (part.y - part.score) ** 2
        y = y if _varies(part.y) else np.zeros(len(y))

        def r2(w: np.ndarray) -> Drawn:
            around = w @ y**2 - (w @ y) ** 2 / np.maximum(w.sum(axis=1), 1.0)
            there = np.where(around > 1e-9 * (w @ y**2), around, 0.0)  # one value drawn again and again has none
            return there - w @ error, there

        return r2


class MeanAbsoluteError(Metric):
    """Mean absolute error, in the outcome's own unit. Chance is what `majority` gets."""

    key, label, high, higher_is_better = "mae", "MAE", np.inf, False

    def value(self, part: Scored) -> float:
        return float(np.mean(np.abs(part.y - part.score)))

    def measure(self, part: Scored) -> Measure:
        return mean(np.abs(part.y - part.score))


class RootMeanSquaredError(Metric):
    """Root mean squared error, in the outcome's own unit. Chance is what `majority` gets: about the standard deviation."""

    key, label, high, higher_is_better = "rmse", "RMSE", np.inf, False

    def value(self, part: Scored) -> float:
        return float(np.sqrt(np.mean((part.y - part.score) ** 2)))

    def measure(self, part: Scored) -> Measure:
        error = (part.y - part.score) ** 2
        return lambda w: (np.sqrt((w @ error) * w.sum(axis=1)), w.sum(axis=1))


class Spearman(Metric):
    """Spearman's rank correlation, ties at their mean rank."""

    key, label, low, chance = "spearman", "Spearman", -1.0, 0.0
    why_null = "the held-out part holds one value, or the same is predicted for all of it"

    def value(self, part: Scored) -> float | None:
        if not _varies(part.y) or not _varies(part.score):
            return None
        up, down = _rank_correlation(part.y, part.score)(np.ones((1, len(part.y))))
        return float(np.clip(up[0] / down[0], -1.0, 1.0))

    def measure(self, part: Scored) -> Measure:
        return _rank_correlation(part.y, part.score)


def explained(y: np.ndarray, score: np.ndarray) -> float | None:
    """R², as scikit-learn's; None where y holds one value."""
    if not _varies(y):
        return None
    return float(1 - ((y - score) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def _rank_correlation(y: np.ndarray, score: np.ndarray) -> Measure:
    """Pearson's correlation of the ranks among the rows as they are drawn."""
    sides = [(*ties(one), np.empty(len(one), dtype=np.int64)) for one in (y, score)]
    for order, first, group in sides:
        group[order] = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(order))))

    def spearman(w: np.ndarray) -> Drawn:
        total = np.maximum(w.sum(axis=1, keepdims=True), 1.0)
        ranks = []
        for order, first, group in sides:
            drawn = by_score(w[:, order], first)
            ranks.append((np.cumsum(drawn, axis=1) - drawn / 2 - total / 2)[:, group] / total)  # their mean is 0
        a, b = ranks
        spread = np.sqrt((w * a**2).sum(axis=1) * (w * b**2).sum(axis=1))
        there = np.where(spread > 1e-9 * total[:, 0], spread, 0.0)
        return (w * a * b).sum(axis=1), there

    return spearman


def _varies(y: np.ndarray) -> bool:
    return len(y) > 1 and bool(np.ptp(y) > 0)
