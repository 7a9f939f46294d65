"""Ridge: L2-regularised linear models of one matrix: logistic, multinomial, least squares, Cox; strength by inner folds.

Where there are more columns than rows the fit runs on the rows' principal coordinates: with an L2 penalty the
solution lies in the span of the rows, so it is the same model in n instead of p dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import sparse

from ..base.task import Task, task_of
from ..metrics.task_metrics import inner_score
from .gapped_ridge import GappedRidge
from .univariate import Matrix, association

STRENGTHS = (0.003, 0.03, 0.3, 3.0)
"""C, the inverse penalty, for rows scaled to a mean squared norm of one."""
MANY_STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
"""The same where rows are many and a fit without weights is cheap."""
GAMMAS = (0.0, 1.0, 2.0)
"""Column weights are association ** (gamma / 2): 0 spreads the penalty evenly, more suits few strong features."""
SMALL = 5000
"""Rows above which columns are not weighted: the data then say enough themselves."""
_DENSE = 20_000_000
_COLUMNS = 2_000
_MARGIN = 0.002


@dataclass(frozen=True)
class Ridge:
    """A fitted model: score = x @ coef + intercept, on the scale of logits or log hazards, or in the outcome's unit.

    coef: (p, k), intercept: (k,); k is 1, or the number of classes.
    oof: (n, k) scores of each training row by a model that did not see it; NaN for rows that were never left out.
    inner: its inner score. c, gamma: what was chosen.
    """

    coef: np.ndarray
    intercept: np.ndarray
    oof: np.ndarray
    inner: float
    c: float
    gamma: float

    def score(self, x: Matrix) -> np.ndarray:
        """(n, k)."""
        return np.asarray(x @ self.coef + self.intercept)


def fit_ridge(x: Matrix, y: np.ndarray, part: np.ndarray, task: str, classes: int, metric: str = "") -> Ridge:
    """Choose C (and the column weights) by folds, then fit on all rows.

    Args:
        x: (n, p), missing blocks left out; y: from `metrics.targets`.
        part: (n,) the fold in which each row is left out; -1 never.
        metric: by which C is chosen; "": the task's own.
    """
    if sparse.issparse(x):
        x = x.toarray() if x.shape[0] * x.shape[1] <= _DENSE else x.astype(np.float64)
    kind = task_of(task)
    k = kind.width(classes)
    squares = x.multiply(x).sum() if sparse.issparse(x) else float(np.einsum("ij,ij->", x, x, dtype=np.float64))
    unit = float(np.sqrt(max(squares / max(len(y), 1), 1e-12)))
    weighted = not sparse.issparse(x) and len(y) <= SMALL and x.shape[1] > 3 and not kind.own_units
    gammas = GAMMAS if weighted else GAMMAS[:1]
    strengths = STRENGTHS if len(y) <= SMALL else MANY_STRENGTHS
    large = isinstance(x, np.ndarray) and x.dtype == np.float32 and x.size > _DENSE
    if large and len(y) > SMALL and not kind.own_units:
        return _fit_many(x, y, part, kind, k, unit, metric)
    target = kind.working_response(y, classes)
    oof = {(g, c): np.full((len(y), k), np.nan) for g in gammas for c in strengths}
    whole = _coordinates(x / unit)[0] if x.shape[1] else np.zeros((len(y), 0))
    for f in np.unique(part[part >= 0]):
        a, b = part != f, part == f
        centre, spread = kind.unit(y[a])
        for g in gammas:
            z = whole
            if g and x.shape[1]:
                z = _coordinates(x * (_weights(x[a], target[a], g) / unit))[0]
            start, solve = None, _solver(z[a], y[a], kind, k)
            for c in strengths:
                coef, intercept = solve(c, start=start)
                start = np.vstack([coef, intercept])
                oof[g, c][b] = centre + spread * (z[b] @ coef + intercept)
    scored = part >= 0
    shown = kind.probability if metric else kind.score
    inner = {key: inner_score(task, y[scored], shown(s[scored]), metric) for key, s in oof.items()}
    best = max(inner.values())
    g, c = next(key for key in oof if inner[key] >= best - _MARGIN)  # the plainest of the good ones
    weights = _weights(x, target, g) / unit if g else np.full(x.shape[1], 1 / unit)
    z, back = (whole, None) if not g and not x.shape[1] else _coordinates(x * weights if g else x / unit)
    centre, spread = kind.unit(y)
    coef, intercept = _solver(z, y, kind, k)(c)
    coef = (coef if back is None else back(coef)) * (spread * weights[:, None])
    return Ridge(coef, centre + spread * intercept, oof[g, c], inner[g, c], c, g)


def _solver(z: Matrix, y: np.ndarray, kind: Task, k: int) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """What fits by C: of several numbers at once in closed form, all with one factorisation."""
    if kind.own_units and not sparse.issparse(z) and kind.learnable(y):
        centre, spread = kind.unit(y)
        return GappedRidge(z, (y - centre) / spread).fit
    return partial(_fit, z, y, task=kind, k=k)


def _fit_many(x: np.ndarray, y: np.ndarray, part: np.ndarray, task: Task, k: int, unit: float, metric: str) -> Ridge:
    """`fit_ridge` of many dense rows: nothing as large as x is made beside it, and its products stay in float32."""
    oof = {c: np.full((len(y), k), np.nan) for c in MANY_STRENGTHS}
    for f in np.unique(part[part >= 0]):
        rows, left_out, start = np.flatnonzero(part != f), part == f, None
        centre, spread = task.unit(y[rows])
        for c in MANY_STRENGTHS:
            coef, intercept = _fit_rows(x, y, rows, c / unit**2, task, k, start)
            start = coef, intercept
            oof[c][left_out] = centre + spread * (_times(x, coef) + intercept)[left_out]
    scored, shown = part >= 0, task.probability if metric else task.score
    inner = {c: inner_score(task.kind, y[scored], shown(s[scored]), metric) for c, s in oof.items()}
    c = next(c for c in oof if inner[c] >= max(inner.values()) - _MARGIN)
    centre, spread = task.unit(y)
    coef, intercept = _fit_rows(x, y, np.arange(len(y)), c / unit**2, task, k, None)
    return Ridge(spread * coef, centre + spread * intercept, oof[c], inner[c], c, 0.0)


def _times(x: np.ndarray, coef: np.ndarray) -> np.ndarray:
    return np.asarray(x @ coef.astype(x.dtype), dtype=np.float64)


def _fit_rows(
    x: np.ndarray,
    y: np.ndarray,
    rows: np.ndarray,
    c: float,
    task: Task,
    k: int,
    start: tuple[np.ndarray, np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """`_fit` of some rows of x, which are told by their places and not copied; c is for x as it is."""
    from scipy.optimize import minimize

    p = x.shape[1]
    known, inside = task.seen(y[rows], k)
    coef, intercept = np.zeros((p, k)), np.full(k, -20.0)
    if not task.learnable(y[rows]):
        return coef, np.zeros(k)
    loss, free, width, ridge = task.loss(inside), float(task.intercept), len(known), 1 / (c * len(rows))
    first = np.zeros((p + 1, width)) if start is None else np.vstack([start[0][:, known], start[1][known]])
    if start is None and (begin := task.first_intercept(y[rows])) is not None:
        first[-1] = begin
    pull = loss((_times(x, first[:p]) + first[p])[rows])[1]
    curvature = max(float(len(rows) * (pull**2).sum(axis=0).mean()), 1e-8)
    mean = np.einsum("ij,ij->j", x, x, dtype=np.float64) / len(x)
    step = 1 / np.sqrt(curvature * np.append(mean, 1.0) + np.append(np.full(p, ridge), 0.0))[:, None]

    def objective(v: np.ndarray) -> tuple[float, np.ndarray]:
        at = step * v.reshape(p + 1, width)
        w, every = at[:p], np.zeros((len(x), width), dtype=x.dtype)
        value, pull = loss((_times(x, w) + at[p])[rows])
        every[rows] = pull
        slope = np.vstack([np.asarray(x.T @ every, dtype=np.float64) + ridge * w, free * pull.sum(axis=0)])
        return value + 0.5 * ridge * float(np.einsum("ij,ij->", w, w)), (step * slope).ravel()

    options = {"maxiter": 300, "ftol": 1e-7, "gtol": 1e-6}
    found = minimize(objective, (first / step).ravel(), jac=True, method="L-BFGS-B", options=options).x
    found = step * found.reshape(p + 1, width)
    coef[:, known], intercept[known] = found[:p], found[p]
    return coef, intercept


def _weights(x: np.ndarray, target: np.ndarray, gamma: float) -> np.ndarray:
    w = association(x, target) ** (gamma / 2)
    return np.asarray(w / max(np.sqrt(np.mean(w**2)), 1e-12))


def _coordinates(x: Matrix) -> tuple[Matrix, Callable[[np.ndarray], np.ndarray] | None]:
    """x itself, or for more columns than rows its principal coordinates (n, r), and the way back of coefficients: (r, k)
    to (p, k)."""
    n, p = x.shape
    if sparse.issparse(x) or p <= n:
        return x, None
    from scipy.linalg import eigh

    if x.size <= _DENSE:
        x = np.asarray(x, dtype=np.float64)
        gram = x @ x.T
    else:
        gram = sum((part @ part.T for part in _some_columns(x)), np.zeros((n, n)))
    values, u = eigh(gram, driver="evd", check_finite=False)  # in half the time of numpy's
    kept = values > 1e-10 * max(values[-1], 1e-12)
    root = np.sqrt(values[kept])
    axes = u[:, kept] / root

    def back(coef: np.ndarray) -> np.ndarray:
        if x.size <= _DENSE:
            return np.asarray((x.T @ axes) @ coef)
        return np.vstack([part.T @ (axes @ coef) for part in _some_columns(x)])

    return u[:, kept] * root, back


def _some_columns(x: np.ndarray) -> Iterator[np.ndarray]:
    """float64 copies of some columns after the other."""
    for first in range(0, x.shape[1], _COLUMNS):
        yield x[:, first : first + _COLUMNS].astype(np.float64)


def _fit(
    z: Matrix, y: np.ndarray, c: float, task: Task, k: int, *, start: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """coef (r, k), intercept (k,): min −log likelihood + |coef|² / 2C, the intercept free.

    Of a numeric outcome in units of its spread (`Task.unit`). A class without rows has a score far below the others.
    start: a solution to begin from, (r, k) and (k,) stacked.
    """
    from scipy.optimize import minimize

    n, r = z.shape
    known, inside = task.seen(y, k)
    coef, intercept = np.zeros((r, k)), np.full(k, -20.0)
    if not task.learnable(y):
        return coef, np.zeros(k)
    loss, free, width = task.loss(inside), float(task.intercept), len(known)
    ridge, turned = 1 / (c * n), z.T.tocsr() if sparse.issparse(z) else z.T
    first = np.zeros((r + 1, width)) if start is None else start[:, known]
    if start is None and (begin := task.first_intercept(y)) is not None:
        first[-1] = begin
    step = _steps(z, loss(np.asarray(z @ first[:r]) + first[r])[1], ridge)

    def objective(v: np.ndarray) -> tuple[float, np.ndarray]:
        at = step * v.reshape(r + 1, width)
        w, b = at[:r], at[r]
        value, pull = loss(np.asarray(z @ w) + b)
        slope = np.vstack([np.asarray(turned @ pull) + ridge * w, free * pull.sum(axis=0)])
        return value + 0.5 * ridge * float(np.einsum("ij,ij->", w, w)), (step * slope).ravel()

    options = {"maxiter": 300, "ftol": 1e-9 if n <= SMALL else 1e-7, "gtol": 1e-6}
    found = minimize(objective, (first / step).ravel(), jac=True, method="L-BFGS-B", options=options).x
    found = step * found.reshape(r + 1, width)
    coef[:, known], intercept[known] = found[:r], found[r]
    return coef, intercept


def _steps(z: Matrix, pull: np.ndarray, ridge: float) -> np.ndarray:
    """(r + 1, 1) how far each coefficient, and last the intercept, goes for one step of the optimiser.

    One over the root of the objective's curvature along it, so that all look alike curved: principal coordinates have
    next to no mixed curvature, and the optimiser needs a third of the steps. pull: the loss's slope by each row's score,
    whose spread tells the loss's curvature (for a logistic loss: p (1 - p)).
    """
    n = z.shape[0]
    curvature = max(float(n * (pull**2).sum(axis=0).mean()), 1e-8)
    squares = z.multiply(z).sum(axis=0) if sparse.issparse(z) else np.einsum("ij,ij->j", z, z)
    mean = np.append(np.asarray(squares, dtype=np.float64).ravel() / n, 1.0)
    return np.asarray(1 / np.sqrt(curvature * mean + np.append(np.full(z.shape[1], ridge), 0.0)))[:, None]


def fit_cox(x: Matrix, duration: np.ndarray, event: np.ndarray, c: float) -> np.ndarray:
    """(p,) coefficients of an L2-penalised Cox model with Breslow's ties.

    Source: Cox 1972, doi:10.1111/j.2517-6161.1972.tb00899.x; Breslow 1974, doi:10.2307/2529620.
    """
    return _fit(x, np.column_stack([duration, event]), c, task_of("survival"), 1)[0][:, 0]
