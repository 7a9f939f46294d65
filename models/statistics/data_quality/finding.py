"""Finding of data quality, or of an audit for leakage: one fault or doubt, what it is about, how much it matters, and the
numbers that show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

SERIOUS, CHECK, NOTE = "serious", "check", "note"
SEVERITIES = (SERIOUS, CHECK, NOTE)
"""serious: results would be wrong, mend it first. check: may be meant so, look. note: good to know."""
SECTIONS = ("missing", "confounding", "values", "duplicates", "identifiers", "time", "drift")
LEAKS = (
    "after_outcome",
    "same_discharge",
    "membership",
    "look_ahead",
    "too_good",
    "both_sides",
    "near_duplicates",
    "words",
    "order",
)
"""Sections of an audit (`models.statistics.leakage`): the nine leaks that it looks for."""


@dataclass(frozen=True)
class Finding:
    """One thing to know before training.

    kind: which sentence says it (`clinome.reports.quality.sentences`). where: the layer, property, code or source.
    facts: the numbers and names of that sentence; no value of a single patient, no id. subjects: whom it is about, for
    a private list; the page counts them only.
    """

    section: str
    kind: str
    severity: str
    where: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    subjects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.section not in (*SECTIONS, *LEAKS) or self.severity not in SEVERITIES:
            expected = (*SECTIONS, *LEAKS)
            raise ValueError(f"a finding of {self.section!r}, {self.severity!r}; expected {expected}, {SEVERITIES}")


@dataclass(frozen=True)
class Checked:
    """What one check found, and the tables that the page shows of it, by name."""

    findings: tuple[Finding, ...] = ()
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)


def merged(parts: Sequence[Checked], sections: Sequence[str] = SECTIONS) -> Checked:
    """All findings, the gravest first, else in the order of the sections; all tables."""
    found = [finding for part in parts for finding in part.findings]
    found.sort(key=lambda one: (SEVERITIES.index(one.severity), sections.index(one.section)))
    return Checked(tuple(found), {name: table for part in parts for name, table in part.tables.items()})


def ids(subjects: pl.Series) -> tuple[str, ...]:
    """Subjects for a finding, each once, in order."""
    return tuple(subjects.drop_nulls().unique().sort())
