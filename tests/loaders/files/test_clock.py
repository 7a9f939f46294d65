"""Clocks: offsets and ranks against naive references."""

import datetime as dt
import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinome.loaders.errors import InputError
from clinome.loaders.files.cells.clock import FARTHEST_DAYS, ORIGIN, order, relative

LENGTH = {"days": dt.timedelta(days=1), "hours": dt.timedelta(hours=1), "minutes": dt.timedelta(minutes=1)}


@given(
    st.lists(st.none() | st.floats() | st.integers(-4000, 40_000).map(float), max_size=8), st.sampled_from([*LENGTH])
)
def test_offsets(offsets: list[float | None], unit: str) -> None:
    times, bad = relative(pl.Series("t", offsets, dtype=pl.Float64), unit, "a.csv t")
    for offset, time, wrong in zip(offsets, times, bad, strict=True):
        if offset is None:
            assert time is None and not wrong
        elif math.isnan(offset) or abs(offset) * (LENGTH[unit] / LENGTH["days"]) > FARTHEST_DAYS:
            assert time is None and wrong
        else:
            assert not wrong and abs(time - (ORIGIN + offset * LENGTH[unit])) <= dt.timedelta(microseconds=2)


def test_whole_offsets_are_exact_and_may_lie_before_the_origin() -> None:
    times, bad = relative(pl.Series([180.0, -1.0, None]), "days", "a.csv t")
    assert times.to_list() == [dt.datetime(2000, 6, 29), dt.datetime(1999, 12, 31), None]
    assert not bad.any()


@pytest.mark.parametrize("unit", ["months", "month", "weeks", "", "Days"])
def test_other_units_are_refused(unit: str) -> None:
    with pytest.raises(InputError, match="days, hours or minutes"):
        relative(pl.Series([1.0]), unit, "a.csv t")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.integers(-(10**30), 10**30)), max_size=10))
def test_ranks(rows: list[tuple[str, int | None]]) -> None:
    subjects = pl.Series([s for s, _ in rows], dtype=pl.String)
    values = pl.Series([None if v is None else str(v) for _, v in rows], dtype=pl.String)
    for (subject, value), day in zip(rows, order(values, subjects), strict=True):
        if value is None:
            assert day is None
            continue
        rank = len({v for s, v in rows if s == subject and v is not None and v <= value})
        assert day == ORIGIN + dt.timedelta(days=rank)


def test_one_text_makes_all_text() -> None:
    subjects = pl.Series(["a"] * 3)
    assert order(pl.Series(["10", "9", "9.5"]), subjects).dt.day().to_list() == [4, 2, 3]
    assert order(pl.Series(["10", "9", "nan"]), subjects).dt.day().to_list() == [2, 3, 4]
