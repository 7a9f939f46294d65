"""Consensus matrix: how often two patients fall into one cluster, among the resamples that hold both.

Source: Monti et al. 2003, doi:10.1023/A:1023949509487.
"""

from __future__ import annotations

import numpy as np

UNSURE = (0.1, 0.9)
"""Between these a pair is neither together nor apart."""


def consensus_matrix(labels: np.ndarray) -> np.ndarray:
    """Consensus matrix of clusterings of resamples.

    Args:
        labels: (resamples, n) int64, the cluster of each row in each resample; -1 where it was not drawn.
    Returns: (n, n) from 0 (never together) to 1 (always), the diagonal 1; 0 for a pair that no resample holds.
    Example:
        >>> consensus_matrix(np.array([[0, 0, 1], [0, 1, -1]]))[0].tolist()
        [1.0, 0.5, 0.0]
    """
    drawn = (labels >= 0).astype(np.float64)
    both = drawn.T @ drawn
    together = np.zeros_like(both)
    for cluster in range(int(labels.max(initial=-1)) + 1):
        inside = (labels == cluster).astype(np.float64)
        together += inside.T @ inside
    out = np.divide(together, both, out=np.zeros_like(both), where=both > 0)
    np.fill_diagonal(out, 1.0)
    return out


def ambiguity(consensus: np.ndarray) -> float:
    """PAC: the share of pairs that are now together and now apart; 0 where all clusterings agree.

    Source: Senbabaoglu et al. 2014, doi:10.1038/srep06207.
    Example:
        >>> ambiguity(np.array([[1, 0.5, 0], [0.5, 1, 0.1], [0, 0.1, 1]]))
        0.3333333333333333
    """
    pairs = consensus[np.triu_indices(len(consensus), 1)]
    return float(((pairs > UNSURE[0]) & (pairs <= UNSURE[1])).mean()) if len(pairs) else 0.0


def area_under_cdf(consensus: np.ndarray) -> float:
    """Area under the distribution of the consensus of pairs: by how much it grows with k is Monti's delta.

    Example:
        >>> area_under_cdf(np.array([[1.0, 0.0], [0.0, 1.0]]))
        1.0
    """
    pairs = consensus[np.triu_indices(len(consensus), 1)]
    return float(1 - pairs.mean()) if len(pairs) else 0.0


def consensus_clusters(consensus: np.ndarray, k: int) -> np.ndarray:
    """(n,) the k clusters of a consensus matrix: average linkage of 1 - consensus, cut."""
    from scipy.cluster.hierarchy import fcluster, linkage

    condensed = 1 - consensus[np.triu_indices(len(consensus), 1)]
    return np.asarray(fcluster(linkage(condensed, "average"), k, "maxclust") - 1, dtype=np.int64)
