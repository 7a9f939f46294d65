"""Clusters against known groups: adjusted Rand index and normalised mutual information."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from .metric import Drawn, Measure, Metric, Scored


class _Agreement(Metric):
    """Agreement of the groups found with the known ones, of the rows whose group is known.

    A resample weighs the cells of the table of both, so that all resamples are scored together.
    """

    chance = 0.0
    chooses = False  # subtypes are chosen by their stability, never by a known group
    why_null: ClassVar[str] = "the held-out part holds fewer than two known groups"

    def value(self, part: Scored) -> float | None:
        known = part.y >= 0
        if len(np.unique(part.y[known])) < 2:
            return None
        return float(self.of_tables(_tables(part, np.ones((1, len(part.y)))))[0])

    def measure(self, part: Scored) -> Measure | None:
        if self.value(part) is None:
            return None

        def again(weights: np.ndarray) -> Drawn:
            tables = _tables(part, weights)
            known = ((tables.sum(axis=2) > 0).sum(axis=1) > 1).astype(np.float64)
            return self.of_tables(tables) * known, known

        return again

    def of_tables(self, tables: np.ndarray) -> np.ndarray:
        """(r, groups, clusters) counts -> (r,)."""
        raise NotImplementedError


class AdjustedRand(_Agreement):
    """Adjusted Rand index: pairs that both put together or apart, beyond chance: 1 the same groups, 0 chance.

    Source: Hubert & Arabie 1985, doi:10.1007/BF01908075.
    """

    key, label, low = "ari", "adjusted Rand index", -0.5

    def of_tables(self, tables: np.ndarray) -> np.ndarray:
        both = _pairs(tables).sum(axis=(1, 2))
        rows, columns = (_pairs(tables.sum(axis=axis)).sum(axis=1) for axis in (2, 1))
        every = np.maximum(_pairs(tables.sum(axis=(1, 2))), 1e-12)
        expected, most = rows * columns / every, (rows + columns) / 2
        return np.asarray(
            np.divide(both - expected, most - expected, out=np.ones(len(both)), where=most - expected > 1e-12)
        )


class NormalisedMutualInformation(_Agreement):
    """Normalised mutual information of the groups found and the known ones, by the mean of their entropies."""

    key, label = "nmi", "NMI"

    def of_tables(self, tables: np.ndarray) -> np.ndarray:
        p = tables / np.maximum(tables.sum(axis=(1, 2), keepdims=True), 1e-12)
        rows, columns = p.sum(axis=2), p.sum(axis=1)
        mutual = _entropy(rows) + _entropy(columns) - _entropy(p.reshape(len(p), -1))
        mean = (_entropy(rows) + _entropy(columns)) / 2
        return np.asarray(np.clip(np.divide(mutual, mean, out=np.ones(len(p)), where=mean > 1e-12), 0.0, 1.0))


def adjusted_rand(one: np.ndarray, other: np.ndarray) -> float:
    """Adjusted Rand index of two clusterings of the same rows.

    Example:
        >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([5, 5, 2, 2]))
        1.0
    """
    part = Scored(np.unique(one, return_inverse=True)[1], np.asarray(other))
    return float(AdjustedRand().of_tables(_tables(part, np.ones((1, len(one)))))[0])


def _tables(part: Scored, weights: np.ndarray) -> np.ndarray:
    """(r, groups, clusters) how often each pair of both was drawn."""
    known = part.y >= 0
    groups, y = np.unique(part.y[known], return_inverse=True)
    clusters, score = np.unique(part.score[known], return_inverse=True)
    cells = np.zeros((int(known.sum()), len(groups) * len(clusters)))
    cells[np.arange(len(cells)), y * len(clusters) + score] = 1.0
    return np.asarray((weights[:, known] @ cells).reshape(len(weights), len(groups), len(clusters)))


def _pairs(n: np.ndarray) -> np.ndarray:
    return np.asarray(n * (n - 1) / 2)


def _entropy(p: np.ndarray) -> np.ndarray:
    """(r,) of (r, k) shares."""
    return np.asarray(-np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0).sum(axis=1))
