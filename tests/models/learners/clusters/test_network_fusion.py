"""Similarity network fusion beside snfpy, and what must hold whatever the networks are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from clinome.models.learners.clusters.network_fusion import affinity, fuse, spectral_coordinates

AFFINITY = [
    3.822600382185e-01, 1.013118994015e-03, 2.205050919284e-02, 9.616273455404e-03, 2.502461897664e-01, 3.455198048396e-03,
    6.889656981495e-03, 1.144674495082e-02, 6.282646398016e-05, 8.838185604626e-06, 1.542485379793e-05, 7.844271148097e-06,
]  # fmt: skip
FUSED = [
    [0.733194248195, 0.109904951617, 0.116871031505, 0.108760227835, 0.116991443054, 0.049539818744,
     0.051088250736, 0.043621141483, 0.04629950631, 0.044066437922, 0.040754380579, 0.040351186891],
    [0.049539818744, 0.04047013703, 0.035007010557, 0.036648818795, 0.074373198212, 0.734475950669,
     0.052717969754, 0.066403089672, 0.132803470996, 0.085837046734, 0.077743735458, 0.121807483943],
]  # fmt: skip
"""snfpy 0.2.2 (numpy 1.26, scikit-learn 1.5): row 0 of compute.affinity_matrix(cdist(x, x, "sqeuclidean"), K=4, mu=0.5) of the
first layer, rows 0 and 5 of compute.snf(both, K=4, t=12)."""


def _layers() -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    kind = np.repeat(np.arange(3), 4)
    return [np.round(rng.normal(size=(12, p)) + kind[:, None] * apart, 3) for p, apart in ((4, 1.1), (3, -0.8))]


def test_it_is_snfpys_to_eleven_digits() -> None:
    networks = [affinity(cdist(x, x, "sqeuclidean"), 4) for x in _layers()]
    np.testing.assert_allclose(networks[0][0], AFFINITY, rtol=1e-11)
    np.testing.assert_allclose(fuse(networks, 4, 12)[[0, 5]], FUSED, rtol=1e-10)


def test_patients_in_another_order_are_fused_alike() -> None:
    order = np.random.default_rng(1).permutation(12)
    one, other = (
        fuse([affinity(cdist(x, x), 4) for x in layers], 4) for layers in (_layers(), [x[order] for x in _layers()])
    )
    np.testing.assert_allclose(other, one[np.ix_(order, order)], rtol=1e-9)
    np.testing.assert_allclose(one, one.T)


def test_one_network_cannot_be_fused() -> None:
    with pytest.raises(ValueError, match="expected two or more"):
        fuse([np.eye(3)])


def test_eigenvectors_of_parts_that_do_not_touch_tell_them_apart() -> None:
    network = np.kron(np.eye(3), np.ones((4, 4)))
    vectors = spectral_coordinates(network, 3)
    rows = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(rows @ rows.T, network, atol=1e-9)
