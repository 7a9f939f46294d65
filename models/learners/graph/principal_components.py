"""Principal components of a modality's edge values: what patients are compared by, and what a network is given of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ...base.scratch import digest, kept
from ...encoders.propagation import Take

LOOKED_AT = 2000
"""Training rows at the most that say where the components lie."""


@dataclass(frozen=True)
class PrincipalComponents:
    """What `encoders.propagation.Messages` is to a closed form, for a network on patients.

    mean: (columns,) float32 of the training rows. axes: (columns, d) float32; the components' mean variance is 1, so that
    those that vary most say most. linear: leading columns that hold a readout: none.
    """

    mean: np.ndarray
    axes: np.ndarray
    linear: ClassVar[int] = 0

    @classmethod
    def of(cls, take: Take, rows: np.ndarray, most: int) -> Self:
        """The first `most` components of these rows, fewer where there are no more."""
        from sklearn.decomposition import PCA

        x = take(rows[np.linspace(0, len(rows) - 1, min(LOOKED_AT, len(rows))).astype(np.int64)])

        def make() -> dict[str, np.ndarray]:
            found = PCA(min(most, *x.shape), random_state=0).fit(x)
            varies = found.explained_variance_ > 1e-6 * max(float(found.explained_variance_.max(initial=0)), 1e-12)
            unit = np.sqrt(found.explained_variance_[varies].mean()) if varies.any() else 1.0
            return {"mean": found.mean_, "axes": np.ascontiguousarray(found.components_[varies].T / unit)}

        fitted = kept(lambda: digest(f"components {most}", x), make)
        return cls(fitted["mean"].astype(np.float32), fitted["axes"].astype(np.float32))

    @property
    def width(self) -> int:
        return int(self.axes.shape[1])

    def receive(self, x: np.ndarray) -> np.ndarray:
        """(n, columns) edge values -> (n, d)."""
        return np.asarray((x - self.mean) @ self.axes, dtype=np.float32)

    def back(self, gradient: np.ndarray) -> np.ndarray:
        """(n, d) gradient by component -> (n, columns) by edge value."""
        return np.asarray(gradient @ self.axes.T)

    def state(self) -> dict[str, Any]:
        return {"mean": self.mean, "axes": self.axes}
