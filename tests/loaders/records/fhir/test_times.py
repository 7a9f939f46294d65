"""FHIR times against Python's own calendar."""

from __future__ import annotations

import calendar
import datetime as dt

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from clinome.loaders.records.fhir.times import moments

DAYS = st.dates(dt.date(1800, 1, 1), dt.date(2200, 12, 31))
OFFSETS = st.integers(-12 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
TICK = dt.timedelta(microseconds=1)


@st.composite
def cells(draw: st.DrawFn) -> tuple[str, dt.datetime, dt.datetime]:
    """A cell of FHIR, and the first and last moment that it can mean, the long way."""
    day = draw(DAYS)
    first = dt.datetime(day.year, day.month, day.day)
    match draw(st.sampled_from(["year", "month", "day", "time"])):
        case "year":
            return f"{day.year:04}", dt.datetime(day.year, 1, 1), dt.datetime(day.year + 1, 1, 1) - TICK
        case "month":
            last = calendar.monthrange(day.year, day.month)[1]
            begun = dt.datetime(day.year, day.month, 1)
            return f"{day.year:04}-{day.month:02}", begun, begun + dt.timedelta(days=last) - TICK
        case "day":
            return day.isoformat(), first, first + dt.timedelta(days=1) - TICK
    moment = draw(st.datetimes(first + dt.timedelta(hours=1), first + dt.timedelta(hours=23), timezones=OFFSETS))
    text = moment.isoformat(timespec=draw(st.sampled_from(["seconds", "milliseconds", "microseconds"])))
    exact = dt.datetime.fromisoformat(text).astimezone(dt.UTC).replace(tzinfo=None)
    return text, exact, exact


@settings(max_examples=100, deadline=None)
@given(st.lists(cells(), min_size=1, max_size=8))
def test_a_cell_is_all_the_time_that_it_can_mean(drawn: list[tuple[str, dt.datetime, dt.datetime]]) -> None:
    found = moments(pl.Series([text for text, _, _ in drawn]), pl.Series(["x"] * len(drawn)))
    assert found.select("first", "last").rows() == [(first, last) for _, first, last in drawn]
    assert not found["bad"].any()


def test_what_is_no_time_is_bad() -> None:
    texts = ["2020-13", "2020-02-30", "soon", "20200101", "2020-01-01T25:00:00Z", "02/03/2020", "2020-W05"]
    found = moments(pl.Series([*texts, None, "2020"]), pl.Series(["x"] * (len(texts) + 2)))
    assert found["bad"].to_list() == [True] * len(texts) + [False, False]
    assert found["first"].null_count() == len(texts) + 1
