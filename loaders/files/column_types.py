"""Column types, told: text columns -> typed ones; a column that is all numbers but for a few words says so."""

from __future__ import annotations

import re
from collections.abc import Collection

import polars as pl

from .cells.dtypes import dates, numbers, typed
from .cells.number_words import missing_words, misspelt
from .ledger import Ledger
from .losses import MISSING, TEXT

MOST = 0.5
"""A text column of which more of the cells that say something are numbers, or dates, was meant as one."""
_LIKE_AN_ID = r"(?i)(?:^|[_ .-])(?:id|code|zip|category|type|class|group)$|[a-zA-Z](?:I[Dd]|Code|Type|Class|Group)$"


def typed_and_told(
    frame: pl.DataFrame, rows: pl.Series, ledger: Ledger, categorical: Collection[str] = ()
) -> pl.DataFrame:
    """Each text column as `typed` makes it, and in the ledger which of them stay text because of a few cells.

    Cells that say in a word that there is nothing ("[Not Available]") are missing where all others are numbers or dates.

    Args:
        rows: (n,) the rows' numbers. categorical: columns that stay text whatever they hold.
    Example:
        >>> ledger = Ledger("patients", "p.csv")
        >>> frame = pl.DataFrame({"age": ["61", "62", "> 89"], "bmi": ["21.5", "[Not Available]", "30"]})
        >>> typed_and_told(frame, pl.Series([1, 2, 3]), ledger).dtypes
        [String, Float64]
        >>> print(ledger.losses[0])
        age: 1 of 3 cells kept as text (> 99: a limit, not a value; write the number that you mean, or take the cell for missing)
    """
    found = frame.with_columns(_typed(frame[name], rows, ledger) for name in frame.columns if name not in categorical)
    ids = [name for name in found.columns if found[name].dtype.is_integer() and named_like_an_id(name)]
    some = ", ".join(repr(name) for name in ids[:5])
    ledger.count(
        {
            f"columns of whole numbers are named like ids, and read as numbers; if they are names: categorical = [{some}]": len(
                ids
            )
        }
    )
    return found


def named_like_an_id(name: str) -> bool:
    """Whether a column of whole numbers may hold names: codes, categories, ids of a list that lies elsewhere.

    Example:
        >>> [named_like_an_id(name) for name in ("admission_type_id", "ICUType", "zip", "age")]
        [True, True, True, False]
    """
    return re.search(_LIKE_AN_ID, name) is not None


def _typed(column: pl.Series, rows: pl.Series, ledger: Ledger) -> pl.Series:
    found = typed(column.to_frame()).to_series()
    words = missing_words(column) if found.dtype == pl.String else None
    if words is None or not column.count():
        return found
    for read, expected in ((numbers, "a number"), (dates, "an ISO date")):
        _, bad = read(column)
        meant = column.count() - int(bad.sum()) + (int(misspelt(column).sum()) if expected == "a number" else 0)
        if meant <= MOST * (column.count() - int(words.sum())) or not bad.any():
            continue
        rest = typed(column.set(words, None).to_frame()).to_series()
        mended = rest.dtype != pl.String
        ledger.unread(rows, column.name, column, bad, expected, said=MISSING if mended else TEXT)
        return rest if mended else found
    return found
