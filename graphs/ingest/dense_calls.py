"""Dense calls: which values of an omics layer become relationships; sparse layers do in full."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ...loaders.files.cells.dtypes import widened
from ...loaders.specs import Omics
from ..tables.matrices import entries

_BLOCK = 2_000  # features at a time: a whole cohort in float64 need not fit twice
_CALLS = (-2.0, -1.0, 0.0, 1.0, 2.0)


def calls(matrix: Any, spec: Omics) -> pl.DataFrame:
    """row, column, value, z of what the graph holds of a layer.

    Mutations and sparse layers: whatever is not 0. Copy-number calls (-2 … 2): whatever is not 0, with z.
    Dense layers: |z| >= spec.graph over everyone in the source; "all": every measured value; "none": nothing.
    z is taken after log1p where the study says that the file still needs it; value is the file's own.
    Args:
        matrix: (samples, features), NaN where not measured, or sparse.
    """
    if sparse.issparse(matrix):
        found = entries(matrix).filter((pl.col("value") != 0) & pl.col("value").is_not_nan())
        return found.with_columns(widened(found["value"].cast(pl.Float32)))
    values = np.asarray(matrix, dtype=np.float32)
    if spec.graph == "none" and spec.kind != "mutation":
        values = values[:, :0]
    not_zero = spec.kind == "mutation" or (spec.kind == "copy_number" and spec.graph != "all" and _only_calls(values))
    blocks = [
        _block(values[:, first : first + _BLOCK], first, spec, not_zero) for first in range(0, values.shape[1], _BLOCK)
    ]
    return pl.concat([_frame([], [], [], []), *blocks])


def _block(values: np.ndarray, first: int, spec: Omics, not_zero: bool) -> pl.DataFrame:
    z = _z(values, spec.scale)
    if not_zero:
        wanted = (values != 0) & ~np.isnan(values)
    elif spec.graph == "all":
        wanted = ~np.isnan(values)
    else:
        wanted = np.abs(np.nan_to_num(z)) >= float(spec.graph)
        wanted &= ~np.isnan(z)
    row, column = np.nonzero(wanted)
    return _frame(row, column + first, values[row, column], z[row, column])


def _z(values: np.ndarray, scale: str) -> np.ndarray:
    """Standard scores of each feature over the measured samples; NaN for a feature that does not vary."""
    x = values.astype(np.float64)
    if scale == "log1p":
        x = np.log1p(np.maximum(x, 0))
    measured = ~np.isnan(x)
    n = np.maximum(measured.sum(axis=0), 1)
    centred = x - np.where(measured, x, 0).sum(axis=0) / n
    sd = np.sqrt(np.square(np.where(measured, centred, 0)).sum(axis=0) / n)
    varies = sd > 1e-9 * np.nanmax(np.abs(np.where(measured, x, 0)), axis=0, initial=1e-300)  # not the sum's rounding
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(varies, centred / sd, np.nan)


def _only_calls(values: np.ndarray) -> bool:
    return bool(np.isin(values[~np.isnan(values)], _CALLS).all())


def _frame(row: Any, column: Any, value: Any, z: Any) -> pl.DataFrame:
    """Values as the file has them, so that 0.1 stays 0.1; z rounded, so that it is the same on every machine."""
    return pl.DataFrame(
        {
            "row": pl.Series(row, dtype=pl.Int32),
            "column": pl.Series(column, dtype=pl.Int32),
            "value": widened(pl.Series(np.asarray(value, dtype=np.float32))),
            "z": pl.Series(z, dtype=pl.Float64).round_sig_figs(6),
        }
    )
