"""Regression: R², mean absolute error, Spearman's rank correlation."""

from __future__ import annotations

import numpy as np

from .metric import Measure, Metric, Scored, mean


class R2(Metric):
    """Coefficient of determination: share of the variance that is explained; below 0 for worse than the mean."""

    key, label, low, chance = "r2", "R²", -np.inf, 0.0
    why_null = "the held-out part holds one value"

    def value(self, part: Scored) -> float | None:
        from sklearn.metrics import r2_score

        return float(r2_score(part.y, part.score)) if _varies(part.y) else None


class MeanAbsoluteError(Metric):
    """Mean absolute error, in the outcome's own unit."""

    key, label, high, higher_is_better = "mae", "mean absolute error", np.inf, False

    def value(self, part: Scored) -> float:
        return float(np.mean(np.abs(part.y - part.score)))

    def measure(self, part: Scored) -> Measure:
        return mean(np.abs(part.y - part.score))


class Spearman(Metric):
    """Spearman's rank correlation."""

    key, label, low, chance = "spearman", "Spearman", -1.0, 0.0
    why_null = "the held-out part holds one value"

    def value(self, part: Scored) -> float | None:
        from scipy.stats import spearmanr

        known = _varies(part.y) and np.ptp(part.score) > 0
        return float(spearmanr(part.y, part.score).statistic) if known else None


def _varies(y: np.ndarray) -> bool:
    return len(y) > 1 and bool(np.ptp(y) > 0)
