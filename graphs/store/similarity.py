"""Exact similarity search: the vectors nearest to one by cosine, ties by id, so that every store answers the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

NEAREST = {"id": pl.String, "similarity": pl.Float64}


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
