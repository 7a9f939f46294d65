"""What a study held when a model was fitted, and how another study's snapshot is brought into that shape.

Layers, features, covariates and codes are matched by name. What the other study lacks is missing, what only it holds is
not used; both are counted, and said in plain words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ...loaders.errors import InputError
from ..base.snapshot import DerivedSnapshot, Layer, Snapshot
from ..preprocessing.omics_layer import AlignedLayer, by_name, is_mutation
from .counted import InputGaps

EVENTS = {
    "row": pl.Int64, "days": pl.Float64, "age": pl.Float32, "code": pl.String,
    "numeric_value": pl.Float64, "text_value": pl.String, "visit": pl.Int64,
}  # fmt: skip
WHERE = "the study to predict"


@dataclass(frozen=True)
class LayerSchema:
    """A layer as the model knows it: its features (CURIEs), in order."""

    kind: str
    scale: str
    mutations: bool
    features: list[str]


@dataclass(frozen=True)
class InputSchema:
    """The shape of a snapshot, and nothing of any patient in it.

    covariates: name -> number, boolean or text. codes: of the records, sorted; None where the study had no records.
    above: (code, its parent) by IS_A, so that a code counts for the same ancestors whatever the other study loaded.
    """

    task: str
    classes: tuple[str, ...]
    clock: str
    layers: Mapping[str, LayerSchema]
    covariates: Mapping[str, str]
    codes: list[str] | None
    above: tuple[list[str], list[str]]

    @classmethod
    def of(cls, snapshot: Snapshot) -> InputSchema:
        is_a = snapshot.links.filter(pl.col("predicate") == "IS_A").unique(["subject", "object"])
        is_a = is_a.sort("subject", "object")
        return cls(
            snapshot.task, tuple(snapshot.classes), snapshot.clock,
            {name: LayerSchema(x.kind, x.scale, is_mutation(x), x.var["feature"].to_list())
             for name, x in snapshot.layers.items()},
            {name: kind_of(snapshot.covariates[name]) for name in snapshot.covariates.columns},
            None if snapshot.events is None else snapshot.events["code"].unique().sort().to_list(),
            (is_a["subject"].to_list(), is_a["object"].to_list()),
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        return {**vars(self), "layers": {name: vars(layer) for name, layer in self.layers.items()}}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> InputSchema:
        return cls(**{**state, "layers": {name: LayerSchema(**layer) for name, layer in state["layers"].items()}})

    def serve(self, snapshot: Snapshot) -> ServedSnapshot:
        """The snapshot in this shape. What it was served has the same rows in the same order.

        Raises: InputError for another task, a layer of another kind, or an order where the model needs times.
        """
        if snapshot.task != self.task:
            raise InputError("a model of another task", WHERE, snapshot.task, self.task, "predict a study of its task")
        count = InputGaps(snapshot.rows.height, snapshot.rows["subject_id"].n_unique())
        layers = {name: self._layer(snapshot, name, count) for name in self.layers}
        count.unknown_layers = sorted(set(snapshot.layers) - set(self.layers))
        covariates = self._covariates(snapshot.covariates, count)
        events = self._events(snapshot, count)
        links = self._links(snapshot.links)
        made = DerivedSnapshot(self.task, snapshot.rows, covariates, layers, events, links, self.clock, self.classes)
        return ServedSnapshot(made, count)

    def _layer(self, snapshot: Snapshot, name: str, count: InputGaps) -> Layer:
        seen, own = self.layers[name], snapshot.layers.get(name)
        if own is not None and own.kind != seen.kind:
            raise InputError("a layer of another kind", f"{WHERE} layer {name}", own.kind, seen.kind,
                             "name the layers as in the study that the model comes from")  # fmt: skip
        made = by_name(snapshot, name, seen.features)
        values = made.values
        if seen.mutations and not sparse.issparse(values):
            values = sparse.csr_matrix(np.nan_to_num(values, nan=0.0), dtype=np.float32)
        named = set() if own is None else set(own.var["feature"])
        absent = len(set(seen.features) - named)
        count.layers[name] = {
            "kind": seen.kind, "missing_rows": int((~made.profiled).sum()), "features": len(seen.features),
            "absent": absent, "unknown": len(named) - len(seen.features) + absent,
            "scale": None if own is None or own.scale == seen.scale else f"{own.scale}, not {seen.scale}",
        }  # fmt: skip
        scale = seen.scale if own is None else own.scale
        return AlignedLayer(name, seen.kind, scale, made.var, values, made.profiled)

    def _covariates(self, table: pl.DataFrame, count: InputGaps) -> pl.DataFrame:
        columns = []
        for name, kind in self.covariates.items():
            own = table[name] if name in table.columns else None
            served = None if own is None else _as_kind(own, kind)
            if served is None:
                kinds = {"number": pl.Float64, "boolean": pl.Boolean, "text": pl.String}
                served = pl.Series(name, [None] * count.rows, dtype=kinds[kind])
            count.covariates[name] = {
                "missing_rows": served.null_count(),
                "instead": kind_of(own) if own is not None and own.null_count() < served.null_count() else None,
            }
            columns.append(served)
        return pl.DataFrame(columns)

    def _events(self, snapshot: Snapshot, count: InputGaps) -> pl.DataFrame | None:
        own = snapshot.events
        if self.codes is None:
            count.unknown_records = own is not None
            return None
        if own is None:
            own = pl.DataFrame(schema=EVENTS)
        elif snapshot.clock == "order" and self.clock != "order":
            raise InputError("records that only have an order", WHERE, "clock order", f"clock {self.clock}",
                             "this model needs times: dates, or days since an origin")  # fmt: skip
        known = own["code"].is_in(self.codes)
        count.records = {
            "missing_rows": count.rows - own["row"].n_unique(), "codes": own["code"].n_unique(), "events": own.height,
            "unknown_codes": own.filter(~known)["code"].n_unique(), "unknown_events": int((~known).sum()),
        }  # fmt: skip
        return own

    def _links(self, links: pl.DataFrame) -> pl.DataFrame:
        """The model's own hierarchy; the other study's only for codes that it says nothing of."""
        mine = pl.DataFrame(
            {"subject": self.above[0], "object": self.above[1]}, schema=dict.fromkeys(("subject", "object"), pl.String)
        )
        mine = mine.with_columns(predicate=pl.lit("IS_A"), score=pl.lit(None, pl.Float64), source=pl.lit("model"))
        others = links.filter(
            ~((pl.col("predicate") == "IS_A") & pl.col("subject").is_in(mine["subject"].unique().implode()))
        )
        return pl.concat([mine, others.select(s for s in mine.columns)], how="vertical_relaxed").select(
            "subject", "predicate", "object", "score", "source"
        )


@dataclass(frozen=True)
class ServedSnapshot:
    """A snapshot as a model wants it, and what had to be made up for."""

    snapshot: DerivedSnapshot
    counted: InputGaps


def kind_of(values: pl.Series) -> str:
    """number, boolean or text."""
    if values.dtype == pl.Boolean:
        return "boolean"
    return "number" if values.dtype.is_numeric() or values.dtype == pl.Null else "text"


def _as_kind(values: pl.Series, kind: str) -> pl.Series | None:
    """The same covariate of another study in this one's kind; None where it cannot be."""
    own = kind_of(values)
    if own == kind:
        return values
    if kind == "number":
        return values.cast(pl.Float64, strict=False)
    if kind == "boolean":
        zero_one = own == "number" and set(values.drop_nulls().unique()) <= {0, 1}
        return values.cast(pl.Boolean) if zero_one else None
    if values.dtype.is_float() and (values.drop_nulls() == values.drop_nulls().round()).all():
        values = values.cast(pl.Int64)
    return values.cast(pl.String)
