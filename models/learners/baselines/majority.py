"""Majority: what was most common in training, for everyone. The floor of all floors."""

from __future__ import annotations

import numpy as np

from ...base.snapshot import Snapshot
from ...base.task import task_of
from ..base import BaseLearner


class Majority(BaseLearner):
    """The training rate of each class; for survival the same risk for all."""

    name = "majority"
    several_numbers = True
    fitted = ("rate",)

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        task = task_of(snapshot.task)
        y = task.targets(snapshot.rows[np.concatenate([train, tuning])], snapshot.classes)
        self.rate = task.base_rate(y, len(snapshot.classes))

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return task_of(snapshot.task).constant(self.rate, len(rows))
