"""Notes as a table, one row a note: csv, Parquet, xlsx; OMOP's `note`, MIMIC-III's NOTEEVENTS, MIMIC-IV-Note."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ..errors import InputError
from ..files.ledger import ROW, Ledger, refuse
from ..files.regular_file import check_regular
from ..files.rows import SourceRows, id_text, source_rows
from ..files.source_folder import files_within
from ..files.text_table import has_header, read_cells, resolve
from ..specs import Column, Notes
from ..tables import NOTES, Known, Loaded, in_layout
from .dated_rows import dated_rows

PREFIX = "NOTE:"
LONGEST = 80
"""Letters of the name of a kind of note."""


@dataclass(frozen=True)
class NoteColumns:
    """Where a format has what a note says; of several columns the first that is filled counts.

    files: how its tables are called. known: None where the format does not say when a note was known: when it was written.
    error: a column that marks a row as none, where it is 1.
    """

    files: tuple[str, ...] = ()
    subject: tuple[str, ...] = ("subject_id",)
    visit: tuple[str, ...] = ("visit_id",)
    time: tuple[str, ...] = ("time",)
    known: tuple[str, ...] | None = None
    kind: tuple[str, ...] = ("kind",)
    text: str = "text"
    error: str | None = None


FORMATS = {
    "omop": NoteColumns(
        ("note",), ("person_id",), ("visit_occurrence_id",), ("note_datetime", "note_date"), None,
        ("note_title", "note_class_source_value", "note_class_concept_id"), "note_text",
    ),
    "mimic3": NoteColumns(
        ("noteevents",), ("subject_id",), ("hadm_id",), ("charttime", "chartdate"), ("storetime", "chartdate"),
        ("category",), "text", "iserror",
    ),
    "mimic4": NoteColumns(
        ("discharge", "radiology"), ("subject_id",), ("hadm_id",), ("charttime",), ("storetime",), ("note_type",), "text",
    ),
}  # fmt: skip
"""Formats whose columns are known. MIMIC-III stores no time of a discharge summary: it is known when its day is over."""
_PACKED = (".gz", ".zip")


def read_notes(spec: Notes, known: Known) -> Loaded:
    """Read `[notes.NAME]`: clinical notes, one row each, with the columns that the section names or its format has.

    A note is known when it was written; where `known_time` is named, when that says, and with an empty cell never. The
    text stays in the study's tables. Equal notes of one patient and time are one.

    Returns: Loaded with notes (tables.NOTES); of a section with `model`, with vectors instead.
    Raises: InputError for a file or column that is not there, an unknown format, or a model that cannot be read.
    Example: read_notes(Notes((Path("notes.csv"),), name="ward", subject="mrn", time="written", text="body"), known)
    """
    ledger = Ledger(spec.source)
    form = _form(spec)
    found = source_rows(
        [read_cells(p, missing=spec.missing, header=_headed(spec), sheet=spec.sheet) for p in _files(spec, form)],
        ledger,
        spec.date_order,
    )
    columns = {name.lower(): name for name in reversed(found.frame.columns)} if form.files else {}
    at = _places(form, found, columns, spec)
    if form.error is not None and form.error in columns:
        wrong = found.frame[columns[form.error]].cast(pl.String).str.strip_chars() == "1"
        fix = "nothing: it is marked as an error"
        ledger.reject(found.numbers.filter(wrong), form.error, "1", "a note that stands", fix)
        found = found.rows(~wrong.fill_null(False))
    rows = _rows(found, at, ledger)
    names = {
        "subject_id": at["subject"][0],
        "time": at["time"][0],
        **({"known_time": at["known"][0]} if at["known"] else {}),
    }
    rows = dated_rows(rows, names, known, ledger, spec.unit, f"[{spec.source}]")
    return as_notes(rows, spec, ledger, clock="relative" if spec.unit else "dated")


def as_notes(rows: pl.DataFrame, spec: Notes, ledger: Ledger, clock: str) -> Loaded:
    """Rows (ROW, subject_id, visit_id, time, known_time, kind, text) as a source: notes, or what a model made of them."""
    kind = pl.col("kind").str.to_lowercase().str.replace_all(r"[\s\x00-\x1f\x7f-\x9f]+", " ").str.strip_chars()
    kind = pl.when(kind.str.len_chars().is_between(1, LONGEST)).then(kind).otherwise(pl.lit("note"))
    notes = in_layout(rows.with_columns(kind=PREFIX + kind, source=pl.lit(spec.source)), NOTES)
    once = notes.unique(keep="first", maintain_order=True).sort("subject_id", "time", maintain_order=True)
    ledger.merged(notes.height - once.height)
    ledger.cells(notes.height, once.height, notes.height - once.height)
    shown = {"notes": once}
    if spec.model is not None:
        from .text_model import vectors_of

        shown = {"vectors": once.drop("text").hstack(vectors_of(once["text"], spec))}
    return Loaded(
        spec.source, ledger.tally(), ledger.frame(), clock=clock, counts=ledger.counts, cells=ledger.cell_tally(),
        losses=ledger.losses, **shown,
    )  # fmt: skip


def _form(spec: Notes) -> NoteColumns:
    """The columns of the section's format, those that the section names in their place."""
    form = FORMATS.get(spec.format or "")
    if form is None and (spec.subject is None or spec.time is None):
        missing = "subject" if spec.subject is None else "time"
        raise InputError(
            "a column is not named", f"[{spec.source}] {missing}", expected="subject and time: columns of the table",
            fix=f"name it, or say format = {', '.join(FORMATS)} or fhir",
        )  # fmt: skip
    return form or NoteColumns()


def _headed(spec: Notes) -> bool:
    return has_header(spec.subject, spec.time, spec.text, spec.kind, spec.known_time, spec.visit)


def _files(spec: Notes, form: NoteColumns) -> list[Path]:
    if not form.files:
        return list(spec.path)
    found: list[Path] = []
    for path in spec.path:
        if path.is_dir():
            found += [one for one in files_within(path) if _stem(one) in form.files]
        else:
            found.append(check_regular(path) if path.exists() else path)
    if not found:
        names = " or ".join(f"{name}.csv" for name in form.files)
        raise InputError(
            "no table of notes", spec.path[0], expected=names, fix="name the file, or the folder that holds it"
        )
    return found


def _stem(path: Path) -> str:
    name = path.name.lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    return name.rpartition(".")[0]


def _places(form: NoteColumns, found: SourceRows, columns: dict[str, str], spec: Notes) -> dict[str, list[str]]:
    """Role -> the columns that say it, the first that is filled first; [] where the table does not say it."""
    asked: dict[str, Column | None] = {
        "subject": spec.subject, "visit": spec.visit, "time": spec.time, "known": spec.known_time, "kind": spec.kind,
        "text": spec.text,
    }  # fmt: skip
    places = {}
    for role, column in asked.items():
        usual = getattr(form, role) or ()
        usual = (usual,) if isinstance(usual, str) else usual
        if column is not None:
            places[role] = [resolve(column, found.frame, found.where)]
        elif form.files:
            places[role] = [columns[name] for name in usual if name in columns]
        else:
            places[role] = [name for name in usual if name in found.frame.columns]
    for role in ("subject", "time", "text"):
        if not places[role]:
            fix = f"name it: {role} = …" + ("; a table of vectors is [images.NAME]" if role == "text" else "")
            raise InputError("a column is missing", found.where, f"no {role}", "a column of it", fix)
    return places


def _rows(found: SourceRows, at: dict[str, list[str]], ledger: Ledger) -> pl.DataFrame:
    """The cells under our names, rows without a text rejected."""
    nothing = pl.lit(None, pl.String)

    def first(role: str) -> pl.Expr:
        return pl.coalesce(at[role]).cast(pl.String) if at[role] else nothing

    subject = id_text(found.frame[at["subject"][0]])
    visit = id_text(found.frame[at["visit"][0]]) if at["visit"] else nothing
    rows = found.frame.select(
        found.numbers.alias(ROW), subject.alias("subject_id"), visit.alias("visit_id"), time=first("time"),
        known_time=first("known"), kind=first("kind"), text=first("text"),
    )  # fmt: skip
    empty = pl.col("text").is_null() | (pl.col("text").str.strip_chars() == "")
    return refuse(rows, empty, ledger, at["text"][0], got=None, expected="a text", fix="nothing: the note is empty")
