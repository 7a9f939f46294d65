"""What one fold makes of a snapshot's values: scalers and vocabularies from its training rows alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy import sparse

from ...loaders.errors import InputError

if TYPE_CHECKING:
    from .snapshot import Layer, Snapshot

CLIP = 10.0
"""Standard scores beyond it are cut: some published tables hold z of thousands."""


@dataclass(frozen=True)
class Fold:
    """Which rows train, tune and are held out: (rows,) bool each. A row may be none of them."""

    train: np.ndarray
    tuning: np.ndarray
    held_out: np.ndarray


@dataclass(frozen=True)
class FoldLayer:
    """A layer's features that training rows have: z (rows, features), NaN not measured; or sparse values.

    mean, sd: (features,) of the training rows, None where sparse. dropped: features that no training row has.
    """

    layer: Layer
    var: pl.DataFrame
    z: np.ndarray | None
    entries: sparse.csr_matrix | None
    mean: np.ndarray | None
    sd: np.ndarray | None
    dropped: int

    def edges(self, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(row, column, value) of what becomes an edge: |z| >= threshold, or whatever is not 0 in a sparse layer."""
        if self.z is None:
            found = sparse.csr_matrix(self.entries).tocoo()
            return found.row.astype(np.int64), found.col.astype(np.int64), found.data
        row, column = np.nonzero(np.abs(np.nan_to_num(self.z, nan=0.0)) >= threshold)
        return row, column, self.z[row, column]


def fold_of(snapshot: Snapshot, repeat: int, fold: int) -> Fold:
    """The masks of one fold. Raises: InputError if the snapshot has no such fold."""
    mine = snapshot.folds.filter((pl.col("repeat") == repeat) & (pl.col("fold") == fold))
    if mine.is_empty():
        known = snapshot.folds.select("repeat", "fold").unique().sort("repeat", "fold").rows()
        raise InputError("no such fold", "snapshot", (repeat, fold), f"one of {known}", "with_folds(…) adds folds")
    masks = []
    for split in ("train", "tuning", "held_out"):
        mask = np.zeros(snapshot.rows.height, dtype=bool)
        mask[mine.filter(pl.col("split") == split)["row"].to_numpy()] = True
        masks.append(mask)
    return Fold(*masks)


def fold_layer(layer: Layer, fold: Fold) -> FoldLayer:
    """Scale a dense layer by its training rows (after log1p where its file still needs it); keep what they have."""
    if sparse.issparse(layer.values):
        values = sparse.csr_matrix(layer.values)
        used = np.flatnonzero(values[fold.train].getnnz(axis=0))
        return FoldLayer(layer, layer.var[used], None, values[:, used], None, None, layer.var.height - len(used))
    dense = np.asarray(layer.values, dtype=np.float64)
    if layer.scale == "log1p":
        dense = np.log1p(np.maximum(dense, 0.0))
    used = np.flatnonzero((~np.isnan(dense[fold.train])).any(axis=0))
    z, mean, sd = _standardised(dense[:, used], fold)
    return FoldLayer(layer, layer.var[used], z, None, mean, sd, layer.var.height - len(used))


def covariate_columns(covariates: pl.DataFrame, fold: Fold) -> tuple[list[str], np.ndarray]:
    """(names, (rows, columns)): numbers standardised, a text as one column for each value that training rows have."""
    names: list[str] = []
    columns: list[Any] = []
    for values in covariates:
        if values.dtype == pl.String:
            for word in sorted(values.filter(pl.Series(fold.train)).drop_nulls().unique()):
                names.append(f"{values.name}={word}")
                columns.append((values == word).cast(pl.Float64).to_numpy())
        else:
            names.append(values.name)
            columns.append(_standardised(values.cast(pl.Float64).to_numpy()[:, None], fold)[0][:, 0])
    block = np.stack(columns, axis=1) if columns else np.zeros((len(fold.train), 0))
    return names, block


def _standardised(x: np.ndarray, fold: Fold) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """z of each column by the training rows, within ±CLIP; a column that does not vary there is 0."""
    own = x[fold.train]
    measured = ~np.isnan(own)
    n = np.maximum(measured.sum(axis=0), 1)
    mean = np.where(measured, own, 0.0).sum(axis=0) / n
    sd = np.sqrt(np.where(measured, np.square(own - mean), 0.0).sum(axis=0) / n)
    varies = sd > 1e-9 * np.maximum(np.abs(mean), 1e-300)
    sd = np.where(varies, sd, 1.0)
    z = np.where(varies, (x - mean) / sd, np.where(np.isnan(x), np.nan, 0.0))
    return np.clip(z, -CLIP, CLIP).astype(np.float32), mean, sd
