"""Nodes of a source, from its tables, by label; every end of every relationship is among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from ...loaders.identifiers.property_names import safe_names
from ...loaders.specs import AnySource, Omics
from ...loaders.tables import Loaded, stated
from ..schema import RELATED, code_labels, concept_labels, feature_labels, link_ends
from ..tables.matrices import frame, variants

if TYPE_CHECKING:
    from anndata import AnnData

RESERVED = ("id", "title", "type", "sources", "told")
"""Names that a store keeps for itself: a column of that name becomes a property with `_` behind it."""


def nodes(loaded: Loaded, spec: AnySource) -> dict[str, pl.DataFrame]:
    """label -> id and properties, each id once, sorted.

    Args:
        loaded: what the loader (or `Tables.read`) returned.
        spec: its section; of omics it says kind and layer.
    """
    found: dict[str, list[pl.DataFrame]] = defaultdict(list)
    for label, table in _brought(loaded, spec):
        found[label].append(table)
    return {label: _unique(tables) for label, tables in sorted(found.items()) if any(t.height for t in tables)}


def renamed(table: pl.DataFrame, key: str) -> pl.DataFrame:
    """The table with its key as `id`, and no property under a name that stores keep for themselves."""
    others = safe_names((name for name in table.columns if name != key), lambda name: name in RESERVED)
    return table.rename({key: "id", **others})


def _brought(loaded: Loaded, spec: AnySource) -> Iterator[tuple[str, pl.DataFrame]]:
    """Label, and id with properties; an id may come several times."""
    clock = pl.lit(loaded.clock, pl.String).alias("clock")
    if loaded.patients is not None:
        yield "Patient", renamed(loaded.patients, "subject_id")
    if loaded.samples is not None:
        yield "Sample", renamed(stated(loaded.samples).drop("subject_id"), "sample_id")
        yield "Patient", _ids(loaded.samples["subject_id"])
    if loaded.visits is not None:
        yield "Visit", renamed(loaded.visits.drop("subject_id", "source"), "visit_id")
        yield "Patient", _ids(loaded.visits["subject_id"]).with_columns(clock)
    if loaded.events is not None:
        yield "Patient", _ids(loaded.events["subject_id"]).with_columns(clock)
        for (label,), part in code_labels(loaded.events["code"]).partition_by("label", as_dict=True).items():
            yield str(label), _ids(part["code"])
    for view in (loaded.notes, loaded.vectors):
        if view is not None:
            yield "Patient", _ids(view["subject_id"]).with_columns(clock)
            yield "Code", _ids(view["kind"])
    if loaded.omics is not None and isinstance(spec, Omics):
        yield from _omics(loaded.omics, spec)
    yield from _knowledge(loaded)


def _omics(omics: AnnData, spec: Omics) -> Iterator[tuple[str, pl.DataFrame]]:
    obs, var = stated(frame(omics.obs, "sample_id")), frame(omics.var, "id")
    yield "Patient", _ids(obs["subject_id"])
    own = obs.filter(pl.col("sample_id") != pl.col("subject_id"))
    kept = [name for name in ("batch", "site", "time", "known_time") if name in own.columns]
    yield "Sample", own.select(pl.col("sample_id").alias("id"), *kept)
    symbol = pl.col("symbol") if "symbol" in var.columns else pl.lit(None, pl.String)
    features = var.select("id", symbol=symbol, name=symbol, label=feature_labels(var, spec.kind))
    for (label,), part in features.partition_by("label", as_dict=True).items():
        yield str(label), part.drop("label")
        if label in RELATED and "gene" in var.columns:
            genes = var.filter(pl.col("id").is_in(part["id"].implode()))["gene"]
            yield "Gene", _ids(genes.drop_nulls())
    table = variants(omics)
    if table is not None:
        yield "Variant", _ids(table["variant"])
        yield "Patient", _ids(table["subject_id"])
        yield "Gene", _ids(table["gene"].drop_nulls())


def _knowledge(loaded: Loaded) -> Iterator[tuple[str, pl.DataFrame]]:
    if loaded.concepts is not None:
        for (label,), part in concept_labels(loaded.concepts).partition_by("label", as_dict=True).items():
            yield str(label), renamed(part.drop("label", "source"), "id")
    if loaded.links is not None:
        links, _ = link_ends(loaded.links, loaded.concepts)
        for end, label in (("subject", "start_label"), ("object", "end_label")):
            for (name,), part in links.partition_by(label, as_dict=True).items():
                yield str(name), _ids(part[end])


def _ids(ids: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"id": ids.cast(pl.String).unique()})


def _unique(tables: list[pl.DataFrame]) -> pl.DataFrame:
    """Each id once, its properties from the first table that has them."""
    found = pl.concat([t for t in tables if t.height], how="diagonal_relaxed")
    if found["id"].n_unique() == found.height:
        return found.sort("id")
    first = [pl.col(name).drop_nulls().first() for name in found.columns if name != "id"]
    return found.group_by("id", maintain_order=True).agg(*first).sort("id")
