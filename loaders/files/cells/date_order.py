"""Order of day and month: dates that begin with one of them -> ISO, where the study file says which."""

from __future__ import annotations

import polars as pl

from .dtypes import dates

MONTH_FIRST, DAY_FIRST = "month_first", "day_first"
DATE_ORDERS = (MONTH_FIRST, DAY_FIRST)

_SHORT = r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[T ]+(\d{1,2})(:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)\s?([AaPp][Mm])?)?$"
_NOON = 12


def iso_dates(frame: pl.DataFrame, order: str | None) -> pl.DataFrame:
    """Rewrite day-first or month-first dates as ISO dates, in every column of text; all other cells stay as they are.

    03/04/2020 is a day in March or in April; no cell says which, and so none is read before somebody says it. AM and PM are
    understood. What no calendar has in this order (23/10/2020 with the month first) stays as it is, and is no date.
    Args:
        order: one of DATE_ORDERS; None changes nothing.
    Example:
        >>> iso_dates(pl.DataFrame({"at": ["10/23/2164 9:09 PM", "3.4.2020", "x"]}), "month_first")["at"].to_list()
        ['2164-10-23T21:09', '2020-03-04', 'x']
    """
    if order is None:
        return frame
    return frame.with_columns(_rewritten(column, order) for column in frame if column.dtype == pl.String)


def fitting_orders(cells: pl.Series) -> tuple[str, ...]:
    """In which of DATE_ORDERS every cell is a date: none of a column of something else, two where nothing tells them apart.

    Example:
        >>> fitting_orders(pl.Series(["10/23/2164", "1/2/2164"])), fitting_orders(pl.Series(["1/2/2164"]))
        (('month_first',), ('month_first', 'day_first'))
    """
    given = cells.drop_nulls()
    if given.is_empty() or not given.str.strip_chars().str.contains(_SHORT).all():
        return ()
    return tuple(order for order in DATE_ORDERS if not dates(_iso(given, order))[0].has_nulls())


def fix_of(cells: pl.Series) -> str:
    """What to do about cells of a column of times that are none.

    Example:
        >>> fix_of(pl.Series(["03/04/2020"])), fix_of(pl.Series(["soon"]))
        ('say what comes first: date_order = "month_first", or "day_first"', 'correct the cell')
    """
    if cells.cast(pl.String).str.strip_chars().str.contains(_SHORT).any():
        return f'say what comes first: date_order = "{MONTH_FIRST}", or "{DAY_FIRST}"'
    return "correct the cell"


def _rewritten(column: pl.Series, order: str) -> pl.Series:
    found = _iso(column, order)
    return column if found.null_count() == column.len() else column.zip_with(found.is_null(), found)


def _iso(cells: pl.Series, order: str) -> pl.Series:
    """(n,) ISO text; null for what is no date in this order."""
    text = cells.str.strip_chars()
    there = text.str.contains(_SHORT).fill_null(False)
    if not there.any():
        return pl.repeat(None, len(cells), dtype=pl.String, eager=True).rename(cells.name)
    parts = text.str.extract_groups(_SHORT).struct.unnest()
    first, second, year, hour, rest, half = (pl.col(name) for name in parts.columns)
    month, day = (first, second) if order == MONTH_FIRST else (second, first)
    date = pl.concat_str(year, month.str.zfill(2), day.str.zfill(2), separator="-")
    on_clock = hour.cast(pl.Int64)
    late = half.str.to_lowercase() == "pm"
    full = pl.when(half.is_null()).then(on_clock).otherwise(on_clock % _NOON + pl.when(late).then(_NOON).otherwise(0))
    wrong = (half.is_not_null() & ~on_clock.is_between(1, _NOON)).fill_null(False)
    time = pl.concat_str(pl.lit("T"), full.cast(pl.String).str.zfill(2), rest).fill_null("")
    real = date.str.to_date("%Y-%m-%d", strict=False).is_not_null() & ~wrong
    return parts.select(pl.when(real).then(date + time).alias(cells.name)).to_series()
