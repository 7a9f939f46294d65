"""Counts, means and variances of each feature in each batch, over what is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class BatchMoments:
    """names: the batches, sorted. count, mean, variance: (batches, features) float64.

    mean is NaN where a batch knows no value of a feature, variance (n - 1 below) where it knows fewer than two.
    """

    names: list[str]
    count: np.ndarray
    mean: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, batch: np.ndarray) -> BatchMoments:
        """x: (n, features) with NaN where missing; batch: (n,) text."""
        names = sorted(set(batch.tolist()))
        count, mean, variance = (np.full((len(names), x.shape[1]), np.nan) for _ in range(3))
        for i, name in enumerate(names):
            part = np.asarray(x[batch == name], dtype=np.float64)
            known = np.isfinite(part)
            n = known.sum(axis=0)
            with np.errstate(invalid="ignore", divide="ignore"):
                mean[i] = np.where(known, part, 0).sum(axis=0) / np.where(n > 0, n, np.nan)
                off = np.where(known, part - mean[i], 0)
                variance[i] = (off**2).sum(axis=0) / np.where(n > 1, n - 1, np.nan)
            count[i] = n
        return cls(names, count, mean, variance)

    def overall(self) -> tuple[np.ndarray, np.ndarray]:
        """(features,) the mean of all known values, and the variance of what is left when each batch's mean is taken off.

        NaN where nothing is known.
        """
        n = self.count.sum(axis=0)
        n = np.where(n > 0, n, np.nan)
        within = np.nan_to_num(self.variance) * np.maximum(self.count - 1, 0)
        return np.nansum(self.mean * self.count, axis=0) / n, within.sum(axis=0) / n
