"""FHIR times: date, dateTime and instant, whole or in part -> the first and the last moment that they can mean."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from ...files.text_table import dates

TIME = pl.Datetime("us")
_MIDNIGHT = r"^\d{4}-\d{2}-\d{2}T00:00(?::00(?:\.0+)?)?(?:Z|[+-]\d{2}:?\d{2})?$"
_ENOUGH = 3
"""From so many times on, midnight in each of them is how dates were written, and no chance."""
_INSTANT = timedelta(microseconds=1)
_ZONES = timedelta(hours=14)
"""A date has no zone: its day may end so much earlier or later than it does in UTC."""


def moments(cells: pl.Series, kinds: pl.Series) -> pl.DataFrame:
    """The moments that cells name: naive UTC where they have an offset; a year, month or day is all of it.

    Args:
        cells: (n,) text.
        kinds: (n,) whose they are: where one has nothing but midnights, these are days.
    Returns: (n,) first, last (Datetime us, null where there is none), coarse (whether it is a day or more), bad.
    Example:
        >>> moments(pl.Series(["2015-03", "2010-05-04T06:00:00-06:00"]), pl.Series(["a", "b"])).rows()[0][:2]
        (datetime.datetime(2015, 3, 1, 0, 0), datetime.datetime(2015, 3, 31, 23, 59, 59, 999999))
    """
    text = cells.cast(pl.String).str.strip_chars().rename("text")
    table = pl.DataFrame([text, kinds.rename("kind")])
    cell = pl.col("text")
    table = table.with_columns(
        parts=pl.when(cell.str.contains(r"^\d{4}$")).then(1).when(cell.str.contains(r"^\d{4}-\d{2}$")).then(2)
        .when(cell.str.contains(r"^\d{4}-\d{2}-\d{2}$")).then(3).otherwise(4),
        midnight=cell.str.contains(_MIDNIGHT),
    )  # fmt: skip
    times = table.filter(pl.col("parts") == 4, cell.is_not_null())
    days = times.group_by("kind").agg(days=pl.col("midnight").all() & (pl.len() >= _ENOUGH))
    table = table.join(days, on="kind", how="left", maintain_order="left")
    whole = table.select(
        pl.when(pl.col("parts") == 1)
        .then(cell + "-01-01")
        .when(pl.col("parts") == 2)
        .then(cell + "-01")
        .otherwise(cell)
    ).to_series()
    first, bad = dates(whole)
    day = (pl.col("parts") == 3) | (pl.col("midnight") & pl.col("days").fill_null(False))
    step = (
        pl.when(pl.col("parts") == 1)
        .then(pl.lit("1y"))
        .when(pl.col("parts") == 2)
        .then(pl.lit("1mo"))
        .when(day)
        .then(pl.lit("1d"))
    )
    table = table.select(pl.lit(first).alias("first"), pl.lit(bad).alias("bad"), step=step)
    last = pl.when(pl.col("step").is_not_null()).then(
        pl.col("first").dt.offset_by(pl.col("step").fill_null("1d")) - _INSTANT
    )
    return table.select(
        pl.col("first").cast(TIME), last.otherwise("first").cast(TIME).alias("last"),
        pl.col("step").is_not_null().alias("coarse"), "bad",
    )  # fmt: skip


def not_before(last: str, coarse: str, time: str, coarse_time: str) -> pl.Expr:
    """A last moment, but not before `time` where it is a day's end, `time` is none, and zones are all that is between."""
    near = (
        pl.col(coarse) & ~pl.col(coarse_time) & (pl.col(last) < pl.col(time)) & (pl.col(last) + _ZONES >= pl.col(time))
    )
    return pl.when(near.fill_null(False)).then(pl.col(time)).otherwise(pl.col(last))
