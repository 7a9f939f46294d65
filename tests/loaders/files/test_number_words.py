"""Why cells are no numbers; which words mean missing; minus signs: whole kinds, and against a naive reference."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinome.loaders.files.cells.dtypes import numbers
from clinome.loaders.files.cells.number_words import Reason, means_missing, misspelt, reason
from clinome.loaders.files.column_types import typed_and_told
from clinome.loaders.files.ledger import Ledger
from clinome.loaders.files.losses import FEW, MISSING, TEXT, UNSAID, Loss, beyond

NOTHING = ("NA", "n/a", "#N/A", "NaN", "<NA>", "NaT", "NULL", "None", r"\N", "[Not Available]", "[Not Applicable]", "'--",
           "--", "-", ".", "?", "unknown", "Not Reported", "not recorded", "not done", "ND", "NS", "NP", "(missing)",
           "no data", "#DIV/0!", "[Discrepancy]")  # fmt: skip
SOMETHING = ("high", "neg", "positive", "WT", "R273H", "John", "ward 3", "1", "E11.9", "yes", "no", "alive", "")


@pytest.mark.parametrize("word", NOTHING)
def test_words_that_mean_missing(word: str) -> None:
    assert means_missing(word) and means_missing(f" {word.lower()} ") and means_missing(word.upper())


@pytest.mark.parametrize("word", SOMETHING)
def test_words_that_say_something(word: str) -> None:
    assert not means_missing(word)


@pytest.mark.parametrize(
    ("cell", "cause", "spoilt"),
    [
        ("1,5", "a decimal comma", True), ("-0,25", "a decimal comma", True), ("1.234,5", "a decimal comma", True),
        ("1,234", "a comma between thousands, or a decimal one", True), ("1 234", "parted thousands", True),
        ("1'234.5", "parted thousands", True), ("5 %", "a percent sign", True), ("7 mg", "a unit beside the number", True),
        ("12*", "a mark beside the number", True), ("<0.01", "a limit, not a value", False),
        (">= 33.3", "a limit, not a value", False), ("<LOD", "below the limit of detection", False),
        ("inf", "no finite number", False), ("3-5", "a range", False), ("31.01.2020", "a date that is not ISO", False),
        ("neg", "not a number", False),
    ],
)  # fmt: skip
def test_the_cause_is_named_and_the_cell_is_not_quoted(cell: str, cause: str, spoilt: bool) -> None:
    why = reason(pl.Series([cell, None]))
    assert why.cause == cause
    assert cell not in f"{why.cause} {why.form} {why.fix}"
    assert misspelt(pl.Series([cell])).to_list() == [spoilt]
    assert numbers(pl.Series([cell]))[0].to_list() == [None]


def test_the_commonest_cause_wins() -> None:
    assert reason(pl.Series(["high", "1,5", "2,5", "low"] + ["0,5"] * 3)).cause == "a decimal comma"


@given(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), st.sampled_from("-\u2212\u2012\u2013\ufe63\uff0d"))
def test_every_minus_sign_is_one(number: float, sign: str) -> None:
    text = f"{number}".replace("-", sign) if "e" not in f"{number}" else f"{number}"
    assert numbers(pl.Series([text]))[0].to_list() == [number]


_CELL = st.one_of(
    st.none(), st.integers(-999, 999).map(str), st.sampled_from(["[Not Available]", "'--", "> 89", "high", "1,5"])
)


@given(st.lists(_CELL, min_size=1, max_size=12))
def test_a_column_is_a_number_where_all_that_says_something_is(cells: list[str | None]) -> None:
    ledger = Ledger("patients", "p.csv")
    ledger.read(len(cells))
    column = typed_and_told(
        pl.DataFrame({"a": pl.Series(cells, dtype=pl.String)}), pl.Series(range(len(cells))), ledger
    )["a"]
    said = [cell for cell in cells if cell is not None and not means_missing(cell)]
    whole = [cell for cell in said if cell.lstrip("-").isdigit()]
    assert (column.dtype == pl.Int64) == (bool(said) and len(whole) == len(said))
    if column.dtype == pl.Int64:
        assert column.drop_nulls().to_list() == [int(cell) for cell in said]
        lost = sum(cell is not None for cell in cells) - len(said)
        assert sum(loss.lost for loss in ledger.losses) == lost
        assert all(loss.said == UNSAID for loss in ledger.losses)
    else:
        assert column.to_list() == cells, "text stays as it was"
        assert all(loss.said == TEXT for loss in ledger.losses)


def test_categorical_columns_stay_text() -> None:
    found = typed_and_told(pl.DataFrame({"code": ["1", "2"]}), pl.Series([1, 2]), Ledger("p", "p.csv"), ("code",))
    assert found["code"].to_list() == ["1", "2"]


WHY = Reason("a decimal comma", "9,9", "write points")


@given(st.lists(st.tuples(st.sampled_from(["cells", "samples", "names", "columns"]), st.integers(0, 40), st.booleans(),
                          st.sampled_from([MISSING, TEXT, UNSAID])), max_size=6), st.integers(1, 400))  # fmt: skip
def test_when_a_load_ends(drawn: list[tuple[str, int, bool, str]], cells: int) -> None:
    losses = [Loss(kind, str(i), n, 40, WHY, ends, said) for i, (kind, n, ends, said) in enumerate(drawn)]
    lost = sum(n for kind, n, _, said in drawn if kind == "cells" and said == MISSING)
    too_many = lost >= FEW and lost > 0.05 * cells
    want = {
        i for i, (kind, _, ends, said) in enumerate(drawn) if ends or (too_many and kind == "cells" and said == MISSING)
    }
    assert {int(loss.where) for loss in beyond(losses, cells, ())} == want
    assert not beyond(losses, cells, ("cells", "samples", "names", "columns"))
