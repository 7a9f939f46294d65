"""Learners as a user would write them: fit and predict, and little or nothing beside."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression


class Mean:
    """Fit and predict, nothing else: the event's share in training."""

    def fit(self, snapshot: Any, train: np.ndarray, tuning: np.ndarray) -> None:
        rows = np.concatenate([train, tuning])
        self.rate = float(snapshot.rows["label"].gather(rows).mean())

    def predict(self, snapshot: Any, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), self.rate)


class Genes:
    """A logistic regression on the first layer that can also be saved, tuned and asked what moved its scores."""

    space: ClassVar = {"c": [0.01, 1.0]}

    def __init__(self, c: float = 0.1, seed: int = 0) -> None:
        self.c, self.seed = c, seed

    def fit(self, snapshot: Any, train: np.ndarray, tuning: np.ndarray) -> Genes:
        rows = np.concatenate([train, tuning])
        self.layer, *_ = snapshot.layers
        model = LogisticRegression(C=self.c).fit(
            self._x(snapshot, rows), snapshot.rows["label"].gather(rows).to_numpy()
        )
        self.coef, self.intercept = model.coef_[0], float(model.intercept_[0])
        return self

    def _x(self, snapshot: Any, rows: np.ndarray) -> np.ndarray:
        return np.nan_to_num(np.asarray(snapshot.layers[self.layer].values[rows], dtype=np.float64))

    def predict(self, snapshot: Any, rows: np.ndarray) -> list[float]:
        return list(1 / (1 + np.exp(-self._x(snapshot, rows) @ self.coef - self.intercept)))

    def attribute(self, snapshot: Any, rows: np.ndarray) -> Any:
        from clinome.models.base.attribution import Attribution

        names = snapshot.layers[self.layer].var["feature"].to_list()
        return {self.layer: Attribution(names, self._x(snapshot, rows) * self.coef)}

    def state(self) -> dict[str, Any]:
        return {"layer": self.layer, "coef": self.coef, "intercept": self.intercept}

    def restore(self, state: Any) -> None:
        vars(self).update(state)


class Wrong(Mean):
    """Answers with whatever it is told."""

    def __init__(self, answer: str = "shape") -> None:
        self.answer = answer

    def fit(self, snapshot: Any, train: np.ndarray, tuning: np.ndarray) -> None:
        if self.answer == "raises":
            raise ZeroDivisionError("patient p17")
        super().fit(snapshot, train, tuning)

    def predict(self, snapshot: Any, rows: np.ndarray) -> Any:
        n = len(rows)
        return {
            "shape": np.zeros((n, 2)), "nan": np.where(np.arange(n) == 1, np.nan, 0.5), "range": np.linspace(-2, 3, n),
            "text": ["high"] * n, "none": None, "good": np.full(n, self.rate),
        }[self.answer]  # fmt: skip
