"""`consensus`: consensus clustering: k-means of many resamples, the pairs counted, their consensus divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .clusterer import Clusterer, Division
from .consensus_matrix import consensus_clusters, consensus_matrix
from .number import Clustering, Dispersion, NumberOfClusters, number_of_clusters, resampled, single_cloud

STARTS = 3
"""How often k-means of all patients is begun anew."""


class Consensus(Clusterer):
    """k-means on the factors of each resample; average linkage of the consensus; as many clusters as are stable.

    Source: Monti et al. 2003, doi:10.1023/A:1023949509487.
    """

    name = "consensus"

    def divide(self, parts: Sequence[np.ndarray]) -> Division:
        x = np.hstack(parts)
        ks = self.ks(len(x))
        found = resampled(k_means(x, ks), len(x), ks, self.resamples, self.seed)
        number = self._number(x, found)
        if number.k == 1:
            return Division(np.zeros(len(x), dtype=np.int64), number)
        consensus = consensus_matrix(found[number.k])
        return Division(consensus_clusters(consensus, number.k), number, consensus)

    def _number(self, x: np.ndarray, found: Mapping[int, np.ndarray]) -> NumberOfClusters:
        if "k" in self.setting or not found:
            return NumberOfClusters(int(self.setting.get("k", 1)), [])
        ks, others = list(found), []
        for at in range(self.references):
            cloud = single_cloud(x, 1000 * self.seed + at)
            labels = resampled(k_means(cloud, ks), len(x), ks, self.resamples, self.seed)
            others.append((labels, dispersion(cloud, ks, self.seed)))
        return number_of_clusters(found, dispersion(x, ks, self.seed), others)


def k_means(x: np.ndarray, ks: Sequence[int]) -> Clustering:
    """k-means of some rows of x, each k begun once and at random.

    No tree, which would be quicker: it puts the same kinds together at every wrong k, so that too few clusters look stable.
    """

    def cluster(rows: np.ndarray, seed: int) -> Mapping[int, np.ndarray]:
        return {k: one_k_means(x[rows], k, seed)[0] for k in ks}

    return cluster


def dispersion(x: np.ndarray, ks: Sequence[int], seed: int) -> Dispersion:
    """The sum of squares within the best of a few k-means, for every k."""
    return {k: max(one_k_means(x, k, seed, STARTS)[1], 1e-12) for k in ks}


def one_k_means(x: np.ndarray, k: int, seed: int, starts: int = 1) -> tuple[np.ndarray, float]:
    """(n,) cluster from 0, and the sum of squares within."""
    from sklearn.cluster import KMeans

    found = KMeans(k, n_init=starts, max_iter=30, random_state=seed).fit(x)
    return np.asarray(found.labels_, dtype=np.int64), float(found.inertia_)
