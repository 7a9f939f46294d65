"""Stability selection: the columns that a LASSO takes first in most halves of the rows."""

from __future__ import annotations

import warnings

import numpy as np

from .selector import Selector

PAIRS = 50
"""Complementary pairs of halves."""
THRESHOLD = 0.6
"""Share of the halves in which a column must be among the first."""
FALSE = 1.0
"""False columns that are expected at the most."""


class StabilitySelection(Selector):
    """Stability selection: the rows are halved PAIRS times; in each half the first q columns along the LASSO's path are
    taken; kept is what was taken in at least THRESHOLD of the halves.

    q follows from the bound of Shah & Samworth: if the distribution of a column's share is unimodal, at most
    q² / p / (2 (2 · THRESHOLD − 1 − 1 / (2 · PAIRS))) columns that are no better than chance are kept, on the mean; q is
    the largest that keeps that at FALSE. The path is that of least squares (LARS) on the outcome as 0 and 1, one
    column a class, or martingale residuals. `scores`: the shares.
    Source: Meinshausen & Bühlmann 2010, doi:10.1111/j.1467-9868.2010.00740.x; Shah & Samworth 2013,
        doi:10.1111/j.1467-9868.2011.01034.x, Eq. 8.
    """

    def choose(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = selection_shares(x, self.response(y), first=taken_at_once(x.shape[1]), seed=self.seed)
        return share, share >= THRESHOLD


def taken_at_once(p: int) -> int:
    """q: how many of p columns are taken in each half, for at most FALSE false ones."""
    return max(1, int(np.sqrt(FALSE * p * 2 * (2 * THRESHOLD - 1 - 1 / (2 * PAIRS)))))


def selection_shares(x: np.ndarray, target: np.ndarray, *, first: int, seed: int = 0) -> np.ndarray:
    """(p,) share of the halves in which each column is among the first on the path.

    Args:
        x: (n, p); target: (n, k), each column with a path of its own, and its part of `first`.
    """
    rng, n, counts = np.random.default_rng(seed), len(x), np.zeros(x.shape[1])
    each = max(1, first // target.shape[1])
    for _ in range(PAIRS):
        order = rng.permutation(n)
        for half in (order[: n // 2], order[n // 2 : 2 * (n // 2)]):
            taken = [first_columns(x[half], one, each) for one in target[half].T]
            counts[np.unique(np.concatenate(taken)).astype(np.int64)] += 1
    return counts / (2 * PAIRS)


def first_columns(x: np.ndarray, y: np.ndarray, count: int) -> np.ndarray:
    """Indices of the first columns with a coefficient along the LASSO's path of least squares."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import lars_path

    y, x = y - y.mean(), x - x.mean(axis=0)
    spread = x.std(axis=0)
    if not y.any() or not (spread > 0).any():
        return np.zeros(0, dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, active, _ = lars_path(x / np.where(spread > 0, spread, 1), y, method="lasso", max_iter=count)
    return np.asarray(active, dtype=np.int64)
