"""Input schema: what a study held when a model was fitted, and how another study's snapshot is brought into that shape.

Layers, features, covariates and codes are matched by name. What the other study lacks is missing, what only it holds is
not used; both are counted, and said in plain words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ...loaders.errors import InputError
from ..base.snapshot import DerivedSnapshot, Layer, Snapshot
from ..preprocessing.notes_block import NOTES, aligned
from ..preprocessing.omics_layer import AlignedLayer, by_name, is_mutation
from ..preprocessing.steps.layer_steps import batches_of

EVENTS = {
    "row": pl.Int64, "days": pl.Float64, "age": pl.Float32, "code": pl.String,
    "numeric_value": pl.Float64, "text_value": pl.String, "visit": pl.Int64,
}  # fmt: skip
WHERE = "the study to predict"
ELSEWHERE = "a study without batches"
"""The batch of all rows of a study that knows none."""
FEW = 5
"""Rows below which a batch's correction is said to be uncertain."""


@dataclass(frozen=True)
class LayerSchema:
    """A layer as the model knows it: its features (CURIEs), in order; where batches are corrected, those it was trained on."""

    kind: str
    scale: str
    mutations: bool
    features: list[str]
    batches: list[str] | None = None

    @classmethod
    def of(cls, layer: Layer) -> LayerSchema:
        batches = (
            None if layer.correct == "none" else sorted(set(batches_of(layer, np.flatnonzero(layer.profiled)).tolist()))
        )
        return cls(layer.kind, layer.scale, is_mutation(layer), layer.var["feature"].to_list(), batches)

    def state(self) -> dict[str, Any]:
        return {name: one for name, one in vars(self).items() if name != "batches" or one is not None}

    def gap_of_batches(self, layer: Layer) -> dict[str, Any] | None:
        """How many batches here are called as in training, how many are new, and in how many rows; None where none is corrected."""
        if self.batches is None:
            return None
        batch = batches_of(layer, np.flatnonzero(layer.profiled))
        names, size = np.unique(batch, return_counts=True)
        new = ~np.isin(names, self.batches)
        return {"known": int((~new).sum()), "new": int(new.sum()), "new_rows": int(size[new].sum()),
                "few": int((new & (size < FEW)).sum())}  # fmt: skip


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
    views: Mapping[str, LayerSchema] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot) -> InputSchema:
        is_a = snapshot.links.filter(pl.col("predicate") == "IS_A").unique(["subject", "object"])
        is_a = is_a.sort("subject", "object")
        return cls(
            snapshot.task, tuple(snapshot.classes), snapshot.clock,
            {name: LayerSchema.of(x) for name, x in snapshot.layers.items()},
            {name: kind_of(snapshot.covariates[name]) for name in snapshot.covariates.columns},
            None if snapshot.events is None else snapshot.events["code"].unique().sort().to_list(),
            (is_a["subject"].to_list(), is_a["object"].to_list()),
            {name: LayerSchema(x.kind, x.scale, False, x.var["feature"].to_list()) for name, x in snapshot.views.items()},
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        held = {kind: {name: one.state() for name, one in getattr(self, kind).items()} for kind in ("layers", "views")}
        if not self.views:
            del held["views"]
        return {**{name: one for name, one in vars(self).items() if name != "views"}, **held}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> InputSchema:
        held = {
            kind: {name: LayerSchema(**one) for name, one in state.get(kind, {}).items()}
            for kind in ("layers", "views")
        }
        return cls(**{**state, **held})

    def serve(self, snapshot: Snapshot) -> ServedSnapshot:
        """The snapshot in this shape. What it was served has the same rows in the same order.

        Raises: InputError for another task, a layer of another kind, or an order where the model needs times.
        """
        if snapshot.task != self.task:
            raise InputError("a model of another task", WHERE, snapshot.task, self.task, "predict a study of its task")
        layers = {name: self._layer(snapshot, name) for name in self.layers}
        views = {name: self._view(snapshot, name) for name in self.views}
        covariates = {name: _covariate(snapshot, name, kind) for name, kind in self.covariates.items()}
        events, of_records = self._events(snapshot)
        made = DerivedSnapshot(
            self.task, snapshot.rows, pl.DataFrame([column for column, _ in covariates.values()]),
            {name: layer for name, (layer, _) in layers.items()}, events, self._links(snapshot.links), self.clock,
            self.classes, {name: view for name, (view, _) in views.items()},
        )  # fmt: skip
        gaps = InputGaps(
            rows=snapshot.rows.height, patients=snapshot.rows["subject_id"].n_unique(),
            layers={name: gap for name, (_, gap) in layers.items()},
            views={name: gap for name, (_, gap) in views.items()},
            unknown_layers=sorted({*snapshot.layers, *snapshot.views} - {*self.layers, *self.views}),
            covariates={name: gap for name, (_, gap) in covariates.items()}, records=of_records,
            unknown_records=self.codes is None and snapshot.events is not None,
        )  # fmt: skip
        return ServedSnapshot(made, gaps)

    def _layer(self, snapshot: Snapshot, name: str) -> tuple[Layer, dict[str, Any]]:
        known, own = self.layers[name], snapshot.layers.get(name)
        if own is not None and own.kind != known.kind:
            raise InputError("a layer of another kind", f"{WHERE} layer {name}", own.kind, known.kind,
                             "name the layers as in the study that the model comes from")  # fmt: skip
        made = by_name(snapshot, name, known.features)
        values = made.values
        if known.mutations and not sparse.issparse(values):
            values = sparse.csr_matrix(np.nan_to_num(values, nan=0.0), dtype=np.float32)
        named = set() if own is None else set(own.var["feature"])
        absent = len(set(known.features) - named)
        # ranks are the model's, whatever the file needs: its log has the same ones
        scale = known.scale if own is None or "rank" in (own.scale, known.scale) else own.scale
        gap = {
            "kind": known.kind, "missing_rows": int((~made.profiled).sum()), "features": len(known.features),
            "absent": absent, "unknown": len(named) - len(known.features) + absent,
            "scale": None if own is None or scale == known.scale else f"{scale}, not {known.scale}",
        }  # fmt: skip
        batch = made.batch
        if known.batches is not None and batch is None:  # its own: it is none of those of the training
            batch = np.full(len(made.profiled), ELSEWHERE)
        served = AlignedLayer(name, known.kind, scale, made.var, values, made.profiled, batch=batch)
        return served, {**gap, "batches": known.gap_of_batches(served)}

    def _view(self, snapshot: Snapshot, name: str) -> tuple[Layer, dict[str, Any]]:
        """Notes or vectors with the model's own features; terms that it does not know are left out."""
        known, own = self.views[name], snapshot.views.get(name)
        if own is not None and own.kind != known.kind:
            raise InputError("a view of another kind", f"{WHERE} [{name}]", own.kind, known.kind,
                             "notes that a model read are vectors: read them as in the study that the model comes from")  # fmt: skip
        if own is None or known.kind != NOTES:
            made = by_name(snapshot, name, known.features)
            values, profiled = made.values, made.profiled
        else:
            values, profiled = aligned(own, known.features), own.profiled
        if known.kind == NOTES and own is None:
            values = sparse.csr_matrix((snapshot.rows.height, len(known.features)), dtype=np.float32)
        named = set() if own is None else set(own.var["feature"])
        gap = {"kind": known.kind, "missing_rows": int((~profiled).sum()), "features": len(known.features),
               "absent": len(set(known.features) - named)}  # fmt: skip
        var = pl.DataFrame({"feature": known.features}, schema={"feature": pl.String})
        var = var.with_columns(symbol=pl.lit(None, pl.String), gene=pl.lit(None, pl.String))
        return AlignedLayer(name, known.kind, known.scale, var, values, profiled), gap

    def _events(self, snapshot: Snapshot) -> tuple[pl.DataFrame | None, dict[str, int] | None]:
        own = snapshot.events
        if self.codes is None:
            return None, None
        if own is None:
            own = pl.DataFrame(schema=EVENTS)
        elif snapshot.clock == "order" and self.clock != "order":
            raise InputError("records that only have an order", WHERE, "clock order", f"clock {self.clock}",
                             "this model needs times: dates, or days since an origin")  # fmt: skip
        known = own["code"].is_in(self.codes)
        gap = {
            "missing_rows": snapshot.rows.height - own["row"].n_unique(), "codes": own["code"].n_unique(),
            "events": own.height, "unknown_codes": own.filter(~known)["code"].n_unique(),
            "unknown_events": int((~known).sum()),
        }  # fmt: skip
        return own, gap

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
    """A snapshot in a model's shape, and what it lacked."""

    snapshot: DerivedSnapshot
    gaps: InputGaps


@dataclass(frozen=True)
class InputGaps:
    """What of a model's inputs another study lacks, and what of its own the model does not know; numbers and names only.

    layers: name -> kind, missing_rows, features, absent, unknown, scale; views: name -> kind, missing_rows, features, absent;
    covariates: name -> missing_rows, instead;
    records: missing_rows, codes, events, unknown_codes, unknown_events; None where the model knows no records.
    """

    rows: int
    patients: int
    layers: Mapping[str, Mapping[str, Any]]
    unknown_layers: Sequence[str]
    covariates: Mapping[str, Mapping[str, Any]]
    records: Mapping[str, int] | None
    unknown_records: bool
    views: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))

    def words(self) -> list[str]:
        """One plain line for everything that a reader of the predictions has to know."""
        said = [line for name, one in self.layers.items() for line in self._of_layer(name, one)]
        said += [f"layer {name} is unknown to the model, and not used" for name in self.unknown_layers]
        for name, one in self.views.items():
            said += self._missing(name, one["missing_rows"])
            if one["absent"] and one["kind"] != NOTES and one["missing_rows"] < self.rows:
                said.append(f"{name}: {one['absent']:,} of {one['features']:,} features are missing here")
        for name, one in self.covariates.items():
            what = self._missing(f"covariate {name}", one["missing_rows"])
            said += [f"{line} (it is {one['instead']} here)" if one["instead"] else line for line in what]
        if self.unknown_records:
            said.append("records are unknown to the model, and not used")
        if self.records is not None:
            r = self.records
            said += self._missing("records", r["missing_rows"], verb="are")
            if r["unknown_codes"]:
                said.append(
                    f"{r['unknown_codes']:,} of {r['codes']:,} codes are unknown to the model "
                    f"({r['unknown_events']:,} of {r['events']:,} events)"
                )
        return said

    def _of_layer(self, name: str, one: Mapping[str, Any]) -> list[str]:
        said = self._missing(f"layer {name}", one["missing_rows"])
        if one["missing_rows"] == self.rows:
            return said
        if one["absent"]:
            why = "not found in anyone here" if one["kind"] == "mutation" else "missing here"
            said.append(f"layer {name}: {one['absent']:,} of {one['features']:,} features are {why}")
        if one["unknown"]:
            use = "only count towards how many there are" if one["kind"] == "mutation" else "are not used"
            said.append(f"layer {name}: {one['unknown']:,} features are unknown to the model, and {use}")
        if one.get("batches"):
            said += self._of_batches(name, one["batches"])
        if one["scale"]:
            said.append(f"layer {name}: scale is {one['scale']} as where the model was trained")
        return said

    def _of_batches(self, name: str, one: Mapping[str, int]) -> list[str]:
        said = []
        if one["known"]:
            said.append(f"layer {name}: {one['known']:,} batches are called as in training, and corrected as those")
        if one["new"]:
            few = f" ({one['few']:,} of fewer than {FEW} rows: uncertain)" if one["few"] else ""
            said.append(
                f"layer {name}: {one['new']:,} batches are new{few}; their correction is estimated from their own "
                f"{one['new_rows']:,} rows, which are predicted together"
            )
        return said

    def _missing(self, what: str, rows: int, verb: str = "is") -> list[str]:
        if not rows:
            return []
        people = "patients" if self.rows == self.patients else "rows"
        many = f"all {self.rows:,}" if rows == self.rows else f"{rows:,} of {self.rows:,}"
        return [f"{what} {verb} missing for {many} {people}"]


def _covariate(snapshot: Snapshot, name: str, kind: str) -> tuple[pl.Series, dict[str, Any]]:
    """A covariate of this name and kind, null where there is none."""
    own = snapshot.covariates[name] if name in snapshot.covariates.columns else None
    served = None if own is None else _as_kind(own, kind)
    if served is None:
        kinds = {"number": pl.Float64, "boolean": pl.Boolean, "text": pl.String}
        served = pl.Series(name, [None] * snapshot.rows.height, dtype=kinds[kind])
    instead = kind_of(own) if own is not None and own.null_count() < served.null_count() else None
    return served, {"missing_rows": served.null_count(), "instead": instead}


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
