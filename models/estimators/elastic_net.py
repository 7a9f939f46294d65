"""Elastic net and LASSO: linear models with an L1 penalty, of every task; strength along a path, chosen by inner folds.

Newton's method: the loss becomes weighted least squares at the scores so far, which scikit-learn's coordinate descent
solves. Columns that the strong rule leaves aside are looked at again before a solution stands.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ..base.task import Task, task_of
from ..metrics.task_metrics import inner_score
from .ridge import Ridge
from .univariate import Matrix

STEPS = 20
"""Penalties along the path, equally spaced on a log scale."""
SHORTEST = 0.03
"""The last penalty as a share of the first."""
PATIENCE = 3
"""Steps along the path without a better inner score, after which nobody goes further."""
EXPLAINED = 0.9
"""Share of the loss without coefficients that is explained where a path ends: with more columns than rows what follows is
slow to fit, and the rows learnt by heart."""
_SPACED = np.geomspace(1, SHORTEST, STEPS)
_TOL = 1e-3
_DENSE = 20_000_000
_MARGIN = 0.002
_ROUNDS = 25
_LEAST = 1e-4


@dataclass(frozen=True)
class Path:
    """Solutions along falling penalties.

    penalties: (steps,), those reached. coef: (steps, p, k) and intercept: (steps, k); score = x @ coef + intercept.
    """

    penalties: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray


def elastic_net_path(
    x: Matrix, y: np.ndarray, task: str, classes: int = 0, *, mix: float = 1.0, penalties: np.ndarray | None = None,
    tol: float = 1e-4,
) -> Path:  # fmt: skip
    """Elastic net path: min mean loss + penalty · (mix · |coef|₁ + (1 − mix) / 2 · |coef|²), the intercept free.

    Args:
        x: (n, p), columns already on one scale.
        y: from `Task.targets`; of a numeric outcome the loss is in units of its spread.
        mix: 1 is the LASSO, towards 0 ridge; above 0.
        penalties: falling; default: STEPS of them, from the least one that leaves no coefficient.
        tol: how far a score may still move on the mean, for a solution to stand.
    Source: Tibshirani 1996, doi:10.1111/j.2517-6161.1996.tb02080.x; Zou & Hastie 2005,
        doi:10.1111/j.1467-9868.2005.00503.x; Friedman, Hastie & Tibshirani 2010, doi:10.18637/jss.v033.i01; of Cox
        models Simon et al. 2011, doi:10.18637/jss.v039.i05; strong rule: Tibshirani et al. 2012,
        doi:10.1111/j.1467-9868.2011.01004.x.
    Example:
        >>> x = np.array([[-1.0, 0.1], [0.0, -0.2], [1.0, 0.1]])
        >>> elastic_net_path(x, np.array([0.0, 1.0, 2.0]), "regression").coef[0].ravel().tolist()
        [0.0, 0.0]
    """
    problem = _Problem(x, y, task_of(task), classes, mix, tol)
    penalties = problem.first * _SPACED if penalties is None else penalties
    found = list(problem.walk(penalties))
    return Path(
        penalties[: len(found)], np.stack([coef for coef, _ in found]), np.stack([intercept for _, intercept in found])
    )


def fit_elastic_net(
    x: Matrix, y: np.ndarray, part: np.ndarray, task: str, classes: int, mix: float, metric: str = ""
) -> Ridge:
    """Choose the penalty by folds, then fit on all rows; what comes of it is what `fit_ridge` gives.

    Of the penalties that do best, to within a hair, the strongest is taken: the fewest features. The folds go down the
    path side by side, and stop where it has not become better for PATIENCE steps: beyond lies noise, and most of the time.
    Args:
        x: (n, p), missing blocks left out; y: from `Task.targets`.
        part: (n,) the fold in which each row is left out; -1 never.
        metric: by which the penalty is chosen; "": the task's own.
    """
    if sparse.issparse(x):
        x = x.toarray() if x.shape[0] * x.shape[1] <= _DENSE else x.astype(np.float64)
    kind = task_of(task)
    whole = _Problem(x, y, kind, classes, mix, _TOL)
    penalties, scored = whole.first * _SPACED, part >= 0
    rests = [(np.flatnonzero(part == f), np.flatnonzero(part != f)) for f in np.unique(part[scored])]
    walks = [_Problem(x[a], y[a], kind, classes, mix, _TOL).walk(penalties) for _, a in rests]
    oof: list[np.ndarray] = []
    inner: list[float] = []
    for found in zip(*walks, strict=False):
        score = np.full((len(y), kind.width(classes)), np.nan)
        for (b, _), (coef, intercept) in zip(rests, found, strict=True):
            score[b] = x[b] @ coef + intercept
        oof.append(score)
        shown = kind.probability if metric else kind.score
        inner.append(inner_score(task, y[scored], shown(score[scored]), metric))
        if len(inner) > PATIENCE and max(inner[-PATIENCE:]) <= max(inner[:-PATIENCE]):
            break
    best = next(step for step, value in enumerate(inner) if value >= max(inner) - _MARGIN)
    *_, (coef, intercept) = whole.walk(penalties[: best + 1])
    return Ridge(coef, intercept, oof[best], inner[best], float(penalties[best]), mix)


class _Problem:
    """One path's data. A solution is (coef (p, k), intercept (k,))."""

    def __init__(self, x: Matrix, y: np.ndarray, task: Task, classes: int, mix: float, tol: float) -> None:
        if not 0 < mix <= 1:
            raise ValueError(f"elastic net: got mix {mix}; expected more than 0, at most 1")
        self.x: Any = x if sparse.issparse(x) else np.asarray(x, dtype=np.float64)
        self.known, self.y = task.seen(y, task.width(classes))
        self.task, self.mix, self.tol = task, mix, tol
        self.width, self.whole = len(self.known), task.width(classes)
        self.loss, self.unit, self.learnable = task.loss(self.y), task.unit(y), task.learnable(y)
        none = np.zeros((x.shape[1], self.width)), np.zeros(self.width)
        self.null = self._newton(none, 1.0, np.zeros(x.shape[1], dtype=bool)) if self.learnable else none
        self.first = float(np.abs(self._slope(self.null)).max(initial=0.0)) / mix or 1.0

    def walk(self, penalties: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """coef (p, all k) and intercept (all k,) for one penalty after the other, until the rows are all but explained."""
        at, before = self.null, max(self.first, float(penalties[0]))
        centre, spread = self.unit
        for penalty in penalties:
            if self.learnable:
                at, before = self._solve(at, float(penalty), before), float(penalty)
            coef, intercept = np.zeros((self.x.shape[1], self.whole)), np.full(self.whole, -20.0)
            coef[:, self.known], intercept[self.known] = spread * at[0], centre + spread * at[1]
            yield coef, intercept
            if self.learnable and self._loss(at) < (1 - EXPLAINED) * self._loss(self.null):
                return

    def _loss(self, at: tuple[np.ndarray, np.ndarray]) -> float:
        return float(self.loss(np.asarray(self.x @ at[0]) + at[1])[0])

    def _slope(self, at: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """(p, k) the loss's slope by each coefficient."""
        return np.asarray(self.x.T @ self.loss(np.asarray(self.x @ at[0]) + at[1])[1])

    def _solve(self, at: tuple[np.ndarray, np.ndarray], penalty: float, before: float) -> tuple[np.ndarray, np.ndarray]:
        """From the solution for the penalty before."""
        slope = np.abs(self._slope(at)).max(axis=1, initial=0.0)
        active = (slope >= self.mix * (2 * penalty - before)) | at[0].any(axis=1)
        while True:
            at = self._newton(at, penalty, active)
            wrong = ~active & (np.abs(self._slope(at)).max(axis=1, initial=0.0) > self.mix * penalty * (1 + 1e-6))
            if not wrong.any():
                return at
            active |= wrong

    def _newton(
        self, at: tuple[np.ndarray, np.ndarray], penalty: float, active: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        columns = np.flatnonzero(active)
        x = self.x[:, columns]
        x = np.asarray(x.toarray() if sparse.issparse(x) else x, dtype=np.float64)
        coef, intercept = at[0][columns], at[1]
        score = x @ coef + intercept
        value = self._value(score, coef, penalty)
        for _ in range(_ROUNDS):
            new, free = coef.copy(), intercept.copy()
            moved = score.copy()
            for k in range(self.width):
                slope = len(self.y) * self.loss(moved)[1]
                curve = np.maximum(self.task.curvature(self.y, moved)[:, k], _LEAST)
                target = moved[:, k] - slope[:, k] / curve
                new[:, k], free[k] = self._least_squares(x, target, curve, new[:, k], penalty)
                moved[:, k] = x @ new[:, k] + free[k]
            share, found = 1.0, self._value(moved, new, penalty)
            while found > value + 1e-12 and share > 1e-3:  # the quadratic was too bold: go a part of the way
                share /= 2
                found = self._value(score + share * (moved - score), coef + share * (new - coef), penalty)
            if found > value + 1e-12:
                break
            far = share * float(np.abs(moved - score).mean())
            coef, intercept = coef + share * (new - coef), intercept + share * (free - intercept)
            score, value = score + share * (moved - score), found
            if far < self.tol:
                break
        whole = np.zeros_like(at[0])
        whole[columns] = coef
        return whole, intercept

    def _value(self, score: np.ndarray, coef: np.ndarray, penalty: float) -> float:
        return self.loss(score)[0] + penalty * float(
            self.mix * np.abs(coef).sum() + (1 - self.mix) / 2 * np.square(coef).sum()
        )

    def _least_squares(
        self, x: np.ndarray, target: np.ndarray, weight: np.ndarray, coef: np.ndarray, penalty: float
    ) -> tuple[np.ndarray, float]:
        """Weighted least squares with the penalty, by scikit-learn."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import enet_path

        total = weight.sum()
        free = self.task.intercept
        mean, middle = (weight @ x / total, float(weight @ target / total)) if free else (np.zeros(x.shape[1]), 0.0)
        if not x.shape[1]:
            return coef, middle
        root = np.sqrt(weight)
        with warnings.catch_warnings():
            # One step of Newton's: where coordinates move slowly the next step goes on from there, and only a step that
            # lowers the loss is taken. Hundreds of such lines on a console told nobody anything.
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = enet_path(
                np.asfortranarray(root[:, None] * (x - mean)), root * (target - middle), l1_ratio=self.mix,
                alphas=[penalty], coef_init=coef, tol=min(1e-4, self.tol**1.5), max_iter=5000, precompute=False,
            )[1][:, 0]  # fmt: skip
        return found, float(middle - mean @ found)
