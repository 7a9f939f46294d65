"""Which value of a label or event is 1, where a query says so: it must occur, its contrary is 0, other words are not known."""

from __future__ import annotations

import polars as pl
import pytest

from clinome.graphs.cohort.labels import with_any_label, with_label
from clinome.loaders.errors import InputError


def rows(values: list[object], column: str = "label") -> pl.DataFrame:
    return pl.DataFrame({"subject_id": [f"s{i}" for i in range(len(values))], column: values, "duration_days": 9.0})


@pytest.mark.parametrize(
    ("values", "one", "want"),
    [
        (["long", "short", "long"], "long", [1, 0, 1]),
        (["Dead", "Alive", "Not Reported"], "Dead", [1, 0, None]),
        (["Dead", "Not Reported"], "Dead", [1, None]),
        (["relapse", "Alive", "lost"], "relapse", [1, 0, None]),
        ([0, 1, 2], 1, [0, 1, None]),
        ([0.0, 1.0], 1, [0, 1]),
        ([True, False], True, [1, 0]),
        (["v1.0", "v2.0"], "v1.0", [1, 0]),
        (["0:LIVING", "1:DECEASED"], 1, [0, 1]),
    ],
)
def test_the_value_its_contrary_and_the_rest(values: list[object], one: object, want: list[int | None]) -> None:
    for label_type, column in (("boolean", "label"), ("time_to_event", "event")):
        found = with_label(rows(values, column), label_type, column, one).rows
        got = dict(found.select("subject_id", column).rows())
        assert [got.get(f"s{i}") for i in range(len(values))] == want


@pytest.mark.parametrize("values", [["long", "short"], [f"MRN{i}" for i in range(50)]])
def test_a_value_that_nobody_has_is_an_error_that_quotes_no_ids(values: list[object]) -> None:
    with pytest.raises(InputError, match="is no value of label") as refused:
        with_label(rows(values), "boolean", "label", "z")
    assert ("'long', 'short'" in str(refused.value)) == (len(values) == 2) and "MRN" not in str(refused.value)


@pytest.mark.parametrize("values", [[None, None], ["Alive", "Alive"], ["moved", None]])
def test_of_patients_to_predict_nobody_need_have_it(values: list[object]) -> None:
    frame = rows(values).with_columns(pl.col("label").cast(pl.String))
    found = with_any_label(frame, "boolean", "label", "Dead").rows.sort("subject_id")
    assert found["label"].to_list() == [0 if value == "Alive" else None for value in values]
