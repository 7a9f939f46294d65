"""`snf`: similarity network fusion of the layers, spectral clustering of the fused network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...base.snapshot import Snapshot
from .clusterer import Clusterer, Division
from .consensus import dispersion, one_k_means
from .consensus_matrix import consensus_clusters, consensus_matrix
from .network_fusion import NEIGHBOURS, affinity, fuse, spectral_coordinates
from .number import Clustering, Dispersion, NumberOfClusters, number_of_clusters, resampled, single_cloud


class NetworkFusion(Clusterer):
    """A network of patients a layer, fused; spectral clustering of its resamples; k as of `consensus`.

    Source: Wang et al. 2014, doi:10.1038/nmeth.2810.
    """

    name = "snf"

    def reason(self, snapshot: Snapshot) -> str | None:
        blocks = len(snapshot.layers) + len(snapshot.views) + (snapshot.events is not None)
        few = None if blocks > 1 else f"{self.name} fuses networks of two layers or more"
        return super().reason(snapshot) or few

    def divide(self, parts: Sequence[np.ndarray]) -> Division:
        n = len(parts[0])
        if len(parts) < 2:
            return Division(np.zeros(n, dtype=np.int64), NumberOfClusters(1, []))
        ks, network = self.ks(n), fused(parts)
        found = resampled(spectral(network, ks), n, ks, self.resamples, self.seed)
        number = self._number(parts, network, found)
        if number.k == 1:
            return Division(np.zeros(n, dtype=np.int64), number)
        consensus = consensus_matrix(found[number.k])
        return Division(consensus_clusters(consensus, number.k), number, consensus)

    def _number(
        self, parts: Sequence[np.ndarray], network: np.ndarray, found: Mapping[int, np.ndarray]
    ) -> NumberOfClusters:
        if "k" in self.setting or not found:
            return NumberOfClusters(int(self.setting.get("k", 1)), [])
        x, ends = np.hstack(parts), np.cumsum([part.shape[1] for part in parts])[:-1]
        ks, others = list(found), []
        for at in range(self.references):
            cloud = fused(np.split(single_cloud(x, 1000 * self.seed + at), ends, axis=1))
            labels = resampled(spectral(cloud, ks), len(x), ks, self.resamples, self.seed)
            others.append((labels, _dispersion(cloud, ks, self.seed)))
        return number_of_clusters(found, _dispersion(network, ks, self.seed), others)


def fused(parts: Sequence[np.ndarray]) -> np.ndarray:
    """(n, n) the fused network of each block's (n, d) factors."""
    from scipy.spatial.distance import cdist

    neighbours = max(2, min(NEIGHBOURS, len(parts[0]) // 5))
    return fuse([affinity(cdist(x, x, "sqeuclidean"), neighbours) for x in parts], neighbours)


def spectral(network: np.ndarray, ks: Sequence[int]) -> Clustering:
    """Spectral clustering of some patients of a network: k-means of its first k eigenvectors, each row at length one."""

    def cluster(rows: np.ndarray, seed: int) -> Mapping[int, np.ndarray]:
        vectors = spectral_coordinates(network[np.ix_(rows, rows)], max(ks, default=1))
        return {k: one_k_means(_rows_of_length_one(vectors[:, :k]), k, seed)[0] for k in ks}

    return cluster


def _dispersion(network: np.ndarray, ks: Sequence[int], seed: int) -> Dispersion:
    vectors = spectral_coordinates(network, max(ks))
    return {k: dispersion(_rows_of_length_one(vectors[:, :k]), [k], seed)[k] for k in ks}


def _rows_of_length_one(x: np.ndarray) -> np.ndarray:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12))
