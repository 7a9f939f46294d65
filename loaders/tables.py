"""The tables between the rooms (DESIGN.md): their columns, and what a loader returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from .files.removed_ids import NOBODY, Removed

if TYPE_CHECKING:
    from anndata import AnnData

    from .identifiers.genes import GeneTable

EVENTS = {
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

REJECTS = {
    "source": pl.String, "file": pl.String, "row": pl.Int64, "column": pl.String,
    "got": pl.String, "expected": pl.String, "fix": pl.String,
}  # fmt: skip
"""row counts from 1 at the first data row."""


@dataclass(frozen=True)
class Tally:
    """Rows of one source: read = written + merged + rejected, always."""

    read: int
    written: int
    merged: int
    rejected: int

    def __post_init__(self) -> None:
        if self.read != self.written + self.merged + self.rejected or min(self.written, self.merged, self.rejected) < 0:
            raise ValueError(f"rows do not add up: {self}")


@dataclass(frozen=True)
class Known:
    """What is known before a source is read: who the patients are, their samples, the genes.

    subjects is None where the study has no [patients]: subjects then come from the sources.
    samples maps sample_id -> its row (SAMPLES), None where the study has no [samples].
    opaque holds names that opaque layers brought: bare name -> CURIE.
    removed: who was taken out for good; their rows are rejected, whatever else is known.
    """

    subjects: frozenset[str] | None
    samples: pl.DataFrame | None
    genes: GeneTable
    opaque: Mapping[str, str] = field(default_factory=dict)
    removed: Removed = NOBODY


@dataclass(frozen=True)
class Loaded:
    """One source as tables. Whatever a source does not bring is None.

    counts says in plain words what was normalised or left out, e.g.
    {"symbols mapped to NCBIGene": 1498, "symbols that no table maps": 57}.
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
    concepts: pl.DataFrame | None = None
    links: pl.DataFrame | None = None
    clock: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
