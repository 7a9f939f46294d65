"""Patient graph: whom each patient is like in one modality, among the patients that send."""

from __future__ import annotations

import numpy as np

AT_ONCE = 20_000_000
"""Distances that are held at a time."""


def nearest(
    x: np.ndarray, subject: np.ndarray, senders: np.ndarray, sender: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k senders that each row is closest to, its own subject's left out: nobody hears of itself, at any other time.

    A neighbour's weight falls with its distance d as exp(-d² / d_k²), d_k that of the last one: every row has its own scale.
    Args:
        x: (n, d) of the rows, subject: (n,) whose they are. senders: (m, d), sender: (m,) whose those are.
    Returns: (n, min(k, m)) int64 places among the senders, the closest first, and (n, min(k, m)) float32 weights that sum to
        1 in each row; 0 where there was nobody left.
    Source: Zelnik-Manor 2004, Self-tuning spectral clustering (a scale of each point).
    Example:
        >>> senders = np.array([[0.0], [1.0], [5.0]], dtype=np.float32)
        >>> place, weight = nearest(senders, np.arange(3), senders, np.arange(3), 1)
        >>> place.tolist(), weight.tolist()
        ([[1], [0], [1]], [[1.0], [1.0], [1.0]])
    """
    k = min(k, len(senders))
    place, weight = np.zeros((len(x), k), dtype=np.int64), np.zeros((len(x), k), dtype=np.float32)
    if not k:
        return place, weight
    squares = np.einsum("ij,ij->i", senders, senders)
    size = max(1, AT_ONCE // len(senders))
    for first in range(0, len(x), size):
        part = slice(first, first + size)
        distance = np.einsum("ij,ij->i", x[part], x[part])[:, None] + squares - 2 * (x[part] @ senders.T)
        distance = np.where(subject[part, None] == sender, np.inf, np.maximum(distance, 0))
        found = np.sort(np.argpartition(distance, k - 1, axis=1)[:, :k], axis=1)
        close = np.take_along_axis(distance, found, axis=1)
        order = np.argsort(close, axis=1, kind="stable")
        place[part] = np.take_along_axis(found, order, axis=1)
        weight[part] = _weights(np.take_along_axis(close, order, axis=1))
    return place, weight


def _weights(squared: np.ndarray) -> np.ndarray:
    """(n, k) squared distances, infinite where there is nobody -> (n, k) weights."""
    there = np.isfinite(squared)
    last = np.where(there, squared, 0).max(axis=1, keepdims=True)
    weight = np.where(there, np.exp(-np.where(there, squared, 0) / np.maximum(last, 1e-12)), 0.0)
    return np.asarray(weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-12), dtype=np.float32)


def exchanged(
    place: np.ndarray, weight: np.ndarray, subject: np.ndarray, sender: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The control: senders stand in each other's places. Who has whom as neighbours means nothing; how many, all it did.

    Args:
        place, weight: of `nearest`. order: (m,) who stands in the place of each sender. A row that would hear its own subject
            hears one less.
    """
    place = order[place]
    weight = np.where(sender[place] == subject[:, None], np.float32(0), weight) if place.size else weight
    total = weight.sum(axis=1, keepdims=True)
    return place, np.asarray(weight / np.where(total > 0, total, 1), dtype=np.float32)
