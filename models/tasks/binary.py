"""Binary classification: an event that a patient has or has not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from ..base.task import Loss
from ..estimators.losses import bernoulli_variance, logistic_loss
from ..metrics.discrimination import auroc
from .classification import ClassificationTask

if TYPE_CHECKING:
    from ..heads.binary import BinaryHead
    from ..training.batch import Target


class BinaryTask(ClassificationTask):
    """Scores are probabilities of the event, (n,). Targets: (n,) 0 or 1."""

    kind = "binary"
    label_type = "boolean"
    metrics: ClassVar[tuple[str, ...]] = (
        "auroc",
        "auprc",
        "brier",
        "ece",
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "mcc",
    )
    primary = "auroc"

    def targets(self, rows: pl.DataFrame, classes: Sequence[str]) -> np.ndarray:
        return rows["label"].cast(pl.Int64).to_numpy()

    def width(self, classes: int) -> int:
        return 1

    def base_rate(self, y: np.ndarray, classes: int) -> np.ndarray:
        return np.array([y.mean()])

    def working_response(self, y: np.ndarray, classes: int) -> np.ndarray:
        return np.asarray(y, dtype=np.float64)[:, None]

    def loss(self, y: np.ndarray) -> Loss:
        return logistic_loss(y)

    def curvature(self, y: np.ndarray, logits: np.ndarray) -> np.ndarray:
        return bernoulli_variance(logits)

    def first_intercept(self, y: np.ndarray) -> float:
        share = np.clip(np.mean(y), 1e-4, 1 - 1e-4)
        return float(np.log(share / (1 - share)))

    def score(self, logits: np.ndarray) -> np.ndarray:
        return logits[:, 0]

    def probability(self, logits: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(-np.logaddexp(0, -logits[:, 0])))

    def logits(self, score: np.ndarray, least: float = 1e-4) -> np.ndarray:
        p = np.clip(score, least, 1 - least)
        return np.asarray(np.log(p / (1 - p)).reshape(-1, 1))

    def inner_score(self, y: np.ndarray, score: np.ndarray) -> float:
        """AUROC."""
        value = auroc(y, score)
        return 0.5 if value is None else value

    def head(self, dim: int, classes: int = 0) -> BinaryHead:
        from ..heads.binary import BinaryHead

        return BinaryHead(dim)

    def tensors(self, y: np.ndarray) -> Target:
        import torch

        from ..training.batch import Target

        return Target(y=torch.tensor(y, dtype=torch.float32))
