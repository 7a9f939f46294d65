"""Fraction columns: columns of measurements, told by the first rows of a delimited text: numbers with fractions, no ids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..delimited import DelimitedRecords

_ROWS = 20
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_FRACTION = r"^[+-]?\d*\.\d*[1-9]"
"""Of a number: a digit behind the point that is not 0. Ids that a spreadsheet made 101.0 have none."""


def fraction_columns(
    records: DelimitedRecords, kept: NDArray[np.int64], names: Sequence[str], missing: Sequence[str]
) -> list[str]:
    """Names of the columns whose first cells are all numbers or missing, and one of them has a fraction.

    Args:
        kept: (rows,) the records that are whole. names: of their columns. missing: cells that mean no value.
    Returns: [] where cells are quoted: those are left to who reads text.
    """
    if records.quoted or not kept.size:
        return []
    nothing = pl.Series(["", *missing], dtype=pl.String)
    number, fraction = np.ones(len(names), bool), np.zeros(len(names), bool)
    for record in kept[:_ROWS].tolist():
        cells = pl.Series(records.text(record).decode().split(records.delimiter.decode()), dtype=pl.String)
        there = ~cells.is_in(nothing.implode())
        number &= (cells.str.contains(_NUMBER) | ~there).to_numpy()
        fraction |= (cells.str.contains(_FRACTION) & there).to_numpy()
    return [name for name, yes in zip(names, number & fraction, strict=True) if yes]
