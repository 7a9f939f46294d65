"""Principal components of a block's columns, in one unit, fitted on training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Projection:
    """Columns on their first principal components. mean: (p,), axes: (p, r).

    unit: the same for all components, so that what varies more still counts for more.
    """

    mean: np.ndarray
    axes: np.ndarray
    unit: float

    @classmethod
    def fit(cls, x: np.ndarray, most: int, seed: int, one: Literal["mean", "first"] = "mean") -> Projection:
        """At the most so many components. one: of what the variance becomes 1, the components' mean or the first."""
        from sklearn.decomposition import PCA

        found = PCA(min(most, len(x) - 1, x.shape[1]), random_state=seed).fit(x.astype(np.float64))
        variance = found.explained_variance_
        unit = float(np.sqrt(max(float(variance.mean() if one == "mean" else variance[0]), 1e-12)))
        return cls(found.mean_, np.ascontiguousarray(found.components_.T), unit)

    def coordinates(self, x: np.ndarray) -> np.ndarray:
        """(n, p) -> (n, r) float64."""
        return np.asarray((x - self.mean) @ self.axes / self.unit, dtype=np.float64)

    def back(self, gradient: np.ndarray) -> np.ndarray:
        """(n, r) slopes by coordinates -> (n, p) by columns."""
        return np.asarray(gradient @ self.axes.T / self.unit)


def dense(x: Any) -> np.ndarray:
    """A block's columns as an array, sparse or not."""
    return x.toarray() if sparse.issparse(x) else np.asarray(x)
