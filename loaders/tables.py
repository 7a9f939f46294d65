"""Tables between the rooms: their columns, and what a loader returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from .files.ledger import REJECTS, Tally
from .files.losses import Loss
from .files.removed_ids import NOBODY, Removed
from .files.source_folder import Shards
from .identifiers.genes import GeneTable
from .specs import Knowledge, Source

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = [
    "CONCEPTS", "EVENTS", "LINKS", "NEVER", "NOTES", "REJECTS", "SAMPLES", "VECTORS", "VISITS", "Known", "Loaded", "Tally",
    "as_concepts", "as_links", "in_layout", "stated",
]  # fmt: skip

PolarsType = pl.DataType | type[pl.DataType]

NEVER = datetime(9999, 12, 31)
"""The known_time of what nobody says when it was known: it passes no fence."""

EVENTS: dict[str, PolarsType] = {
    "subject_id": pl.String, "time": pl.Datetime("us"), "code": pl.String,
    "numeric_value": pl.Float64, "text_value": pl.String, "known_time": pl.Datetime("us"),
    "visit_id": pl.String, "unit": pl.String, "source": pl.String,
}  # fmt: skip
"""MEDS 0.4, with known_time (never null where time is not), visit_id, unit, source. time null: static."""

VISITS = {
    "visit_id": pl.String, "subject_id": pl.String, "start_time": pl.Datetime("us"),
    "end_time": pl.Datetime("us"), "kind": pl.String, "source": pl.String,
}  # fmt: skip
"""One row a visit; what the study keeps follows as further columns."""

SAMPLES = {
    "sample_id": pl.String, "subject_id": pl.String, "batch": pl.String, "site": pl.String,
    "time": pl.Datetime("us"), "known_time": pl.Datetime("us"),
}  # fmt: skip

VECTORS: dict[str, PolarsType] = {
    "subject_id": pl.String, "time": pl.Datetime("us"), "known_time": pl.Datetime("us"), "visit_id": pl.String,
    "kind": pl.String, "source": pl.String,
}  # fmt: skip
"""One row an image, or a note of which a vector was made; its numbers follow as further columns, Float32."""

NOTES: dict[str, PolarsType] = {**VECTORS, "text": pl.String}
"""One row a note. kind: what it is (`discharge summary`). The text leaves the tables only as terms (graphs.snapshot.views)."""

CONCEPTS = {
    "id": pl.String, "label": pl.String, "name": pl.String, "symbol": pl.String,
    "source": pl.String, "release": pl.String, "licence": pl.String,
}  # fmt: skip
"""Nodes of knowledge: CURIE, graph label, name."""

LINKS = {
    "subject": pl.String, "predicate": pl.String, "object": pl.String, "score": pl.Float64,
    "source": pl.String, "release": pl.String, "licence": pl.String,
}  # fmt: skip
"""Edges of knowledge between CURIEs."""


NONE = Tally(0, 0, 0, 0)


@dataclass(frozen=True)
class Known:
    """What is known before a source is read: who the patients are, their samples, the genes.

    subjects is None where the study has no [patients]: subjects then come from the sources.
    samples maps sample_id -> its row (SAMPLES), None where the study has no [samples].
    opaque holds names that opaque layers brought: bare name -> CURIE.
    removed: who was taken out for good; their rows are rejected, whatever else is known.
    clock: of the study's records, "dated", "relative" or "order"; None where they have none.
    shards: how files that can be read each by itself are read; None: in this process. It changes nothing of what is read.
    """

    subjects: frozenset[str] | None
    samples: pl.DataFrame | None
    genes: GeneTable
    opaque: Mapping[str, str] = field(default_factory=dict)
    removed: Removed = NOBODY
    clock: str | None = None
    shards: Shards | None = None

    def alone(self) -> Known:
        """What a shard needs to know of who and what is known: it crosses processes."""
        return Known(self.subjects, None, GeneTable.empty(), removed=self.removed, clock=self.clock)


@dataclass(frozen=True)
class Loaded:
    """One source as tables. Whatever a source does not bring is None.

    counts says in plain words what was normalised or left out, e.g.
    {"symbols mapped to NCBIGene": 1498, "symbols that no table maps": 57}.
    cells: what became of the cells that hold something. losses: what could not be used of cells, samples, columns, names.
    clock is "dated", "relative" or "order", or None where the source has no time.
    """

    source: str
    tally: Tally
    rejects: pl.DataFrame
    patients: pl.DataFrame | None = None
    samples: pl.DataFrame | None = None
    visits: pl.DataFrame | None = None
    events: pl.DataFrame | None = None
    omics: AnnData | None = None
    notes: pl.DataFrame | None = None
    vectors: pl.DataFrame | None = None
    concepts: pl.DataFrame | None = None
    links: pl.DataFrame | None = None
    clock: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    cells: Tally = NONE
    losses: tuple[Loss, ...] = ()


def as_concepts(rows: pl.DataFrame, spec: Source) -> pl.DataFrame:
    """The concepts table, each id once, with the first name and symbol that any row gives it."""
    described = in_layout(_from_source(rows, spec), CONCEPTS)
    first = [pl.col(c).drop_nulls().first() for c in CONCEPTS if c != "id"]
    return described.drop_nulls("id").group_by("id", maintain_order=True).agg(first).select(*CONCEPTS)


def as_links(rows: pl.DataFrame, spec: Source) -> pl.DataFrame:
    """The links table, each subject, predicate and object once; with `year`, and of MAPS_TO with `mapping` (exactMatch,
    …), where the rows carry one."""
    more = {"year": pl.Int64, "mapping": pl.String}
    layout = {**LINKS, **{name: dtype for name, dtype in more.items() if name in rows.columns}}
    links = in_layout(_from_source(rows, spec), layout)
    return links.unique(["subject", "predicate", "object"], keep="first", maintain_order=True)


def stated(frame: pl.DataFrame) -> pl.DataFrame:
    """A table for the graph: a known_time that nobody knows is none there."""
    if "known_time" not in frame.columns:
        return frame
    return frame.with_columns(pl.when(pl.col("known_time") != NEVER).then("known_time").alias("known_time"))


def in_layout(rows: pl.DataFrame, layout: Mapping[str, PolarsType]) -> pl.DataFrame:
    """The columns of a layout, in its order and types; what `rows` does not hold is null."""
    return rows.select(
        pl.col(name).cast(dtype) if name in rows.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in layout.items()
    )


def _from_source(rows: pl.DataFrame, spec: Source) -> pl.DataFrame:
    """The rows with the source that says so, and of knowledge its release and licence."""
    release, licence = (spec.release, spec.licence) if isinstance(spec, Knowledge) else ("", "")
    source = getattr(spec, "source", "")
    return rows.with_columns(source=pl.lit(source), release=pl.lit(release or None), licence=pl.lit(licence or None))
