"""Cells of a mutation matrix: 0, WT and empty mean no, NA, NS and NP that nobody knows, a protein change that there is one."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from ..files.cells.dtypes import numbers
from ..files.cells.number_words import missing_words

WILD_TYPE = (
    r"^(?:|wt(?:/wt)?|wild[ _-]?type|n|no|false|(?:not|non|un)[ _-]?(?:mutated|mutant|altered)|neg(?:ative)?|absent|normal"
    r"|(?:no|none|not)[ _-]?(?:mutations?|variants?|alterations?|changes?|detected|found|present)(?:[ _-](?:detected|found))?"
    r"|(?:hom(?:ozygous)?[ _-]?)?ref(?:erence)?|0[/|]0)$"
)
"""Words that say that a gene was looked at and found as it is in everybody, in small letters."""
NOT_CALLED = (
    r"^(?:not?[ _-]?(?:profiled|sequenced|covered|callable|calls?|called|assayed|analy[sz]ed|evaluable|interpretable|coverage|result)"
    r"|un(?:profiled|sequenced|called|tested|covered)|(?:low|poor|insufficient|inadequate)\b.*|fail(?:ed|ure)?\b.*|qns"
    r"|inconclusive|indeterminate|equivocal|ambiguous|no[ _-]?call|\.[/|]\.)$"
)
"""Words that say that nobody knows, beside those that mean it in every column."""


def mutation_numbers(cells: pl.Series, unknown: Collection[str] = ()) -> pl.Series:
    """What each cell of a text column says of its gene: 0 not mutated, 1 (or its own number) mutated, NaN not known.

    Args: unknown: the study's own words for what nobody knows, beside those that everybody writes.
    Source: the cells of cBioPortal's downloads (protein changes, WT, NS not sequenced, NP not profiled).
    Example:
        >>> mutation_numbers(pl.Series(["R273H", "WT", "NS", None, "2", "-1", "no call"])).to_list()
        [1.0, 0.0, nan, 0.0, 2.0, nan, nan]
    """
    text = cells.cast(pl.String).str.strip_chars()
    number, word = numbers(text)
    small = text.str.to_lowercase()
    wild = text.is_null() | small.str.contains(WILD_TYPE).fill_null(False)
    named = text.is_in([word for word in unknown if word]).fill_null(False)
    wild = wild & ~named
    not_known = (
        named
        | (missing_words(text) & ~wild)
        | small.str.contains(NOT_CALLED).fill_null(False)
        | (number < 0).fill_null(False)
        | (number.is_null() & ~word & ~wild)
    )
    found = number.zip_with(~(word & ~wild & ~not_known), pl.repeat(1.0, cells.len(), eager=True))
    found = found.zip_with(~wild, pl.repeat(0.0, cells.len(), eager=True))
    return found.zip_with(~not_known, pl.repeat(float("nan"), cells.len(), eager=True)).rename(cells.name)


def as_numbers(
    frame: pl.DataFrame, genes: Collection[str] = (), *, samples_in_rows: bool = True, unknown: Collection[str] = ()
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The text columns of a mutation matrix as numbers; and in plain words what was decided, how often.

    A sample of which every cell is empty was not looked at. A column of which no cell says 0, WT or that nobody knows is
    no gene's, but one of labels (a study, a centre): it stays text, unless its name is among `genes`.
    """
    made: list[pl.Series] = []
    words = not_known = 0
    for name in frame.columns:
        column = frame[name]
        if column.dtype != pl.String:
            not_known += (
                int((column.is_null() | column.is_nan()).sum()) if column.dtype.is_float() else column.null_count()
            )
            continue
        if not column.count() and not samples_in_rows:
            continue
        value = mutation_numbers(column, unknown)
        changes = (value == 1) & numbers(column)[0].is_null()
        if name not in genes and column.count() and bool(changes.filter(column.is_not_null()).all()):
            continue
        made.append(value)
        words += int(changes.sum())
        not_known += int(value.is_nan().sum())
    said = {
        "cells of a mutation matrix in words: a change, so mutated": words,
        "cells of a mutation matrix that nobody called (NA, NS, NP): (Patient)-[:NOT_CALLED_IN]->(Gene)": not_known,
    }
    if samples_in_rows and made:
        empty = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
        made = [value.set(empty, float("nan")) for value in made]
    return frame.with_columns(made), said
