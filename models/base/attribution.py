"""Attribution: what each feature contributed to the score of each row, with the features' names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Attribution:
    """Contributions of the features of one block: an omics layer, the records or the covariates.

    Args:
        names: of the p features, no name twice: CURIEs of a layer, codes of records, columns of the covariates.
        values: (n, p) float, in the unit of the learner's raw score (a logit, a log hazard); above 0 raised it.
    Raises: ValueError if there are not as many names as columns, a name comes twice, or a value is not finite.
    Example:
        >>> Attribution(["NCBIGene:7157", "NCBIGene:672"], np.array([[0.5, -0.25], [0.0, 1.0]])).importance().tolist()
        [0.25, 0.625]
    """

    names: Sequence[str]
    values: np.ndarray

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise ValueError(f"attribution: got values {self.values.shape}; expected (rows, {len(self.names)} names)")
        if len(set(self.names)) != len(self.names):
            raise ValueError("attribution: got a name twice; expected each feature once")
        if not np.isfinite(self.values).all():
            raise ValueError("attribution: got values that are not finite; expected 0 where a feature says nothing")

    def importance(self) -> np.ndarray:
        """(p,) mean of |contribution| over the rows; 0 where there are no rows."""
        mean: np.ndarray = np.abs(self.values).mean(axis=0) if len(self.values) else np.zeros(len(self.names))
        return mean
