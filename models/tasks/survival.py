"""Survival: time to an event, or to the end of observation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from ..base.task import Loss, Task
from ..estimators.losses import cox_curvature, cox_loss
from ..estimators.univariate import deviance_residuals, martingale_residuals
from ..metrics.concordance import c_index

if TYPE_CHECKING:
    from ..heads.cox import CoxHead
    from ..training.batch import Target


class SurvivalTask(Task):
    """Scores are risks, (n,): higher = sooner. Targets: (n, 2) duration_days and event."""

    kind = "survival"
    label_type = "time_to_event"
    outcome = ("duration_days", "event")
    metrics: ClassVar[tuple[str, ...]] = ("c_index", "td_auc", "incidence_auc", "ibs")
    primary = "c_index"
    probabilities = False
    regresses = True
    intercept = False
    over_time = True

    def targets(self, rows: pl.DataFrame, classes: Sequence[str]) -> np.ndarray:
        return np.column_stack([rows["duration_days"].cast(pl.Float64), rows["event"].cast(pl.Float64)])

    def blank(self, n: int, classes: int = 0) -> np.ndarray:
        return np.zeros((n, 2))

    def strata(self, rows: pl.DataFrame) -> np.ndarray:
        return rows["event"].cast(pl.Int64).rank("dense").cast(pl.Int64).to_numpy() - 1

    def groups(self, y: np.ndarray) -> np.ndarray:
        return np.asarray(y[:, 1])

    def width(self, classes: int) -> int:
        return 1

    def base_rate(self, y: np.ndarray, classes: int) -> np.ndarray:
        return np.zeros(1)

    def working_response(self, y: np.ndarray, classes: int) -> np.ndarray:
        return martingale_residuals(y)[:, None]

    def numeric_response(self, y: np.ndarray) -> np.ndarray:
        """Deviance residuals of the null Cox model.

        Source: Therneau, Grambsch & Fleming 1990, doi:10.1093/biomet/77.1.147.
        """
        return deviance_residuals(y)

    def regression_target(self, y: np.ndarray) -> np.ndarray:
        return martingale_residuals(y)

    def loss(self, y: np.ndarray) -> Loss:
        return cox_loss(y)

    def curvature(self, y: np.ndarray, logits: np.ndarray) -> np.ndarray:
        return cox_curvature(y, logits)

    def learnable(self, y: np.ndarray) -> bool:
        return bool(y[:, 1].any())

    def score(self, logits: np.ndarray) -> np.ndarray:
        return logits[:, 0]

    def logits(self, score: np.ndarray, least: float = 1e-4) -> np.ndarray:
        return score.reshape(-1, 1)

    def predicted(self, score: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return score

    def inner_score(self, y: np.ndarray, score: np.ndarray) -> float:
        """Harrell's C."""
        value = c_index(y[:, 0], y[:, 1], score)
        return 0.5 if value is None else value

    def head(self, dim: int, classes: int = 0) -> CoxHead:
        from ..heads.cox import CoxHead

        return CoxHead(dim)

    def tensors(self, y: np.ndarray) -> Target:
        import torch

        from ..training.batch import Target

        return Target(duration_days=torch.tensor(y[:, 0]), event=torch.tensor(y[:, 1] > 0))
