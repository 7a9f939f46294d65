"""Late fusion: scores of several models, each where it can be had, as one calibrated score."""

from __future__ import annotations

import numpy as np

from ..base.task import task_of


def standardise(scores: np.ndarray, each: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Centre (m, k) and scale (m,) of scores (n, m, k); each: (m, k), of columns in units of their own. NaN is absent. A score
    that never varies has scale inf."""
    centre = np.nanmean(scores, axis=0) if len(scores) else np.zeros(scores.shape[1:])
    spread = np.sqrt(np.nanmean((scores - centre) ** 2, axis=0 if each else (0, 2)))
    return centre, np.where(spread > 1e-9, spread, np.inf)


def fit_weights(scores: np.ndarray, y: np.ndarray, task: str, prior: np.ndarray, shrink: float) -> np.ndarray:
    """(m,) non-negative weights of standardised scores (n, m, k; absent = 0), drawn towards the prior's direction.

    min mean loss(Σ w_m s_m) + shrink/n · |w − a·prior|², a the prior's own best scale: with few rows it stays with the
    prior, with many it listens to the data. Loss: logistic, multinomial, squared
    or Cox.
    """
    from scipy.optimize import minimize

    base = np.einsum("nmk,m->nk", scores, prior)
    loss = task_of(task).loss(y)
    one = minimize(lambda a: loss(a[0] * base)[0], np.ones(1), bounds=[(0.0, 20.0)], method="L-BFGS-B").x[0]
    goal = one * prior

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        value, pull = loss(np.einsum("nmk,m->nk", scores, w))
        far = w - goal
        return value + shrink / len(y) * far @ far, np.einsum("nk,nmk->m", pull, scores) + 2 * shrink / len(y) * far

    found = minimize(objective, goal, jac=True, bounds=[(0.0, 20.0)] * len(prior), method="L-BFGS-B")
    return np.asarray(found.x)


def calibrate(score: np.ndarray, y: np.ndarray, task: str) -> np.ndarray:
    """(1 + k,) a slope > 0 and an intercept a column that make scores (n, k) logits; slope 1, intercept 0 for risks.

    Of a numeric outcome: the least squares line, which brings scores into its unit; of several numbers (2, k), a line each.
    Source: Platt 1999, with a ridge of one pseudo-row; a slope below 0 is taken as "knows nothing".
    """
    from scipy.optimize import minimize

    k, kind = score.shape[1], task_of(task)
    start = np.append(1.0, np.zeros(k))
    if kind.numeric:
        return _line(score[:, 0], y)
    if kind.own_units:
        return np.column_stack([_line(*one) for one in _known(score, y, kind.unit(y)[0])])
    if not kind.probabilities:
        return start
    loss = kind.loss(y)

    def objective(v: np.ndarray) -> tuple[float, np.ndarray]:
        value, pull = loss(v[0] * score + v[1:])
        ridge = 0.5 / len(y)
        return value + ridge * (v[0] - 1) ** 2, np.r_[(pull * score).sum() + 2 * ridge * (v[0] - 1), pull.sum(axis=0)]

    bounds = [(1e-3, 50.0)] + [(-20.0, 20.0)] * k
    return np.asarray(minimize(objective, start, jac=True, bounds=bounds, method="L-BFGS-B").x)


def _known(score: np.ndarray, y: np.ndarray, centre: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores and outcomes of each column where the outcome is known; where it nowhere is, as if all had its centre."""
    known = np.isfinite(y)
    rows = [known[:, k] if known[:, k].any() else slice(None) for k in range(y.shape[1])]
    y = np.where(known, y, centre)
    return [(score[here, k], y[here, k]) for k, here in enumerate(rows)]


def _line(score: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(2,) slope and intercept of the least squares line of y on a score; never quite flat, so that the order stays."""
    spread, reach = float(score.std()), float(y.std())
    if not spread or not reach:
        return np.array([1e-3 if spread else 1.0, y.mean() - (1e-3 if spread else 1.0) * score.mean()])
    along = float(np.mean((score - score.mean()) * (y - y.mean()))) / spread**2
    slope = max(along, 1e-3 * reach / spread)
    return np.array([slope, y.mean() - slope * score.mean()])


def scaled(score: np.ndarray, final: np.ndarray, task: str) -> np.ndarray:
    """Probabilities (n,) or (n, classes) with a slope and intercepts (as `calibrate` gives them) put on their logits."""
    kind = task_of(task)
    return kind.probability(final[0] * kind.logits(score, least=1e-9) + final[1:])  # the order stays
