"""Standardisation of numbers on training rows: winsorising, z-scores, median imputation, clipping.

Omics layers, covariates and the values of codes all go through `Scale`, with these constants; `cox_pca` alone keeps the
scaling of the reference that others publish against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

WINSORISED = (0.01, 0.99)
"""Quantiles of the training rows beyond which a value counts as the quantile."""
CLIP = 5.0
"""No z-score lies further from 0."""
FLAT = 1e-6
"""A column varies if its standard deviation is more than this share of its mean."""


@dataclass(frozen=True)
class Scale:
    """The scale of p columns, fitted once.

    low, high: (p,) where values are winsorised; infinite where both quantiles are one value, for winsorising would erase
        rare calls.
    mean, sd: (p,) of the winsorised training values; sd is 0 for a column that does not vary.
    median: (p,) z-score that stands for a missing value.
    """

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    median: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray) -> Scale:
        """x: (n, p) float values of the training rows; NaN is missing. What is fitted has the type of x.

        Example:
            >>> Scale.fit(np.array([[1.0], [2.0], [3.0]])).z(np.array([[2.0], [np.nan]])).ravel().tolist()
            [0.0, nan]
        """
        kind = x.dtype
        low, median, high = quantiles(x, (WINSORISED[0], 0.5, WINSORISED[1]))
        flat = ~(low < high)
        low, high = np.where(flat, -np.inf, low), np.where(flat, np.inf, high)
        x = np.clip(x, low, high)
        known = np.isfinite(x)
        n = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, x, 0).sum(axis=0, dtype=np.float64) / n
        sd = np.sqrt(np.where(known, (x - mean) ** 2, 0).sum(axis=0, dtype=np.float64) / n)
        sd[sd <= FLAT * np.maximum(np.abs(mean), 1e-3)] = 0.0
        low, high, mean, sd, median = (np.asarray(a, dtype=kind) for a in (low, high, mean, sd, median))
        middle = np.clip((median - mean) / np.where(sd > 0, sd, 1), -CLIP, CLIP)
        return cls(low, high, mean, sd, np.where((sd > 0) & np.isfinite(middle), middle, 0).astype(kind))

    @classmethod
    def joined(cls, parts: Sequence[Scale]) -> Scale:
        """The columns of all parts, one after the other."""
        empty = np.zeros(0)
        return cls(*(np.concatenate([empty, *(getattr(part, f.name) for part in parts)]) for f in fields(cls)))

    @property
    def varies(self) -> np.ndarray:
        """(p,) bool."""
        return np.asarray(self.sd > 0)

    def take(self, columns: np.ndarray) -> Scale:
        """The scale of these columns; one may be named several times."""
        return Scale(*(getattr(self, f.name)[columns] for f in fields(self)))

    def z(self, x: np.ndarray) -> np.ndarray:
        """(n, p) z-scores within ±CLIP; a missing value stays NaN, a column that does not vary is 0."""
        z = np.array(x, dtype=np.result_type(x, self.mean))
        self._standardise(z)
        return z

    def filled(self, x: np.ndarray) -> np.ndarray:
        """(n, p) float32 z-scores, the training median where a value is missing."""
        z = np.array(x, dtype=np.result_type(x, self.mean))
        self.fill(z)
        return z.astype(np.float32, copy=False)

    def fill(self, x: np.ndarray) -> None:
        """`filled` in place; x has the type of the scale."""
        self._standardise(x)
        missing = np.isnan(x)
        if missing.any():
            np.copyto(x, self.median, where=missing)

    def _standardise(self, x: np.ndarray) -> None:
        np.maximum(x, self.low, out=x)  # two passes are quicker than np.clip with arrays
        np.minimum(x, self.high, out=x)
        x -= self.mean
        varies = self.varies
        if varies.all():
            x /= self.sd
        else:
            x /= np.where(varies, self.sd, np.ones_like(self.sd))
            x[~(varies | np.isnan(x))] = 0
        np.clip(x, -CLIP, CLIP, out=x)

    def state(self) -> dict[str, Any]:
        return dict(vars(self))


def log1p(x: np.ndarray) -> np.ndarray:
    """log(1 + x); what is negative counts as 0."""
    return np.asarray(np.log1p(np.clip(x, 0, None)))


def sample_ranks(x: np.ndarray) -> np.ndarray:
    """Ranks within each sample: (n, p) float32 in (-0.5, 0.5), of the features that were measured; ties in their middle.

    No other patient is looked at, so a platform that changes a sample's values but not their order changes nothing.
    Source: Foroutan et al. 2018 (singscore), BMC Bioinformatics 19:404.
    Example:
        >>> sample_ranks(np.array([[5.0, np.nan, 70.0]])).tolist()
        [[-0.25, nan, 0.25]]
    """
    from scipy.stats import rankdata

    missing = np.isnan(x)
    rank = rankdata(np.where(missing, np.inf, x), axis=1) if x.shape[1] else np.zeros(x.shape)
    known = np.maximum((~missing).sum(axis=1, keepdims=True), 1)
    return np.where(missing, np.nan, (rank - 0.5) / known - 0.5).astype(np.float32)


def quantiles(x: np.ndarray, at: Sequence[float]) -> list[np.ndarray]:
    """(p,) a quantile, of the known values by nearest rank; one sort for all columns. NaN where nothing is known."""
    if not len(x):
        return [np.full(x.shape[1], np.nan) for _ in at]
    ordered, n = np.sort(x, axis=0), np.isfinite(x).sum(axis=0)
    column = np.arange(x.shape[1])
    return [ordered[np.clip(np.round(q * (n - 1)).astype(np.int64), 0, None), column] for q in at]
