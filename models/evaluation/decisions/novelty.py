"""Novelty: how far a patient lies from those a model was trained on, by what moves its score."""

from __future__ import annotations

import numpy as np

from .observed_near import nearest

NEIGHBOURS = 5
BEYOND = 0.99
"""The share of training patients that lie nearer to the others than whoever is called new."""


def distances(known: np.ndarray, one: np.ndarray) -> np.ndarray:
    """(n,) Euclidean distances of a patient (p,) from each of the known ones (n, p)."""
    return np.asarray(np.sqrt(((known - one) ** 2).sum(axis=1)))


def novelty(known: np.ndarray, one: np.ndarray) -> float:
    """Share of the known patients who lie nearer to their own five nearest than `one` lies to its: 1 is the newest.

    Args:
        known: (n, p) contributions of features to the score, of training patients. one: (p,) of the new patient.
    Example:
        >>> crowd = np.random.default_rng(0).normal(size=(200, 3))
        >>> novelty(crowd, np.zeros(3)) < 0.5, novelty(crowd, np.full(3, 9.0))
        (True, 1.0)
    """
    own = []
    for row in known:
        away = distances(known, row)
        own.append(np.sort(away)[1 : NEIGHBOURS + 1].mean() if len(known) > 1 else 0.0)
    away = distances(known, one)
    return float(np.mean(np.asarray(own) < away[nearest(away, NEIGHBOURS)].mean()))


def is_new(share: float) -> bool:
    """Whether somebody is called unlike those seen in training."""
    return share > BEYOND
