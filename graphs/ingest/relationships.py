"""Relationships of a source, from its tables, sorted by where they start, each with its `source`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from ...loaders.specs import AnySource, Omics, Records
from ...loaders.tables import Loaded, stated
from .. import schema
from ..schema import RELATED, code_labels, feature_labels, link_ends, unlabelled
from ..store.protocol import Edges
from ..tables.matrices import entries, frame, variants
from .dense_calls import calls


def edges(loaded: Loaded, spec: AnySource, load_id: str, sampled: bool) -> Iterator[Edges]:
    """Every relationship of the source, in an order that depends on its tables only.

    Args:
        loaded: what the loader (or `Tables.read`) returned.
        spec: its section; of omics it says kind, layer, and which calls the graph holds, of records whether their events.
        load_id: end of PROFILED.
        sampled: the study has [samples], which brings GAVE itself.
    """
    source = pl.lit(loaded.source).alias("source")
    if loaded.samples is not None:
        yield _gave(loaded.samples, source)
    if loaded.visits is not None:
        rows = loaded.visits.select(start="subject_id", end="visit_id").with_columns(source)
        yield Edges("ATTENDED", "Patient", "Visit", _sorted(rows.unique()))
    if loaded.events is not None and not (isinstance(spec, Records) and spec.graph == "none"):
        yield from _events(loaded.events, source)
    for view in (loaded.notes, loaded.vectors):
        if view is not None:
            yield _written(stated(view), source)
    if loaded.omics is not None and isinstance(spec, Omics):
        yield from _omics(loaded.omics, spec, load_id, sampled, source)
    if loaded.links is not None:
        yield from _links(loaded, source)


def left_out(loaded: Loaded) -> dict[str, int]:
    """In plain words, what does not get into the graph as it stands: links that do not fit, codes without a label."""
    counts = {} if loaded.links is None else link_ends(loaded.links, loaded.concepts)[1]
    return counts if loaded.events is None else {**counts, **unlabelled(loaded.events["code"])}


def _gave(samples: pl.DataFrame, source: pl.Expr) -> Edges:
    rows = samples.select(start="subject_id", end="sample_id").with_columns(source)
    return Edges("GAVE", "Patient", "Sample", _sorted(rows.unique()))


def _events(events: pl.DataFrame, source: pl.Expr) -> Iterator[Edges]:
    """One label after the other: of the events themselves there is one copy beside the table, of the largest label at most."""
    labels = code_labels(events["code"]).partition_by("label", "type", as_dict=True)
    for (label, type), codes in sorted(labels.items()):
        part = stated(events.filter(pl.col("code").is_in(codes["code"].implode())))
        rows = part.select(
            "time", "known_time", source, start="subject_id", end="code", visit="visit_id",
            value="numeric_value", text="text_value", unit="unit",
        )  # fmt: skip
        del part
        yield Edges(str(type), "Patient", str(label), _sorted(rows))


def _written(view: pl.DataFrame, source: pl.Expr) -> Edges:
    """That there is a note or an image of this kind, and when; of what it says nothing."""
    rows = view.select("time", "known_time", source, start="subject_id", end="kind", visit="visit_id")
    return Edges("HAD", "Patient", "Code", _sorted(rows))


def _omics(omics: Any, spec: Omics, load_id: str, sampled: bool, source: pl.Expr) -> Iterator[Edges]:
    obs, var = stated(frame(omics.obs, "sample_id")), frame(omics.var, "id")
    layer = pl.lit(spec.layer or spec.name).alias("layer")
    own = pl.when(pl.col("sample_id") != pl.col("subject_id")).then("sample_id").alias("sample")
    times = [name for name in ("time", "known_time") if name in obs.columns]
    if not sampled:
        yield _gave(obs.filter(pl.col("sample_id") != pl.col("subject_id")), source)
    profiled = obs.select(own, *times, layer, source, start="subject_id", end=pl.lit(load_id))
    yield Edges("PROFILED", "Patient", "Load", _sorted(profiled))
    found = calls(omics.X, spec)
    places = obs.select(own, start="subject_id").with_row_index("row")
    features = var.select(end="id", label=feature_labels(var, spec.kind)).with_row_index("column")
    rows = found.join(places.cast({"row": pl.Int32}), on="row", maintain_order="left")
    rows = rows.join(features.cast({"column": pl.Int32}), on="column", maintain_order="left").drop("row", "column")
    if spec.kind == "mutation":
        rows = rows.select("start", "end", "label").unique()
    type = schema.LAYER[spec.kind][0]
    for (label,), part in sorted(rows.partition_by("label", as_dict=True).items()):
        yield Edges(type, "Patient", str(label), _sorted(part.drop("label").with_columns(layer, source)))
    if spec.kind == "mutation":
        yield from _not_called(omics.X, places, features, [layer, source])
    yield from _of_genes(var, spec, source)
    carried = variants(omics)
    if carried is not None:
        yield from _variants(carried, source)


def _not_called(x: Any, places: pl.DataFrame, features: pl.DataFrame, about: list[pl.Expr]) -> Iterator[Edges]:
    """(Patient)-[:NOT_CALLED_IN]->(Gene): whether the gene is mutated nobody knows, so who counts must leave them out."""
    unknown = entries(x).filter(pl.col("value").is_nan()).select("row", "column")
    if unknown.is_empty():
        return
    rows = unknown.join(places.cast({"row": pl.Int32}), on="row").join(features.cast({"column": pl.Int32}), on="column")
    yield Edges("NOT_CALLED_IN", "Patient", "Gene", _sorted(rows.select("start", "end").unique().with_columns(about)))


def _of_genes(var: pl.DataFrame, spec: Omics, source: pl.Expr) -> Iterator[Edges]:
    """(Protein)-[:OF_GENE]->(Gene) and (MethylationSite)-[:NEAR]->(Gene), where the gene table knows the gene."""
    if "gene" not in var.columns:
        return
    other = var.with_columns(label=feature_labels(var, spec.kind)).filter(pl.col("gene") != pl.col("id"))
    for (label,), part in other.drop_nulls("gene").partition_by("label", as_dict=True).items():
        if label in RELATED:
            rows = part.select(source, start="id", end="gene")
            yield Edges(RELATED[str(label)], str(label), "Gene", _sorted(rows))


def _variants(table: pl.DataFrame, source: pl.Expr) -> Iterator[Edges]:
    """subject_id, variant, gene, consequence, protein, fraction -> HAS_VARIANT, IN_GENE."""
    fraction = pl.col("fraction") if "fraction" in table.columns else pl.lit(None, pl.Float64)
    carried = table.select(source, start="subject_id", end="variant", allele_fraction=fraction)
    carried = carried.sort("allele_fraction", descending=True, nulls_last=True).unique(["start", "end"], keep="first")
    yield Edges("HAS_VARIANT", "Patient", "Variant", _sorted(carried))
    consequence = pl.col("consequence") if "consequence" in table.columns else pl.lit(None, pl.String)
    protein = pl.col("protein") if "protein" in table.columns else pl.lit(None, pl.String)
    inside = (
        table.drop_nulls("gene")
        .select(source, start="variant", end="gene", consequence=consequence, protein=protein)
        .unique()
    )
    yield Edges("IN_GENE", "Variant", "Gene", _sorted(inside))


def _links(loaded: Loaded, source: pl.Expr) -> Iterator[Edges]:
    assert loaded.links is not None
    links, _ = link_ends(loaded.links, loaded.concepts)
    keys = ("predicate", "start_label", "end_label")
    for (predicate, start, end), part in sorted(links.partition_by(*keys, as_dict=True).items()):
        more = [pl.col(name) for name in ("year",) if name in part.columns]
        if predicate == "MAPS_TO" and "mapping" in part.columns:
            more.append(pl.col("mapping").alias("predicate"))
        rows = part.select("score", *more, "release", "licence", source, start="subject", end="object")
        yield Edges(str(predicate), str(start), str(end), _sorted(rows))


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    """start and end first, in a total order: a killed load must cut the same batches again."""
    rest = sorted(set(rows.columns) - {"start", "end"})
    return rows.select("start", "end", *rest).sort("start", "end", *rest)
