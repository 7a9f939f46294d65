"""Centred edge values: a modality's values as they are, less the training mean, where a network sends them itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from ...encoders.propagation import Take


@dataclass(frozen=True)
class Centred:
    """What `encoders.propagation.Messages` is to a closed form, for a network that learns its own messages.

    mean: (columns,) float32 of the training rows. linear: leading columns that hold a readout: none.
    """

    mean: np.ndarray
    linear: ClassVar[int] = 0

    @classmethod
    def of(cls, take: Take, rows: np.ndarray) -> Self:
        parts = np.array_split(rows, max(1, len(rows) // 4096))
        return cls((sum(take(part).sum(axis=0, dtype=np.float64) for part in parts) / len(rows)).astype(np.float32))

    @property
    def width(self) -> int:
        return len(self.mean)

    def receive(self, x: np.ndarray) -> np.ndarray:
        """(n, columns) edge values -> (n, columns)."""
        return np.asarray(x - self.mean, dtype=np.float32)

    def back(self, gradient: np.ndarray) -> np.ndarray:
        """(n, columns) gradient by message -> by edge value."""
        return gradient

    def state(self) -> dict[str, Any]:
        return {"mean": self.mean}
