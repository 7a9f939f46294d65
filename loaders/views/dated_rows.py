"""Dated rows: a table of one row a note or an image -> whose it is, when it was made, and when it was known."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from ..files.cells.clock import relative
from ..files.cells.date_order import fix_of
from ..files.ledger import Ledger, refuse
from ..files.text_table import dates, ends, numbers
from ..records.events import refuse_strangers, refuse_times
from ..tables import NEVER, Known

TIMES = ("time", "known_time")
NEVER_KNOWN = "rows of which nobody says when they were known: no input"


def dated_rows(
    cells: pl.DataFrame, names: Mapping[str, str], known: Known, ledger: Ledger, unit: str | None, where: str
) -> pl.DataFrame:
    """The rows of subjects of the study, with `time` and `known_time` as times; the others are rejected.

    A date without a time is the whole day: what was written on it is known at its end. Without a column of known times a
    row is known when its `time` is over; an empty cell of that column says that nobody knows when: it is no input.
    A row without any time is rejected: an undated note would pass every fence.

    Args:
        cells: ROW, subject_id, and as text time and known_time; others pass through.
        names: our name -> the file's column, for rejects. unit: of offsets; None: dates.
    """
    rows = refuse_strangers(cells, known, ledger, names["subject_id"])
    empty = pl.col("time").is_null()
    rows = refuse(rows, empty, ledger, names["time"], got=None, expected="a time", fix="fill it in")
    expected = f"a number of {unit}, within 200 years" if unit else "an ISO date or datetime"
    said = rows["known_time"] if "known_time" in names else None
    for name in TIMES if said is not None else TIMES[:1]:
        text = rows[name]
        times, bad = _parsed(text, unit, where)
        last = times if unit else ends(times, text, None if name == "time" else rows["at"])
        rows = rows.with_columns(
            times.alias("at") if name == "time" else last.alias("known"),
            *([last.alias("over")] if name == "time" else []),
            bad.alias("bad"),
        )
        fix = "correct the cell" if unit else fix_of(text.filter(bad))
        rows = refuse(rows, pl.col("bad"), ledger, names[name], got=None, expected=expected, fix=fix)
    late = pl.col("known").fill_null(NEVER) if said is not None else pl.col("over")
    rows = rows.with_columns(time=pl.col("at"), known_time=late).drop("at", "over", "bad", "known", strict=False)
    rows = refuse_times(rows, ledger, {name: names[name] for name in TIMES if name in names})
    never = int((rows["known_time"] == NEVER).sum())
    ledger.count({NEVER_KNOWN: never})
    return rows


def refuse_undated(rows: pl.DataFrame, known: Known, ledger: Ledger) -> pl.DataFrame:
    """Of rows whose times were read already (time, known_time, bad) those of subjects of the study, with a time."""
    rows = refuse_strangers(rows, known, ledger, "subject")
    rows = refuse(rows, pl.col("bad"), ledger, "date", got=None, expected="a FHIR time", fix="correct it")
    rows = refuse(rows, pl.col("time").is_null(), ledger, "date", got=None, expected="a time", fix="fill it in")
    rows = refuse_times(rows, ledger, {"time": "date", "known_time": "issued"})
    never = int((rows["known_time"] == NEVER).sum())
    ledger.count({NEVER_KNOWN: never})
    return rows


def _parsed(cells: pl.Series, unit: str | None, where: str) -> tuple[pl.Series, pl.Series]:
    if unit is None:
        return dates(cells)
    offsets, no_number = numbers(cells)
    times, far = relative(offsets, unit, where)
    return times, no_number | far | (cells.is_not_null() & times.is_null())
