"""Rank tests of many features at once, arrays in, p-values out: Kruskal–Wallis and Mann–Whitney, Spearman, Cox score; FDR.

Missing values are left out feature by feature.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from ..estimators.risk_sets import risk_sets


def ranks(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average ranks down the rows of (n, p), 0 where NaN; and the (n, p) mask of what is there."""
    there = ~np.isnan(x)
    ranked: np.ndarray = stats.rankdata(np.where(there, x, np.inf), axis=0)
    return np.where(there, ranked, 0.0), there


def kruskal(x: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Kruskal–Wallis of every column, corrected for ties; with two groups the two-sided Mann–Whitney test.

    Args:
        x: (n, p) float, NaN is missing.
        group: (n,) labels.
    Returns: (p,) p-values; NaN without variance or with one group.
    Source: Kruskal and Wallis 1952, H = (N - 1) * between / total sum of squares of the ranks.
    """
    ranked, there = ranks(x)
    member = (group[:, None] == np.unique(group)[None, :]).astype(np.float64)
    size = member.T @ there
    n = there.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = ranked.sum(0) / n
        between = np.where(size > 0, (member.T @ ranked - size * mean) ** 2 / size, 0.0).sum(0)
        total = (np.where(there, ranked - mean, 0.0) ** 2).sum(0)
        freedom = (size > 0).sum(0) - 1
        p: np.ndarray = stats.chi2.sf((n - 1) * between / total, freedom)
    return np.where((total > 0) & (freedom > 0), p, np.nan)


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of every column with one number.

    Args:
        x: (n, p) float, NaN is missing: such a row has no rank of y in that column either.
        y: (n,) numbers.
    Returns: (p,) two-sided p-values by Student's t; NaN without variance, or with fewer than three rows.
    """
    ranked, there = ranks(x)
    other, _ = ranks(np.where(there, y[:, None], np.nan))
    n = there.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (np.where(there, one - one.sum(0) / n, 0.0) for one in (ranked, other))
        spread = np.sqrt((a**2).sum(0) * (b**2).sum(0))
        r = np.clip((a * b).sum(0) / spread, -1.0, 1.0)
        t = np.abs(r) * np.sqrt((n - 2) / np.maximum(1 - r**2, 0.0))
        p: np.ndarray = 2 * stats.t.sf(t, np.maximum(n - 2, 1))
    return np.where((spread > 0) & (n > 2), p, np.nan)


def cox_score(x: np.ndarray, duration: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Score test of a univariate Cox model on the ranks of every column (ties of time: Breslow).

    Args:
        x: (n, p) float, NaN is missing (such a row leaves that column's risk sets).
        duration: (n,) days to event or censoring.
        event: (n,) bool.
    Returns: (p,) two-sided p-values; NaN without variance or events.
    Source: Cox 1972, U = sum over events (x - mean over the risk set), var U = sum of the risk sets' variances.
    """
    order, last = risk_sets(duration)
    ranked, there = ranks(x[order])
    size = there.cumsum(0)[last]
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = np.where(there, ranked - ranked.sum(0) / there.sum(0), 0.0)  # keeps the squares below small
        first = centred.cumsum(0)[last] / size
        second = (centred**2).cumsum(0)[last] / size
        died = event[order][:, None] & there
        score = np.where(died, centred - first, 0.0).sum(0)
        variance = np.where(died, second - first**2, 0.0).sum(0)
        p: np.ndarray = stats.chi2.sf(score**2 / variance, 1)
    return np.where(variance > 1e-9, p, np.nan)


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """q-values of (p,) p-values; NaN stays NaN and counts as no test."""
    q = np.full(len(p), np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        q[tested] = stats.false_discovery_control(p[tested])
    return q
