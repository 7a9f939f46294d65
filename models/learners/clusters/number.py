"""Number of clusters: the most stable one under resampling, among those that are plainer than those of a single cloud.

k clusters of one elongated cloud can be stable too. So for every k both the spread within clusters (a gap statistic) and
their stability are compared with those in samples of a single normal distribution of the same covariance: one cluster is
the answer unless some k is tighter or more stable than that. The spread tells two clusters best, the stability several.
Among those k the resamples decide, by a measure that chance does not raise with k.
Source: the gap: Tibshirani et al. 2001, doi:10.1111/1467-9868.00293; the single normal distribution: Liu et al. 2008
(SigClust), doi:10.1198/016214508000000454; stability beside it: John et al. 2020 (M3C), doi:10.1038/s41598-020-58766-1; Lange et al. 2004, doi:10.1162/089976604773717621.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...metrics.clustering import adjusted_rand
from .consensus_matrix import ambiguity, area_under_cdf, consensus_clusters, consensus_matrix

MOST = 8
"""Clusters that are looked for, at the most."""
RESAMPLES, SHARE = 20, 0.8
"""Resamples of the patients, and the share of them that each holds."""
REFERENCES = 15
"""Samples of the single normal distribution."""
LEVEL = 0.01
"""Chance of more than one cluster where there is one, over all k together."""
NEAR = 0.02
"""Stability within which the larger number is taken: where three kinds are plain, two of them together are as stable."""
Clustering = Callable[[np.ndarray, int], Mapping[int, np.ndarray]]
"""Rows (m,), a seed -> for every k the cluster of each of them, (m,)."""
Dispersion = Mapping[int, float]
"""k -> the sum of squares within k clusters."""
Labels = Mapping[int, np.ndarray]
"""k -> (resamples, n) clusters of each resample, -1 where a row was not drawn."""


@dataclass(frozen=True)
class NumberOfClusters:
    """k, and the table that it was read from: a row a k.

    table: of `consensus` and `snf` from 2: k, stability (mean adjusted Rand index of the resamples with the consensus),
    ambiguity (PAC), delta (growth of the area under the consensus' CDF), gap (log spread of single clouds less one's own),
    of_cloud (stability of single clouds), p (that a single cloud is as tight and as stable).
    """

    k: int
    table: Sequence[Mapping[str, Any]]


def resampled(cluster: Clustering, n: int, ks: Sequence[int], resamples: int, seed: int) -> dict[int, np.ndarray]:
    """k -> (resamples, n) clusters of that many resamples, -1 where a row was not drawn."""
    rng = np.random.default_rng([seed, 17])
    labels = {k: np.full((resamples, n), -1, dtype=np.int64) for k in ks}
    for at in range(resamples):
        rows = np.sort(rng.choice(n, max(2, round(SHARE * n)), replace=False))
        for k, found in cluster(rows, int(rng.integers(2**31))).items():
            labels[k][at, rows] = found
    return labels


def single_cloud(x: np.ndarray, seed: int) -> np.ndarray:
    """(n, d) a sample of the normal distribution with the mean and covariance of x."""
    centred = x - x.mean(axis=0)
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    drawn = np.random.default_rng([seed, 23]).normal(size=(len(x), len(spread)))
    return np.asarray(x.mean(axis=0) + drawn * (spread / np.sqrt(max(len(x) - 1, 1))) @ axes)


def number_of_clusters(
    labels: Labels, own: Dispersion, references: Sequence[tuple[Labels, Dispersion]]
) -> NumberOfClusters:
    """The most stable k among those that are tighter or more stable than a single cloud; 1 where none is.

    Args:
        labels: from `resampled`. own: the patients' dispersion. references: both of each sample of a single cloud.
    """
    table, before = [], 0.0
    for k, found in labels.items():
        matrix = consensus_matrix(found)
        stable, area = stability(found, consensus_clusters(matrix, k)), area_under_cdf(matrix)
        spreads = -np.log([one[k] for _, one in references])
        others = np.array([stability(one[k], consensus_clusters(consensus_matrix(one[k]), k)) for one, _ in references])
        p = min(_beyond(-float(np.log(own[k])), spreads), _beyond(stable, others))
        table.append(
            {
                "k": k, "stability": stable, "of_cloud": float(others.mean()), "ambiguity": ambiguity(matrix),
                "delta": area - before, "gap": float(-np.log(own[k]) - spreads.mean()), "p": min(1.0, 2 * p),
            }
        )  # fmt: skip
        before = area
    tight = [row for row in table if row["p"] < LEVEL / len(table)]
    most = max((row["stability"] for row in tight), default=0.0)
    return NumberOfClusters(max((int(row["k"]) for row in tight if row["stability"] >= most - NEAR), default=1), table)


def _beyond(value: float, others: np.ndarray) -> float:
    """The chance that one more of the others is as large, by Student's t."""
    from scipy.stats import t

    spread = max(float(others.std(ddof=1)), 1e-6) * np.sqrt(1 + 1 / len(others))
    return float(t.sf((value - others.mean()) / spread, len(others) - 1))


def stability(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Mean adjusted Rand index of each resample's clusters with those of all.

    Args: labels: (resamples, n), -1 where a row was not drawn. clusters: (n,).
    Example:
        >>> stability(np.array([[0, 0, 1, -1], [1, 1, 0, 0]]), np.array([0, 0, 1, 1]))
        1.0
    """
    return float(np.mean([adjusted_rand(one[one >= 0], clusters[one >= 0]) for one in labels]))
