"""Clustering: subtypes without an outcome; a label, where there is one, only judges them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import polars as pl

from ..base.task import Loss, Task

UNKNOWN = -1
"""The target of a row whose known group is not given."""


class ClusteringTask(Task):
    """Scores are cluster numbers, (n,), from 0. Targets: (n,) the known group's index, -1 where there is none.

    Nothing is learnt from a target: what a learner of outcomes asks of a task is not there.
    """

    kind = "clustering"
    label_type = "groups"
    metrics: ClassVar[tuple[str, ...]] = ("ari", "nmi")
    primary = "ari"
    probabilities = False
    supervised = False

    def targets(self, rows: pl.DataFrame, classes: Sequence[str]) -> np.ndarray:
        if "label" not in rows.columns:
            return np.full(rows.height, UNKNOWN)
        place = {name: at for at, name in enumerate(classes)}
        return np.array(
            [place.get(str(one), UNKNOWN) if one is not None else UNKNOWN for one in rows["label"]], np.int64
        )

    def blank(self, n: int, classes: int = 0) -> np.ndarray:
        return np.zeros(n, dtype=np.int64)

    def strata(self, rows: pl.DataFrame) -> np.ndarray:
        """All alike: a known group has no say in the folds."""
        return np.zeros(rows.height, dtype=np.int64)

    def groups(self, y: np.ndarray) -> np.ndarray:
        return y

    def width(self, classes: int) -> int:
        return 1

    def base_rate(self, y: np.ndarray, classes: int) -> np.ndarray:
        """Everybody in one cluster."""
        return np.zeros(1)

    def working_response(self, y: np.ndarray, classes: int) -> np.ndarray:
        raise _no_outcome()

    def loss(self, y: np.ndarray) -> Loss:
        raise _no_outcome()

    def score(self, logits: np.ndarray) -> np.ndarray:
        raise _no_outcome()

    def logits(self, score: np.ndarray, least: float = 1e-4) -> np.ndarray:
        raise _no_outcome()

    def head(self, dim: int, classes: int = 0) -> object:
        raise _no_outcome()

    def tensors(self, y: np.ndarray) -> object:
        raise _no_outcome()

    def inner_score(self, y: np.ndarray, score: np.ndarray) -> float:
        """Adjusted Rand index; 0 where no group is known."""
        from ..metrics.clustering import adjusted_rand

        known = y >= 0
        return adjusted_rand(y[known], score[known]) if known.any() else 0.0

    def score_columns(self, classes: Sequence[str]) -> list[str]:
        return ["subtype"]

    def as_columns(self, classes: Sequence[str], score: np.ndarray) -> Mapping[str, np.ndarray]:
        """Subtypes are counted from 1."""
        return {"subtype": np.asarray(score, dtype=np.int64) + 1}

    def from_columns(self, columns: np.ndarray) -> np.ndarray:
        return np.asarray(columns[:, 0], dtype=np.int64) - 1


def _no_outcome() -> NotImplementedError:
    return NotImplementedError("task clustering has no outcome to learn from")
