"""Univariate association: how much of the outcome one feature explains; survival outcomes for a regression."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from .risk_sets import cumulative_hazard

Matrix: TypeAlias = Any
"""A dense array or a scipy csr_matrix, (n, p): scipy publishes no types."""


def martingale_residuals(y: np.ndarray) -> np.ndarray:
    """(n,) events seen less events expected under a null Cox model: a regression's target, higher = sooner.

    Source: Therneau, Grambsch & Fleming 1990, doi:10.1093/biomet/77.1.147.
    """
    return np.asarray(y[:, 1] - cumulative_hazard(y[:, 0], y[:, 1]))


def deviance_residuals(y: np.ndarray) -> np.ndarray:
    """(n,) martingale residuals made symmetric: sign(M) √(−2 [M + δ log(δ − M)])."""
    m, died = martingale_residuals(y), y[:, 1]
    inside = m + np.where(died > 0, np.log(np.maximum(died - m, 1e-12)), 0.0)
    return np.asarray(np.sign(m) * np.sqrt(np.maximum(-2 * inside, 0.0)))


def association(x: Matrix, target: np.ndarray) -> np.ndarray:
    """(p,) share of each column's variance that the target explains: R², for one column a class the ANOVA's, of several
    columns that do not exclude one another the mean.

    Args:
        x: (n, p) without NaN; target: (n, k) from `Task.working_response`.
    """
    n = len(target)
    mean = np.asarray(x.mean(axis=0), dtype=np.float64).ravel()
    squares = np.asarray(x.multiply(x).sum(axis=0) if sparse.issparse(x) else np.einsum("ij,ij->j", x, x)).ravel()
    total = squares - n * mean**2
    one_hot = target.shape[1] > 1 and bool((target.sum(axis=1) == 1).all())
    centred = target - target.mean(axis=0)
    size = target.sum(axis=0) if one_hot else (centred**2).sum(axis=0)
    cross = np.asarray(x.T @ centred)
    explained = (cross**2 / np.maximum(size, 1e-12)).sum(axis=1) / (1 if one_hot else target.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 1e-9 * np.maximum(squares, 1e-12), explained / total, 0.0)
    return np.clip(share, 0.0, 1.0)
