"""Confidence intervals: 95 % intervals and p-values from patients drawn anew (`models.evaluation.bootstrap`).

One fixed split: percentiles of the bootstrap. Several folds: every patient is held out once and trains the other models,
so the bootstrap of held-out predictions sees half of what a patient does: its variance is doubled. Where nothing can be
learnt that is exact for a learner that is linear in the training outcomes (a pair of patients in two folds moves the
result twice, once by each of them being held out); elsewhere it was measured: benchmarks/evaluation/coverage.py sets it against
Nadeau & Bengio's corrected t, the plain bootstrap and nested cross-validation.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from .bootstrap import Resamples, quotient

SPLIT = "patient bootstrap of the held-out part"
FOLDS = "patient bootstrap over folds, variance doubled"
DOUBLED = 2.0
LEVEL = 0.95


def spread(value: float, drawn: np.ndarray, several: bool) -> tuple[float, float, float]:
    """Low, high and the two-sided p against 0 of a mean over folds, or of one fixed split.

    Args:
        value: the metric, or a difference of two.
        drawn: (resamples,) the same of patients drawn anew; NaN where it was not defined.
        several: whether it is a mean over folds.
    Source: Efron & Tibshirani 1993, ch. 13 and 16; doubling: see above.
    """
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < 2:
        return value, value, 1.0
    if not several:
        low, high = (float(v) for v in np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2)))
        side = min((np.sum(drawn <= 0) + 1) / (len(drawn) + 1), (np.sum(drawn >= 0) + 1) / (len(drawn) + 1))
        return low, high, float(min(1.0, 2 * side))
    error = float(np.sqrt(DOUBLED) * drawn.std(ddof=1))
    if error < 1e-12:
        return value, value, 1.0 if abs(value) < 1e-12 else 0.0
    normal = NormalDist()
    half = normal.inv_cdf((1 + LEVEL) / 2) * error
    return value - half, value + half, 2 * normal.cdf(-abs(value) / error)


def summary(
    values: Sequence[float | None], drawn: np.ndarray, limits: tuple[float, float], cases: int
) -> dict[str, object]:
    """mean, sd, low, high, folds of one metric; sd is between folds, null for one; all null where no fold has a value.

    A perfect score varies in no resample and is yet not certain: its interval is then Clopper and Pearson's for `cases`
    right out of `cases`; an error in a unit of its own has none.

    Args:
        values: one a fold. drawn: (folds, resamples). cases: patients with the rarest outcome.
    """
    known = np.array([v for v in values if v is not None], dtype=np.float64)
    if not len(known):
        return {"mean": None, "sd": None, "low": None, "high": None, "folds": list(values)}
    mean = float(known.mean())
    low, high, _ = spread(mean, mean_over_folds(drawn), len(values) > 1)
    low, high = max(low, limits[0]), min(high, limits[1])
    if high - low < 1e-12 and cases and np.isfinite(limits[1]):
        unseen = (1 - LEVEL) / 2
        reach = (1 - unseen ** (1 / cases)) * min(limits[1] - limits[0], 1.0)
        low, high = (
            (low - reach, high) if mean >= limits[1] else (low, high + reach) if mean <= limits[0] else (low, high)
        )
    sd = float(known.std(ddof=1)) if len(known) > 1 else None
    return {"mean": mean, "sd": sd, "low": low, "high": high, "folds": list(values)}


def ratio(
    sides: np.ndarray, resamples: Resamples, several: bool, limits: tuple[float, float] = (0.0, 1.0)
) -> dict[str, float | None]:
    """mean, low, high of a share that is counted over all rows: sums of one column over sums of the other.

    Args:
        sides: (patients, 2) what each patient adds above and below the line (`Resamples.totals`).
    Returns: None throughout where there is nothing below the line.
    """
    up, down = sides.sum(axis=0)
    if down <= 0:
        return {"mean": None, "low": None, "high": None}
    low, high, _ = spread(float(up / down), quotient(*resamples.sums(sides).T), several)
    return {"mean": float(up / down), "low": max(low, limits[0]), "high": min(high, limits[1])}


def mean_over_folds(drawn: np.ndarray) -> np.ndarray:
    """(folds, resamples) -> (resamples,), over the folds that could be scored; NaN where none could."""
    known = np.isfinite(drawn)
    count = known.sum(axis=0)
    total = np.where(known, drawn, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(drawn.shape[1], np.nan), where=count > 0))


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down correction; None stays None. Source: Holm 1979, Scand. J. Statist. 6:65."""
    known = sorted((value, i) for i, value in enumerate(p) if value is not None)
    out: list[float | None] = [None] * len(p)
    so_far = 0.0
    for rank, (value, i) in enumerate(known):
        so_far = max(so_far, min(1.0, value * (len(known) - rank)))
        out[i] = so_far
    return out
