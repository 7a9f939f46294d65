"""Tables that a spreadsheet opens: no text begins a formula, numbers stay, what was written is read."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from clinome.loaders.files.spreadsheet_csv import csv_text, read_csv, write_csv

STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
CELLS = st.text(st.sampled_from("=+-@\t\r\n'\" ,;1.5aZ(|!＝é"), max_size=8)
HEADS = CELLS.filter(
    lambda one: one.strip() != "" and '"' not in one
)  # polars reads a quote in a head as it is written
NUMBERS = ("-1", "+2.5", "-0.3 [-0.5, 0.1]", "-1e-5", "-12.5%", "-3 (4%)", "-1,234.5", "-.5", "-0.30 [-0.50–0.10]")


def raw(table: pl.DataFrame) -> pl.DataFrame:
    """The cells as they stand in the file."""
    return pl.read_csv(csv_text(table).encode(), infer_schema=False)


@given(st.lists(CELLS | st.none(), max_size=6), HEADS)
def test_no_text_begins_a_formula(cells: list[str | None], head: str) -> None:
    found = raw(pl.DataFrame({head: cells}, {head: pl.String}))
    for one in (*found.columns, *found.to_series().drop_nulls()):
        assert not one.startswith(STARTS) or re.fullmatch(r"[-+\d.,eE%()\[\]\s–;:]+", one), one


@given(st.lists(CELLS.filter(lambda one: one != ""), min_size=1, max_size=6), HEADS)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, cells: list[str], head: str) -> None:
    table = pl.DataFrame({head: cells}, schema={head: pl.String})
    file = tmp_path_factory.mktemp("csv") / "t.csv"
    write_csv(table, file)
    assert_frame_equal(read_csv(file, infer_schema=False), table)


def test_numbers_are_left_alone(tmp_path: Path) -> None:
    table = pl.DataFrame({"n": [-1, 2], "x": [-0.5, 1e-300], "text": ["-1.5", "+7"]})
    assert csv_text(table) == "n,x,text\n-1,-0.5,-1.5\n2,1e-300,+7\n"
    assert csv_text(pl.DataFrame({"n": list(NUMBERS)})).count("'") == 0


@pytest.mark.parametrize(
    "bad",
    ["=cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "+A1", "@SUM(A1)", "\t=1", "-1 (A1)", "-1+1", "＝1+1", "=1=2"],
)
def test_formulas_of_every_kind(bad: str) -> None:
    found = raw(pl.DataFrame({bad: [bad]}))
    assert found.columns == [f"'{bad}"] and found.item() == f"'{bad}"
