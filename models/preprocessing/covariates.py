"""Covariates that are words: which are known, and columns that a snapshot may lack."""

from __future__ import annotations

import numpy as np
import polars as pl


def column(table: pl.DataFrame, name: str) -> pl.Series:
    """The column of this name; missing throughout where the table has none."""
    return table[name] if name in table.columns else pl.Series(name, [None] * table.height)


def frequent_words(column: pl.Series) -> list[str | None]:
    """The words (null too) seen in at least max(2, 10 or 1 % of the rows, whichever is fewer), sorted."""
    least = max(2.0, min(10.0, 0.01 * len(column)))
    counts = column.cast(pl.String).value_counts(name="n").filter(pl.col("n") >= least)
    return sorted(counts[column.name].to_list(), key=lambda w: (w is None, w or ""))


def word_index(column: pl.Series, words: list[str | None]) -> np.ndarray:
    """(n,) int64 index into words; len(words) for a word that is not among them."""
    index = {word: i for i, word in enumerate(words)}
    return np.array([index.get(word, len(words)) for word in column.cast(pl.String)], dtype=np.int64)
