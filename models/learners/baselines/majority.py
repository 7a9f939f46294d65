"""The floor of all floors: what was most common in training, for everyone."""

from __future__ import annotations

import numpy as np

from ...base.snapshot import Snapshot
from ...metrics.task_metrics import targets
from ..base import BaseLearner


class Majority(BaseLearner):
    """The training rate of each class; for survival the same risk for all."""

    name = "majority"
    fitted = ("rate",)

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        y = targets(snapshot.rows[np.concatenate([train, tuning])], snapshot.task, snapshot.classes)
        match snapshot.task:
            case "survival":
                self.rate = np.zeros(1)
            case "multiclass":
                self.rate = np.bincount(y, minlength=len(snapshot.classes)) / len(y)
            case _:
                self.rate = np.array([y.mean()])

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        out = np.tile(self.rate, (len(rows), 1))
        return out if snapshot.task == "multiclass" else out[:, 0]
