"""Snapshot: a frozen, fenced cohort: subjects, labels, feature matrices, events, knowledge, with a manifest."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import numpy as np
import polars as pl
from scipy import sparse

from ...loaders.errors import InputError
from ...loaders.files.atomic import atomic_folder
from ...loaders.specs import Activity
from ..schema import VERSION
from ..tables.matrices import read_vectors, write

FORMAT = 1
MANIFEST = "manifest.json"
_SHOWN = 8
FOLDS = {"repeat": pl.Int64, "fold": pl.Int64, "row": pl.Int64, "split": pl.String}


@dataclass(frozen=True)
class Layer:
    """One omics layer over the snapshot's rows (the fields are described in models/base/snapshot.py).

    activity: of which gene sets a fold computes the activity. select: by which method it selects among the features; said
        when a run begins, and not kept.
    """

    name: str
    kind: str
    scale: str
    var: pl.DataFrame
    values: np.ndarray | sparse.csr_matrix
    profiled: np.ndarray
    correct: str = "none"
    impute: str = "median"
    batch: np.ndarray | None = None
    select: str = "none"
    activity: Activity | None = None


@dataclass(frozen=True, repr=False)
class Snapshot:
    """What the learners see. Nothing in it lies beyond the fence, nothing in it is fitted.

    rows: sorted by subject_id, prediction_time; beside the label it holds what folds are made by (`keep`).
    folds: (repeat, fold, row, split) with split in train, tuning, held_out.
    manifest: query, params, schema version, and after `save` or `read` the sha256 of every file.
    static: how many undated facts of each source entered, for the report.
    counts: what else was decided while freezing, in plain words.
    origin: batch and site of each layer's samples (`LAYER batch`), where known: no input, but what a control looks at.
    views: layers whose features are nodes of no graph: terms of notes (sparse counts), vectors of images.
    """

    task: str
    rows: pl.DataFrame
    covariates: pl.DataFrame
    layers: Mapping[str, Layer]
    events: pl.DataFrame | None
    links: pl.DataFrame
    folds: pl.DataFrame
    clock: str
    classes: tuple[str, ...]
    manifest: Mapping[str, object] = field(default_factory=dict)
    static: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    origin: pl.DataFrame = field(default_factory=pl.DataFrame)
    views: Mapping[str, Layer] = field(default_factory=dict)

    def __repr__(self) -> str:
        """What is in it, in counts: no id, no value of a patient."""
        rows, events = self.rows, self.events
        task = f"{self.task}, {rows.height:,} rows of {rows['subject_id'].n_unique():,} subjects"
        lines = [f"{task}, clock {self.clock}"]
        if self.classes:
            lines.append(f"classes: {', '.join(self.classes)}")
        if self.covariates.width:
            lines.append(f"covariates: {_some(self.covariates.columns)}")
        for layer in _sorted_layers(self)[:_SHOWN]:
            known = f"{int(layer.profiled.sum()):,} rows measured"
            lines.append(f"layer {layer.name}: {layer.kind}, {layer.var.height:,} features, {known}")
        if len(self.layers) > _SHOWN:
            lines.append(f"and {len(self.layers) - _SHOWN} more layers")
        for view in sorted(self.views.values(), key=lambda one: one.name):
            lines.append(f"view {view.name}: {view.var.height:,} features, {int(view.profiled.sum()):,} rows")
        if events is not None:
            lines.append(f"events: {events.height:,} of {events['code'].n_unique():,} codes")
        counted = self.links["predicate"].value_counts(sort=True).rows() if self.links.height else []
        lines.append(f"links: {_some([f'{count:,} {predicate}' for predicate, count in counted]) or 'none'}")
        folds = self.folds.select("repeat", "fold").unique().height if self.folds.height else 0
        lines.append(f"folds: {folds}")
        return "\n  ".join([f"{type(self).__name__}(", *lines]) + "\n)"

    def with_folds(self, folds: pl.DataFrame) -> Self:
        """The same snapshot with these folds: (repeat, fold, row, split)."""
        return replace(self, folds=folds.select(list(FOLDS)).cast(FOLDS).sort("repeat", "fold", "row"))  # type: ignore[arg-type]

    def with_input(self) -> np.ndarray:
        """(rows,) bool: rows that have any input before the fence: a layer, a covariate, or an event."""
        found = np.zeros(self.rows.height, dtype=bool)
        for layer in (*self.layers.values(), *self.views.values()):
            found |= layer.profiled
        if self.covariates.width:
            found |= self.covariates.select(pl.any_horizontal(pl.all().is_not_null())).to_series().to_numpy()
        if self.events is not None:
            found[self.events["row"].unique().to_numpy()] = True
        return found

    def checksums(self) -> dict[str, str]:
        """sha256 of every file that `save` would write: equal for equal contents, whatever the store."""
        sums = {name: hashlib.sha256(_parquet(table)).hexdigest() for name, table in _tables(self)}
        return dict(sorted(sums.items()))

    def save(self, folder: Path) -> Self:
        """Write Parquet files and manifest.json; an older snapshot in the folder is replaced at once.

        Returns: the snapshot with the manifest that was written.
        """
        sums = {}
        with atomic_folder(folder) as fresh:
            for name, table in _tables(self):
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
                write(fresh / name, table.rechunk())
                sums[name] = _sha256(fresh / name)
            saved = replace(self, manifest={**_manifest(self), "sha256": dict(sorted(sums.items()))})
            (fresh / MANIFEST).write_text(json.dumps(saved.manifest, indent=1, sort_keys=True, default=str), "utf-8")
        return saved

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """A snapshot that `save` wrote. Raises: InputError if a file is missing or is not the one that was written."""
        folder = Path(folder)
        manifest = _checked_manifest(folder)
        files = manifest["sha256"]
        layers, views = (
            {about["name"]: _read_layer(folder, about, kind) for about in manifest.get(kind, [])} for kind in _KINDS
        )
        rows = pl.read_parquet(folder / "rows.parquet")
        origin = pl.read_parquet(folder / "origin.parquet") if "origin.parquet" in files else rows.select([])
        layers = {name: replace(layer, batch=batch_in(origin, name)) for name, layer in layers.items()}
        return cls(
            task=manifest["task"],
            rows=rows,
            covariates=pl.read_parquet(folder / "covariates.parquet")
            if "covariates.parquet" in files
            else rows.select([]),
            layers=layers,
            events=pl.read_parquet(folder / "events.parquet") if "events.parquet" in files else None,
            links=pl.read_parquet(folder / "links.parquet"),
            folds=pl.read_parquet(folder / "folds.parquet"),
            clock=manifest["clock"],
            classes=tuple(manifest["classes"]),
            manifest=manifest,
            static=manifest["static"],
            counts=manifest["counts"],
            origin=origin,
            views=views,
        )


def batch_in(origin: pl.DataFrame, layer: str) -> np.ndarray | None:
    """(rows,) text: the batch of each row's sample of a layer, "" where it is not known; None where none has one."""
    name = f"{layer} batch"
    return np.array(origin[name].fill_null("").to_list(), dtype=np.str_) if name in origin.columns else None


def _some(words: list[str]) -> str:
    """The first of them, and how many more there are."""
    more = [f"and {len(words) - _SHOWN} more"] if len(words) > _SHOWN else []
    return ", ".join([*words[:_SHOWN], *more])


def _manifest(snapshot: Snapshot) -> dict[str, object]:
    return {
        **snapshot.manifest, "format": FORMAT, "schema": VERSION, "task": snapshot.task, "clock": snapshot.clock,
        "classes": list(snapshot.classes), "static": dict(snapshot.static), "counts": dict(snapshot.counts),
        "layers": [{"name": a.name, "kind": a.kind, "scale": a.scale, **_steps(a)} for a in _sorted_layers(snapshot)],
        **({"views": [{"name": a.name, "kind": a.kind, "scale": a.scale} for a in _by_name(snapshot.views)]} if snapshot.views else {}),
    }  # fmt: skip


def _steps(layer: Layer) -> dict[str, Any]:
    """What is asked of the layer beyond the default."""
    asked = {"correct": (layer.correct, "none"), "impute": (layer.impute, "median")}
    told = (
        {} if layer.activity is None else {"activity": {**vars(layer.activity), "pathways": [*layer.activity.pathways]}}
    )
    return {**{name: one for name, (one, default) in asked.items() if one != default}, **told}


def _sorted_layers(snapshot: Snapshot) -> list[Layer]:
    return _by_name(snapshot.layers)


def _by_name(layers: Mapping[str, Layer]) -> list[Layer]:
    return [layers[name] for name in sorted(layers)]


def _tables(snapshot: Snapshot) -> Iterator[tuple[str, pl.DataFrame]]:
    """File name and what it holds, one after the other: a layer may fill the memory."""
    yield from {"rows.parquet": snapshot.rows, "links.parquet": snapshot.links, "folds.parquet": snapshot.folds}.items()
    if snapshot.covariates.width:
        yield "covariates.parquet", snapshot.covariates
    if snapshot.origin.width:
        yield "origin.parquet", snapshot.origin
    if snapshot.events is not None:
        yield "events.parquet", snapshot.events
    for kind, held in zip(_KINDS, (snapshot.layers, snapshot.views), strict=True):
        for layer in held.values():
            place = _place(layer.name, kind)
            yield from ((f"{place}/{name}.parquet", table) for name, table in _layer_tables(layer))


_KINDS = ("layers", "views")


def _place(layer: str, kind: str) -> str:
    return f"{kind}/{quote(layer, safe='')}"


def _layer_tables(layer: Layer) -> Iterator[tuple[str, pl.DataFrame]]:
    """var, and dense (profiled, values: one vector a row) or entries (row, column, value) with profiled."""
    profiled = pl.Series("profiled", layer.profiled, dtype=pl.Boolean)
    yield "var", layer.var
    if sparse.issparse(layer.values):
        found = sparse.csr_matrix(layer.values).tocoo()
        entries = {"row": found.row.astype(np.int32), "column": found.col.astype(np.int32), "value": found.data}
        table = pl.DataFrame(entries).sort("row", "column")
        yield "entries", table
        yield "profiled", profiled.to_frame()
        return
    values = np.asarray(layer.values, dtype=np.float32)
    missing = np.isnan(values)
    if missing.any():
        values = np.where(missing, np.float32(np.nan), values)  # one NaN, whatever its bits were
    column = pl.Series("values", values, dtype=pl.Array(pl.Float32, values.shape[1]))
    yield "dense", pl.DataFrame([profiled, column])


def _read_layer(folder: Path, about: Mapping[str, Any], kind: str) -> Layer:
    place = folder / _place(about["name"], kind)
    var = pl.read_parquet(place / "var.parquet")
    values: np.ndarray | sparse.csr_matrix
    if (place / "entries.parquet").exists():
        profiled = pl.read_parquet(place / "profiled.parquet")["profiled"].to_numpy()
        found = pl.read_parquet(place / "entries.parquet")
        ends = (found["row"].to_numpy(), found["column"].to_numpy())
        values = sparse.csr_matrix((found["value"].to_numpy(), ends), shape=(len(profiled), var.height))
    else:
        profiled = pl.read_parquet(place / "dense.parquet", columns=["profiled"])["profiled"].to_numpy()
        values = read_vectors(place / "dense.parquet", len(profiled), var.height)
    asked: dict[str, Any] = {key: about[key] for key in ("correct", "impute") if key in about}
    if told := about.get("activity"):
        asked["activity"] = Activity(**{**told, "pathways": tuple(told["pathways"])})
    return Layer(about["name"], about["kind"], about["scale"], var, values, profiled, **asked)


def _parquet(table: pl.DataFrame) -> memoryview:
    buffer = io.BytesIO()
    write(buffer, table.rechunk())
    return buffer.getbuffer()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked_manifest(folder: Path) -> dict[str, Any]:
    fix = "make it again: `clinome train` freezes the cohort anew"
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("there is no snapshot here", folder, expected=MANIFEST, fix=fix) from error
    if manifest.get("format") != FORMAT:
        raise InputError("a snapshot of another version", folder, manifest.get("format"), FORMAT, fix)
    for name, want in manifest["sha256"].items():
        path = folder / name
        if not path.is_file() or _sha256(path) != want:
            raise InputError(
                "a file is missing or was changed", path, expected="its checksum in manifest.json", fix=fix
            )
    return manifest
