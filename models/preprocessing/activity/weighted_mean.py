"""Weighted mean: the mean of a set's genes, each by its weight."""

from __future__ import annotations

import numpy as np

from .gene_sets import GeneSets


def weighted_mean(x: np.ndarray, sets: GeneSets) -> np.ndarray:
    """sum of w_i x_i over the genes i of a set, divided by the sum of |w_i|.

    Args:
        x: (n, p), columns on one scale, no NaN.
    Returns: (n, sets), in the unit of x.
    Source: Badia-i-Mompel 2022, doi:10.1093/bioadv/vbac016 (decoupler's waggr, fun = "wmean").
    """
    total = np.asarray(np.abs(sets.weights).sum(axis=0)).ravel()
    return np.asarray((sets.weights.T @ x.T).T / np.where(total > 0, total, 1))
