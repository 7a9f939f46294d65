"""Learners that fail, each in a way of its own: of scikit-learn, of PyTorch Geometric, and bare ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from smallest_learners import Mean
from torch import Tensor, nn

SECRET = "patient one17 with a value of 3.14159"
"""What no message may say."""


class RaisesInFit(Mean):
    def fit(self, snapshot: Any, train: np.ndarray, tuning: np.ndarray) -> None:
        raise ValueError(SECRET)


class RaisesInPredict(Mean):
    def predict(self, snapshot: Any, rows: np.ndarray) -> np.ndarray:
        raise KeyError(SECRET)


class RaisesWhenAsked(Mean):
    def reason(self, snapshot: Any) -> str | None:
        raise RuntimeError(SECRET)


class RaisesInAttribute(Mean):
    def attribute(self, snapshot: Any, rows: np.ndarray) -> Any:
        raise TypeError(SECRET)


class FailsInOneFold(Mean):
    """Where the first patient is among those to learn from."""

    def fit(self, snapshot: Any, train: np.ndarray, tuning: np.ndarray) -> None:
        if 0 in train or 0 in tuning:
            raise ValueError(SECRET)
        super().fit(snapshot, train, tuning)


class NotFinite(Mean):
    def predict(self, snapshot: Any, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), np.nan)


class AnotherShape(Mean):
    def predict(self, snapshot: Any, rows: np.ndarray) -> np.ndarray:
        return np.zeros((len(rows), 2))


class Raises(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator."""

    def fit(self, x: Any, y: Any) -> Any:
        raise FloatingPointError(SECRET)

    def predict_proba(self, x: Any) -> Any:
        raise AssertionError


class OtherShape(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, x: Any, y: Any) -> Any:
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x: Any) -> Any:
        return np.full((x.shape[0] + 1, 2), 0.5)


class RaisesInForward(nn.Module):
    def forward(self, x: dict[str, Tensor], edges: Any) -> Tensor:
        raise IndexError(SECRET)


class NotANumber(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.LazyLinear(1)

    def forward(self, x: dict[str, Tensor], edges: Any) -> Tensor:
        return torch.as_tensor(self.out(x["patient"]) * float("nan"))


class WantsMore(nn.Module):
    def forward(self, x: dict[str, Tensor], edges: Any, weather: Any) -> Tensor:
        raise AssertionError


def cannot_be_made() -> Any:
    raise OSError(SECRET)


def no_module(data: Any) -> Any:
    return data


FAILING: dict[str, tuple[Any, str]] = {
    "fit": (RaisesInFit(), "fit raised ValueError (failing_learners.py line"),
    "predict": (RaisesInPredict(), "predict raised KeyError (failing_learners.py line"),
    "reason": (RaisesWhenAsked(), "reason raised RuntimeError"),
    "attribute": (RaisesInAttribute(), "attribute raised TypeError"),
    "once": (FailsInOneFold(), "fit raised ValueError"),
    "nan": (NotFinite(), "values that are not finite"),
    "shape": (AnotherShape(), "predict gave another shape"),
    "estimator": (Raises(), "fit raised FloatingPointError (failing_learners.py line"),
    "proba": (OtherShape(), "predict raised ValueError"),
    "forward": (RaisesInForward(), "forward raised IndexError (failing_learners.py line"),
    "nan_network": (NotANumber(), ""),
    "weather": (WantsMore(), "forward raised"),
    "unmade": (cannot_be_made, "making it raised OSError (failing_learners.py line"),
    "factory": (no_module, "the factory made something else"),
}
"""Name -> the learner, and what is said of it."""
