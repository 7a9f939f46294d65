"""Losses of linear models, as functions of the logits alone: logistic, softmax, squared error, Cox."""

from __future__ import annotations

import numpy as np

from ..base.task import Loss
from .risk_sets import risk_sets


def logistic_loss(y: np.ndarray) -> Loss:
    """Binary cross-entropy of logits (n, 1). y: (n,) 0 or 1."""
    n = len(y)

    def logistic(eta: np.ndarray) -> tuple[float, np.ndarray]:
        v = eta[:, 0]
        return float(np.mean(np.logaddexp(0, v) - y * v)), ((1 / (1 + np.exp(-v)) - y) / n)[:, None]

    return logistic


def softmax_loss(y: np.ndarray) -> Loss:
    """Cross-entropy of logits (n, classes). y: (n,) index of the class."""
    n = len(y)

    def softmax(eta: np.ndarray) -> tuple[float, np.ndarray]:
        e = eta - eta.max(axis=1, keepdims=True)
        logp = e - np.log(np.exp(e).sum(axis=1, keepdims=True))
        return float(-logp[np.arange(n), y].mean()), (np.exp(logp) - np.eye(eta.shape[1])[y]) / n

    return softmax


def multilabel_loss(y: np.ndarray) -> Loss:
    """Binary cross-entropies of logits (n, labels), added up over labels: each is learnt as if alone. y: (n, labels) 0 or 1."""
    n = len(y)

    def multilabel(eta: np.ndarray) -> tuple[float, np.ndarray]:
        return float((np.logaddexp(0, eta) - y * eta).sum()) / n, (np.exp(-np.logaddexp(0, -eta)) - y) / n

    return multilabel


def squared_loss(y: np.ndarray) -> Loss:
    """Half the mean squared error of scores (n, 1). y: (n,) numbers."""
    n = len(y)

    def squared(eta: np.ndarray) -> tuple[float, np.ndarray]:
        gap = eta[:, 0] - y
        return float(gap @ gap) / (2 * n), (gap / n)[:, None]

    return squared


def gapped_squared_loss(y: np.ndarray) -> Loss:
    """Half the squared error of scores (n, k), added up over columns: each is learnt as if alone. y: (n, k) numbers, NaN is not known."""
    n, known = len(y), np.isfinite(y)
    y = np.where(known, y, 0.0)

    def squared(eta: np.ndarray) -> tuple[float, np.ndarray]:
        gap = known * (eta - y)
        return float(np.einsum("ij,ij->", gap, gap)) / (2 * n), gap / n

    return squared


def cox_loss(y: np.ndarray) -> Loss:
    """−log partial likelihood of Cox with Breslow's ties, of log hazards (n, 1). y: (n, 2) duration_days and event."""
    n = len(y)
    order, last = risk_sets(y[:, 0])
    died = y[order, 1]

    def cox(eta: np.ndarray) -> tuple[float, np.ndarray]:
        e = eta[order, 0] - eta.max()
        hazard = np.exp(e)
        at_risk = np.cumsum(hazard)[last]
        share = np.bincount(last, weights=died / at_risk, minlength=n)
        pull = np.empty((n, 1))
        pull[order, 0] = hazard * np.cumsum(share[::-1])[::-1] - died
        return float(-np.sum(died * (e - np.log(at_risk)))) / n, pull / n

    return cox


def cox_curvature(y: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """(n, 1) n times the second derivative of `cox_loss` by each row's log hazard alone: the diagonal, as glmnet takes it."""
    order, last = risk_sets(y[:, 0])
    hazard = np.exp(eta[order, 0] - eta.max())
    at_risk = np.cumsum(hazard)[last]
    out = np.zeros((len(y), 1))
    for power, sign in ((1, 1.0), (2, -1.0)):
        share = np.bincount(last, weights=y[order, 1] / at_risk**power, minlength=len(y))
        out[order, 0] += sign * hazard**power * np.cumsum(share[::-1])[::-1]
    return out


def bernoulli_variance(logits: np.ndarray) -> np.ndarray:
    """p (1 − p): how a logistic loss curves along its logits."""
    p = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    return np.asarray(p * (1 - p))
