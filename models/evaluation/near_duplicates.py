"""Near-duplicates: who looks like the same person under two ids, on both sides of a split: a leak."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from scipy import sparse

from ..base.snapshot import Snapshot

ALIKE = 0.99
"""Correlation of two dense profiles from which they count as one; different people measured at |z| scale stay below."""
FEATURES = 50
"""Dense features below which profiles are alike by chance."""
EVENTS = 10
"""Events below which two records are alike by chance."""
_ROWS = 2_000  # profiles correlated at once: 32 MB against 2,000 others


def near_duplicates(snapshot: Snapshot) -> dict[str, int]:
    """block -> pairs of different subjects who are alike in it, and whom some fold puts on both sides of its split.

    Dense layers: centred by feature, correlation of at least ALIKE over the features that both have. Records: the same
    codes and numbers at the same distances in time, EVENTS or more of them.
    """
    found = {}
    apart = _held_out(snapshot)
    for block, pairs in _alike(snapshot):
        subject = snapshot.rows["subject_id"]
        if not len(pairs):
            continue
        a, b = pairs[:, 0], pairs[:, 1]
        different = (subject.gather(a) != subject.gather(b)).to_numpy() & (apart[a] ^ apart[b]).any(axis=1)
        names = pl.DataFrame({"a": subject.gather(a[different]), "b": subject.gather(b[different])})
        count = names.select(pl.concat_list("a", "b").list.sort().n_unique()).item() if names.height else 0
        if count:
            found[block] = int(count)
    return found


def _held_out(snapshot: Snapshot) -> np.ndarray:
    """(rows, folds) bool."""
    folds: pl.DataFrame = getattr(snapshot, "folds", pl.DataFrame())
    if folds.is_empty():
        return np.zeros((len(snapshot.rows), 0), dtype=bool)
    groups = folds.partition_by("repeat", "fold", maintain_order=True)
    held = np.zeros((len(snapshot.rows), len(groups)), dtype=bool)
    for k, fold in enumerate(groups):
        held[fold.filter(pl.col("split") == "held_out")["row"].to_numpy(), k] = True
    return held


def _alike(snapshot: Snapshot) -> Iterator[tuple[str, np.ndarray]]:
    """(block, (pairs, 2) rows) of every block that can tell people apart."""
    for name, layer in snapshot.layers.items():
        if not sparse.issparse(layer.values) and layer.values.shape[1] >= FEATURES:
            yield name, _correlated(np.asarray(layer.values, dtype=np.float32), np.flatnonzero(layer.profiled))
    if snapshot.events is not None:
        yield "records", _same_records(snapshot.events)


def _correlated(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Pairs of rows whose profiles correlate; a value that is missing counts as the feature's mean.

    Only the most variable features are compared, all measured on one scale, so that a few wild ones do not decide.
    """
    x = values[rows]
    there = np.isfinite(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, x, 0).sum(axis=0) / there.sum(axis=0)
        centred = np.where(there, x - mean, 0.0)
        sd = np.sqrt((centred**2).sum(axis=0) / there.sum(axis=0))
        z = np.where(sd > 0, np.clip(centred / sd, -5, 5), 0.0)
        z /= np.linalg.norm(z, axis=1, keepdims=True)
    z = np.nan_to_num(z).astype(np.float32)
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for first in range(0, len(rows), _ROWS):
        for second in range(first, len(rows), _ROWS):
            a, b = np.nonzero(z[first : first + _ROWS] @ z[second : second + _ROWS].T >= ALIKE)
            a, b = a + first, b + second
            pairs.append(np.column_stack([rows[a], rows[b]])[a < b])
    return np.concatenate(pairs)


def _same_records(events: pl.DataFrame) -> np.ndarray:
    """Pairs of rows with equal records: each with the next one of its kind, so that a hundred copies are no 4,950."""
    dated = events.filter(pl.col("days").is_not_null())
    last = pl.col("days") - pl.col("days").min().over("row")  # two prediction times of one person differ by a shift
    told = dated.select("row", "code", number=pl.col("numeric_value").fill_null(0.0), at=last.round(3))
    told = told.sort("row", "at", "code", "number")
    line = pl.concat_str(
        "code", pl.lit("\0"), pl.col("number").cast(pl.String), pl.lit("\0"), pl.col("at").cast(pl.String)
    )
    whole = told.group_by("row").agg(n=pl.len(), print=line.str.join("\1").hash())
    whole = whole.filter(pl.col("n") >= EVENTS).sort("print", "row")
    row, fingerprint = whole["row"].to_numpy(), whole["print"].to_numpy()
    same = fingerprint[1:] == fingerprint[:-1]
    return np.column_stack([row[:-1][same], row[1:][same]]).astype(np.int64)
