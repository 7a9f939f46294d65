"""Events table: rows on their way to it: refuse what is wrong with a reason, fill what a format does not bring."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from ..files.cells.number_words import missing_words, misspelt
from ..files.ledger import ROW, Ledger, refuse
from ..files.losses import TEXT
from ..files.rows import CONTROL, LONGEST, once
from ..files.text_table import numbers
from ..tables import EVENTS, NEVER, Known, in_layout

FIRST, LAST = datetime.min, datetime.max
"""What a datetime of Python and of both stores can hold."""


def refuse_strangers(rows: pl.DataFrame, known: Known, ledger: Ledger, column: str) -> pl.DataFrame:
    """Reject rows without a proper `subject_id`, and of subjects whom [patients], where it is given, does not hold.

    Those of who was removed go first, and nothing quotes them.
    """
    id, gone = pl.col("subject_id"), known.removed.holds(rows["subject_id"])
    ledger.removed(rows[ROW].filter(gone), column)
    rows = rows.filter(~gone)
    rows = refuse(rows, id.is_null() | (id == ""), ledger, column, got=None, expected="an id", fix="fill it in")
    odd = id.str.contains(CONTROL) | (id.str.len_chars() > LONGEST)
    expected = f"an id of one line, at most {LONGEST} long"
    rows = refuse(rows, odd, ledger, column, got="subject_id", expected=expected, fix="correct it")
    if known.subjects is None:
        return rows
    stranger = ~id.is_in(list(known.subjects))
    fix = "add the patient, or leave the row"
    return refuse(rows, stranger, ledger, column, got="subject_id", expected="an id in [patients]", fix=fix)


def refuse_times(
    rows: pl.DataFrame, ledger: Ledger, names: Mapping[str, str], cells: Mapping[str, str] | None = None
) -> pl.DataFrame:
    """Reject rows with a time that no calendar has, or with a known_time or end_time before `time`.

    Args:
        names: column of `rows` -> the file's column; those of known_time and end_time may be absent.
        cells: column of `rows` -> the one that holds what the file says, to be quoted; default: the column itself.
    """
    quote = {name: name for name in names} | dict(cells or {})
    for column, called in names.items():
        outside = ~pl.col(column).is_between(pl.lit(FIRST, pl.Datetime("us")), pl.lit(LAST, pl.Datetime("us")))
        expected = "a time in the years 1 to 9999"
        rows = refuse(rows, outside, ledger, called, got=None, expected=expected, fix="correct the time")
    for column, fix in (("end_time", "swap or correct the times"), ("known_time", "nothing is known before it is")):
        if column in names and column != "time":
            early = pl.col(column) < pl.col("time")
            expected = f"not before {names['time']}"
            rows = refuse(rows, early, ledger, names[column], got=quote[column], expected=expected, fix=fix)
    return rows


def result(rows: pl.DataFrame, column: str, cells: pl.Series, ledger: Ledger) -> tuple[pl.Series, pl.Series]:
    """Results as numbers, or as text: words and limits ("neg", "<0.01") say that something was measured; a misspelt
    number is lost."""
    value, bad = numbers(cells)
    spoilt, nothing = bad & misspelt(cells), bad & missing_words(cells)
    words = bad & ~spoilt & ~nothing
    ledger.unread(rows[ROW], column, cells, spoilt | nothing, "a number", whole=True)
    ledger.unread(rows[ROW], column, cells, words, "a number", said=TEXT)
    return value, pl.select(pl.when(words).then(cells.str.strip_chars())).to_series()


def never_known(events: pl.DataFrame) -> dict[str, int]:
    """How many events are no input, because nobody says when they were known, in words for the ledger."""
    return {"events of which nobody says when they were known: no input": int((events["known_time"] == NEVER).sum())}


def several_units(events: pl.DataFrame) -> pl.DataFrame:
    """Codes whose numbers come in several units: code, units (in words, how many of each); sorted. Spelling apart.

    Example:
        >>> events = pl.DataFrame({"code": ["L:1"] * 3, "numeric_value": [7.1, 6.0, 128.0], "unit": ["mmol/L", "mmol/l", "mg/dL"]})
        >>> several_units(events).rows()
        [('L:1', 'mmol/L 2, mg/dL 1')]
    """
    spelt = pl.col("unit").str.strip_chars()
    raw = events.filter(pl.col("numeric_value").is_not_null()).group_by("code", "unit").len("n")
    found = raw.group_by("code", key=spelt.str.to_lowercase())
    units = found.agg(pl.col("n").sum(), unit=spelt.sort().first().fill_null("no unit")).sort(
        "code", "n", "unit", descending=[False, True, False]
    )
    said = pl.concat_str("unit", pl.lit(" "), pl.col("n")).str.join(", ")
    return units.group_by("code", maintain_order=True).agg(units=said, n=pl.len()).filter(pl.col("n") > 1).drop("n")


def told_units(events: pl.DataFrame) -> dict[str, int]:
    """Which codes come in several units, in words for the ledger; they are kept apart."""
    several = several_units(events)
    some = "; ".join(f"{code}: {units}" for code, units in several.head(3).iter_rows())
    more = "; …" if several.height > 3 else ""
    return {f"codes whose values come in several units, kept apart as inputs ({some}{more})": several.height}


def as_events(rows: pl.DataFrame, source: str) -> pl.DataFrame:
    """The events table (tables.EVENTS), each event once, by subject and time as MEDS wants it.

    What `rows` does not hold is null. known_time is `time` where the format has none of its own; an empty cell of it
    is not `time`, but NEVER: what is not known to be known is no input of any prediction.
    """
    filled = in_layout(rows.with_columns(source=pl.lit(source, dtype=pl.String)), EVENTS)
    known = pl.col("known_time").fill_null(NEVER) if "known_time" in rows.columns else pl.col("time")
    known_time = pl.when(pl.col("time").is_not_null()).then(known)
    return once(filled.with_columns(known_time=known_time)).sort("subject_id", "time", maintain_order=True)
