"""Numbering of clusters: which cluster of one division is which of another, by the patients whom they share."""

from __future__ import annotations

import numpy as np


def numbered_like(clusters: np.ndarray, like: np.ndarray) -> np.ndarray:
    """For each cluster the number of the one in `like` with which, one to one, most patients are shared.

    Args: clusters: (n,) from 0. like: (n,) the same patients in another division.
    Returns: (k,); a cluster without a partner is numbered behind all of `like`.
    Source: Kuhn 1955 (the assignment problem), doi:10.1002/nav.3800020109.
    Example:
        >>> numbered_like(np.array([0, 0, 1, 1, 2]), np.array([1, 1, 0, 0, 0])).tolist()
        [1, 0, 2]
    """
    from scipy.optimize import linear_sum_assignment

    k, others = int(clusters.max(initial=0)) + 1, int(like.max(initial=0)) + 1
    shared = np.zeros((k, others))
    np.add.at(shared, (clusters, like), 1)
    own, theirs = linear_sum_assignment(-shared)
    out = np.full(k, -1, dtype=np.int64)
    out[own] = theirs
    out[out < 0] = others + np.arange(int((out < 0).sum()))
    return out


def reordered(clusters: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Clusters by their new numbers; one that `numbered_like` had not seen goes behind all."""
    beyond = int(clusters.max(initial=0)) + 1 - len(number)
    more = int(number.max(initial=-1)) + 1 + np.arange(max(beyond, 0))
    return np.asarray(np.concatenate([number, more]).astype(np.int64)[clusters])
