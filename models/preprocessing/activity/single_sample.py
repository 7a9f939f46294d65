"""Single-sample enrichment (ssGSEA): how high the genes of a set stand in the order of one patient's genes."""

from __future__ import annotations

import numpy as np
from scipy import stats

from .gene_sets import GeneSets

WEIGHT = 0.25
"""Power of the ranks by which a set's genes count."""


def single_sample(x: np.ndarray, sets: GeneSets) -> np.ndarray:
    """Sum, over the row's genes from the highest down, of the share of the set met so far less the share of the others.

    A set's gene counts by rank ** 0.25, the highest of p genes having rank p. Summed up in closed form: with ranks r,
    sum(r^1.25) / sum(r^0.25) over the set, less the mean of r over the genes outside it. Weights are not looked at.
    Args:
        x: (n, p), no NaN; only the order within a row matters.
    Returns: (n, sets) the enrichment score, not normalised; 0 of a set that holds all genes.
    Source: Barbie 2009, doi:10.1038/nature08460; gseapy's and GSVA's ssgsea.
    """
    rank, members = stats.rankdata(x, axis=1), sets.members
    size = np.asarray(members.sum(axis=0)).ravel()
    power = rank**WEIGHT
    inside = (members.T @ (rank * power).T).T / np.maximum((members.T @ power.T).T, 1e-300)
    outside = rank.sum(axis=1, keepdims=True) - (members.T @ rank.T).T
    others = x.shape[1] - size
    return np.asarray(np.where(others > 0, inside - outside / np.maximum(others, 1), 0.0))
