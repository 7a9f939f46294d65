"""Exact similarity search: the vectors nearest to one by cosine, ties by id, so that every store answers the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

NEAREST = {"id": pl.String, "similarity": pl.Float64}
_CELLS = 20_000_000
"""Similarities that are held at once."""


def nearest(ids: Sequence[str], vectors: np.ndarray, vector: np.ndarray, k: int) -> pl.DataFrame:
    """The k ids of the highest cosine similarity.

    Args:
        vectors: (ids, width), none of them zero. vector: (width,).
    Returns: id, similarity (-1 to 1), the highest first, equal ones by id.
    Example:
        >>> nearest(["a", "b", "c"], np.array([[0.0, 1], [1, 1], [2, 0]]), np.array([1.0, 0]), 2)["id"].to_list()
        ['c', 'b']
    """
    found = np.asarray(vectors, dtype=np.float64).reshape(len(ids), -1)
    unit = vector / np.linalg.norm(vector)
    # rounded: a sum's last bits depend on how many vectors it is taken over, and may not decide between equal ones
    similarity = np.round(found @ unit / np.linalg.norm(found, axis=1), 12) if len(ids) else np.zeros(0)
    table = pl.DataFrame({"id": ids, "similarity": similarity}, schema=NEAREST)
    return table.sort(["similarity", "id"], descending=[True, False]).head(k)


def neighbours(ids: Sequence[str], vectors: np.ndarray, k: int) -> pl.DataFrame:
    """Of every id the k others of the highest cosine similarity, as `nearest` ranks them.

    Args:
        vectors: (ids, width), none of them zero.
    Returns: start, end, similarity (-1 to 1), rank (from 1), by start and rank.
    Example:
        >>> neighbours(["a", "b", "c"], np.array([[0.0, 1], [1, 1], [2, 0]]), 1)["end"].to_list()
        ['b', 'a', 'b']
    """
    schema = {"start": pl.String, "end": pl.String, "similarity": pl.Float64, "rank": pl.Int64}
    k, step = min(k, len(ids) - 1), max(1, _CELLS // max(1, len(ids)))
    if k < 1:
        return pl.DataFrame(schema=schema)
    order = np.argsort(np.array(ids, dtype=object), kind="stable")  # by id: a stable sort then keeps ties so
    names = np.array(ids, dtype=object)[order]
    found = np.asarray(vectors, dtype=np.float64).reshape(len(ids), -1)[order]
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    starts, ends, values = [], [], []
    for first in range(0, len(ids), step):
        block = np.round(unit[first : first + step] @ unit.T, 12)
        block[np.arange(len(block)), np.arange(first, first + len(block))] = -np.inf  # nobody is like themselves
        least = np.partition(block, -k, axis=1)[:, -k]
        for row, (line, bound) in enumerate(zip(block, least, strict=True), first):
            near = np.flatnonzero(line >= bound)
            near = near[np.argsort(-line[near], kind="stable")][:k]
            starts.append(np.full(k, row))
            ends.append(near)
            values.append(line[near])
    columns = (
        names[np.concatenate(starts)].tolist(),
        names[np.concatenate(ends)].tolist(),
        np.concatenate(values),
        np.tile(np.arange(1, k + 1), len(starts)),
    )
    return pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema)
