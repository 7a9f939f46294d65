"""Omics layers as blocks: values found by the names of the features that were fitted on, never by their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import polars as pl
from scipy import sparse

from ..base.mapped import taken
from ..base.snapshot import Layer, Snapshot
from ..estimators.univariate import Matrix
from .scaling import Scale, log1p
from .steps.layer_steps import LayerSteps, dense_values

_COLUMNS = 1_000
"""Of a layer in a file so many are read at a time."""
_CELLS = 1 << 17
"""Of a layer that is read by rows so many are scaled at a time."""
_LARGE = 10_000_000
"""Cells from which a layer's rows are scaled some at a time, to the same bits: whole copies would double the memory."""


@dataclass(frozen=True)
class AlignedLayer:
    """A layer whose features stand as a model knows them (`models.base.snapshot.Layer`)."""

    name: str
    kind: str
    scale: str
    var: pl.DataFrame
    values: Any
    profiled: np.ndarray
    correct: str = "none"
    impute: str = "median"
    batch: np.ndarray | None = None


def is_mutation(layer: Layer) -> bool:
    """Whether 0 means negative: a sparse layer, or a 0/1 matrix of mutations."""
    return sparse.issparse(layer.values) or layer.kind == "mutation"


def fitted_scale(layer: Layer, rows: np.ndarray) -> Scale:
    """The scale of a dense layer on these rows; of a large one, or one in a file, some columns at a time, to the same bits."""
    large = isinstance(layer.values, np.memmap) or len(rows) * layer.var.height > _LARGE
    if not large or layer.scale == "rank":
        return Scale.fit(dense_values(layer, rows))
    parts = []
    for first in range(0, layer.values.shape[1], _COLUMNS):
        values = np.asarray(taken(layer.values, rows, slice(first, first + _COLUMNS)), dtype=np.float32)
        parts.append(Scale.fit(log1p(values) if layer.scale == "log1p" else values))
    joined = Scale.joined(parts)
    return Scale(*(getattr(joined, one.name).astype(np.float32) for one in fields(Scale)))


def mutation_values(layer: Layer, rows: np.ndarray) -> sparse.csr_matrix:
    """(n, genes) csr of the layer's values; NaN and 0 are both absent."""
    values = layer.values[rows]
    if not sparse.issparse(values):
        return sparse.csr_matrix(np.nan_to_num(values), dtype=np.float32)
    found = sparse.csr_matrix(values, dtype=np.float32)
    if np.isnan(found.data).any():
        found.data = np.nan_to_num(found.data)
        found.eliminate_zeros()
    return found


def not_called(layer: Layer, rows: np.ndarray) -> sparse.csr_matrix:
    """(n, genes) csr, 1 where nobody knows whether the gene is mutated, though the row was looked at."""
    values, looked_at = layer.values[rows], layer.profiled[rows]
    if not looked_at.any():
        return sparse.csr_matrix(values.shape, dtype=np.float32)
    found = sparse.csr_matrix(
        values if sparse.issparse(values) else np.where(np.isnan(values), np.nan, 0), dtype=np.float32
    )
    found.data = np.isnan(found.data).astype(np.float32) * np.repeat(looked_at, np.diff(found.indptr))
    found.eliminate_zeros()
    return found


def by_name(snapshot: Snapshot, name: str, features: Sequence[str]) -> Layer:
    """The snapshot's layer, or view of vectors, of this name with these features in this order, whatever the snapshot's own are.

    A feature that it lacks is missing: NaN, in a layer of mutations 0 (a gene that nobody has is not written down). A
    feature beyond these is left out; in a layer of mutations it stands behind them, for it counts towards the burden.
    A layer that it lacks was measured in nobody. Without features, as long as nothing is fitted, it stays as it is.
    """
    layer = snapshot.layers.get(name) or snapshot.views.get(name)
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
        cells = mutation_values(layer, np.arange(n)), not_called(layer, np.arange(n))
        every = [part.tocsc()[:, [*at, *beyond]].tocoo() for part in cells]
        data = np.concatenate([every[0].data, np.full(every[1].nnz, np.nan, np.float32)])
        row, stands = (np.concatenate([getattr(part, end) for part in every]) for end in ("row", "col"))
        column = np.concatenate([to, np.arange(len(features), width)]).astype(np.int64)
        values = sparse.csr_matrix((data, (row, column[stands])), shape=(n, width), dtype=np.float32)
        return AlignedLayer(layer.name, layer.kind, layer.scale, var, values, layer.profiled, batch=layer.batch)
    dense = np.full((n, width), np.nan, dtype=np.float32)
    dense[:, to] = np.asarray(layer.values, dtype=np.float32)[:, at]
    known_rows = layer.profiled & np.isfinite(dense).any(axis=1)  # none of these features: not measured, as to a model
    return AlignedLayer(
        layer.name, layer.kind, layer.scale, var, dense, known_rows, layer.correct, layer.impute, layer.batch
    )


class DenseBlock:
    """A dense layer: its steps (`models.preprocessing.steps.layer_steps`), then `models.preprocessing.scaling.Scale`.

    What is missing after them is the training median. Features without variance in the training rows are dropped. A row without the layer is zero throughout.
    """

    kind = "dense"

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: list[str] = []
        self.steps = LayerSteps()

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        layer = by_name(snapshot, self.name, ())
        self.names = layer.var["feature"].to_list()
        rows = rows[layer.profiled[rows]]
        self.steps = LayerSteps.fit(layer, rows)
        scale = fitted_scale(layer, rows) if self.steps.none else Scale.fit(self.steps.values(layer, rows))
        self.kept = np.flatnonzero(scale.varies)
        self.scale = scale.take(self.kept)
        return self

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> Matrix:
        layer = by_name(snapshot, self.name, self.names)
        if self.steps.none and len(rows) * len(self.names) > _LARGE:
            made = np.empty((len(rows), len(self.kept)), dtype=np.float32)
            self.write(layer, rows, made)
            return made
        x = self.scale.filled(self.steps.values(layer, rows)[:, self.kept])
        x[~layer.profiled[rows]] = 0.0
        return x

    def write(self, layer: Layer, rows: np.ndarray, out: np.ndarray) -> None:
        """`transform` of rows of a layer whose features are those that were fitted on, into (n, columns) `out`.

        A few rows at a time: until they are scaled they stay in the processor's cache. Batches that training did not see
        must have been settled by `serving`.
        """
        every = len(self.kept) == len(self.names)
        step = max(8, _CELLS // max(1, len(self.names)))
        for first in range(0, len(rows), step):
            x, z = self.steps.values(layer, rows[first : first + step]), out[first : first + step]
            z[:] = x if every else x[:, self.kept]
            self.scale.fill(z)
        out[~layer.profiled[rows]] = 0.0

    def serving(self, snapshot: Snapshot, rows: np.ndarray) -> DenseBlock:
        """The same fitted block, with the batches among these rows that training did not see estimated from them."""
        block = copy(self)
        block.steps = self.steps.serving(by_name(snapshot, self.name, self.names), rows)
        return block

    def measured(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n, columns) bool: False where `transform` had to fill in."""
        layer = by_name(snapshot, self.name, self.names)
        known = np.isfinite(np.asarray(layer.values[rows])[:, self.kept])
        return np.asarray(known & layer.profiled[rows][:, None])

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return np.asarray(by_name(snapshot, self.name, self.names).profiled[rows])

    def entities(self) -> list[str | None]:
        return [self.names[i] for i in self.kept]

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        out = np.zeros((len(contributions), len(self.names)))
        out[:, self.kept] = contributions
        return out

    def state(self) -> dict[str, Any]:
        steps = {} if self.steps.none else {"steps": self.steps.state()}
        return {"names": self.names, "kept": self.kept, "scale": self.scale.state(), **steps}

    def restore(self, state: Mapping[str, Any]) -> Self:
        self.names, self.kept, self.scale = state["names"], state["kept"], Scale(**state["scale"])
        self.steps = LayerSteps.restored(state.get("steps", {}))
        return self


class MutationBlock:
    """A mutation layer: genes hit in at least max(2, 1 %) of the profiled training rows, and the log burden of all.

    A gene that nobody called in a row counts as often as it is hit in the training rows where it was called.

    `with_rare` has every gene hit in a training row: on a graph, rare ones share strength with their neighbours.
    """

    kind = "mutation"

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: list[str] = []

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        layer = snapshot.layers[self.name]
        self.names = layer.var["feature"].to_list()
        x = mutation_values(layer, rows[layer.profiled[rows]])
        hits = np.asarray((x != 0).sum(axis=0)).ravel()
        self.kept = np.flatnonzero((hits >= max(2, 0.01 * x.shape[0])) & (hits < x.shape[0]))
        self.hit = np.flatnonzero(hits)
        unknown = np.asarray(not_called(layer, rows[layer.profiled[rows]]).sum(axis=0)).ravel()
        self.rate = np.asarray(hits / np.maximum(x.shape[0] - unknown, 1), dtype=np.float32)
        self.burden = Scale.fit(_burden(x))
        return self

    def with_rare(self) -> Self:
        """The same fitted block over every gene hit in a training row, however rare."""
        block = copy(self)
        block.kept = self.hit
        return block

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> Matrix:
        layer = by_name(snapshot, self.name, self.names)
        x = mutation_values(layer, rows)
        z = np.where(layer.profiled[rows][:, None], self.burden.filled(_burden(x)), np.float32(0))
        return np.hstack([self._expected(layer, rows, x)[:, self.kept].toarray(), z])

    def entries(self, snapshot: Snapshot, rows: np.ndarray) -> sparse.csr_matrix:
        """(n, genes) the columns of `transform` without the burden, sparse."""
        layer = by_name(snapshot, self.name, self.names)
        return self._expected(layer, rows, mutation_values(layer, rows))[:, self.kept]

    def _expected(self, layer: Layer, rows: np.ndarray, x: sparse.csr_matrix) -> sparse.csr_matrix:
        """x, with the rate of its gene in each cell that nobody called."""
        unknown = not_called(layer, rows)[:, : len(self.rate)].tocoo()
        if not unknown.nnz:
            return x
        filled = (self.rate[unknown.col], (unknown.row, unknown.col))
        return sparse.csr_matrix(x + sparse.csr_matrix(filled, shape=x.shape, dtype=np.float32))

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return np.asarray(by_name(snapshot, self.name, self.names).profiled[rows])

    def entities(self) -> list[str | None]:
        return [*(self.names[i] for i in self.kept), None]

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        out = np.zeros((len(contributions), len(self.names)))
        out[:, self.kept] = contributions[:, :-1]  # the burden is no gene's
        return out

    def state(self) -> dict[str, Any]:
        return {
            "names": self.names, "kept": self.kept, "hit": self.hit, "rate": self.rate, "burden": self.burden.state()
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> Self:
        self.names, self.kept, self.hit = state["names"], state["kept"], state["hit"]
        self.rate = state["rate"]
        self.burden = Scale(**state["burden"])
        return self


def _burden(x: sparse.csr_matrix) -> np.ndarray:
    """(n, 1) log1p of how many genes are hit, those too that no model knows."""
    return np.log1p(np.asarray((x != 0).sum(axis=1), dtype=np.float64).reshape(-1, 1))
