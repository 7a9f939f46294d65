"""Identifiers and rows: what the door renamed, merged, could not tell apart, or lost, from each source's ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from ....loaders.files.ledger import MISSING_CELL, READ_ANYWAY
from .finding import CHECK, NOTE, SERIOUS, Checked, Finding
from .study_data import StudyData

LOST, MUCH_LOST = 0.01, 0.05
"""Share of a source's rows that are rejected from which it is to be looked at, and from which it is serious."""
UNMAPPED = 0.2
"""Share of a source's names that no table maps, from which it is said."""
FATES = {
    "unmapped": ("no table maps", "without a vocabulary"),
    "lost": ("left out", "nobody", "without any value", "could not be read", "without symbol", "without a name"),
    "ambiguous": ("several genes", "ambiguous", "that are neither", "not known", "nobody called"),
    "merged": ("merged", "another of"),
    "renamed": ("mapped to", "brought up to date", "given ", "freed of", "set in", "cut to", "found among"),
}  # fmt: skip
"""What became of names and ids, by words of the count that the loader keeps."""
_UNKNOWN_NAMES, _KNOWN_NAMES = ("that no table maps",), ("mapped to", "that no table maps")


def identifiers(data: StudyData) -> Checked:
    """Rows rejected, cells left missing, names lost; a line a count, a line a reason."""
    findings: list[Finding] = []
    lines = []
    for source, about in data.sources.items():
        findings += _rows(source, about)
        findings += _names(source, about)
        for what, n in about["counts"].items():
            lines.append({"source": source, "fate": fate(what), "what": what, "n": int(n)})
    few = {
        source: about["rejected"]
        for source, about in data.sources.items()
        if 0 < about["rejected"] <= LOST * about["read"]
    }
    if few:
        facts = {"rejected": sum(few.values()), "sources": list(few)}
        findings.append(Finding("identifiers", "few_rows_rejected", NOTE, "", facts))
    findings += [
        Finding("identifiers", "code_coverage", NOTE, str(row["vocabulary"]), row)
        for row in data.coverage.iter_rows(named=True)
    ]
    reasons = _reasons(data.rejects)
    for (source,), rows in reasons.filter(pl.col("fate") == "cell").group_by("source", maintain_order=True):
        cells, read = int(rows["n"].sum()), int(data.sources[str(source)]["read"])
        facts = {"cells": cells, "read": read, "columns": rows["column"].unique(maintain_order=True).to_list()}
        findings.append(
            Finding("identifiers", "cells_lost", CHECK if cells > LOST * read else NOTE, str(source), facts)
        )
    schema = {"source": pl.String, "fate": pl.String, "what": pl.String, "n": pl.Int64}
    return Checked(tuple(findings), {"counts": pl.DataFrame(lines, schema=schema), "rejects": reasons})


def fate(what: str) -> str:
    """renamed, merged, ambiguous, unmapped, lost, or other: what a loader's count says of ids and names.

    Example:
        >>> fate("symbols mapped to NCBIGene")
        'renamed'
    """
    return next((name for name, words in FATES.items() if any(word in what for word in words)), "other")


def _rows(source: str, about: Mapping[str, Any]) -> Iterator[Finding]:
    read, rejected = about["read"], about["rejected"]
    share = rejected / max(read, 1)
    if share > LOST:
        severity = SERIOUS if share > MUCH_LOST else CHECK
        yield Finding(
            "identifiers", "rows_rejected", severity, source, {"rejected": rejected, "read": read, "share": share}
        )


def _names(source: str, about: Mapping[str, Any]) -> Iterator[Finding]:
    counts: Mapping[str, int] = about["counts"]
    lost = sum(n for what, n in counts.items() if any(word in what for word in _UNKNOWN_NAMES))
    known = sum(n for what, n in counts.items() if any(word in what for word in _KNOWN_NAMES))
    if lost > UNMAPPED * max(known, 1):
        yield Finding("identifiers", "names_unmapped", CHECK, source, {"names": lost, "of": known})
    for what, n in counts.items():
        if "nobody" in what or "ids that are nobody's" in what:
            yield Finding("identifiers", "strangers", NOTE, source, {"what": what, "n": int(n)})
        elif fate(what) == "ambiguous":
            yield Finding("identifiers", "ambiguous", NOTE, source, {"what": what, "n": int(n)})


def _reasons(rejects: pl.DataFrame) -> pl.DataFrame:
    """source, column, expected, fate (row, cell, doubt), n; the most frequent first. Nothing of what was got."""
    lost = pl.when(pl.col("fix") == MISSING_CELL).then(pl.lit("cell"))
    kind = lost.when(pl.col("fix") == READ_ANYWAY).then(pl.lit("doubt")).otherwise(pl.lit("row"))
    counted = (
        rejects.group_by("source", "column", "expected", kind.alias("fate"))
        .len("n")
        .with_columns(pl.col("n").cast(pl.Int64))
    )
    return counted.sort(["n", "source", "column", "expected"], descending=[True, False, False, False])
