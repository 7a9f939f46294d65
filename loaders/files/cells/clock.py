"""Clocks: dated, relative (an offset from 2000-01-01), order (rank k within the subject is day k)."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from ...errors import InputError

CLOCKS = ("order", "relative", "dated")
"""Of several the first is the weakest, and what they have in common."""
ORIGIN = datetime(2000, 1, 1)
MICROSECONDS = {"days": 86_400_000_000, "hours": 3_600_000_000, "minutes": 60_000_000}
"""What an offset may count in. A month is no unit: its length varies."""

FARTHEST_DAYS = 73_050
"""Two hundred years: an offset beyond it, either way, is a mistake of unit."""

TIME = pl.Datetime("us")


def check_unit(unit: str, where: str) -> str:
    """The unit itself, if an offset may count in it. Raises: InputError."""
    if unit in MICROSECONDS:
        return unit
    fix = "give days; one month is 30.4375 of them on average" if "month" in unit.lower() else "convert the column"
    raise InputError("unknown unit of time", where, unit, "days, hours or minutes", fix)


def relative(offsets: pl.Series, unit: str, where: str) -> tuple[pl.Series, pl.Series]:
    """Offsets from the patient's own origin as times from 2000-01-01.

    Args:
        offsets: (n,) Float64; null is missing. Negative ones lie before the origin.
        unit: "days", "hours" or "minutes".
        where: file and column, for the error.
    Returns: (n,) Datetime us; (n,) Boolean, true where an offset is not finite or lies beyond 200 years.
    Example:
        >>> relative(pl.Series([1.5]), "days", "a.csv")[0].item()
        datetime.datetime(2000, 1, 2, 12, 0)
    """
    length = MICROSECONDS[check_unit(unit, where)]
    numbers = offsets.cast(pl.Float64)
    days = numbers * (length / MICROSECONDS["days"])
    bad = (days.is_nan() | (days.abs() > FARTHEST_DAYS)).fill_null(False)
    micros = (pl.select(pl.when(~bad).then(numbers * length)).to_series()).round().cast(pl.Int64)
    times = (micros + _micros(ORIGIN)).cast(TIME)
    return times.rename(offsets.name), bad.rename(offsets.name)


def offsets(cells: pl.Series, unit: str) -> tuple[pl.Series, pl.Series]:
    """Offsets written as hourly tables do, in hours: numbers of a unit, `07:30`, ISO 8601 durations, pandas' timedeltas.

    Args: cells: (n,) text; null is missing. unit: of bare numbers.
    Returns: (n,) Float64 hours; (n,) Boolean, true where a cell is none of these.
    Example:
        >>> offsets(pl.Series(["07:30", "2", "PT1H", "P1DT6H", "1 days 00:30:00", "noon"]), "hours")[0].to_list()
        [7.5, 2.0, 1.0, 30.0, 24.5, None]
    """
    seen = cells.cast(pl.String).alias("cell").unique().to_frame()  # hours repeat
    text = seen["cell"].str.strip_chars()
    bare = text.cast(pl.Float64, strict=False)
    hours = bare.set(~bare.is_finite(), None) * (MICROSECONDS[unit] / MICROSECONDS["hours"])
    if hours.null_count() > text.null_count():
        for pattern in (_OF_DAY, _ISO, _PANDAS):
            parts = text.str.extract_groups(pattern).struct.unnest()
            there = parts.select(
                pl.any_horizontal(pl.col(name).is_not_null() for name in _HOURS if name in parts.columns)
            ).to_series()
            spent = [
                pl.col(name).cast(pl.Float64).fill_null(0.0) * each
                for name, each in _HOURS.items()
                if name in parts.columns
            ]
            back = pl.col("sign") == "-" if "sign" in parts.columns else pl.lit(False)
            spell = parts.select(pl.when(back).then(-1.0).otherwise(1.0) * pl.sum_horizontal(spent)).to_series()
            hours = hours.zip_with(hours.is_not_null() | ~there, spell)
    table = seen.with_columns(hours.alias("hours"), (text.is_not_null() & hours.is_null()).alias("bad"))
    found = (
        cells.cast(pl.String)
        .alias("cell")
        .to_frame()
        .join(table, on="cell", how="left", nulls_equal=True, maintain_order="left")
    )
    return found["hours"].rename(cells.name), found["bad"]


_OF_DAY = r"^(?<sign>-)?(?<h>\d{1,5}):(?<m>[0-5]\d)(?::(?<s>[0-5]\d(?:\.\d+)?))?$"
_ISO = r"^(?<sign>-)?P(?:(?<d>\d+)D)?(?:T(?:(?<h>\d+)H)?(?:(?<m>\d+)M)?(?:(?<s>\d+(?:\.\d+)?)S)?)?$"
_PANDAS = r"^(?<d>-?\d+) days?,? \+?(?<h>\d{1,2}):(?<m>[0-5]\d):(?<s>[0-5]\d(?:\.\d+)?)$"
_HOURS = {"d": 24.0, "h": 1.0, "m": 1 / 60, "s": 1 / 3600}


def order(values: pl.Series, subjects: pl.Series) -> pl.Series:
    """The dense rank k (from 1) of each value within its subject, as day k after 2000-01-01; ties share a day.

    By number where every value is one, else by text.
    Args: values, subjects: (n,) text; null is missing.
    Returns: (n,) Datetime us, null where the value or the subject is missing.
    Example:
        >>> order(pl.Series(["10", "9"]), pl.Series(["a", "a"])).dt.day().to_list()
        [3, 2]
    """
    frame = pl.DataFrame({"subject": subjects, "value": as_sortable(values)})
    rank = pl.col("value").rank("dense").over("subject").cast(pl.Int64)
    day = pl.when(pl.col("subject").is_not_null() & pl.col("value").is_not_null()).then(rank)
    times = frame.select((day * MICROSECONDS["days"] + _micros(ORIGIN)).cast(TIME)).to_series()
    return times.rename(values.name)


def as_sortable(values: pl.Series) -> pl.Series:
    """The values as integers where all are, else as finite numbers where all are, else as text."""
    text = values.cast(pl.String).str.strip_chars()
    present = text.is_not_null()
    for dtype in (pl.Int128, pl.Float64):  # integers first: Float64 would make long ids equal
        numbers = text.cast(dtype, strict=False)
        if (numbers.is_not_null() == present).all() and (dtype != pl.Float64 or numbers.is_finite().all()):
            return numbers
    return text


def _micros(moment: datetime) -> int:
    return round((moment - datetime(1970, 1, 1)).total_seconds()) * 1_000_000
