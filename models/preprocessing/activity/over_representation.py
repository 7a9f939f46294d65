"""Over-representation analysis (ORA): whether a set's genes are among the highest of one patient more often than chance."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .gene_sets import GeneSets

HIGHEST = 0.05
"""Share of a row's genes that count as high."""
ADDED = 0.5
"""To each cell of the table of four (Haldane and Anscombe), so that none is 0."""


def over_representation(x: np.ndarray, sets: GeneSets) -> np.ndarray:
    """log odds ratio of being in the set and being among the highest 5 % of the row's genes, each of four counts plus ½.

    What is counted are all measured genes, not the genome. Weights are not looked at.
    Args:
        x: (n, p), columns on one scale, no NaN.
    Returns: (n, sets).
    Source: Badia-i-Mompel 2022, doi:10.1093/bioadv/vbac016 (decoupler's ora); Haldane 1956.
    """
    n, p = x.shape
    high = min(p, max(2, int(np.ceil(HIGHEST * p))))
    top = np.argsort(-x, axis=1, kind="stable")[:, :high]
    there = sparse.csr_matrix((np.ones(top.size), (np.repeat(np.arange(n), high), top.ravel())), shape=(n, p))
    both = np.asarray((there @ sets.members).toarray())
    size = np.asarray(sets.members.sum(axis=0)).ravel()
    in_set, elsewhere = size - both, high - both
    rest = p - both - in_set - elsewhere
    return np.asarray(np.log(both + ADDED) + np.log(rest + ADDED) - np.log(in_set + ADDED) - np.log(elsewhere + ADDED))
