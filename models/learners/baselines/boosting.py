"""Gradient boosting on the table of everything, stopped early on the tuning rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...base.task import Task, task_of
from ...estimators.ridge import SMALL
from ...estimators.tree_arrays import TreeArrays, of_boosting
from ...metrics.task_metrics import inner_score
from .trees import TreeLearner

_STEP = 5
_MARGIN = 0.001
SOME = 0.3
"""Of the columns that each split may choose from where subjects are asked over and over: with all of them it does worse
on subjects that it has not seen (docs/honesty.md, health records against hand-written floors)."""
ROUNDS, MORE = 40, 600
"""Rounds where they are not chosen; rows from which on they are."""


class Boosting(TreeLearner):
    """scikit-learn's histogram boosting. Survival: regression on deviance residuals of the null Cox model.

    The number of rounds is that of the best inner score on the tuning rows; the model is then fitted on all rows. Of
    fewer than MORE rows it is ROUNDS: so few tuning rows choose no better (five TCGA cohorts, two seeds: a mean
    concordance of .654 by tuning, .652 and .653 by 50 and 30 rounds), and take more than twice the time.
    Source: Therneau, Grambsch & Fleming 1990, doi:10.1093/biomet/77.1.147 (residuals as a regression's target).
    """

    name = "boosting"
    grid = (
        {},
        {"max_leaf_nodes": 3, "max_features": 0.3},
        {"max_features": 0.3},
        {"learning_rate": 0.04},
        {"max_leaf_nodes": 31},
    )

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import loguniform

        return {"learning_rate": loguniform(0.02, 0.2), "max_leaf_nodes": [3, 6, 15, 31], "max_features": [0.1, 0.3, 1.0],
                "l2_regularization": loguniform(0.1, 100.0)}  # fmt: skip

    def fit_model(self, x: np.ndarray, y: np.ndarray, tuning: np.ndarray, kind: str) -> Any:
        rounds = 200 if len(x) > SMALL else 100
        task = task_of(kind)
        outcome = task.groups(y)
        learnable = len(x) >= MORE and tuning.any() and len(np.unique(outcome[~tuning])) > 1
        if learnable:
            first = self._estimator(len(x), rounds, x[~tuning], y[~tuning], task)
            found = [
                (inner_score(kind, y[tuning], s, self.metric), i)
                for i, s in enumerate(self._staged(first, x[tuning], task), 1)
                if i % _STEP == 0
            ]
            best = max(score for score, _ in found)
            margin = 0.0 if len(x) > SMALL else _MARGIN
            rounds = next(i for score, i in found if score >= best - margin)
        self.rounds = rounds if learnable else ROUNDS
        return self._estimator(len(x), self.rounds, x, y, task)

    def _estimator(self, n: int, rounds: int, x: np.ndarray, y: np.ndarray, task: Task) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        large = n > SMALL
        words = max(map(len, self.table.words.values()), default=0)  # each needs a bin of its own
        options: dict[str, Any] = {
            "learning_rate": 0.08, "max_leaf_nodes": 15 if large else 6, "max_bins": 255 if large else max(32, words),
            "min_samples_leaf": 50 if large else max(3, min(20, n // 30)), "l2_regularization": 1.0,
            "max_features": SOME if self.again else 1.0,
            **self.setting, "max_iter": rounds, "early_stopping": False, "random_state": self.seed,
            "categorical_features": self.table.categorical if self.table.categorical.any() else None,
        }  # fmt: skip
        x = np.where(np.isnan(x).all(axis=0), 0, x)  # scikit-learn cannot bin a column of which these rows know nothing
        if task.regresses:
            return HistGradientBoostingRegressor(**options).fit(x, task.numeric_response(y))
        return HistGradientBoostingClassifier(**options).fit(x, y)

    def _staged(self, model: Any, x: np.ndarray, task: Task) -> Iterator[np.ndarray]:
        if task.regresses:
            yield from model.staged_predict(x)
            return
        for p in model.staged_predict_proba(x):
            out = np.zeros((len(x), max(self.classes, 2)))
            out[:, model.classes_] = p
            yield task.from_probabilities(out)

    def grown(self, model: Any) -> TreeArrays:
        return of_boosting(model, len(self.mean))
