"""Multilabel classification: several events, of which a patient may have any number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from ..base.task import Loss, Task
from ..estimators.losses import bernoulli_variance, multilabel_loss
from ..metrics.several.multilabel import judged, macro_auroc

if TYPE_CHECKING:
    from ..heads.multilabel import MultilabelHead
    from ..training.batch import Target

FEW = 10
"""Rows of a stratum; a label that fewer have is none of its own."""


def labels_held(label: pl.Series) -> list[str]:
    """The labels that any of these rows has, sorted.

    Example:
        >>> labels_held(pl.Series([["gout", "asthma"], [], ["gout"]]))
        ['asthma', 'gout']
    """
    return sorted(set(label.explode().drop_nulls()))


class MultilabelTask(Task):
    """Scores are probabilities, one a label, (n, labels). Targets: (n, labels) int64, 0 or 1. classes: the labels' names."""

    kind = "multilabel"
    label_type = "booleans"
    metrics: ClassVar[tuple[str, ...]] = (
        "macro_auroc", "macro_auprc", "micro_auroc", "micro_auprc", "brier_multilabel", "labels_judged",
    )  # fmt: skip
    primary = "macro_auroc"
    exclusive = False

    def targets(self, rows: pl.DataFrame, classes: Sequence[str]) -> np.ndarray:
        found = np.zeros((rows.height, len(classes)), np.int64)
        for k, one in enumerate(classes):
            found[:, k] = rows["label"].list.contains(one).fill_null(False).to_numpy()
        return found

    def blank(self, n: int, classes: int = 0) -> np.ndarray:
        return np.zeros((n, classes), np.int64)

    def strata(self, rows: pl.DataFrame) -> np.ndarray:
        """Each row by the rarest label that it has; a label of fewer than FEW rows is left to the next one."""
        y = self.targets(rows, labels_held(rows["label"]))
        out = np.zeros(rows.height, dtype=np.int64)
        for k in np.argsort(y.sum(axis=0), kind="stable"):
            mine = (out == 0) & (y[:, k] > 0)
            if mine.sum() >= FEW:
                out[mine] = out.max() + 1
        if 0 < (out == 0).sum() < FEW and out.max():
            out[out == 0] = np.bincount(out)[1:].argmax() + 1
        return np.unique(out, return_inverse=True)[1].astype(np.int64)

    def groups(self, y: np.ndarray) -> np.ndarray:
        """(n,) 0 and 1: whether anything of it varies is what is asked."""
        varies = judged(y)
        return np.asarray(y[:, varies.argmax()] if varies.any() else np.zeros(len(y), np.int64))

    def width(self, classes: int) -> int:
        return classes

    def base_rate(self, y: np.ndarray, classes: int) -> np.ndarray:
        return np.asarray(y.mean(axis=0))

    def constant(self, rate: np.ndarray, n: int) -> np.ndarray:
        return np.tile(rate, (n, 1))

    def working_response(self, y: np.ndarray, classes: int) -> np.ndarray:
        return np.asarray(y, dtype=np.float64)

    def parts(self, y: np.ndarray) -> list[tuple[str, np.ndarray]]:
        return [("binary", y[:, k]) for k in range(y.shape[1])]

    def loss(self, y: np.ndarray) -> Loss:
        return multilabel_loss(y)

    def curvature(self, y: np.ndarray, logits: np.ndarray) -> np.ndarray:
        return bernoulli_variance(logits)

    def first_intercept(self, y: np.ndarray) -> np.ndarray:
        share = np.clip(y.mean(axis=0), 1e-4, 1 - 1e-4)
        return np.asarray(np.log(share / (1 - share)))

    def score(self, logits: np.ndarray) -> np.ndarray:
        return logits

    def probability(self, logits: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(-np.logaddexp(0, -logits)))

    def logits(self, score: np.ndarray, least: float = 1e-4) -> np.ndarray:
        p = np.clip(score, least, 1 - least)
        return np.asarray(np.log(p / (1 - p)))

    def predicted(self, score: np.ndarray, whole: np.ndarray) -> np.ndarray:
        at = self.told(self.logits(whole))
        return np.asarray(self.logits(score)[np.arange(len(score)), at])

    def told(self, logits: np.ndarray) -> np.ndarray:
        """The label by which a row stands out most among these: of the commonest alone it would tell else."""
        return np.asarray((logits - logits.mean(axis=0)).argmax(axis=1)) if len(logits) else np.zeros(0, np.int64)

    def grouped(self, label: pl.Series) -> pl.Series:
        """How many labels a row has: none, one, several."""
        many = label.list.len().clip(upper_bound=2)
        return many.replace_strict({0: "0: none", 1: "1: one", 2: "2: several"}, return_dtype=pl.String).alias(
            label.name
        )

    def score_columns(self, classes: Sequence[str]) -> list[str]:
        return [f"score_{one}" for one in classes]

    def from_columns(self, columns: np.ndarray) -> np.ndarray:
        return columns

    def inner_score(self, y: np.ndarray, score: np.ndarray) -> float:
        """Macro AUROC."""
        value = macro_auroc(y, score)
        return 0.5 if value is None else value

    def head(self, dim: int, classes: int = 0) -> MultilabelHead:
        from ..heads.multilabel import MultilabelHead

        return MultilabelHead(dim, classes)

    def tensors(self, y: np.ndarray) -> Target:
        import torch

        from ..training.batch import Target

        return Target(y=torch.tensor(y, dtype=torch.float32))
