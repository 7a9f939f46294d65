"""Classification: what binary and multiclass outcomes share."""

from __future__ import annotations

import numpy as np
import polars as pl

from ..base.task import Task


class ClassificationTask(Task):
    """A label that is one of a few classes, numbered from 0."""

    def blank(self, n: int, classes: int = 0) -> np.ndarray:
        return np.zeros(n, np.int64)

    def strata(self, rows: pl.DataFrame) -> np.ndarray:
        return rows["label"].cast(pl.String).rank("dense").cast(pl.Int64).to_numpy() - 1

    def groups(self, y: np.ndarray) -> np.ndarray:
        return y
