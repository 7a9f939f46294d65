"""Survival trees: a forest split by log-rank tests, and boosting of Cox's partial likelihood, grown by scikit-survival.

scikit-survival is GPL-3.0: an extra (`clinome[survival]`) that is asked for only to fit. What is fitted are arrays, which are
saved and walked without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from ....loaders.errors import InputError
from ...base.snapshot import Snapshot
from ...estimators.tree_arrays import TreeArrays, of_cox_boosting, of_survival_forest
from .trees import TreeLearner


class SurvivalTrees(TreeLearner):
    """Trees for survival alone, where scikit-survival is installed."""

    def reason(self, snapshot: Snapshot) -> str | None:
        if snapshot.task != "survival":
            return f"{self.name} is for survival"
        if find_spec("sksurv") is None:
            return "it needs scikit-survival: pip install 'clinome[survival]'"
        return super().reason(snapshot)

    def aside(self, snapshot: Snapshot) -> str | None:
        return "it is taken where it is named, as it needs an extra"

    def _extra(self) -> None:
        if find_spec("sksurv") is None:
            where, fix = f"learner {self.name!r}", "pip install 'clinome[survival]', or take `forest`, `boosting`"
            raise InputError("scikit-survival is not installed", where, expected="the extra `survival`", fix=fix)


class SurvivalForest(SurvivalTrees):
    """Random survival forest: trees split by the log-rank test; a leaf holds its rows' cumulative hazard, a mean over
    the times of events, and the score is the mean over trees: higher = sooner.

    Source: Ishwaran et al. 2008, doi:10.1214/08-AOAS169.
    """

    name = "survival_forest"
    grid = (
        {},
        {"min_samples_leaf": 15},
        {"max_features": 0.2},
        {"min_samples_leaf": 3},
        {"max_features": 0.2, "min_samples_leaf": 15},
    )

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import loguniform

        return {"min_samples_leaf": [2, 3, 6, 10, 15, 30], "max_features": loguniform(0.01, 0.5)}

    def fit_model(self, x: np.ndarray, y: np.ndarray, tuning: np.ndarray, kind: str) -> TreeArrays:
        self._extra()
        from sksurv.ensemble import RandomSurvivalForest

        options: dict[str, Any] = {
            "n_estimators": 100, "min_samples_leaf": 6, "min_samples_split": 12, "max_features": "sqrt",
            "low_memory": True,  # a leaf keeps its mortality alone, which is all that the score needs
            **self.setting, "random_state": self.seed, "n_jobs": 1,
        }  # fmt: skip
        x = np.where(np.isnan(x).all(axis=0), 0, x)
        return of_survival_forest(RandomSurvivalForest(**options).fit(x, outcome(y)), x.shape[1])


class SurvivalBoosting(SurvivalTrees):
    """Gradient boosted Cox model: small regression trees on the gradient of the partial likelihood. Score: log relative
    hazard, higher = sooner. A missing value goes where the training mean would go.

    Source: Friedman 2001, doi:10.1214/aos/1013203451; Ridgeway 1999 (Cox's likelihood as the loss).
    """

    name = "survival_boosting"
    grid = (
        {},
        {"max_depth": 1},
        {"learning_rate": 0.03},
        {"max_features": 0.2},
        {"n_estimators": 200, "learning_rate": 0.03},
    )

    def space(self) -> Mapping[str, Any]:
        from scipy.stats import loguniform

        return {"learning_rate": loguniform(0.02, 0.2), "max_depth": [1, 2, 3], "max_features": loguniform(0.02, 0.5),
                "n_estimators": [50, 100, 200]}  # fmt: skip

    def fit_model(self, x: np.ndarray, y: np.ndarray, tuning: np.ndarray, kind: str) -> TreeArrays:
        self._extra()
        from sksurv.ensemble import GradientBoostingSurvivalAnalysis

        options: dict[str, Any] = {
            "n_estimators": 100, "learning_rate": 0.05, "max_depth": 2, "min_samples_leaf": 5, "max_features": "sqrt",
            "subsample": 0.5, **self.setting, "random_state": self.seed,
        }  # fmt: skip
        instead = np.where(np.isnan(self.mean), -1, self.mean).astype(np.float32)  # -1: of a word
        filled = np.where(np.isnan(x), instead, x)
        return of_cox_boosting(GradientBoostingSurvivalAnalysis(**options).fit(filled, outcome(y)), instead)


def outcome(y: np.ndarray) -> np.ndarray:
    """(n, 2) duration_days and event -> scikit-survival's records."""
    made = np.empty(len(y), dtype=[("event", bool), ("days", np.float64)])
    made["event"], made["days"] = y[:, 1] > 0, y[:, 0]
    return made
