"""Column types: text cells -> numbers, dates, typed columns. What cannot be one is flagged, never guessed, never 0."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

_DATE = r"^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d{2}(?::?\d{2})?)?)?$"
_LOOSE = r"^(\d{4})(?:-(\d{2})-(\d{2})|/(\d{1,2})/(\d{1,2}))(?:[T ]+(\d{1,2})(:\d{2}.*))?$"
"""Year first, as spreadsheets and databases write dates too: 2020/1/31, 2020-01-31 0:00:00. No other order begins so. (2020-1-31
may as well be an id.)"""
_DAY = r"^\d{4}(?:-\d{2}-\d{2}|/\d{1,2}/\d{1,2})$"
_MIDNIGHT = r"^\d{4}(?:-\d{2}-\d{2}|/\d{1,2}/\d{1,2})(?:[T ]+0{1,2}:00(?::00(?:[.,]0+)?)?)?$"
_ENOUGH = 3
"""From so many times on, midnight in each of them is how dates were written, and no chance."""

_MINUS = "^[\u2212\u2012\u2013\ufe63\uff0d]\\s?([0-9.])"
_WHOLE_DAY = timedelta(days=1) - timedelta(microseconds=1)

_INTEGER = r"^[+-]?\d+$"
_PADDED = r"^[+-]?0\d"
_BOOLEAN = r"^(?:true|True|TRUE|false|False|FALSE)$"


def numbers(series: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The finite numbers of a column, and which cells hold something else.

    A minus sign of typesetters (U+2212, and dashes before a digit) is a minus sign.
    Returns: (Float64, null where there is no finite number; Boolean, True for text and infinities). A NaN is missing.
    Example:
        >>> [s.to_list() for s in numbers(pl.Series(["1e3", "nan", "inf", "high", None]))]
        [[1000.0, None, None, None, None], [False, False, True, True, False]]
    """
    value = widened(series) if series.dtype == pl.Float32 else series.cast(pl.Float64, strict=False)
    if series.dtype == pl.String:
        left = series.is_not_null() & value.is_null()
        if left.any():  # only what is not a number as it stands is looked at more closely
            text = series.filter(left).str.strip_chars().str.replace(_MINUS, "-$1")
            value = value.scatter(left.arg_true(), text.cast(pl.Float64, strict=False))
    finite = value.is_finite().fill_null(False)
    bad = series.is_not_null() & ~finite & ~value.is_nan().fill_null(False)
    return value.set(~finite, None), bad


def dates(series: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The ISO dates and datetimes of a column (naive; those with an offset become UTC), and which cells hold another.

    With the year first, `2020/1/31` and `2020-01-31 0:00` are read too. Day or month first is not: which is which nobody
    knows from a cell.
    Returns: (Datetime us, null where there is none; Boolean, True for text and for days that no calendar has).
    Example:
        >>> [s.to_list() for s in dates(pl.Series(["2020-02-30", None]))]
        [[None, None], [True, False]]
    """
    text = series.cast(pl.String).str.strip_chars()
    time = _in_iso(text)
    left = text.is_not_null() & time.is_null()
    if left.any():  # only what is not ISO as it stands is looked at more closely
        time = time.scatter(left.arg_true(), _in_iso(_padded(text.filter(left))))
    return time.rename(series.name), text.is_not_null() & time.is_null()


def _padded(text: pl.Series) -> pl.Series:
    """Year-first dates as ISO writes them; null for what is none."""
    parts = text.str.extract_groups(_LOOSE).struct.unnest()
    year, month, day, slashed_month, slashed_day, hour, rest = (pl.col(name) for name in parts.columns)
    padded = (pl.coalesce(pair).str.zfill(2) for pair in ((month, slashed_month), (day, slashed_day)))
    date = pl.concat_str(year, *padded, separator="-")
    time = pl.concat_str(pl.lit("T"), hour.str.zfill(2), rest).fill_null("")
    return parts.select(date + time).to_series()


def _in_iso(text: pl.Series) -> pl.Series:
    """Datetime us; null for what no ISO date is."""
    parts = text.str.extract_groups(_DATE).struct.unnest()
    day, minute, second, fraction, offset = (pl.col(name) for name in parts.columns)
    whole = pl.concat_str(
        day, pl.lit("T"), minute.fill_null("00:00"), pl.lit(":"), second.fill_null("00")
    ).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False)
    micro = fraction.fill_null("0").str.pad_end(9, "0").str.head(6).cast(pl.Int64)
    digits = offset.str.replace_all(r"[Z:+-]", "").str.pad_end(4, "0")
    ahead = digits.str.head(2).cast(pl.Int64) * 60 + digits.str.slice(2).cast(pl.Int64)
    east = pl.when(offset.str.starts_with("-")).then(-ahead).otherwise(ahead).fill_null(0)
    value = parts.select(whole + pl.duration(microseconds=micro) - pl.duration(minutes=east))
    return value.to_series().cast(pl.Datetime("us"))


def ends(times: pl.Series, cells: pl.Series, since: pl.Series | None = None) -> pl.Series:
    """When what is said to be at these times is over: a date without a time is the whole day, and ends with it.

    A column of nothing but midnights is one of dates.
    Args:
        times, cells: (n,) a column after and before `dates`.
        since: (n,) when it began. What began at 19:15 and ends on that day, at no hour that anyone wrote down, counts as
            one day, as hospitals count such stays: some hours later nobody can say yet that it is over.
    Example:
        >>> cells = pl.Series(["2020-03-02", "2020-03-02T14:15"])
        >>> [str(time) for time in ends(dates(cells)[0], cells)]
        ['2020-03-02 23:59:59.999999', '2020-03-02 14:15:00']
    """
    text = cells.cast(pl.String).str.strip_chars()
    there = text.drop_nulls()
    midnights = there.len() >= _ENOUGH and bool(there.str.contains(_MIDNIGHT).all())
    day = (pl.repeat(True, text.len(), eager=True) if midnights else text.str.contains(_DAY)).fill_null(False)
    last = times + _WHOLE_DAY
    if since is not None:
        same = (since.dt.truncate("1d") == times.dt.truncate("1d")).fill_null(False)
        last = last.zip_with(~same, since + _WHOLE_DAY)
    return times.zip_with(~day, last).rename(times.name)


def widened(series: pl.Series) -> pl.Series:
    """Float64 of the decimals as they were written: 38.3 in a float32 file is 38.3, not 38.29999923706055.

    Example:
        >>> widened(pl.Series([38.3], dtype=pl.Float32)).to_list()
        [38.3]
    """
    if series.dtype != pl.Float32:
        return series.cast(pl.Float64)
    return series.cast(pl.String).cast(pl.Float64, strict=False)  # the shortest decimal that is this float32


def typed(frame: pl.DataFrame) -> pl.DataFrame:
    """Each text column as Int64, Float64, Boolean, Datetime (us, naive) or String, by all its non-missing cells.

    Leading zeros stay text, and so do integers beyond 64 bits: as numbers they would no longer be themselves. Only the
    words true and false are booleans (as Python, R, SQL and Parquet write them); 0 and 1 are numbers.

    Example:
        >>> typed(pl.DataFrame({"a": ["1", None], "b": ["1.5", "2"], "c": ["007", "1"], "d": ["True", "False"]})).dtypes
        [Int64, Float64, String, Boolean]
    """
    return frame.with_columns(_typed(column) for column in frame if column.dtype == pl.String)


def _typed(column: pl.Series) -> pl.Series:
    text = column.drop_nulls().str.strip_chars()
    if text.is_empty():
        return column
    if text.str.contains(_BOOLEAN).all():
        return column.str.strip_chars().str.to_lowercase() == "true"
    value, bad = numbers(column)
    if not bad.any() and value.null_count() < column.len():
        if text.str.contains(_PADDED).any():
            return column
        if not text.str.contains(_INTEGER).all():
            exact = text.filter(text.str.contains(_INTEGER)).cast(pl.Int64, strict=False)
            return column if exact.null_count() else value
        whole = column.str.strip_chars().str.strip_prefix("+").cast(pl.Int64, strict=False)
        return column if whole.null_count() > column.null_count() else whole
    time, bad = dates(column)
    return column if bad.any() else time
