"""Best single feature: the one that explains most of the outcome in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from ...base.attribution import Attribution
from ...base.snapshot import Snapshot
from ...base.task import task_of
from ...estimators.late_fusion import calibrate
from ...estimators.ridge import fit_ridge
from ...estimators.univariate import association
from ...metrics.task_metrics import targets
from ...preprocessing.blocks import Block, column_names, restored_block, saved_block
from ...preprocessing.fold import FoldPreprocessing
from ..base import BaseLearner, has_inputs


class BestFeature(BaseLearner):
    """The column with the largest share of explained variance (ANOVA; survival: of martingale residuals).

    Shares are compared as if every block had been measured in everyone: a block measured in few must explain more.
    """

    name = "best_feature"
    fitted = ("task", "classes", "column", "mean", "coef", "intercept", "final", "recalibration")
    recalibrates = True  # the best of many looks better than it is to the rows that it was picked by

    def reason(self, snapshot: Snapshot) -> str | None:
        return has_inputs(snapshot)

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        self.task, self.classes = snapshot.task, len(snapshot.classes)
        rows = np.sort(np.concatenate([train, tuning]))
        y = targets(snapshot.rows[rows], self.task, snapshot.classes)
        best: tuple[float, Block, int] | None = None
        for block in FoldPreprocessing.fit(snapshot, rows, column_names(snapshot)).blocks.values():
            here = block.present(snapshot, rows)
            if here.sum() < 3:
                continue
            x = block.transform(snapshot, rows[here])
            if not x.shape[1]:
                continue
            share = association(x, task_of(self.task).working_response(y[here], self.classes)) * here.mean()
            j = int(share.argmax())
            if best is None or share[j] > best[0]:
                best = float(share[j]), block, j
        self.block: Block | None = best[1] if best else None
        self.column = best[2] if best else 0
        x = self._values(snapshot, rows)
        self.mean = float(x.mean())
        model = fit_ridge(x, y, np.arange(len(rows)) % 2, self.task, self.classes, self.metric)
        self.coef, self.intercept = model.coef, model.intercept
        self.final = calibrate(x @ self.coef + self.intercept, y, self.task)

    def _values(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        if self.block is None:
            return np.zeros((len(rows), 1))
        x = self.block.transform(snapshot, rows)[:, [self.column]]
        return np.asarray(x if isinstance(x, np.ndarray) else x.toarray(), dtype=np.float64)

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        logits = self.final[0] * (self._values(snapshot, rows) @ self.coef + self.intercept) + self.final[1:]
        return self.settled(task_of(self.task).probability(logits), self.task)

    def state(self) -> dict[str, Any]:
        block = None if self.block is None else saved_block(self.block)
        return {**super().state(), "block": block}

    def restore(self, state: Mapping[str, Any]) -> Self:
        super().restore(state)
        self.block = None if state["block"] is None else restored_block(state["block"])
        return self

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> dict[str, Attribution] | None:
        if self.block is None:
            return None
        x = self.block.transform(snapshot, rows)
        whole = np.zeros(x.shape)
        logits = self._values(snapshot, rows) @ self.coef
        task = task_of(self.task)
        coef = self.coef[0] - (self.coef[0].mean() if self.coef.shape[1] > 1 and task.exclusive else 0.0)
        slope = self.final[0] * (1.0 if self.recalibration is None else self.recalibration[0])
        whole[:, self.column] = slope * (self._values(snapshot, rows)[:, 0] - self.mean) * coef[task.told(logits)]
        return {self.block.name: Attribution(self.block.names, self.block.gather(whole))}
