"""The consensus matrix beside a naive loop over pairs, as Monti et al. write it down."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clinome.models.learners.clusters.clusterer import by_size
from clinome.models.learners.clusters.consensus_matrix import (
    ambiguity,
    area_under_cdf,
    consensus_clusters,
    consensus_matrix,
)
from clinome.models.learners.clusters.numbering import numbered_like, reordered

LABELS = st.integers(2, 7).flatmap(
    lambda n: st.lists(st.lists(st.integers(-1, 3), min_size=n, max_size=n), min_size=1, max_size=6)
)


def _naive(labels: np.ndarray) -> np.ndarray:
    n = labels.shape[1]
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            both = [row for row in labels if row[i] >= 0 and row[j] >= 0]
            out[i, j] = sum(row[i] == row[j] for row in both) / len(both) if both else 0.0
        out[i, i] = 1.0
    return out


@given(LABELS)
@settings(max_examples=25, deadline=None)
def test_pairs_are_counted_as_a_loop_counts_them(rows: list[list[int]]) -> None:
    labels = np.array(rows, dtype=np.int64)
    found = consensus_matrix(labels)
    np.testing.assert_allclose(found, _naive(labels))
    pairs = [found[i, j] for i in range(len(found)) for j in range(i)]
    assert np.isclose(ambiguity(found), np.mean([0.1 < one <= 0.9 for one in pairs]))
    grid = np.linspace(0, 1, 501)
    assert abs(area_under_cdf(found) - np.trapezoid([np.mean(np.array(pairs) <= c) for c in grid], grid)) < 5e-3


def test_clusters_that_every_resample_finds_are_found() -> None:
    labels = np.array([[0, 0, 1, 1, 2, 2], [2, 2, 0, 0, -1, 1], [1, 1, -1, 2, 0, 0]])
    assert by_size(consensus_clusters(consensus_matrix(labels), 3)).tolist() == [0, 0, 1, 1, 2, 2]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.permutations(range(4)))
@settings(max_examples=25, deadline=None)
def test_numbers_of_another_run_are_taken_back(clusters: list[int], order: list[int]) -> None:
    own = by_size(np.array(clusters))
    turned = by_size(np.array(order)[own])
    assert reordered(turned, numbered_like(turned, own)).tolist() == own.tolist()
