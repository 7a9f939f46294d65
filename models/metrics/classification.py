"""Accuracy and F1: how often the guessed class is right."""

from __future__ import annotations

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
        return _macro_f1(part.y, part.guess, part.width)


def _macro_f1(y: np.ndarray, guess: np.ndarray, classes: int) -> Measure:
    cell = np.eye(classes * classes)[np.asarray(y) * classes + guess]

    def macro_f1(w: np.ndarray) -> Drawn:
        table = (w @ cell).reshape(-1, classes, classes)
        right, true, said = np.einsum("bkk->bk", table), table.sum(axis=2), table.sum(axis=1)
        f1 = np.divide(2 * right, true + said, out=np.zeros_like(right), where=true + said > 0)
        return (f1 * (true > 0)).sum(axis=1), (true > 0).sum(axis=1).astype(np.float64)

    return macro_f1
