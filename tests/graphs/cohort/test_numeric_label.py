"""Numeric labels: numbers stay what they are, and what is none is refused by its form, never by its text."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from clinome.graphs.cohort.labels import with_any_label, with_label
from clinome.loaders.errors import InputError


def rows(*values: Any) -> pl.DataFrame:
    return pl.DataFrame({"subject_id": [f"p{i}" for i in range(len(values))], "level": list(values)})


def test_numbers_are_taken_and_nothing_is_left_out() -> None:
    found = with_label(rows(1.5, None, -2.0, math.nan, 7.25), "numeric", "level")
    assert found.rows["label"].to_list() == [1.5, -2.0, 7.25] and found.rows["label"].dtype == pl.Float64
    assert (found.patients, found.unlabelled, found.classes, found.notes) == (3, 2, (), ())
    assert with_label(rows(3, 1, 2), "numeric", "level").rows["label"].to_list() == [3.0, 1.0, 2.0]


def test_two_values_are_asked_about() -> None:
    (note,) = with_label(rows(0, 1, 1, 0), "numeric", "level").notes
    assert "two different numbers" in note and 'kind = "binary"' in note


def test_text_is_refused_by_its_form() -> None:
    with pytest.raises(InputError) as caught:
        with_label(rows("12.5", "<5", "<7", "3,5"), "numeric", "level")
    said = str(caught.value)
    assert "2 as <9" in said and "1 as 9,9" in said and "12.5" not in said and "<5" not in said
    with pytest.raises(InputError, match="toFloat"):
        with_label(rows("1.5", "2"), "numeric", "level")


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_what_is_infinite_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="infinite"):
        with_label(rows(1.0, value), "numeric", "level")


def test_a_boolean_is_another_task() -> None:
    with pytest.raises(InputError, match="binary"):
        with_label(rows(True, False), "numeric", "level")


def test_who_is_to_be_predicted_needs_no_number() -> None:
    found = with_any_label(rows(1.5, None, 2.5), "numeric", "level")
    assert found.rows["label"].to_list() == [1.5, None, 2.5] and found.unlabelled == 1
    nobody = with_any_label(rows(1.5).drop("level"), "numeric", "level")
    assert nobody.rows["label"].to_list() == [None] and nobody.rows["label"].dtype == pl.Float64
