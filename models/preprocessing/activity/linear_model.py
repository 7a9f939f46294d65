"""Univariate linear model (ULM): how well a set's weights tell the values of all genes of one patient."""

from __future__ import annotations

import numpy as np

from .gene_sets import GeneSets


def linear_model(x: np.ndarray, sets: GeneSets) -> np.ndarray:
    """t-value of the slope in x_i = a + b w_i + e over all genes i of a row, w_i the weight in the set, 0 outside it.

    With the correlation r of x and w over p genes, t = r sqrt((p - 2) / (1 - r²)).
    Args:
        x: (n, p), columns on one scale, no NaN.
    Returns: (n, sets); 0 where a row, or a set's weights, do not vary.
    Source: Badia-i-Mompel 2022, doi:10.1093/bioadv/vbac016 (decoupler's ulm); Teschendorff and Wang 2020 (scira).
    """
    p, w = x.shape[1], sets.weights
    centred = x - x.mean(axis=1, keepdims=True)
    mean = np.asarray(w.sum(axis=0)).ravel() / max(p, 1)
    of_sets = np.asarray(w.multiply(w).sum(axis=0)).ravel() - p * mean**2
    of_rows = np.einsum("ij,ij->i", centred, centred)
    spread = np.sqrt(np.outer(of_rows, np.maximum(of_sets, 0)))
    r = np.clip((w.T @ centred.T).T / np.where(spread > 0, spread, np.inf), -1, 1)
    return np.asarray(r * np.sqrt(max(p - 2, 0) / np.maximum(1 - r**2, 1e-15)))
