"""Synthea's CSV export -> patients, visits, events: one code column a table, whose vocabulary the table tells."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ..errors import InputError
from ..files.ledger import ROW, Ledger, refuse, total
from ..identifiers.curie import BIRTH, DEATH, KNOWN_LATE, codes
from ..specs import Records
from ..tables import Known, Loaded, as_concepts
from .clinical_tables import ClinicalTables, at_discharge, clinical_tables, events_of, timed, valued
from .events import never_known

PERSON = ("gender", "race", "ethnicity", "marital")
"""What is kept of a person. Names, addresses and numbers of passports stay in the file."""


@dataclass(frozen=True)
class Coded:
    """A table of events. start: the columns of its time, of which the first that is filled counts; vocabularies: of its
    column `code`, the first of which it can be. about: put before a code that says what someone cannot bear."""

    table: str
    start: tuple[str, ...]
    vocabularies: tuple[str, ...]
    about: str = ""


TABLES = (
    Coded("conditions", ("start",), ("SNOMED",)),
    Coded("procedures", ("start", "date"), ("SNOMEDPROC",)),  # DATE in older versions
    Coded("medications", ("start",), ("RXNORM",)),
    Coded("observations", ("date",), ("LOINC", "VALUE")),  # QALY and its like are no LOINC
    Coded("immunizations", ("date",), ("CVX",)),
    Coded("allergies", ("start",), ("SNOMEDOBS", "RXNORM"), about="ALLERGY"),
    Coded("careplans", ("start",), ("SNOMEDOBS",)),
    Coded("devices", ("start",), ("SNOMEDOBS",)),
)


def read_synthea(spec: Records, known: Known) -> Loaded:
    """Read `[records.NAME]` of format synthea: the folder of CSV files that Synthea exports, plain, gzipped or in a zip.

    Conditions and procedures are known at the end of their encounter, since they are coded then; all else when it
    happened. `keep` names columns of encounters that visits keep. Claims, payers, providers and pictures are not read.

    Returns: Loaded with patients (gender, race, ethnicity, marital), visits (encounters), events, concepts.
    Raises: InputError for a folder without patients and encounters, and for a table without its columns.
    Source: https://github.com/synthetichealth/synthea/wiki/CSV-File-Data-Dictionary
    Example: read_synthea(Records((Path("csv"),), format="synthea", name="ehr"), known).events
    """
    ledger = Ledger(spec.source)
    with clinical_tables(spec, known, ledger, "patient") as tables:
        for needed in ("patients", "encounters"):
            if needed not in tables.files:
                found = ", ".join(sorted(tables.files)[:8])
                raise InputError(
                    "no Synthea export", spec.path[0], found, f"a table {needed}", "give the folder of all tables"
                )
        patients, parts = _people(tables)
        visits = _visits(tables)
        named: list[pl.DataFrame] = []
        counts: list[dict[str, int]] = []
        for one in TABLES:
            rows = _events(tables, one, visits, counts)
            if rows is not None:
                named.append(rows.select(id="code", name="description"))
                parts.append(rows)
        events = events_of(parts, spec, ledger)
        concepts = pl.concat(named) if named else pl.DataFrame(schema={"id": pl.String, "name": pl.String})
        read = ("patients", "encounters", *(one.table for one in TABLES))
        return Loaded(
            spec.source, ledger.tally(), ledger.frame(), patients=patients, visits=visits.drop(ROW), events=events,
            concepts=as_concepts(concepts, spec), clock="dated",
            counts=total([*counts, tables.unread(read), never_known(events), ledger.counts]),
            cells=ledger.cell_tally(), losses=ledger.losses,
        )  # fmt: skip


def _people(tables: ClinicalTables) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Patients, and the events of births and deaths."""
    people = ClinicalTables(tables.spec, tables.known, tables.ledger, tables.files, "id")
    rows = people.rows("patients", ("birthdate",), ("deathdate", *PERSON))
    assert rows is not None
    rows = timed(timed(rows, ("birthdate",), "born", tables.ledger), ("deathdate",), "died", tables.ledger)
    once = rows.unique("subject_id", keep="first", maintain_order=True)
    again = rows.filter(~pl.col(ROW).is_in(once[ROW].implode()))
    tables.ledger.reject(again[ROW], "Id", "", "one row a patient", "keep one of the rows")
    patients = once.select("subject_id", *(pl.col(one).str.strip_chars().str.to_lowercase() for one in PERSON))
    born = once.drop_nulls("born").with_columns(time="born", known_time="born", code=pl.lit(BIRTH))
    died = once.drop_nulls("died").with_columns(time="died", known_time="died_over", code=pl.lit(DEATH))
    return patients, [born, died]


def _visits(tables: ClinicalTables) -> pl.DataFrame:
    """Encounters: ROW, and the layout of visits."""
    ledger, keep = tables.ledger, [str(one).lower() for one in tables.spec.keep]
    rows = tables.rows("encounters", ("id", "start", *keep), ("stop", "encounterclass"))
    assert rows is not None
    rows = refuse(rows, pl.col("id").is_null(), ledger, "Id", got=None, expected="an id", fix="fill it in")
    rows = timed(timed(rows, ("start",), "start_time", ledger, needed=True), ("stop",), "end", ledger)
    early = pl.col("end_over") < pl.col("start_time")
    rows = refuse(rows, early, ledger, "STOP", got="stop", expected="not before START", fix="correct the times")
    kind = pl.coalesce(pl.col("encounterclass").str.strip_chars().str.to_lowercase(), pl.lit("encounter"))
    visits = rows.select(
        ROW, "subject_id", "start_time", *keep, visit_id="id", end_time="end_over", kind=kind, source=pl.lit(tables.spec.source)
    )  # fmt: skip
    once = visits.unique("visit_id", keep="first", maintain_order=True)
    again = visits.filter(~pl.col(ROW).is_in(once[ROW].implode()))
    ledger.reject(again[ROW], "Id", "", "one row an encounter", "keep one of the rows")
    return once.select(ROW, "visit_id", "subject_id", "start_time", "end_time", "kind", "source", *keep)


def _events(
    tables: ClinicalTables, one: Coded, visits: pl.DataFrame, counts: list[dict[str, int]]
) -> pl.DataFrame | None:
    """Rows of a table with code, time, known_time, and of observations their results; None where there is no such table."""
    ledger, results = tables.ledger, ("value", "units", "type") if one.table == "observations" else ()
    rows = tables.rows(one.table, ("code",), (*one.start, "encounter", "description", *results))
    if rows is None:
        return None
    read = [codes(rows["code"], name) for name in one.vocabularies]
    counts.append(read[0][1])
    rows = rows.with_columns(curie=pl.coalesce(pl.lit(cells) for cells, _ in read))
    empty, names = pl.col("curie").is_null(), " or ".join(one.vocabularies)
    rows = refuse(rows, empty, ledger, "CODE", got="code", expected=f"a code of {names}", fix="correct it")
    about = pl.lit(f"{one.about}:") + pl.col("curie").str.replace(":", "/", literal=True)
    rows = rows.with_columns(code=about if one.about else pl.col("curie")).rename({"encounter": "visit_id"})
    rows = timed(rows, one.start, "time", ledger, needed=True)
    if results:
        rows = _results(rows, ledger)
    return rows.with_columns(
        known_time=at_discharge(rows, visits) if KNOWN_LATE & {*one.vocabularies} else pl.col("time_over")
    )


def _results(rows: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """numeric_value, text_value, unit: what the row says is text (answers of a questionnaire) is no number gone wrong."""
    words = (pl.col("type").str.strip_chars().str.to_lowercase() == "text").fill_null(False)
    rows = rows.with_columns(words=pl.when(words).then("value"), value=pl.when(~words).then("value"))
    rows = valued(rows, "value", ledger)
    return rows.with_columns(
        text_value=pl.coalesce("text_value", "words"), unit=pl.when(~words).then(pl.col("units").str.strip_chars())
    )
