"""Dates with a year of two digits, as a spreadsheet writes them (10/23/64 21:09) -> ISO, where other dates tell the century."""

from __future__ import annotations

import polars as pl

from ...files.ledger import Ledger

SHORT = r"^(\d{1,2})/(\d{1,2})/(\d{2})(?: (\d{1,2}):(\d{2}))?$"
CENTURIES = (1800, 1900, 2000, 2100, 2200)
"""MIMIC lies between 2100 and 2210; of those past 89 the birth is moved to the nineteenth century."""


def restored(cells: pl.Series, near: pl.Series, ledger: Ledger, way: str = "near") -> pl.Series:
    """The cells with such dates as ISO text, counted; one of which nothing tells the century stays as it is.

    Args:
        cells: (n,) text, month first. near: (n,) Datetime, a time that is known.
        way: the century is that in which the date is nearest ("near"), the last before ("before"), or the first at or
            after it, on its day at the earliest ("after").
    Example:
        >>> from datetime import datetime
        >>> near = pl.Series([datetime(2164, 10, 24)] * 3)
        >>> ledger = Ledger("records.mimic", "ADMISSIONS.csv")
        >>> restored(pl.Series(["10/23/64 21:09", "2164-10-23", None]), near, ledger).to_list()
        ['2164-10-23 21:09', '2164-10-23', None]
        >>> restored(pl.Series(["3/5/94 0:00"]), near.head(1), ledger, "before").to_list()
        ['2094-03-05 00:00']
    """
    parts = cells.str.strip_chars().str.extract_groups(SHORT).struct.unnest()
    month, day, year, hour, minute = (pl.col(name) for name in parts.columns)
    clock = pl.concat_str(hour.fill_null("0").str.zfill(2), pl.lit(":"), minute.fill_null("00"))
    date = pl.concat_str(month.str.zfill(2), pl.lit("-"), day.str.zfill(2), pl.lit(" "), clock)
    tried = parts.select(
        pl.concat_str((year.cast(pl.Int64) + century).cast(pl.String), pl.lit("-"), date).alias(str(century))
        for century in CENTURIES
    )
    found = pl.Series("found", [None] * cells.len(), dtype=pl.String)
    best = pl.Series("best", [None] * cells.len(), dtype=pl.Int64)
    for century in tried.columns:
        time = tried[century].str.to_datetime("%Y-%m-%d %H:%M", time_unit="us", strict=False)
        ahead = (time - near.cast(pl.Datetime("us"))).dt.total_microseconds()
        distance = _distance(ahead, way)
        better = (distance.is_not_null() & (best.is_null() | (distance < best)).fill_null(False)).fill_null(False)
        found, best = tried[century].zip_with(better, found), distance.zip_with(better, best)
    ledger.count({"dates with a year of two digits, whose century other dates told": found.count()})
    return pl.select(pl.coalesce(found, cells)).to_series().rename(cells.name)


def _distance(ahead: pl.Series, way: str) -> pl.Series:
    """How far off, null where it cannot be. ahead: microseconds after the known time."""
    day = 86_400_000_000
    if way == "before":
        return (-ahead).set(ahead > day, None)
    if way == "after":
        return (ahead + day).set(ahead < -day, None)
    return ahead.abs()
