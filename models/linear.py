"""L2-regularised linear models of one matrix: logistic, multinomial, Cox; strength by folds inside the training rows.

Where there are more columns than rows the fit runs on the rows' principal coordinates: with an L2 penalty the
solution lies in the span of the rows, so it is the same model in n instead of p dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .metrics import inner_score
from .univariate import association, regression_target

STRENGTHS = (0.003, 0.03, 0.3, 3.0)
"""C, the inverse penalty, for rows scaled to a mean squared norm of one."""
MANY_STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
"""The same where rows are many and a fit without weights is cheap."""
GAMMAS = (0.0, 1.0, 2.0)
"""Column weights are association ** (gamma / 2): 0 spreads the penalty evenly, more suits few strong features."""
SMALL = 5000
"""Rows above which columns are not weighted: the data then say enough themselves."""
_DENSE = 20_000_000
_MARGIN = 0.002

Matrix = np.ndarray | sparse.csr_matrix


@dataclass(frozen=True)
class Ridge:
    """A fitted model: score = x @ coef + intercept, on the logit (or log hazard) scale.

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


def fit_ridge(x: Matrix, y: np.ndarray, part: np.ndarray, task: str, classes: int) -> Ridge:
    """Choose C (and the column weights) by folds, then fit on all rows.

    Args:
        x: (n, p), missing blocks left out; y: from `metrics.targets`.
        part: (n,) the fold in which each row is left out; -1 never.
    """
    if sparse.issparse(x) and x.shape[0] * x.shape[1] <= _DENSE:
        x = x.toarray()
    k = classes if task == "multiclass" else 1
    squares = x.multiply(x).sum() if sparse.issparse(x) else float(np.einsum("ij,ij->", x, x, dtype=np.float64))
    unit = float(np.sqrt(max(squares / max(len(y), 1), 1e-12)))
    gammas = GAMMAS if not sparse.issparse(x) and len(y) <= SMALL and x.shape[1] > 3 else GAMMAS[:1]
    strengths = STRENGTHS if len(y) <= SMALL else MANY_STRENGTHS
    target = regression_target(y, task, classes)
    oof = {(g, c): np.full((len(y), k), np.nan) for g in gammas for c in strengths}
    whole = _coordinates(x / unit)[0] if x.shape[1] else np.zeros((len(y), 0))
    for f in np.unique(part[part >= 0]):
        a, b = part != f, part == f
        for g in gammas:
            z = whole
            if g and x.shape[1]:
                z = _coordinates(x * (_weights(x[a], target[a], g) / unit))[0]
            for c in strengths:
                coef, intercept = _fit(z[a], y[a], c, task, k)
                oof[g, c][b] = z[b] @ coef + intercept
    scored = part >= 0
    inner = {key: inner_score(task, y[scored], as_score(task, s[scored])) for key, s in oof.items()}
    best = max(inner.values())
    g, c = next(key for key in oof if inner[key] >= best - _MARGIN)  # the plainest of the good ones
    weights = _weights(x, target, g) / unit if g else np.full(x.shape[1], 1 / unit)
    z, back = (whole, None) if not g and not x.shape[1] else _coordinates(x * weights if g else x / unit)
    coef, intercept = _fit(z, y, c, task, k)
    coef = (coef if back is None else back @ coef) * weights[:, None]
    return Ridge(coef, intercept, oof[g, c], inner[g, c], c, g)


def as_score(task: str, logits: np.ndarray) -> np.ndarray:
    """Logits (n, k) as the metrics want them: (n,) for one column, softmax for one a class."""
    if task != "multiclass":
        return logits[:, 0]
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _weights(x: np.ndarray, target: np.ndarray, gamma: float) -> np.ndarray:
    w = association(x, target) ** (gamma / 2)
    return np.asarray(w / max(np.sqrt(np.mean(w**2)), 1e-12))


def _coordinates(x: Matrix) -> tuple[Matrix, np.ndarray | None]:
    """x itself, or for more columns than rows its principal coordinates (n, r) and the way back (p, r)."""
    n, p = x.shape
    if sparse.issparse(x) or p <= n:
        return x, None
    x = np.asarray(x, dtype=np.float64)
    values, u = np.linalg.eigh(x @ x.T)
    kept = values > 1e-10 * max(values[-1], 1e-12)
    root = np.sqrt(values[kept])
    return u[:, kept] * root, x.T @ (u[:, kept] / root)


def _fit(z: Matrix, y: np.ndarray, c: float, task: str, k: int) -> tuple[np.ndarray, np.ndarray]:
    """coef (r, k), intercept (k,). A class without rows has a score far below the others."""
    if task == "survival":
        return fit_cox(z, y[:, 0], y[:, 1], c)[:, None], np.zeros(1)
    known = np.unique(y)
    coef, intercept = np.zeros((z.shape[1], k)), np.full(k, 0.0 if task == "binary" else -20.0)
    if len(known) < 2 or not z.shape[1]:
        share = np.array([np.mean(y == v) for v in range(k)]) if k > 1 else np.array([np.mean(y)])
        share = np.clip(share, 1e-4, 1 - 1e-4)
        return coef, np.log(share) - (np.log(1 - share) if k == 1 else 0.0)
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, tol=1e-5, max_iter=300).fit(z, y)
    if k == 1:
        return model.coef_.T, model.intercept_
    if len(known) == 2:  # scikit-learn then keeps one column, for the second class
        coef[:, known[1]], intercept[known] = model.coef_[0], (0.0, float(model.intercept_[0]))
        return coef, intercept
    coef[:, known], intercept[known] = model.coef_.T, model.intercept_
    return coef, intercept


def fit_cox(x: Matrix, duration: np.ndarray, event: np.ndarray, c: float) -> np.ndarray:
    """(p,) coefficients of an L2-penalised Cox model (Breslow's ties): min −log partial likelihood + |w|² / 2C.

    Source: Cox 1972; Breslow 1974.
    """
    from scipy.optimize import minimize

    if not x.shape[1] or not np.any(event):
        return np.zeros(x.shape[1])
    order = np.argsort(-duration, kind="stable")
    x, died = x[order], np.asarray(event, dtype=np.float64)[order]
    last = np.searchsorted(-duration[order], -duration[order], side="right") - 1  # the risk set ends with its ties

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        eta = np.asarray(x @ w)
        top = eta.max()
        hazard = np.exp(eta - top)
        at_risk = np.cumsum(hazard)[last]
        value = -np.sum(died * (eta - top - np.log(at_risk))) + w @ w / (2 * c)
        share = np.zeros(len(eta))
        np.add.at(share, last, died / at_risk)
        pull = np.cumsum(share[::-1])[::-1]
        return float(value), np.asarray(-(x.T @ (died - hazard * pull)) + w / c)

    found = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-8})
    return np.asarray(found.x)
