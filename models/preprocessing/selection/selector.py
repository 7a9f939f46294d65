"""Selector: what every method of feature selection is, in scikit-learn's form: `fit`, `get_support`, `transform`."""

from __future__ import annotations

from typing import Self

import numpy as np

from ...base.task import task_of


class Selector:
    """Feature selection from one matrix and an outcome.

    task, classes: the kind of outcome, and how many classes it has; y is from `Task.targets`.
    Example:
        chosen = StabilitySelection("binary").fit(x, y).get_support()
    """

    def __init__(self, task: str = "binary", classes: int = 0, seed: int = 0) -> None:
        self.task, self.classes, self.seed = task, classes, seed

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """x: (n, p) dense, columns on one scale, no NaN. Sets `scores`, (p,): how much speaks for each column."""
        self.scores, self.support = self.choose(np.asarray(x, dtype=np.float64), y)
        return self

    def choose(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(p,) scores, and (p,) bool what is kept."""
        raise NotImplementedError

    def get_support(self) -> np.ndarray:
        """(p,) bool: which columns are kept."""
        return self.support

    def transform(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x[:, self.support])

    def response(self, y: np.ndarray) -> np.ndarray:
        """(n, k) the outcome as numbers that a column can go with: 0/1, a column a class, martingale residuals, z-scores."""
        return task_of(self.task).working_response(y, self.classes)


def largest(scores: np.ndarray, count: int) -> np.ndarray:
    """(p,) bool: the columns with the largest scores above 0, at most so many; of equals the first."""
    kept = np.zeros(len(scores), dtype=bool)
    kept[np.argsort(-scores, kind="stable")[:count]] = True
    return kept & (scores > 0)
