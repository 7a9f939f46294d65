"""One omics layer's values for a model, found by the names of the features that were fitted on, never by their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ..base.snapshot import Layer, Snapshot


@dataclass(frozen=True)
class AlignedLayer:
    """A layer whose features stand as a model knows them (`models.base.snapshot.Layer`)."""

    name: str
    kind: str
    scale: str
    var: pl.DataFrame
    values: Any
    profiled: np.ndarray


def is_mutation(layer: Layer) -> bool:
    """Whether 0 means negative: a sparse layer, or a 0/1 matrix of mutations."""
    return sparse.issparse(layer.values) or layer.kind == "mutation"


def dense_values(layer: Layer, rows: np.ndarray) -> np.ndarray:
    """(n, features) float32 on the scale of a model: log1p where the layer asks for it. NaN stays NaN."""
    values = np.asarray(layer.values[rows], dtype=np.float32)
    return np.log1p(np.clip(values, 0, None)) if layer.scale == "log1p" else values


def mutation_values(layer: Layer, rows: np.ndarray) -> sparse.csr_matrix:
    """(n, genes) csr of the layer's values; NaN and 0 are both absent."""
    values = layer.values[rows]
    return sparse.csr_matrix(values if sparse.issparse(values) else np.nan_to_num(values), dtype=np.float32)


def by_name(snapshot: Snapshot, name: str, features: Sequence[str]) -> Layer:
    """The snapshot's layer of this name with these features in this order, whatever the snapshot's own are.

    A feature that it lacks is missing: NaN, in a layer of mutations 0 (a gene that nobody has is not written down). A
    feature beyond these is left out; in a layer of mutations it stands behind them, for it counts towards the burden.
    A layer that it lacks was measured in nobody. Without features, as long as nothing is fitted, it stays as it is.
    """
    layer = snapshot.layers.get(name)
    if layer is None:
        n, var = snapshot.rows.height, pl.DataFrame({"feature": features}, schema={"feature": pl.String})
        nothing = np.broadcast_to(np.float32(np.nan), (n, len(features)))
        return AlignedLayer(name, "", "none", var, nothing, np.zeros(n, dtype=bool))
    own = layer.var["feature"].to_list()
    as_it_is = len(own) == len(features) or not len(features) or is_mutation(layer)
    if as_it_is and own[: len(features)] == list(features):
        return layer
    return _arranged(layer, own, list(features))


def _arranged(layer: Layer, own: list[str], features: list[str]) -> AlignedLayer:
    place = {feature: j for j, feature in enumerate(own)}
    found = [(k, place[feature]) for k, feature in enumerate(features) if feature in place]
    to, at = (np.array(v, dtype=np.int64) for v in zip(*found, strict=True)) if found else (np.zeros(0, np.int64),) * 2
    known = set(features)
    beyond = [j for j, feature in enumerate(own) if feature not in known] if is_mutation(layer) else []
    names = pl.DataFrame({"feature": [*features, *(own[j] for j in beyond)]}, schema={"feature": pl.String})
    var = names.join(layer.var, on="feature", how="left", maintain_order="left")
    n, width = len(layer.profiled), names.height
    if is_mutation(layer):
        every = mutation_values(layer, np.arange(n)).tocsc()[:, [*at, *beyond]].tocoo()
        column = np.concatenate([to, np.arange(len(features), width)]).astype(np.int64)
        values = sparse.csr_matrix((every.data, (every.row, column[every.col])), shape=(n, width), dtype=np.float32)
        return AlignedLayer(layer.name, layer.kind, layer.scale, var, values, layer.profiled)
    dense = np.full((n, width), np.nan, dtype=np.float32)
    dense[:, to] = np.asarray(layer.values, dtype=np.float32)[:, at]
    known_rows = layer.profiled & np.isfinite(dense).any(axis=1)  # none of these features: not measured, as to a model
    return AlignedLayer(layer.name, layer.kind, layer.scale, var, dense, known_rows)
