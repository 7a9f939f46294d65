"""FHIR sheets: the resources of one file as tables in their own words, with references in one spelling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import polars as pl

from ...files.ledger import ROW
from .codings import CODINGS
from .files import UNTYPED, Entry, Fault, entries
from .patients import Person, Visit, identifiers, person, visit
from .references import canonical, local_id
from .resources import FORMS, READ, Statement, Table, codings, medication_concept, remarks, statements, table, text_of

_TEXT = pl.String
_RESOURCE = {ROW: pl.Int64, "key": pl.UInt64, "version": _TEXT, "digest": pl.UInt64}
"""Of each resource: its row, a hash of its type and id, when its server last changed it, and a hash of what it says: the
same in every process, as Python's own are not."""
_HASHES = ("key", "digest")
_BOOLEAN = {"dead": pl.Boolean}
_OFTEN = {"kind": pl.Enum(list(FORMS)), **dict.fromkeys(("subject", "visit", "drug", "unit"), pl.Categorical)}
"""What repeats is kept once: a patient's id stands in thousands of statements."""
LAYOUTS: dict[str, dict[str, Any]] = {
    "people": {**_RESOURCE, "id": _TEXT, **{name: _BOOLEAN.get(name, _TEXT) for name in Person._fields}},
    "visits": {**_RESOURCE, "id": _TEXT, **dict.fromkeys(Visit._fields, _TEXT)},
    "statements": {
        **_RESOURCE, "statement": pl.Int64,
        **{name: _OFTEN.get(name, _TEXT) for name in Statement._fields if name != "codings"},
    },
    "codings": CODINGS,
    "medications": {"statement": pl.Int64, "id": _TEXT},
    "identifiers": {"kind": _TEXT, "id": _TEXT, "system": _TEXT, "value": _TEXT},
}  # fmt: skip
_REFERENCES = {"visits": ("subject",), "statements": ("subject", "visit", "drug")}
_NAMED = ("Patient", "Encounter", "Medication")
CHUNK = 50_000
"""Rows that wait as Python objects before they become a table."""


Codings = dict[tuple[str | None, ...], int]
"""Every coding that was met (about, system, code, display), and its number."""


@dataclass(frozen=True)
class Sheets:
    """What was read of files: LAYOUTS says the columns. Rows and statements count from 1 in a file, and codings are
    numbered as it brings them, until they are `moved`."""

    people: pl.DataFrame
    visits: pl.DataFrame
    statements: pl.DataFrame
    codings: pl.DataFrame
    medications: pl.DataFrame
    identifiers: pl.DataFrame


@dataclass(frozen=True)
class FileRead:
    """One file: its sheets and the codings in them, how many rows and statements it has, the rows of which nothing could
    be read, and counts of what was left aside."""

    sheets: Sheets
    codings: Codings
    rows: int
    statements: int
    faults: list[tuple[int, Fault]]
    counts: Counter[str]


def read_file(path: Path) -> FileRead:
    """Read one file. A row is a resource of a type that is read, or what should have been a resource and is none.

    Of a bundle that breaks off nothing is taken: half a patient is none.
    """
    found = _Collector()
    for entry in entries(path):
        if isinstance(entry, Fault):
            if entry.rest and not entry.where.startswith("after"):
                found = _Collector()
            found.rows += 1
            found.faults.append((found.rows, entry))
        else:
            found.add(entry)
    if found.rows == len(found.faults) and not found.counts and all(f.expected == UNTYPED for _, f in found.faults):
        found = _Collector()  # the log of an export, and other lines that never were FHIR
    return found.end()


def moved(read: FileRead, rows: int, statements: int, codings: Codings) -> Sheets:
    """The sheets of a file behind those of others.

    Args:
        rows, statements: how many those have.
        codings: those that they met; new ones are added.
    """
    numbers = [codings.setdefault(one, len(codings)) for one in read.codings]
    by = {ROW: pl.col(ROW) + rows, "statement": pl.col("statement") + statements,
          "coding": pl.lit(pl.Series(numbers, dtype=pl.Int64)).gather(pl.col("coding"))}  # fmt: skip
    frames = {one.name: getattr(read.sheets, one.name) for one in fields(Sheets)}
    return Sheets(
        **{
            name: frame.with_columns(change.alias(column) for column, change in by.items() if column in frame.columns)
            for name, frame in frames.items()
        }
    )


def together(parts: list[Sheets]) -> Sheets:
    """Sheets of several files as one."""
    return Sheets(*(pl.concat([getattr(part, one.name) for part in parts]) for one in fields(Sheets)))


class _Collector:
    def __init__(self) -> None:
        self.rows = self.statement = 0
        self.known: Codings = {}
        self.faults: list[tuple[int, Fault]] = []
        self.counts: Counter[str] = Counter()
        self.aliases: dict[str, str] = {}
        self.waiting: dict[str, list[tuple[Any, ...]]] = {name: [] for name in LAYOUTS}
        self.frames: dict[str, list[pl.DataFrame]] = {
            name: [pl.DataFrame(schema=layout)] for name, layout in LAYOUTS.items()
        }

    def add(self, entry: Entry) -> None:
        resource, kind = entry.resource, str(entry.resource["resourceType"])
        id = text_of(resource.get("id")) or (local_id(entry.full_url) if entry.full_url else None)
        if kind in _NAMED and id is not None:
            if entry.full_url:
                self.aliases[entry.full_url] = f"{kind}/{id}"
            self.waiting["identifiers"] += [(kind, id, system, value) for system, value in identifiers(resource)]
        if kind == "Medication":
            self._medication(resource, id)
        elif kind not in READ:
            self.counts[f"{kind if kind.isalnum() and len(kind) < 40 else 'other'} resources, which are no events"] += 1
        else:
            self.rows += 1
            self._row(resource, kind, id)
        if len(self.waiting["statements"]) > CHUNK:
            self._settle()

    def _row(self, resource: Table, kind: str, id: str | None) -> None:
        meta = table(resource.get("meta"))
        version = text_of(meta.get("lastUpdated"))
        key = f"{kind}/{id}" if id is not None else None
        if kind in FORMS:
            found = tuple(statements(resource))
            self.counts.update(remarks(resource) if kind == "Condition" else ())
            digest = repr(found)
            for one in found:
                self.statement += 1
                self.waiting["statements"].append((self.rows, key, version, digest, self.statement, *one[:-1]))
                self.waiting["codings"] += self._codings(one.codings, FORMS[kind].about)
        else:
            said = person(resource) if kind == "Patient" else visit(resource)
            self.waiting["people" if kind == "Patient" else "visits"].append(
                (self.rows, key, version, repr(said), id, *said)
            )

    def _medication(self, resource: Table, id: str | None) -> None:
        self.counts["Medication resources, read for their codes"] += 1
        self.statement += 1
        concept = medication_concept(resource)
        self.waiting["medications"].append((self.statement, id))
        self.waiting["codings"] += self._codings(codings(concept, by_text=True), "drug")

    def _codings(self, found: tuple[tuple[str | None, ...], ...], about: str) -> Iterator[tuple[Any, ...]]:
        for place, coding in enumerate(found):
            yield self.statement, place, self.known.setdefault((about, *coding), len(self.known))

    def _settle(self) -> None:
        for name, rows in self.waiting.items():
            if rows:
                layout = LAYOUTS[name]
                texts = layout | {one: pl.String for one in _HASHES if one in layout}
                columns = zip(*rows, strict=True)
                frame = pl.DataFrame({n: list(c) for n, c in zip(layout, columns, strict=True)}, schema=texts)
                hashes = [pl.when(pl.col(n).is_not_null()).then(pl.col(n).hash()) for n in _HASHES if n in layout]
                self.frames[name].append(frame.with_columns(hashes))
                rows.clear()

    def end(self) -> FileRead:
        self._settle()
        sheets = {name: pl.concat(frames) for name, frames in self.frames.items()}
        for name, columns in _REFERENCES.items():
            sheets[name] = sheets[name].with_columns(self._spelt(sheets[name][column]) for column in columns)
        return FileRead(Sheets(**sheets), self.known, self.rows, self.statement, self.faults, self.counts)

    def _spelt(self, references: pl.Series) -> pl.Series:
        distinct = references.drop_nulls().unique()
        return references.replace(
            distinct, pl.Series([canonical(one, self.aliases) for one in distinct], dtype=pl.String)
        )
