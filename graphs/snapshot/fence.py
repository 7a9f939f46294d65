"""Time fence: what was known of a subject when the prediction was made. There is one."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

Fence = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]
"""(facts, index) -> facts of each row of the index."""


def fence(facts: pl.DataFrame, index: pl.DataFrame) -> pl.DataFrame:
    """The facts of each row's subject that had happened and were known at the row's prediction time.

    A fact has two clocks: when it happened (`time`) and when it was known (`known_time`, the same where null).
    A fact without either is static and stays; the caller counts it. A row without a prediction time keeps
    static facts only.
    Args:
        facts: subject_id, time, known_time, and whatever else a fact carries.
        index: row, subject_id, prediction_time; a subject may have several rows.
    Returns: row, subject_id, prediction_time, and the facts' other columns, one line a row and fact, in no order.
    Example:
        >>> from datetime import datetime
        >>> day = lambda n: datetime(2020, 1, n)
        >>> facts = pl.DataFrame({"subject_id": ["a", "a"], "time": [day(1), day(1)], "known_time": [day(2), day(9)]})
        >>> index = pl.DataFrame({"row": [0], "subject_id": ["a"], "prediction_time": [day(5)]})
        >>> fence(facts, index).height
        1
    """
    at = pl.col("prediction_time")
    happened = pl.col("time").is_null() | (pl.col("time") <= at)
    known = pl.col("known_time").is_null() | (pl.col("known_time") <= at)
    return index.join(facts, on="subject_id", how="inner").filter(happened & known)


def no_fence(facts: pl.DataFrame, index: pl.DataFrame) -> pl.DataFrame:
    """Every fact of each row's subject: for tests that must fail without the fence, and for the demo's decoy."""
    return index.join(facts, on="subject_id", how="inner")
