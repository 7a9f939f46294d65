"""Nearest-neighbour imputation: a missing value is told by the features that go with its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

NEIGHBOURS = 10
_AT_ONCE = 512
"""Features whose distances to all others are held at a time."""


@dataclass(frozen=True)
class NearestNeighbours:
    """KNNimpute: the weighted mean of the row's own values of the nearest features, in units of each feature's sd.

    Neighbours are features, as in the paper, and not patients: what is kept are places and weights, so that no patient's
    values are in a saved model. Which are near is told by the training rows. Where none of the neighbours is known in a
    row, the value stays missing, and is the training median later.

    mean, sd: (features,) float32, sd 0 where a feature does not vary. near: (features, k) int64, weight: (features, k)
    float32, 1 / distance.
    Source: Troyanskaya et al. 2001, Bioinformatics 17:520.
    Example:
        >>> x = np.array([[1.0, 1], [2, 2], [3, 3], [4, np.nan]])
        >>> NearestNeighbours.fit(x).transform(x)[3].round(1).tolist()
        [4.0, 3.1]
    """

    mean: np.ndarray
    sd: np.ndarray
    near: np.ndarray
    weight: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray) -> NearestNeighbours:
        """x: (n, features) of training rows, NaN where missing; distances are over the rows that know both features."""
        known = np.isfinite(x)
        n = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, x, 0).sum(axis=0, dtype=np.float64) / n
        sd = np.sqrt(np.where(known, (x - mean) ** 2, 0).sum(axis=0) / n)
        sd[sd < 1e-9 * np.maximum(np.abs(mean), 1e-9)] = 0
        z = (np.where(known, x - mean, 0) / np.where(sd > 0, sd, 1)).astype(np.float32)
        k, p = min(NEIGHBOURS, max(x.shape[1] - 1, 0)), x.shape[1]
        here, near, weight = known.astype(np.float32), np.zeros((p, k), np.int64), np.zeros((p, k), np.float32)
        for first in range(0, p if k else 0, _AT_ONCE):
            some = np.arange(first, min(first + _AT_ONCE, p))
            distance = _distances(z, here, some)
            distance[:, sd == 0] = np.inf
            distance[np.arange(len(some)), some] = np.inf
            near[some] = np.sort(np.argpartition(distance, k - 1, axis=1)[:, :k], axis=1)
            nearest = np.take_along_axis(distance, near[some], axis=1)
            weight[some] = np.where(np.isfinite(nearest), 1 / np.sqrt(np.maximum(nearest, 1e-4)), 0)
        return cls(mean.astype(np.float32), sd.astype(np.float32), near, weight)

    def transform(self, x: np.ndarray) -> np.ndarray:
        """(n, features), filled where a neighbour is known."""
        gaps = np.isnan(x)
        filled = np.array(x)
        sd = np.where(self.sd > 0, self.sd, 1)
        for column in np.flatnonzero(gaps.any(axis=0) & (self.weight.sum(axis=1) > 0)):
            rows, near = np.flatnonzero(gaps[:, column]), self.near[column]
            z = (x[np.ix_(rows, near)] - self.mean[near]) / sd[near]
            seen = np.isfinite(z) * self.weight[column]
            total = seen.sum(axis=1)
            told = (np.nan_to_num(z) * seen).sum(axis=1) / np.where(total > 0, total, np.nan)
            filled[rows, column] = self.mean[column] + self.sd[column] * told
        return filled

    def state(self) -> dict[str, Any]:
        return {"method": "knn", **vars(self)}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> NearestNeighbours:
        return cls(**{name: one for name, one in state.items() if name != "method"})


def _distances(z: np.ndarray, here: np.ndarray, some: np.ndarray) -> np.ndarray:
    """(some, features) mean squared difference over the rows that know both; infinite where fewer than three do."""
    both = here[:, some].T @ here
    squares = (z**2)[:, some].T @ here + here[:, some].T @ z**2 - 2 * z[:, some].T @ z
    return np.asarray(np.where(both >= 3, np.maximum(squares, 0) / np.maximum(both, 1), np.inf))
