"""Multiclass classification: one of several classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from ..base.task import Loss
from ..estimators.losses import softmax_loss
from ..metrics.discrimination import ovr_auroc
from .classification import ClassificationTask

if TYPE_CHECKING:
    from ..heads.multiclass import MulticlassHead
    from ..training.batch import Target


class MulticlassTask(ClassificationTask):
    """Scores are probabilities of the classes, (n, classes). Targets: (n,) index of the class."""

    kind = "multiclass"
    label_type = "categorical"
    metrics: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "mcc",
        "auroc",
        "brier_multiclass",
        "ece",
    )
    primary = "accuracy"

    def targets(self, rows: pl.DataFrame, classes: Sequence[str]) -> np.ndarray:
        index = {c: k for k, c in enumerate(classes)}
        return np.array([index[str(v)] for v in rows["label"]], dtype=np.int64)

    def width(self, classes: int) -> int:
        return classes

    def seen(self, y: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        known = np.unique(y)
        return known, np.searchsorted(known, y)

    def base_rate(self, y: np.ndarray, classes: int) -> np.ndarray:
        return np.bincount(y, minlength=classes) / len(y)

    def constant(self, rate: np.ndarray, n: int) -> np.ndarray:
        return np.tile(rate, (n, 1))

    def working_response(self, y: np.ndarray, classes: int) -> np.ndarray:
        return np.asarray(np.eye(classes)[y])

    def loss(self, y: np.ndarray) -> Loss:
        return softmax_loss(y)

    def curvature(self, y: np.ndarray, logits: np.ndarray) -> np.ndarray:
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return np.asarray(p * (1 - p))

    def score(self, logits: np.ndarray) -> np.ndarray:
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True))

    def logits(self, score: np.ndarray, least: float = 1e-4) -> np.ndarray:
        return np.asarray(np.log(np.clip(score, least, 1 - least)))

    def from_probabilities(self, p: np.ndarray) -> np.ndarray:
        return p

    def predicted(self, score: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """The logit of the class that the whole score predicts."""
        return super().predicted(score[np.arange(len(score)), whole.argmax(axis=1)], whole)

    def score_columns(self, classes: Sequence[str]) -> list[str]:
        return [f"score_{c}" for c in classes]

    def from_columns(self, columns: np.ndarray) -> np.ndarray:
        return columns

    def inner_score(self, y: np.ndarray, score: np.ndarray) -> float:
        """The mean of accuracy and AUROC: the one is what counts, the other smooth enough to choose by in small samples."""
        return float(np.mean([float(np.mean(score.argmax(axis=1) == y)), ovr_auroc(y, score) or 0.5]))

    def _ranks(self, y: np.ndarray, score: np.ndarray) -> float:
        value = ovr_auroc(y, score)
        return 0.5 if value is None else value

    def head(self, dim: int, classes: int = 0) -> MulticlassHead:
        from ..heads.multiclass import MulticlassHead

        return MulticlassHead(dim, classes)

    def tensors(self, y: np.ndarray) -> Target:
        import torch

        from ..training.batch import Target

        return Target(y=torch.tensor(y, dtype=torch.int64))
