"""Candidates for the interval of a mean over folds; `clinome.models.evaluation.intervals` holds the one that won.

Each takes a Trial and gives value, low, high (95 %) and the two-sided p against 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from clinome.models.evaluation.intervals import mean_over_folds, spread

FOLDS = 5


@dataclass(frozen=True)
class Trial:
    """One simulated cohort, cross-validated.

    folds: (repeats, folds) the metric, less what it is compared with. drawn: (repeats, folds, resamples) the same of
    patients drawn anew. pooled: (repeats,), its draws: (repeats, resamples): all held-out rows of a repeat as one part.
    nested: (splits, folds, 3): inner mean, outer value and its variance, of nested cross-validation.
    """

    folds: np.ndarray
    drawn: np.ndarray
    pooled: np.ndarray
    pooled_drawn: np.ndarray
    nested: np.ndarray
    own: float = 0.0
    """What the very models of these folds are worth on new patients."""

    @property
    def value(self) -> float:
        return float(self.folds.mean())

    @property
    def together(self) -> np.ndarray:
        """(resamples,)"""
        return mean_over_folds(self.drawn.reshape(-1, self.drawn.shape[-1]))


Interval = tuple[float, float, float, float]


def by_error(value: float, error: float, freedom: float = np.inf) -> Interval:
    if error <= 0:
        return value, value, value, 1.0 if value == 0 else 0.0
    half = float(stats.t.ppf(0.975, freedom)) * error
    return value, value - half, value + half, float(2 * stats.t.sf(abs(value) / error, freedom))


def naive(trial: Trial) -> Interval:
    """A t interval over folds, as if they were independent."""
    j = trial.folds.size
    return by_error(trial.value, float(np.sqrt(trial.folds.var(ddof=1) / j)), j - 1)


def corrected(trial: Trial) -> Interval:
    """Nadeau & Bengio 2003, doi:10.1023/A:1024068626366: the variance over folds times 1/J + n_held_out/n_train."""
    j = trial.folds.size
    error = np.sqrt(trial.folds.var(ddof=1) * (1 / j + 1 / (trial.folds.shape[1] - 1)))
    return by_error(trial.value, float(error), j - 1)


def pooled(trial: Trial) -> Interval:
    """Percentiles of the patient bootstrap; the rows of a repeat pooled, then the mean over repeats."""
    value, drawn = float(trial.pooled.mean()), trial.pooled_drawn.mean(axis=0)
    return value, *spread(value, drawn, several=False)


def percentile(trial: Trial) -> Interval:
    """Percentiles of the patient bootstrap, the metric of each fold averaged."""
    return trial.value, *spread(trial.value, trial.together, several=False)


def doubled(trial: Trial) -> Interval:
    """The patient bootstrap over folds with twice its variance: the default."""
    return trial.value, *spread(trial.value, trial.together, several=True)


def bootstrap_corrected(trial: Trial) -> Interval:
    """The patient bootstrap over folds, its variance times Nadeau & Bengio's 1 + J n_held_out/n_train of one repeat."""
    j = trial.folds.shape[1]
    return by_error(trial.value, float(trial.together.std(ddof=1) * np.sqrt(1 + j / (j - 1))))


def larger(trial: Trial) -> Interval:
    """The larger error of Nadeau & Bengio's and the plain bootstrap's."""
    j = trial.folds.size
    by_folds = np.sqrt(trial.folds.var(ddof=1) * (1 / j + 1 / (trial.folds.shape[1] - 1)))
    return by_error(trial.value, float(max(by_folds, trial.together.std(ddof=1))))


def nested(trial: Trial) -> Interval:
    """Nested cross-validation: Bates, Hastie & Tibshirani 2023, doi:10.1080/01621459.2023.2197686, equation (10).

    Its error, held between the plain bootstrap's and √J times it as there, around the mean over folds: their bias term
    aims at models trained on everybody, and the others here at those of the folds.
    """
    inner, outer, variance = np.moveaxis(trial.nested, -1, 0)
    j = trial.folds.shape[1]
    plain = float(trial.together.std(ddof=1))
    square = float(((inner - outer) ** 2).mean() - variance.mean()) * (j - 1) / j
    return by_error(trial.value, float(np.clip(np.sqrt(max(square, 0.0)), plain, np.sqrt(j) * plain)))


CANDIDATES: dict[str, Callable[[Trial], Interval]] = {
    "t over folds": naive,
    "Nadeau-Bengio t over folds": corrected,
    "bootstrap, pooled": pooled,
    "bootstrap over folds": percentile,
    "bootstrap over folds, variance doubled": doubled,
    "bootstrap over folds, NB factor": bootstrap_corrected,
    "larger of NB and bootstrap": larger,
    "nested cross-validation": nested,
}
DEFAULT = "bootstrap over folds, variance doubled"
