"""A random forest on the table of everything."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..linear import SMALL
from ..univariate import martingale_residuals
from .trees import TreeLearner


class Forest(TreeLearner):
    """scikit-learn's random forest. Survival: a regression forest on deviance residuals of the null Cox model.

    Source: LeBlanc & Crowley 1992, doi:10.2307/2532300 (residuals); Therneau et al. 1990.
    """

    name = "forest"
    grid = (
        {},
        {"min_samples_leaf": 10},
        {"max_features": 0.2},
        {"min_samples_leaf": 1},
        {"max_features": 0.2, "min_samples_leaf": 10},
    )

    def fit_model(self, x: np.ndarray, y: np.ndarray, tuning: np.ndarray) -> Any:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        large = len(x) > SMALL
        options: dict[str, Any] = {
            "n_estimators": 150 if large else 200, "min_samples_leaf": 10 if large else 3,
            "max_features": 0.1 if large else "sqrt", "max_samples": 0.5 if large else None,
            **self.setting, "random_state": self.seed, "n_jobs": 1,
        }  # fmt: skip
        if self.task == "survival":
            return RandomForestRegressor(**options).fit(x, deviance_residuals(y))
        return RandomForestClassifier(**options).fit(x, y)

    def importance(self) -> np.ndarray:
        return np.asarray(self.model.feature_importances_)

    def state(self) -> dict[str, Any]:
        trees = [] if self.model is None else [_tree(e.tree_) for e in self.model.estimators_]
        return {"table": self.table.state(), "mean": self.mean, "trees": trees, "rate": self.rate}


def deviance_residuals(y: np.ndarray) -> np.ndarray:
    """(n,) martingale residuals made symmetric: sign(M) √(−2 [M + δ log(δ − M)])."""
    m, died = martingale_residuals(y), y[:, 1]
    inside = m + np.where(died > 0, np.log(np.maximum(died - m, 1e-12)), 0.0)
    return np.asarray(np.sign(m) * np.sqrt(np.maximum(-2 * inside, 0.0)))


def _tree(tree: Any) -> dict[str, np.ndarray]:
    return {"left": tree.children_left, "right": tree.children_right, "feature": tree.feature,
            "threshold": tree.threshold, "missing_left": tree.missing_go_to_left, "value": tree.value[:, 0]}  # fmt: skip
