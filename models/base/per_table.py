"""Per-table cache: what is made once for each table, and goes when the table goes. Nothing in it may be fitted."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

import polars as pl

Made = TypeVar("Made")


class PerTable(Generic[Made]):
    """Keyed by the table itself, not by its values: tables of a snapshot are never changed.

    Example:
        >>> rows = PerTable[int]()
        >>> table = pl.DataFrame({"a": [1, 2]})
        >>> rows.of(table, lambda: table.height), rows.of(table, lambda: 0)
        (2, 2)
    """

    def __init__(self) -> None:
        self._kept: dict[int, tuple[weakref.ref[pl.DataFrame], Made]] = {}

    def of(self, table: pl.DataFrame, make: Callable[[], Made]) -> Made:
        """What `make` makes, or made before for this table."""
        key = id(table)
        if key not in self._kept:
            self._kept[key] = (weakref.ref(table, lambda _: self._kept.pop(key, None)), make())
        return self._kept[key][1]
