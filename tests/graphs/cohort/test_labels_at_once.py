"""Several boolean labels of a row: each read as a boolean is, a row without one of them has no label."""

from __future__ import annotations

import polars as pl
import pytest

from clinome.graphs.cohort.labels import with_any_label, with_label
from clinome.loaders.errors import InputError

FRAME = pl.DataFrame({"subject_id": ["p0", "p1", "p2", "p3"], "stroke": [True, False, None, False], "gout": ["no", "yes", "yes", "no"],
                      "age": [1, 2, 3, 4]})  # fmt: skip


def test_columns_become_the_list_of_what_is_so() -> None:
    found = with_label(FRAME, "booleans", ("stroke", "gout"))
    assert found.rows["label"].to_list() == [["stroke"], ["gout"], []] and found.classes == ("stroke", "gout")
    assert (found.patients, found.unlabelled) == (3, 1) and found.notes == ("gout: 'no' is 0, 'yes' is 1",)
    assert found.rows.columns == ["subject_id", "age", "label"]
    every = with_any_label(FRAME, "booleans", ("stroke", "gout"))
    assert every.rows["label"].to_list() == [["stroke"], ["gout"], None, []]


def test_what_is_no_label_is_refused() -> None:
    with pytest.raises(InputError, match="a column died"):
        with_label(FRAME, "booleans", ("stroke", "died"))
    with pytest.raises(InputError, match="age has"):
        with_label(FRAME, "booleans", ("stroke", "age"))
