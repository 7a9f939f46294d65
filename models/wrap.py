"""A scikit-learn estimator as a learner: `clinome.sklearn(LinearSVC())`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .data import Snapshot
from .features import Joined, make_blocks
from .fusion import calibrate
from .learner import Setting
from .learners.base import BaseLearner, has_inputs
from .linear import as_probability
from .metrics import targets
from .univariate import martingale_residuals


def sklearn(estimator: Any, name: str | None = None) -> Wrapped:
    """Any scikit-learn classifier (survival: regressor) as a learner, on all blocks side by side.

    Features are fitted in the fold (`models.features.Joined`). A classifier without predict_proba is calibrated on its
    decision function's training scores, which keeps the order but not the exact probabilities. Survival: the regressor
    learns martingale residuals, higher = sooner.

    Example:
        >>> from sklearn.svm import LinearSVC
        >>> sklearn(LinearSVC()).name
        'LinearSVC'
    """
    return Wrapped(estimator, name or type(estimator).__name__)


class Wrapped(BaseLearner):
    """An estimator that is cloned for each fit. Settings are `estimator.set_params`'s; there is one, its own."""

    def __init__(self, estimator: Any, name: str, setting: Setting | None = None, seed: int = 0) -> None:
        super().__init__(setting, seed)
        self.estimator, self.name = estimator, name

    def with_setting(self, setting: Setting, seed: int) -> Wrapped:
        return Wrapped(self.estimator, self.name, setting, seed)

    def supports(self, snapshot: Snapshot) -> str | None:
        from sklearn.base import is_regressor

        if snapshot.task == "survival" and not is_regressor(self.estimator):
            return f"{self.name} is a classifier: for survival wrap a regressor"
        if snapshot.task != "survival" and is_regressor(self.estimator):
            return f"{self.name} is a regressor: for {snapshot.task} wrap a classifier"
        return has_inputs(snapshot)

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        from sklearn.base import clone

        self.task, self.classes = snapshot.task, len(snapshot.classes)
        rows = np.sort(np.concatenate([train, tuning]))
        y = targets(snapshot.rows[rows], self.task, snapshot.classes)
        self.block = Joined(make_blocks(snapshot)).fit(snapshot, rows)
        x = self.block.transform(snapshot, rows)
        self.model = clone(self.estimator).set_params(**self.setting)
        if "random_state" in self.model.get_params() and self.model.get_params()["random_state"] is None:
            self.model.set_params(random_state=self.seed)
        self.model.fit(x, martingale_residuals(y) if self.task == "survival" else y)
        self.final = None
        if self.task != "survival" and not hasattr(self.model, "predict_proba"):
            self.final = calibrate(self._decision(x), y, self.task)

    def _decision(self, x: Any) -> np.ndarray:
        """(n, k) decision function, a class that training lacked far below the others."""
        found = np.asarray(self.model.decision_function(x))
        if self.task == "binary":
            return found.reshape(-1, 1)
        if found.ndim == 1:
            found = np.column_stack([-found, found])
        out = np.full((len(found), self.classes), found.min() - 10.0)
        out[:, self.model.classes_] = found
        return out

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        x = self.block.transform(snapshot, rows)
        if self.task == "survival":
            return np.asarray(self.model.predict(x), dtype=np.float64)
        if self.final is not None:
            logits = self.final[0] * self._decision(x) + self.final[1:]
            return as_probability(logits, self.task)
        p = np.zeros((len(rows), max(self.classes, 2)))
        p[:, self.model.classes_] = self.model.predict_proba(x)
        return p if self.task == "multiclass" else p[:, 1]

    def state(self) -> dict[str, Any]:
        """The features' state, and what of the estimator's fitted attributes is arrays or numbers."""
        fitted = {k: v for k, v in vars(self.model).items()
                  if k.endswith("_") and isinstance(v, np.ndarray | int | float | str)}  # fmt: skip
        return {
            "block": self.block.state(),
            "params": {k: str(v) for k, v in self.model.get_params().items()},
            **fitted,
        }
