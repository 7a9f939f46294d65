"""Appended rows behind those that a graph network was trained on: they receive messages and send none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
import polars as pl
from scipy import sparse

from .snapshot import Layer, Snapshot

SomeSnapshot = TypeVar("SomeSnapshot", bound=Snapshot)


class ServedRows(Protocol):
    """Rows in the shape of a model: the same layers, their features in the same order, the same covariates."""

    @property
    def rows(self) -> pl.DataFrame: ...
    @property
    def covariates(self) -> pl.DataFrame: ...
    @property
    def layers(self) -> Mapping[str, Any]: ...
    @property
    def events(self) -> pl.DataFrame | None: ...


def append_rows(training: SomeSnapshot, served: ServedRows) -> SomeSnapshot:
    """The training snapshot's rows, and behind them the new ones; the knowledge is that of the training.

    Outcomes of the new rows are not carried over: any one stands in their place, and no mask lets it be read.
    Args:
        served: from `Model.serve` (models/inference/input_schema.py), so that both have one shape.
    """
    first, n = training.rows.height, served.rows.height
    nobody = training.rows[[0] * n].with_columns(served.rows["subject_id"], served.rows["prediction_time"])
    covariates = training.covariates
    if covariates.width:
        own = served.covariates.select(covariates.columns).cast(dict(covariates.schema))  # type: ignore[arg-type]
        covariates = pl.concat([covariates, own])
    events = training.events
    if events is not None and served.events is not None:
        moved = served.events.with_columns(pl.col("row") + first).select(events.columns)
        events = pl.concat([events, moved.cast(dict(events.schema))])  # type: ignore[arg-type]
    return replace(
        training,
        rows=pl.concat([training.rows, nobody.cast(dict(training.rows.schema))]),  # type: ignore[arg-type]
        covariates=covariates,
        layers={name: _appended(layer, served.layers[name]) for name, layer in training.layers.items()},
        events=events,
        views={},
        folds=training.folds.clear(),
    )


def _appended(layer: Layer, other: Any) -> Layer:
    """Both layers' rows; what the other has beyond the training's features is left out."""
    width = layer.var.height
    profiled = np.concatenate([layer.profiled, other.profiled])
    if sparse.issparse(layer.values):
        both = sparse.vstack([layer.values, sparse.csr_matrix(other.values)[:, :width]], format="csr")
        return replace(layer, values=both, profiled=profiled)
    new = np.asarray(other.values[:, :width], dtype=np.float32)
    if other.scale == "log1p" and layer.scale != "log1p":
        new = np.log1p(np.clip(new, 0, None))
    elif layer.scale == "log1p" and other.scale != "log1p":
        new = np.expm1(new)
    return replace(layer, values=np.vstack([layer.values, new]), profiled=profiled, batch=_batches(layer, other))


def _batches(layer: Layer, other: Any) -> np.ndarray | None:
    """Both layers' batches; "" where one has none."""
    if layer.batch is None and other.batch is None:
        return None
    both = [np.full(len(one.profiled), "") if one.batch is None else one.batch for one in (layer, other)]
    return np.concatenate(both)
