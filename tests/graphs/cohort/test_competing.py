"""The competing event of a time to event: 0 or 1 in every row, never together with the event, and never an input."""

from __future__ import annotations

import polars as pl
import pytest

from clinome.graphs.cohort.labels import with_any_label, with_label
from clinome.graphs.snapshot.covariates import OUTCOMES
from clinome.loaders.errors import InputError


def rows(competing: list[object], event: tuple[int, ...] = (1, 0, 0)) -> pl.DataFrame:
    return pl.DataFrame(
        {"subject_id": ["a", "b", "c"], "duration_days": [3.0, 4.0, 5.0], "event": event, "competing": competing}
    )


@pytest.mark.parametrize("said", ([False, True, False], [0, 1, 0], ["no", "yes", "no"]))
def test_it_is_read_as_a_boolean_label_is(said: list[object]) -> None:
    found = with_label(rows(said), "time_to_event", "event").rows
    assert found["competing"].to_list() == [0, 1, 0] and found["event"].to_list() == [1, 0, 0]


def test_of_patients_to_predict_too() -> None:
    asked = rows([0, 1, 0]).with_columns(event=pl.Series([1, 0, None]))
    assert with_any_label(asked, "time_to_event", "event").rows["competing"].to_list() == [0, 1, None]


@pytest.mark.parametrize(
    ("said", "why"),
    [([True, False, False], "both end follow-up"), ([False, None, True], "not said whether"), ([0, 3, 0], "competing")],
)
def test_what_it_cannot_be(said: list[object], why: str) -> None:
    with pytest.raises(InputError, match=why):
        with_label(rows(said), "time_to_event", "event")


def test_it_is_an_outcome() -> None:
    assert "competing" in OUTCOMES
