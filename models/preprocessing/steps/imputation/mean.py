"""Mean imputation: a missing value is the mean of its feature's training values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class MeanImputation:
    """value: (features,) float32; NaN where no training row has one: such a value stays missing.

    Example:
        >>> MeanImputation.fit(np.array([[1.0], [2], [6]])).transform(np.array([[np.nan]])).item()
        3.0
    """

    value: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray) -> MeanImputation:
        """x: (n, features) of training rows, NaN where missing."""
        known = np.isfinite(x)
        n = known.sum(axis=0)
        total = np.where(known, x, 0).sum(axis=0, dtype=np.float64)
        return cls(np.where(n > 0, total / np.maximum(n, 1), np.nan).astype(np.float32))

    def transform(self, x: np.ndarray) -> np.ndarray:
        """(n, features), filled."""
        return np.asarray(np.where(np.isnan(x), self.value.astype(x.dtype), x))

    def state(self) -> dict[str, Any]:
        return {"method": "mean", **vars(self)}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> MeanImputation:
        return cls(state["value"])
