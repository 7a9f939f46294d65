"""Traces of patients: what must not occur in any byte of a folder that leaves: ids, dates, rare words, texts of notes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.models.inference.disclosure import FEW

if TYPE_CHECKING:
    from clinome.graphs.tables.study_tables import Tables

SHORT, DIGITS = 5, 6
"""Texts of fewer characters, and numbers of fewer digits, may be anything: what holds ids is refused by its name instead."""
OF_PATIENTS = frozenset(("subject_id", "sample_id", "visit_id", "patient_id", "patient", "prediction_time", "known_time", "birth_date"))  # fmt: skip
"""Columns and keys that are of single patients, whatever is in them."""
_WORD = re.compile(r"\w{4,}")
_NUMBER = re.compile(r"(?<![\w.])\d{6,}(?![\w.])")
_TOGETHER = 12
"""Words of a note that are looked for together: fewer may be a phrase of the trade."""
_FORMS = ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")


def traces_of(tables: Tables) -> frozenset[str]:
    """What the tables of a study hold of its patients: ids of patients, samples and visits, every date, words of their
    properties that fewer than ten have, and the notes, cut into runs of words."""
    found: set[str] = set()
    for source in tables.sources():
        if source.startswith("knowledge."):
            continue
        loaded = tables.read(source)
        for table in (loaded.patients, loaded.samples, loaded.visits):
            if table is not None:
                found |= {*_words(table), *_days(table)}
        if loaded.events is not None:
            found |= {*_days(loaded.events.select("time", "known_time")), *_rare(loaded.events, "text_value")}
        if loaded.notes is not None:
            found |= set(_of_notes(loaded.notes))
    names = tables.folder / "pseudonyms.csv"
    if names.is_file():
        found |= set(pl.read_csv(names, infer_schema=False).to_series(0).drop_nulls())
    return frozenset(text for text in found if len(text) >= (DIGITS if text.isdigit() else SHORT))


def _words(table: pl.DataFrame) -> Iterator[str]:
    for name, dtype in table.schema.items():
        if dtype != pl.String or name in ("source", "kind", "clock"):
            continue
        yield from table[name].drop_nulls().unique() if name.endswith("_id") else _rare(table, name)


def _rare(table: pl.DataFrame, name: str) -> list[str]:
    """Words that fewer than ten patients have; numbers that are written as text are none."""
    who = pl.col("subject_id").n_unique() if "subject_id" in table.columns else pl.len()
    counts = table.drop_nulls(name).group_by(name).agg(patients=who).filter(pl.col("patients") < FEW)
    return counts.filter(pl.col(name).cast(pl.Float64, strict=False).is_null())[name].to_list()


def _days(table: pl.DataFrame) -> Iterator[str]:
    """Every day of the columns of times, as days are written."""
    for name, dtype in table.schema.items():
        if dtype in (pl.Date, pl.Datetime):
            days = table[name].drop_nulls().dt.date().unique()
            for form in _FORMS:
                yield from days.dt.to_string(form)


def _of_notes(notes: pl.DataFrame) -> Iterator[str]:
    for name, dtype in notes.schema.items():
        for text in notes[name].drop_nulls().unique() if dtype == pl.String and name == "text" else ():
            words = text.split()
            yield from (
                " ".join(words[k : k + _TOGETHER]) for k in range(0, max(1, len(words) - _TOGETHER + 1), _TOGETHER)
            )


def found_in(folder: Path, traces: frozenset[str]) -> dict[str, list[str]]:
    """File -> what of patients it holds: columns and keys of theirs, and traces in its bytes, with or without JSON's escapes."""
    words = {text: _WORD.findall(text) for text in traces if not text.isdigit()}
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        text = path.read_bytes().decode("utf-8", "replace")
        names: frozenset[str] = frozenset()
        if path.suffix == ".json":
            keys, texts = _parts(json.loads(text))
            names, text = OF_PATIENTS & keys, "\n".join((text, *texts))
        elif path.suffix == ".csv":
            names = OF_PATIENTS & {cell.strip('"') for cell in text.split("\n", 1)[0].split(",")}
        known = set(_WORD.findall(text))
        hits = [one for one, its in words.items() if known.issuperset(its[1:-1]) and one in text]
        hits += sorted(traces & set(_NUMBER.findall(text)))
        if names or hits:
            found[path.relative_to(folder).as_posix()] = [*sorted(names), *hits]
    return found


def _parts(value: Any) -> tuple[set[str], set[str]]:
    """Keys and texts of a JSON value."""
    keys, texts, left = set[str](), set[str](), [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            keys |= set(one)
            left += one.values()
        elif isinstance(one, list):
            left += one
        elif isinstance(one, str):
            texts.add(one)
    return keys, texts | keys
