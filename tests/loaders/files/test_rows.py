"""Rows once, by hash, against polars's own comparison of every row."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from clinome.loaders.files.rows import once

NUMBER = st.none() | st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")])
ROW = st.tuples(st.sampled_from(["a", "b", ""]) | st.none(), NUMBER, st.integers(0, 2))


@settings(max_examples=100, deadline=None)
@given(st.lists(ROW, max_size=30), st.sampled_from([None, ["code"], ["code", "value"]]))
def test_each_row_once_as_polars_has_it(rows: list[tuple[str | None, float | None, int]], by: list[str] | None) -> None:
    table = pl.DataFrame(rows, schema={"code": pl.String, "value": pl.Float64, "n": pl.Int64}, orient="row")
    assert_frame_equal(once(table, by), table.unique(by, keep="first", maintain_order=True))


def test_a_table_without_repeats_is_not_copied() -> None:
    table = pl.DataFrame({"code": ["b", "a"]})
    assert once(table) is table
