"""Accuracy, balanced accuracy, F1 and Matthews correlation (MCC): how often the guessed class is right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .metric import Drawn, Measure, Metric, Scored, mean


class Accuracy(Metric):
    """Share of rows whose guessed class is right."""

    key, label = "accuracy", "accuracy"

    def value(self, part: Scored) -> float:
        return float(np.mean(part.guess == part.y))

    def measure(self, part: Scored) -> Measure:
        return mean(part.guess == part.y)


class MacroF1(Metric):
    """F1 averaged over the classes that the rows hold."""

    key, label = "macro_f1", "macro F1"

    def value(self, part: Scored) -> float:
        from sklearn.metrics import f1_score

        return float(f1_score(part.y, part.guess, average="macro", labels=np.unique(part.y), zero_division=0))

    def measure(self, part: Scored) -> Measure:
        return _of_table(part, _macro_f1)


class BalancedAccuracy(Metric):
    """Balanced accuracy: the share guessed right of each class that the rows hold, and the mean of these shares."""

    key, label = "balanced_accuracy", "balanced accuracy"

    def value(self, part: Scored) -> float:
        from sklearn.metrics import recall_score

        known = np.unique(part.y)
        return float(recall_score(part.y, part.guess, average="macro", labels=known, zero_division=0))

    def measure(self, part: Scored) -> Measure:
        return _of_table(part, balanced_accuracy)


class MatthewsCorrelation(Metric):
    """Matthews correlation coefficient (MCC) of guessed and true classes; 0 where one of them is always the same.

    Source: Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006 (of several classes).
    """

    key, label, low, chance = "mcc", "MCC", -1.0, 0.0

    def value(self, part: Scored) -> float:
        up, down = self.measure(part)(np.ones((1, len(part.y))))  # scikit-learn's number (tested) without its warning
        return float(up[0] / down[0])

    def measure(self, part: Scored) -> Measure:
        return _of_table(part, matthews)


def balanced_accuracy(table: np.ndarray) -> Drawn:
    """(b, k, k) rows by true and guessed class -> the sum of recalls, and how many classes there are.

    Example:
        >>> up, down = balanced_accuracy(np.array([[[3, 1], [0, 4]]]))
        >>> float(up[0] / down[0])
        0.875
    """
    right, true = np.einsum("bkk->bk", table), table.sum(axis=2)
    recall = np.divide(right, true, out=np.zeros(true.shape), where=true > 0)
    return recall.sum(axis=1), (true > 0).sum(axis=1).astype(np.float64)


def matthews(table: np.ndarray) -> Drawn:
    """(b, k, k) rows by true and guessed class -> the correlation over one; 0 where it has no spread.

    Example:
        >>> matthews(np.array([[[2, 0], [0, 3]]]))[0].tolist()
        [1.0]
    """
    table = np.asarray(table, dtype=np.float64)
    n, true, said = table.sum(axis=(1, 2)), table.sum(axis=2), table.sum(axis=1)
    over = np.einsum("bkk->b", table) * n - (true * said).sum(axis=1)
    under = np.sqrt((n**2 - (true**2).sum(axis=1)) * (n**2 - (said**2).sum(axis=1)))
    return np.divide(over, under, out=np.zeros(len(n)), where=under > 0), (n > 0).astype(np.float64)


def _of_table(part: Scored, of: Callable[[np.ndarray], Drawn]) -> Measure:
    """A metric of the table of true and guessed classes."""
    classes = part.width
    cell = np.eye(classes * classes)[np.asarray(part.y) * classes + part.guess]
    return lambda w: of((w @ cell).reshape(-1, classes, classes))


def _macro_f1(table: np.ndarray) -> Drawn:
    right, true, said = np.einsum("bkk->bk", table), table.sum(axis=2), table.sum(axis=1)
    f1 = np.divide(2 * right, true + said, out=np.zeros_like(right), where=true + said > 0)
    return (f1 * (true > 0)).sum(axis=1), (true > 0).sum(axis=1).astype(np.float64)
