"""Steps between what was measured and what is scaled: logarithm, batch correction, imputation; fitted on training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...base.mapped import taken
from ...base.snapshot import Layer
from ..scaling import log1p, sample_ranks
from .correction.combat import ComBat
from .correction.linear import LinearCorrection
from .imputation.knn import NearestNeighbours
from .imputation.low import LowImputation
from .imputation.mean import MeanImputation

Correction = ComBat | LinearCorrection
Imputation = MeanImputation | LowImputation | NearestNeighbours
CORRECTIONS: Mapping[str, type[Correction]] = {"combat": ComBat, "linear": LinearCorrection}
IMPUTATIONS: Mapping[str, type[Imputation]] = {"mean": MeanImputation, "low": LowImputation, "knn": NearestNeighbours}
"""Beside `median`, which `models.preprocessing.scaling.Scale` fills in by itself."""


def dense_values(layer: Layer, rows: np.ndarray) -> np.ndarray:
    """(n, features) float32 on the scale of a model: log1p or ranks where the layer asks for it. NaN stays NaN."""
    values = np.asarray(taken(layer.values, rows), dtype=np.float32)
    match layer.scale:
        case "log1p":
            return log1p(values)
        case "rank":
            return sample_ranks(values)
    return values


def batches_of(layer: Layer, rows: np.ndarray) -> np.ndarray:
    """(n,) text: the batch of each row's sample. Those of whom none is known are one batch, called ""."""
    return np.full(len(rows), "") if layer.batch is None else np.asarray(layer.batch[rows])


@dataclass(frozen=True)
class LayerSteps:
    """What a study asks of a dense layer before it is scaled (`[omics.NAME] correct`, `impute`), fitted once.

    A batch that training did not see is estimated from those of the asked rows that are of it: what is predicted together
    is corrected together. `serving` settles it for rows that will be asked for in parts.
    """

    correction: Correction | None = None
    imputation: Imputation | None = None

    @classmethod
    def fit(cls, layer: Layer, rows: np.ndarray) -> LayerSteps:
        """Fitted on these rows and no others."""
        steps = cls()
        if layer.correct in CORRECTIONS:
            made = CORRECTIONS[layer.correct].fit(dense_values(layer, rows), batches_of(layer, rows))
            steps = replace(steps, correction=made)
        if layer.impute in IMPUTATIONS:
            steps = replace(steps, imputation=IMPUTATIONS[layer.impute].fit(steps.corrected(layer, rows)))
        return steps

    @property
    def none(self) -> bool:
        """Whether there is nothing between the logarithm and the scale."""
        return self.correction is None and self.imputation is None

    def corrected(self, layer: Layer, rows: np.ndarray) -> np.ndarray:
        """(n, features) float32, corrected; what is missing stays NaN."""
        x = dense_values(layer, rows)
        return x if self.correction is None else self.correction.transform(x, batches_of(layer, rows))

    def values(self, layer: Layer, rows: np.ndarray) -> np.ndarray:
        """(n, features) float32, corrected and imputed; NaN where the scale's median is to stand."""
        x = self.corrected(layer, rows)
        return x if self.imputation is None else self.imputation.transform(x)

    def serving(self, layer: Layer, rows: np.ndarray) -> LayerSteps:
        """The same steps, with the batches that they do not know estimated from these rows, once and for all."""
        if self.correction is None:
            return self
        batch = batches_of(layer, rows)
        rows = rows[~np.isin(batch, self.correction.names)]
        if not len(rows):
            return self
        made = self.correction.with_new(dense_values(layer, rows), batches_of(layer, rows))
        return replace(self, correction=made)

    def state(self) -> dict[str, Any]:
        """Empty where there are none."""
        held = {"correction": self.correction, "imputation": self.imputation}
        return {name: one.state() for name, one in held.items() if one is not None}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> LayerSteps:
        one, two = state.get("correction"), state.get("imputation")
        return cls(
            None if one is None else CORRECTIONS[one["method"]].restored(one),
            None if two is None else IMPUTATIONS[two["method"]].restored(two),
        )
