"""Similarity network fusion: one network of patients from several, by passing each through the others' neighbours.

Source: Wang et al. 2014, doi:10.1038/nmeth.2810; in the form of snfpy 0.2.2 (`snf.compute`), with which
tests/models/learners/clusters/test_network_fusion.py compares it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

NEIGHBOURS, SHARPNESS, ROUNDS = 20, 0.5, 20
"""K, mu and t of the paper."""


def affinity(distance: np.ndarray, neighbours: int = NEIGHBOURS, mu: float = SHARPNESS) -> np.ndarray:
    """Affinity of patients: a normal density of their distance, as wide as both neighbourhoods are.

    Args:
        distance: (n, n), symmetric. neighbours: whose mean distance is a patient's scale.
        mu: the share of that scale.
    Returns: (n, n), symmetric, above 0.
    """
    tiny = np.spacing(1.0)
    off = distance - np.diag(np.diag(distance))
    near = np.sort(off, axis=1)[:, 1 : neighbours + 1].mean(axis=1)[:, None] + tiny
    sigma = mu * np.maximum((near + near.T + off) / 3, tiny)
    density = np.exp(-((off / sigma) ** 2) / 2) / (np.sqrt(2 * np.pi) * sigma)
    return np.asarray((density + density.T) / 2)


def fuse(affinities: Sequence[np.ndarray], neighbours: int = NEIGHBOURS, rounds: int = ROUNDS) -> np.ndarray:
    """Fuse the networks of the same patients.

    Args:
        affinities: two or more (n, n), from `affinity`. neighbours: who passes a network on. rounds: how often.
    Returns: (n, n), symmetric; the diagonal holds more than one half.
    Raises: ValueError for a single network: there is nothing to fuse.
    """
    if len(affinities) < 2:
        raise ValueError(f"fuse: got {len(affinities)} network; expected two or more")
    whole = [_symmetric(one / one.sum(axis=1, keepdims=True)) for one in affinities]
    local = [_nearest(one, neighbours) for one in whole]
    total = np.sum(whole, axis=0)
    for _ in range(rounds):
        for at, passing in enumerate(local):
            spread = (passing @ (passing @ (total - whole[at])).T).T / (len(whole) - 1)
            whole[at] = _symmetric(spread + np.eye(len(spread)))
        total = np.sum(whole, axis=0)
    fused = total / len(whole)
    fused /= fused.sum(axis=1, keepdims=True)
    return np.asarray((fused + fused.T + np.eye(len(fused))) / 2)


def spectral_coordinates(network: np.ndarray, most: int) -> np.ndarray:
    """(n, most) the first eigenvectors of the normalised network, the largest eigenvalue first.

    Source: Ng, Jordan & Weiss 2001, NeurIPS 14; the clusters are k-means of the first k, each row at length one.
    """
    from scipy.linalg import eigh

    degree = 1 / np.sqrt(network.sum(axis=1))
    n = len(network)
    _, vectors = eigh(network * degree[:, None] * degree, subset_by_index=(n - min(most, n), n - 1))
    return np.ascontiguousarray(vectors[:, ::-1])


def _nearest(network: np.ndarray, neighbours: int) -> sparse.csr_matrix:
    """Each row's largest entries alone, summing to one."""
    least = np.percentile(network, 100 - 100 * min(neighbours / len(network), 1.0), axis=1, keepdims=True)
    kept = np.where(network < least, 0.0, network)
    return sparse.csr_matrix(kept / kept.sum(axis=1, keepdims=True))


def _symmetric(x: np.ndarray) -> np.ndarray:
    return np.asarray((x + x.T) / 2)
