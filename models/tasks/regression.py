"""Regression: a number, in the unit in which it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from ..base.task import Loss, Task
from ..estimators.losses import squared_loss
from ..metrics.regression import explained

if TYPE_CHECKING:
    from ..heads.regression import RegressionHead
    from ..training.batch import Target

BINS = 5
"""Equally filled bins of the outcome of which every fold holds its share."""


class RegressionTask(Task):
    """Scores are numbers in the outcome's own unit, (n,). Targets: (n,) float64.

    Losses take the outcome as z-scores of the rows that they are made of (`unit`): how large a number is in its unit must
    not decide how strongly a model is regularised. What is fitted goes back into the unit at once.
    """

    kind = "regression"
    label_type = "numeric"
    metrics: ClassVar[tuple[str, ...]] = ("r2", "spearman", "mae", "rmse")
    primary = "r2"
    probabilities = False
    regresses = True
    numeric = True

    def targets(self, rows: pl.DataFrame, classes: Sequence[str]) -> np.ndarray:
        return rows["label"].cast(pl.Float64).to_numpy()

    def blank(self, n: int, classes: int = 0) -> np.ndarray:
        return np.zeros(n)

    def strata(self, rows: pl.DataFrame) -> np.ndarray:
        """Equally filled bins, from the lowest; ties are dealt over them."""
        label = rows["label"].cast(pl.Float64)
        bins = int(np.clip(len(label) // 10, 2, BINS)) if label.n_unique() > 1 else 1
        return (label.rank("ordinal").cast(pl.Int64).to_numpy() - 1) * bins // max(len(label), 1)

    def groups(self, y: np.ndarray) -> np.ndarray:
        return y

    def width(self, classes: int) -> int:
        return 1

    def base_rate(self, y: np.ndarray, classes: int) -> np.ndarray:
        return np.array([y.mean()])

    def unit(self, y: np.ndarray) -> tuple[float, float]:
        spread = float(np.std(y))
        return float(np.mean(y)), spread if self.learnable(y) else 1.0

    def working_response(self, y: np.ndarray, classes: int) -> np.ndarray:
        centre, spread = self.unit(y)
        return ((y - centre) / spread)[:, None]

    def numeric_response(self, y: np.ndarray) -> np.ndarray:
        return y

    def loss(self, y: np.ndarray) -> Loss:
        return squared_loss(self.working_response(y, 0)[:, 0])

    def learnable(self, y: np.ndarray) -> bool:
        return bool(np.ptp(y) > 0) if len(y) else False

    def score(self, logits: np.ndarray) -> np.ndarray:
        return logits[:, 0]

    def logits(self, score: np.ndarray, least: float = 1e-4) -> np.ndarray:
        return score.reshape(-1, 1)

    def predicted(self, score: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return score

    def grouped(self, label: pl.Series) -> pl.Series:
        """Thirds by value, each with the numbers between which it lies; fewer where many are equal."""
        value = label.cast(pl.Float64)
        known = value.drop_nulls().to_numpy()
        cuts = np.unique(np.quantile(known, (1 / 3, 2 / 3))) if len(known) else np.zeros(0)
        edges = ["", *(f"{cut:.4g}" for cut in cuts), ""]
        names = [
            f"{at + 1}: " + (f"up to {high}" if not low else f"above {low}" if not high else f"{low} to {high}")
            for at, (low, high) in enumerate(pairwise(edges))
        ]
        at = np.searchsorted(cuts, value.fill_null(0.0).to_numpy(), side="left")
        found = [names[k] if v is not None else None for k, v in zip(at, value, strict=True)]
        return pl.Series(label.name, found, pl.String)

    def inner_score(self, y: np.ndarray, score: np.ndarray) -> float:
        """R²; 0 where the rows hold one value."""
        value = explained(y, score)
        return 0.0 if value is None else value

    def skill(self, y: np.ndarray, score: np.ndarray) -> float:
        """Pearson's correlation: a readout is worth what it orders, whatever its scale."""
        if len(y) < 2 or not np.ptp(y) or not np.ptp(score):
            return 0.0
        return float(np.nan_to_num(max(0.0, np.corrcoef(y, score)[0, 1])))

    def head(self, dim: int, classes: int = 0) -> RegressionHead:
        from ..heads.regression import RegressionHead

        return RegressionHead(dim)

    def tensors(self, y: np.ndarray) -> Target:
        import torch

        from ..training.batch import Target

        return Target(y=torch.tensor(y, dtype=torch.float32))
