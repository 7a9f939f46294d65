"""FHIR reader: bundles and bulk-export ndjson -> patients, visits, events and what their codes are called."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import polars as pl

from ...errors import InputError
from ...files.ledger import Ledger, total
from ...files.rows import CONTROL, LONGEST
from ...specs import Records
from ...tables import VISITS, Known, Loaded, as_concepts
from ..events import as_events, never_known
from .admission import admitted, newest, refused
from .codings import DISTINCT, chosen
from .event_rows import coded, happened, life, timed, valued
from .files import fhir_files
from .references import resolved
from .resources import READ
from .sheets import Codings, FileRead, Sheets, moved, read_file, together
from .times import moments, not_before


def read_fhir(spec: Records, known: Known) -> Loaded:
    """Read `[records.NAME]` of format fhir: bundles, single resources, bulk-export ndjson, or a folder of them.

    A row is a resource of a type that is read. Encounters are visits; what the others state are events, each with the
    one of its codings that `codings.ORDER` names first. Files are read each by itself (`Known.shards`), and one at a time
    is held as text.

    Returns: Loaded with events, visits, and names of codes; with patients where the study has no [patients].
    Raises: InputError for a path without a FHIR file, or without a resource in it.
    Source: HL7 FHIR R4, https://hl7.org/fhir/R4/ ; bulk data, https://hl7.org/fhir/uv/bulkdata/
    """
    ledger = Ledger(spec.source)
    sheets, distinct = _sheets(spec, known, ledger)
    sheets = _whose(spec, sheets)
    codings, medications = sheets.codings, sheets.medications
    people, visits, rows = (
        newest(admitted(frame, known, ledger), ledger) for frame in (sheets.people, sheets.visits, sheets.statements)
    )
    del sheets  # what it holds is the most that is held at once
    visits = _visits(visits, ledger)
    people, lives = life(people, ledger)
    rows = timed(happened(rows, ledger), visits, ledger)
    names, beside = chosen(_of(codings, rows, medications), distinct)
    rows = valued(coded(rows, names, medications, ledger), ledger)
    found = pl.concat([lives, rows], how="diagonal_relaxed")
    events = as_events(found, spec.source)
    ledger.count({**beside, "equal events of several resources, merged": found.height - events.height})
    return Loaded(
        spec.source,
        ledger.tally(),
        ledger.frame(),
        patients=people if known.subjects is None and people.height else None,
        visits=_visit_table(visits, spec.source) if visits.height else None,
        events=events,
        concepts=as_concepts(rows.select(id="code", name="name").drop_nulls("name"), spec),
        clock="dated",
        counts=total([ledger.counts, never_known(events)]),
        cells=ledger.cell_tally(),
        losses=ledger.losses,
    )


def _sheets(spec: Records, known: Known, ledger: Ledger) -> tuple[Sheets, pl.DataFrame]:
    """Everything that the files hold, with the rows' numbers in the ledger, and every coding of it once; what is no
    resource is rejected."""
    parts: list[Sheets] = []
    codings: Codings = {}
    statement = rows = 0
    files = [file for path in spec.path for file in fhir_files(path)]
    reads = (
        known.shards(read_file, files) if known.shards else map(read_file, files)
    )  # plain Python: threads would wait
    for number, (file, read) in enumerate(zip(files, reads, strict=True), 1):
        _note(read, ledger, file.name if [file] == list(spec.path) else _called(file, number, len(files)))
        parts.append(moved(read, rows, statement, codings))
        rows += read.rows
        statement += read.statements
    if rows == 0:
        what = ", ".join(f"{n:,} {said}" for said, n in ledger.counts.items()) or "no resource"
        raise InputError(
            "holds no resource that is read", spec.path[0], what, ", ".join(READ), "check how it was exported"
        )
    return together(parts), pl.DataFrame(list(codings), schema=DISTINCT, orient="row")


def _note(read: FileRead, ledger: Ledger, name: str) -> None:
    offset = ledger.begin(name)
    ledger.read(read.rows)
    for row, fault in read.faults:
        fix = "export it again" if fault.rest else "correct the line"
        ledger.reject([offset + row], fault.where, "", fault.expected, fix)
    lost = sum(fault.rest for _, fault in read.faults)
    empty = not read.rows and not read.counts
    ledger.count({"files that are broken, and lost from there on": lost, "files without a resource": int(empty)})
    ledger.count(read.counts)


def _called(file: Path, number: int, of: int) -> str:
    """What rejects say of one file of several: a bundle's name is often a patient's, so that its place alone is told."""
    types = "|".join((*READ, "Medication"))
    of_a_type = re.fullmatch(rf"(?:Mimic[A-Za-z]+|{types})[\d._-]*(?:nd)?jsonl?(?:\.gz|\.zip)?", file.name)
    return file.name if of_a_type else f"file {number} of {of}"


def _whose(spec: Records, sheets: Sheets) -> Sheets:
    """The sheets with subject_id, and with the visit's id in place of a reference."""
    parts: dict[str, pl.DataFrame] = {"people": sheets.people.with_columns(subject_id="id", strange=pl.lit(False))}
    for name in ("visits", "statements"):
        frame = getattr(sheets, name)
        subject = resolved(frame["subject"], "Patient", sheets.identifiers)
        parts[name] = frame.with_columns(subject_id=subject["id"], strange=subject["strange"])
    visit = resolved(parts["statements"]["visit"], "Encounter", sheets.identifiers)
    parts["statements"] = parts["statements"].with_columns(visit_id=visit["id"])
    parts["visits"] = parts["visits"].with_columns(visit_id="id")
    if spec.subject is not None:
        own = _identifiers(spec, sheets.identifiers.filter(pl.col("kind") == "Patient"))
        for name, frame in parts.items():
            named = frame.join(own, on="subject_id", how="left", maintain_order="left")
            parts[name] = named.with_columns(subject_id="own id").drop("own id")
    tidy = pl.col("subject_id").str.strip_chars().str.normalize("NFC")
    return replace(sheets, **{name: frame.with_columns(tidy) for name, frame in parts.items()})


def _identifiers(spec: Records, identifiers: pl.DataFrame) -> pl.DataFrame:
    """subject_id, own id: of each patient the identifier of the system that the study names, by which it knows its patients."""
    own = identifiers.filter(pl.col("system") == str(spec.subject))
    if own.is_empty():
        systems = identifiers.filter(pl.col("system") != "")["system"].unique().sort()
        known = ", ".join(systems.head(6)) or "none at all"
        fix = "name one of these, or leave it out: then Patient.id is the patient's id"
        where = f"[{spec.source}] subject"
        raise InputError("no patient has an identifier of this system", where, spec.subject, known, fix)
    once = own.unique("id", keep="first", maintain_order=True)
    return once.select(pl.col("id").alias("subject_id"), pl.col("value").alias("own id"))


def _of(codings: pl.DataFrame, rows: pl.DataFrame, medications: pl.DataFrame) -> pl.DataFrame:
    """The codings of these statements, and of the medications that they name."""
    named = medications.filter(
        pl.col("id").is_in(rows["drug"].drop_nulls().unique().cast(pl.String).str.extract(r"([^/]+)$").implode())
    )
    return codings.filter(pl.col("statement").is_in(pl.concat([rows["statement"], named["statement"]]).implode()))


def _visits(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """The encounters that took place: visit_id, start_time, end_time and what else is kept."""
    rows = happened(rows.with_columns(kind_of=pl.lit("Encounter")), ledger, kind="kind_of")
    start, end = (moments(rows[name], rows["kind_of"]) for name in ("start", "end"))
    rows = rows.with_columns(
        start["first"].alias("start_time"), start["coarse"].alias("coarse_start"), start["bad"].alias("bad_start"), end["last"].alias("end_time"),
        end["coarse"].alias("coarse_end"), end["bad"].alias("bad_end"),
    )  # fmt: skip
    said = "an id of one line"
    odd = (
        pl.col("visit_id").is_null()
        | pl.col("visit_id").str.contains(CONTROL)
        | (pl.col("visit_id").str.len_chars() > LONGEST)
    )
    rows = refused(rows, odd, ledger, "Encounter.id", None, said, "give it one")
    for bad, cell in (("bad_start", "start"), ("bad_end", "end")):
        rows = refused(
            rows, pl.col(bad), ledger, f"Encounter.period.{cell}", cell, "a FHIR date or dateTime", "correct it"
        )
    rows = refused(rows, pl.col("start_time").is_null(), ledger, "Encounter.period", None, "a start", "fill it in")
    rows = rows.with_columns(end_time=not_before("end_time", "coarse_end", "start_time", "coarse_start"))
    early = pl.col("end_time") < pl.col("start_time")
    return refused(
        rows, early, ledger, "Encounter.period.end", "end", "not before its start", "swap or correct the times"
    )


def _visit_table(visits: pl.DataFrame, source: str) -> pl.DataFrame:
    """The visits table; columns that no encounter fills are left out."""
    kept = [name for name in ("encounter_type", "admit_source", "discharge_disposition") if visits[name].count()]
    rows = visits.with_columns(source=pl.lit(source)).select(*VISITS)
    return rows.hstack(visits.select(kept)).sort("subject_id", "start_time", maintain_order=True)
