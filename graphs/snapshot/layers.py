"""Omics layers of a snapshot: for each row the sample that was known last before its prediction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from ...loaders.errors import InputError
from ...loaders.specs import Activity
from ..schema import RESPONSE
from ..tables.study_tables import Tables
from .fence import Fence
from .knowledge import set_counts
from .snapshot import Layer, batch_in

_TIMES = ("time", "known_time")
_WHERE = ("batch", "site")
FEW = 5
"""Rows below which a batch's correction is said to be uncertain."""


@dataclass(frozen=True)
class FrozenLayers:
    """The omics layers of a snapshot, as `Snapshot` holds them.

    static: source -> undated samples that entered. counts: what else was decided, in plain words.
    origin: (rows,) `LAYER batch` and `LAYER site` of each layer whose samples have one: it is no input, but what the
        batch-only control looks at.
    """

    layers: Mapping[str, Layer]
    static: Mapping[str, int]
    counts: Mapping[str, int]
    origin: pl.DataFrame


def frozen_layers(index: pl.DataFrame, tables: Tables, fence: Fence) -> FrozenLayers:
    """Every layer over the rows of the index.

    Of several samples of one source a row takes the latest that is dated; undated ones are the last resort, the first
    by its id. Several sources of one layer complete each other, the later sample first.
    Features that no row has a value for are left out: they would tell what others' files, or the future, hold.
    """
    sources = layer_sources(tables)
    layers: dict[str, Layer] = {}
    static: dict[str, int] = {}
    counts: dict[str, int] = {}
    origin = index.select("row")
    for name in sorted(sources):
        parts = {source: picked_samples(index, tables, source, fence) for source in sources[name]}
        picked = pl.concat([part for part, _ in parts.values()])
        of_which = "rows with several undated samples, of which the first was taken"
        counts |= {f"{source}: {of_which}": several for source, (_, several) in parts.items() if several}
        undated = picked.filter(pl.col("time").is_null()).group_by("source").len().sort("source")
        static |= dict(undated.iter_rows())
        layer = _layer(name, index.height, picked, tables, sources[name])
        if layer.var.height:
            origin = origin.with_columns(_origin(index, picked, name))
            layers[name] = layer = replace(layer, batch=batch_in(origin, name))
            counts |= batch_counts(layer) | set_counts(layer, tables)
        else:
            counts[f"layers left out, for no row has a value: {name}"] = 1
    return FrozenLayers(layers, static, counts, origin.drop("row"))


def layer_sources(tables: Tables) -> dict[str, list[str]]:
    """Layer -> its sources, in their order; without those that are an outcome."""
    sources: dict[str, list[str]] = defaultdict(list)
    for source in tables.sources():
        if tables.table(source, "obs") is not None and _about(tables, source, "kind") != RESPONSE:
            sources[str(_about(tables, source, "layer"))].append(source)
    return sources


def _origin(index: pl.DataFrame, picked: pl.DataFrame, layer: str) -> list[pl.Series]:
    """Batch and site of the sample that a row has of the layer, the first source's; only what is known at all."""
    first = picked.unique("row", keep="first", maintain_order=True)
    found = index.select("row").join(first, on="row", how="left", maintain_order="left")
    return [found[what].alias(f"{layer} {what}") for what in _WHERE if found[what].count()]


def _about(tables: Tables, source: str, what: str) -> object:
    record = tables.record(source)
    return record.get(what, record["uns"].get(what))


def picked_samples(index: pl.DataFrame, tables: Tables, source: str, fence: Fence) -> tuple[pl.DataFrame, int]:
    """One sample of the source for each row that has any, and how many rows had several undated ones.

    Returns: (row, sample, time, batch, site, source), sample a position in obs; the number of such rows.
    """
    obs = tables.table(source, "obs")
    assert obs is not None
    absent = [pl.lit(None, pl.Datetime("us")).alias(name) for name in _TIMES if name not in obs.columns]
    absent += [pl.lit(None, pl.String).alias(name) for name in _WHERE if name not in obs.columns]
    obs = obs.with_columns(absent).with_columns(pl.col(name).cast(pl.Datetime("us")) for name in _TIMES)
    obs = obs.with_columns(pl.col(name).cast(pl.String) for name in _WHERE)
    if obs["time"].count() and index["prediction_time"].null_count():
        raise InputError(
            "rows without prediction_time, while samples are dated", "cohort query", index["prediction_time"].null_count(),
            "a time in every row", "RETURN … AS prediction_time",
        )  # fmt: skip
    facts = obs.select(
        "sample_id", "subject_id", *_TIMES, *_WHERE, pl.int_range(pl.len(), dtype=pl.Int64).alias("sample")
    )
    known = fence(facts, index).sort(
        ["row", "time", "sample_id"], descending=[False, True, False], nulls_last=[False, True, False]
    )
    first = known.group_by("row", maintain_order=True).agg(pl.first("sample", "time", *_WHERE), pl.len().alias("of"))
    several = first.filter(pl.col("time").is_null() & (pl.col("of") > 1)).height
    return first.select("row", "sample", "time", *_WHERE, pl.lit(source).alias("source")).sort("row"), several


def _layer(name: str, rows: int, picked: pl.DataFrame, tables: Tables, sources: list[str]) -> Layer:
    """One layer from its sources; the later sample wins where two have a value."""
    kinds = {
        (str(_about(tables, source, "kind")), str(_about(tables, source, "scale")), *_steps(tables, source))
        for source in sources
    }
    if len(kinds) > 1:
        raise InputError(
            "sections of one layer differ in kind, scale, correct, impute or activity",
            f"study layer {name}",
            sorted(map(str, kinds)),
            "one of each",
            "give the sections names of their own, or one kind, scale, correct, impute and activity",
        )
    kind, scale, correct, impute, activity = kinds.pop()
    var = _features(tables, sources)
    place = dict(zip(var["feature"], range(var.height), strict=True))
    blocks = {}
    for source in sources:
        omics = tables.read(source).omics
        assert omics is not None
        chosen = picked.filter(pl.col("source") == source)["sample"].to_numpy()
        x = omics.X if np.array_equal(chosen, np.arange(omics.n_obs)) else omics.X[chosen]
        blocks[source] = (x, np.array([place[feature] for feature in omics.var_names], dtype=np.int64))
    shape = (rows, var.height)
    values, profiled = (_sparse if kind == "mutation" else dense_values)(blocks, picked, shape)
    blocks.clear()
    used = np.flatnonzero(_seen(values))
    if len(used) < var.height:
        var, values = var[used], values[:, used]
    return Layer(name, kind, scale, var, values, profiled, correct, impute, activity=activity)


def _steps(tables: Tables, source: str) -> tuple[str, str, Activity | None]:
    """`correct`, `impute` and the activity of a source's section."""
    spec = tables.record(source).get("spec", {})
    method = str(spec.get("activity", "none"))
    asked = {key: spec[key] for key in ("least_genes", "keep_genes") if key in spec}
    activity = None if method == "none" else Activity(method, tuple(spec["pathways"]), **asked)
    return str(spec.get("correct", "none")), str(spec.get("impute", "median")), activity


def batch_counts(layer: Layer) -> dict[str, int]:
    """What a reader has to know of the batches that a layer is corrected by.

    Raises: InputError where no sample has one.
    """
    if layer.correct == "none":
        return {}
    if layer.batch is None:
        raise InputError(
            "batches cannot be corrected where no sample has one", f"study [omics.{layer.name}] correct", layer.correct,
            "the batch of each sample", 'add [samples] with batch = "COLUMN", or leave correct out',
        )  # fmt: skip
    batch = layer.batch[layer.profiled]
    size = np.unique(batch[batch != ""], return_counts=True)[1]
    found = {
        f"{layer.name}: rows whose sample has no batch, corrected as one batch": int((batch == "").sum()),
        f"{layer.name}: batches of fewer than {FEW} rows, whose correction is uncertain": int((size < FEW).sum()),
    }
    return {what: n for what, n in found.items() if n}


def _features(tables: Tables, sources: list[str]) -> pl.DataFrame:
    """(feature, symbol, gene) of every feature of the sources, sorted."""
    found = []
    for source in sources:
        var = tables.table(source, "var")
        assert var is not None
        absent = [pl.lit(None, pl.String).alias(c) for c in ("symbol", "gene") if c not in var.columns]
        var = var.with_columns(absent).select(pl.col("id").alias("feature"), "symbol", "gene").cast(pl.String)
        found.append(var)
    return pl.concat(found).unique("feature", keep="first", maintain_order=True).sort("feature")


_CELLS = 4_000_000
"""Of a dense layer so many are moved at a time."""
Block = tuple["np.ndarray | sparse.csr_matrix", np.ndarray]
"""A source's chosen samples, in the order of their rows, and the layer's position of each of its features."""


def dense_values(
    blocks: dict[str, Block], picked: pl.DataFrame, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """(rows, features) float32, NaN where no sample has a value; and which rows have any."""
    values = np.full(shape, np.nan, dtype=np.float32)
    order = picked.with_columns(pl.int_range(pl.len()).over("source").alias("at"))
    order = order.sort(["row", "time", "source"], descending=[False, True, False], nulls_last=[False, True, False])
    order = order.with_columns(pl.int_range(pl.len()).over("row").alias("turn"))
    for (_, source), now in sorted(order.group_by("turn", "source"), key=lambda part: part[0]):
        x, columns = blocks[str(source)]
        step = max(1, _CELLS // max(1, len(columns)))
        for first in range(0, now.height, step):  # whole copies would be as large as the layer
            few = now[first : first + step]
            part = x[few["at"].to_numpy()]
            block = np.asarray(part.toarray() if sparse.issparse(part) else part, dtype=np.float32)
            cells = np.ix_(few["row"].to_numpy(), columns)
            held = values[cells]
            values[cells] = np.where(np.isnan(held), block, held)
    return values, np.asarray((~np.isnan(values)).any(axis=1))


def _seen(values: Any) -> np.ndarray:
    """(features,) bool: features that any row has a value for."""
    if not sparse.issparse(values):
        return np.asarray(~np.isnan(values).all(axis=0))
    return np.bincount(values.indices[~np.isnan(values.data)], minlength=values.shape[1]) > 0


def _sparse(
    blocks: dict[str, Block], picked: pl.DataFrame, shape: tuple[int, int]
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """(rows, features) float32: a stored value is an event, the largest where two sources have one, NaN where nobody
    called it; and who was measured."""
    values, unknown = (sparse.csr_matrix(shape, dtype=np.float32) for _ in range(2))
    profiled = np.zeros(shape[0], dtype=bool)
    for source, (x, columns) in blocks.items():
        rows = picked.filter(pl.col("source") == source)["row"].to_numpy()
        measured = np.ones(len(rows), bool) if sparse.issparse(x) else ~np.isnan(x).all(axis=1)
        profiled[rows[measured]] = True
        found = sparse.csr_matrix(x if sparse.issparse(x) else np.nan_to_num(x, nan=0.0)).tocoo()
        asked = ~np.isnan(found.data)
        ends = np.array([rows[found.row], columns[found.col]])
        ones = np.ones(len(asked), np.float32)
        values = values.maximum(sparse.csr_matrix((found.data[asked].astype(np.float32), ends[:, asked]), shape=shape))
        unknown = unknown.maximum(sparse.csr_matrix((ones[~asked], ends[:, ~asked]), shape=shape))
    values = sparse.csr_matrix(values)
    values.eliminate_zeros()
    unknown = sparse.csr_matrix(unknown - unknown.multiply(values != 0))
    unknown.eliminate_zeros()
    unknown.data[:] = np.nan
    values = sparse.csr_matrix(values + unknown)
    values.sort_indices()
    return values, profiled
