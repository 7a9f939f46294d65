"""Random forest on the table of everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...base.task import task_of
from ...estimators.ridge import SMALL
from ...estimators.tree_arrays import TreeArrays, of_forest, with_means
from .trees import TreeLearner

SEVERAL = 100
"""Trees where a leaf holds a number for each of many outcomes: twice as many say no more, and weigh twice as much."""


class Forest(TreeLearner):
    """scikit-learn's random forest. Survival: a regression forest on deviance residuals of the null Cox model. Several numbers at
    once: one forest, whose trees split by the leading components of them all, and whose leaves hold each one's mean over
    the rows that have it.

    Source: Therneau, Grambsch & Fleming 1990, doi:10.1093/biomet/77.1.147 (residuals as a regression's target).
    """

    name = "forest"
    several_numbers = True
    grid = (
        {},
        {"min_samples_leaf": 10},
        {"max_features": 0.2},
        {"min_samples_leaf": 1},
        {"max_features": 0.2, "min_samples_leaf": 10},
    )

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import loguniform

        return {"min_samples_leaf": [1, 2, 3, 5, 10, 20], "max_features": loguniform(0.01, 0.5)}

    def fit_model(self, x: np.ndarray, y: np.ndarray, tuning: np.ndarray, kind: str) -> Any:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        large = len(x) > SMALL
        options: dict[str, Any] = {
            "n_estimators": 150 if large else 200, "min_samples_leaf": 10 if large else 3,
            "max_features": 0.1 if large else "sqrt", "max_samples": 0.5 if large else None,
            **self.setting, "random_state": self.seed, "n_jobs": 1,
        }  # fmt: skip
        task = task_of(kind)
        if task.own_units:
            model = RandomForestRegressor(**options | {"n_estimators": SEVERAL}).fit(x, task.numeric_response(y))
            return with_means(of_forest(model), x, y, task.base_rate(y, y.shape[1]))
        if task.regresses:
            return RandomForestRegressor(**options).fit(x, task.numeric_response(y))
        return RandomForestClassifier(**options).fit(x, y)

    def grown(self, model: Any) -> TreeArrays:
        return of_forest(model)
