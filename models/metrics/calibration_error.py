"""Calibration of probabilities: Brier score and expected calibration error."""

from __future__ import annotations

import numpy as np

from .metric import Measure, Metric, Scored, mean

BINS = 10
"""Equally filled bins of the calibration error."""


class Brier(Metric):
    """Brier score: mean squared difference between probability and outcome."""

    key, label, higher_is_better = "brier", "Brier score", False

    def value(self, part: Scored) -> float:
        return float(np.mean(self.rows(part)))

    def measure(self, part: Scored) -> Measure:
        return mean(self.rows(part))

    def rows(self, part: Scored) -> np.ndarray:
        """(n,) each row's part."""
        return np.asarray((part.score - part.y) ** 2)


class MulticlassBrier(Brier):
    """Brier score over classes: squared differences are added up, so that it goes up to 2."""

    high = 2.0

    def rows(self, part: Scored) -> np.ndarray:
        return np.asarray(((part.score - np.eye(part.score.shape[1])[part.y]) ** 2).sum(axis=1))


class ExpectedCalibrationError(Metric):
    """Expected calibration error over equally filled bins; multiclass: of the most probable class.

    Source: Nixon et al. 2019, arXiv:1904.01685.
    """

    key, label, higher_is_better = "ece", "calibration error", False

    def value(self, part: Scored) -> float:
        return calibration_error(*self._question(part))

    def measure(self, part: Scored) -> Measure:
        return _ece(*self._question(part))

    def _question(self, part: Scored) -> tuple[np.ndarray, np.ndarray]:
        return confidence(part.y, part.score) if part.score.ndim == 2 else (part.y, part.score)


def calibration_error(y: np.ndarray, p: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error over equally filled bins. Source: Nixon et al. 2019, arXiv:1904.01685."""
    return float(sum(len(b) * abs(y[b].mean() - p[b].mean()) for b in bins_of(p, bins)) / len(p))


def bins_of(p: np.ndarray, bins: int = BINS) -> list[np.ndarray]:
    """Row indices of equally filled bins of a score, lowest first; equal scores lie in one bin."""
    order = np.argsort(p, kind="stable")
    first = np.searchsorted(p[order], p[order], side="left")
    bin_ = first * min(bins, len(p)) // max(len(p), 1)
    return np.split(order, np.flatnonzero(np.diff(bin_)) + 1)


def confidence(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Multiclass as a yes-or-no question: was the most probable class right, and how probable was it said to be?"""
    guess = p.argmax(axis=1)
    return (guess == y).astype(np.int64), p[np.arange(len(p)), guess]


def _ece(y: np.ndarray, p: np.ndarray) -> Measure:
    gap, bins = np.asarray(y - p, dtype=np.float64), bins_of(p)
    member = np.zeros((len(p), len(bins)))
    for k, rows in enumerate(bins):
        member[rows, k] = gap[rows]
    return lambda w: (np.abs(w @ member).sum(axis=1), w.sum(axis=1))
