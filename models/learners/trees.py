"""What forest and boosting share: the table, outcomes as classes or rates, and attribution by ablation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import Snapshot
from ..metrics import targets
from ..table import Table
from ..univariate import regression_target
from .base import BaseLearner, has_inputs

_ABLATED = 60


class TreeLearner(BaseLearner):
    """A model on `models.table.Table`; a subclass fits `self.model`."""

    model: Any = None

    def supports(self, snapshot: Snapshot) -> str | None:
        return has_inputs(snapshot)

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        self.task, self.classes = snapshot.task, len(snapshot.classes)
        rows = np.sort(np.concatenate([train, tuning]))
        y = targets(snapshot.rows[rows], self.task, snapshot.classes)
        self.table = Table().fit(snapshot, rows, regression_target(y, self.task, self.classes))
        x = self.table.transform(snapshot, rows)
        with np.errstate(invalid="ignore"):
            known = np.maximum(np.isfinite(x).sum(axis=0), 1)
            self.mean = (np.nansum(x, axis=0, dtype=np.float64) / known).astype(np.float32)
        self.mean[self.table.categorical] = np.nan
        outcomes = np.unique(y[:, 1] if self.task == "survival" else y)
        self.rate = np.bincount(y, minlength=max(self.classes, 2)) / len(y) if self.task != "survival" else np.zeros(1)
        self.model = self.fit_model(x, y, np.isin(rows, tuning)) if len(outcomes) > 1 and x.shape[1] else None

    def fit_model(self, x: np.ndarray, y: np.ndarray, tuning: np.ndarray) -> Any:
        """The fitted estimator. tuning: (n,) bool, the rows on which to stop early."""
        raise NotImplementedError

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return self._scores(self.table.transform(snapshot, rows))

    def _scores(self, x: np.ndarray) -> np.ndarray:
        if self.model is None:
            out = np.tile(self.rate, (len(x), 1))
            return out if self.task == "multiclass" else out[:, -1]
        if self.task == "survival":
            return np.asarray(self.model.predict(x))
        p = np.zeros((len(x), max(self.classes, 2)))
        p[:, self.model.classes_] = self.model.predict_proba(x)
        return p if self.task == "multiclass" else p[:, 1]

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> dict[str, np.ndarray] | None:
        """What the score (a logit; multiclass: of the predicted class) loses when a column is set to its training mean.

        Only the columns that matter most on these rows are ablated, by a first pass over a few of them.
        """
        x = self.table.transform(snapshot, rows)
        out = np.zeros(x.shape)
        if self.model is None or not len(rows):
            return self.table.gather(out)
        first = x[:: max(1, len(x) // 20)][:20]
        effect = np.array([np.abs(self._loss(first, j)).mean() for j in range(x.shape[1])])
        for j in np.argsort(-effect, kind="stable")[:_ABLATED]:
            if effect[j] > 0:
                out[:, j] = self._loss(x, j)
        return self.table.gather(out)

    def _loss(self, x: np.ndarray, j: int) -> np.ndarray:
        """(n,) score less the score without column j. NaN columns of a missing block stay as they are."""
        without = x.copy()
        without[:, j] = np.where(np.isfinite(x[:, j]) | self.table.categorical[j], self.mean[j], x[:, j])
        both = self._scores(np.vstack([x, without]))
        whole, less = both[: len(x)], both[len(x) :]
        if self.task == "survival":
            return np.asarray(whole - less)
        if self.task == "multiclass":
            guess = (np.arange(len(x)), whole.argmax(axis=1))
            whole, less = whole[guess], less[guess]
        return np.asarray(_logit(whole) - _logit(less))

    def codes(self) -> list[str]:
        return self.table.codes()


def _logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(p / (1 - p)))
