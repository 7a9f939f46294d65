"""Linear batch correction: each feature less what its batch's mean is beyond the mean of all training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .moments import BatchMoments

FEWEST = 2
"""A batch that knows fewer values of a feature is not moved there: its mean would be the value itself."""


@dataclass(frozen=True)
class LinearCorrection:
    """The residual of a linear model of the batch, and the mean of all training rows put back: location alone, not shrunk.

    A batch that training did not see is centred on the rows that come with it; nothing of the training moves.

    names: batches. shift: (batches, features) what is taken off; mean: (features,) of the training rows.
    Source: removeBatchEffect of limma, Ritchie et al. 2015, Nucleic Acids Research 43:e47.
    Example:
        >>> x, batch = np.array([[0.0], [2], [10], [12]]), np.array(["a", "a", "b", "b"])
        >>> LinearCorrection.fit(x, batch).transform(x, batch).ravel().tolist()
        [5.0, 7.0, 5.0, 7.0]
    """

    names: list[str]
    mean: np.ndarray
    shift: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray, batch: np.ndarray) -> LinearCorrection:
        """x: (n, features) of training rows, NaN where missing; batch: (n,) text."""
        moments = BatchMoments.of(x, batch)
        mean = np.nan_to_num(moments.overall()[0])
        return cls([], mean, np.zeros((0, x.shape[1])))._with(moments)

    def with_new(self, x: np.ndarray, batch: np.ndarray) -> LinearCorrection:
        """The same, with the batches that it does not know estimated from these rows."""
        new = ~np.isin(batch, self.names)
        return self._with(BatchMoments.of(x[new], batch[new])) if new.any() else self

    def transform(self, x: np.ndarray, batch: np.ndarray) -> np.ndarray:
        """(n, features) of the type of x. Batches that are not known are estimated from these rows."""
        known = self.with_new(x, batch)
        place = {name: i for i, name in enumerate(known.names)}
        return np.asarray(x - known.shift[[place[name] for name in batch.tolist()]], dtype=x.dtype)

    def _with(self, moments: BatchMoments) -> LinearCorrection:
        off = np.where(moments.count >= FEWEST, moments.mean - self.mean, 0.0)
        return LinearCorrection([*self.names, *moments.names], self.mean, np.vstack([self.shift, off]))

    def state(self) -> dict[str, Any]:
        return {"method": "linear", **vars(self)}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> LinearCorrection:
        return cls(**{name: one for name, one in state.items() if name != "method"})
