"""cBioPortal timeline tables (days from the patient's own origin) -> events on the relative clock."""

from __future__ import annotations

import polars as pl

from ..errors import InputError
from ..files.cells.clock import relative
from ..files.ledger import ROW, Ledger, refuse
from ..files.rows import LONGEST, SourceRows, among, identified, not_removed, read_rows
from ..files.text_table import numbers
from ..specs import Records
from ..tables import Known, Loaded
from .events import as_events, refuse_times

DETAILS = ("SUBTYPE", "EVENT_TYPE_DETAILED", "TREATMENT_TYPE", "TREATMENT_SUBTYPE", "DIAGNOSTIC_TYPE", "SPECIMEN_TYPE",
           "SPECIMEN_SITE", "STATUS", "AGENT", "TEST", "RESULT", "VALUE")  # fmt: skip
"""Columns that are read where a table has them; each event type has its own."""

DAYS = "a number of days, within 200 years"


def read_timeline(spec: Records, known: Known) -> Loaded:
    """Read `[records.NAME]` of format timeline.

    A drug given is `DRUG:agent`, other treatment `TIMELINE:treatment/type` (the agent of a radiation is no drug), a
    lab test with its result `VALUE:test`, anything else `TIMELINE:event type/subtype`; all in lower case.

    Returns: Loaded with events; an event is known when it starts.
    Raises: InputError for a file that is not there, or one without PATIENT_ID, START_DATE and EVENT_TYPE.
    Source: https://docs.cbioportal.org/file-formats/#timeline-data
    """
    ledger = Ledger(spec.source)
    source_rows = read_rows(spec, ledger)
    columns = _columns(source_rows)
    source_rows = not_removed(source_rows, columns["PATIENT_ID"], known.removed, ledger)
    source_rows = among(
        identified(source_rows, columns["PATIENT_ID"], ledger), columns["PATIENT_ID"], known.subjects, ledger
    )
    rows = _timed(source_rows, columns, ledger)
    type = columns["EVENT_TYPE"]
    empty = pl.col("EVENT_TYPE").is_null()
    rows = refuse(rows, empty, ledger, type, got=None, expected="a type of event", fix="fill it in")
    result, _ = numbers(rows["RESULT"])  # a result in words stays text
    rows = rows.with_columns(_code().alias("code"), number=result)
    long = pl.col("code").str.len_chars() > LONGEST
    fix = "shorten its names"
    rows = refuse(
        rows, long, ledger, type, got="EVENT_TYPE", expected=f"an event of at most {LONGEST} letters", fix=fix
    )
    lab = pl.col("code").str.starts_with("VALUE:")
    rows = rows.with_columns(
        numeric_value=pl.when(lab).then("number"),
        text_value=pl.when(lab & pl.col("number").is_null()).then("RESULT").otherwise("SUBTYPE"),
    )
    events = as_events(rows, spec.source)
    ledger.merged(rows.height - events.height)
    return Loaded(spec.source, ledger.tally(), ledger.frame(), events=events, clock="relative")


def _columns(source_rows: SourceRows) -> dict[str, str]:
    """Our name -> the file's, whatever its case."""
    columns = {name.upper(): name for name in reversed(source_rows.frame.columns)}
    for needed in ("PATIENT_ID", "START_DATE", "EVENT_TYPE"):
        if needed not in columns:
            raise InputError(
                "no timeline",
                source_rows.where,
                expected=f"a column {needed}",
                fix="name another format, or the column so",
            )
    return columns


def _timed(source_rows: SourceRows, columns: dict[str, str], ledger: Ledger) -> pl.DataFrame:
    """The rows with subject_id, time, and the cells that say what happened; STOP_DATE is checked and left."""
    nothing = pl.lit(None, pl.String)
    cells = source_rows.frame.select(
        pl.col(columns["PATIENT_ID"]).alias("subject_id"),
        *(
            _tidy(columns[name]).alias(name) if name in columns else nothing.alias(name)
            for name in ("EVENT_TYPE", "START_DATE", "STOP_DATE", *DETAILS)
        ),
    )
    rows = cells.with_columns(source_rows.numbers.alias(ROW), RESULT=pl.coalesce("RESULT", "VALUE"))
    start = columns["START_DATE"]
    rows = refuse(rows, pl.col("START_DATE").is_null(), ledger, start, got=None, expected=DAYS, fix="fill it in")
    for cell, name in (("START_DATE", "time"), ("STOP_DATE", "end_time")):
        offsets, bad = numbers(rows[cell])
        times, far = relative(offsets, "days", source_rows.where)
        rows = rows.with_columns(
            times.alias(name), (bad | far | times.is_null() & rows[cell].is_not_null()).alias("bad")
        )
        column = columns.get(cell, cell)
        rows = refuse(rows, pl.col("bad"), ledger, column, got=cell, expected=DAYS, fix="correct the cell")
    return refuse_times(rows, ledger, {"time": start, "end_time": columns.get("STOP_DATE", "STOP_DATE")})


def _tidy(column: str) -> pl.Expr:
    """A cell without control characters and needless white space; an empty one is missing."""
    text = pl.col(column).str.replace_all(r"[\s\x00-\x1f\x7f-\x9f]+", " ").str.strip_chars()
    return pl.when(text != "").then(text)


def _code() -> pl.Expr:
    type = pl.col("EVENT_TYPE").str.to_lowercase()
    treatment = pl.col("TREATMENT_TYPE").str.to_lowercase()
    treated = type == "treatment"
    drug = treated & pl.col("AGENT").is_not_null() & ~treatment.str.contains("radiation|radiotherapy").fill_null(False)
    lab = (type == "lab_test") & pl.col("TEST").is_not_null() & pl.col("RESULT").is_not_null()
    detail = pl.coalesce("SUBTYPE", "EVENT_TYPE_DETAILED", "DIAGNOSTIC_TYPE", "SPECIMEN_TYPE", "STATUS", "TEST")
    return (
        pl.when(drug)
        .then(pl.lit("DRUG:") + pl.col("AGENT").str.to_lowercase())
        .when(lab)
        .then(pl.lit("VALUE:") + pl.col("TEST").str.to_lowercase())
        .when(treated)
        .then(_path(type, treatment))
        .otherwise(_path(type, detail.str.to_lowercase()))
    )


def _path(type: pl.Expr, detail: pl.Expr) -> pl.Expr:
    """`TIMELINE:type/detail`, without the second part where there is none."""
    return pl.concat_str(pl.lit("TIMELINE:"), type, (pl.lit("/") + detail).fill_null(""))
