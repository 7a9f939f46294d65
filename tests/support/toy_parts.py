"""A toy task, a toy metric and a toy learner, as somebody would add them: a class each, and a line in a table each."""

from __future__ import annotations

import numpy as np

from clinome.models.base.snapshot import Snapshot
from clinome.models.base.task import task_of
from clinome.models.learners.base import BaseLearner
from clinome.models.metrics.metric import Metric, Scored
from clinome.models.tasks.binary import BinaryTask


class Youden(Metric):
    """Youden's J of the better threshold of two."""

    key, label, low, chance = "youden", "Youden's J", -1.0, 0.0

    def value(self, part: Scored) -> float | None:
        y = part.y > 0
        if y.all() or not y.any():
            return None
        return max(float((part.score[y] >= t).mean() - (part.score[~y] >= t).mean()) for t in (0.3, 0.5))


class RareTask(BinaryTask):
    """A binary task that is judged by Youden's J."""

    kind = "rare"
    metrics = ("youden", "auroc", "brier")
    primary = "youden"


class Nearest(BaseLearner):
    """The outcome rate of the half of the training rows to which a row's first covariate belongs."""

    name = "nearest"
    fitted = ("cut", "rates")

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        rows = np.concatenate([train, tuning])
        y, x = task_of(snapshot.task).targets(snapshot.rows[rows], snapshot.classes), self._values(snapshot, rows)
        self.cut = float(np.median(x))
        self.rates = np.array([y[x <= self.cut].mean(), y[x > self.cut].mean()])

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.rates[(self._values(snapshot, rows) > self.cut).astype(int)])

    def _values(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return snapshot.covariates[rows].to_series(0).cast(float).fill_null(0.0).to_numpy()
