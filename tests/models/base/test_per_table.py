"""Per-table cache: made once for each table, and gone with it."""

from __future__ import annotations

import gc

import polars as pl

from clinome.models.base.per_table import PerTable


def test_each_table_has_its_own_and_takes_it_along() -> None:
    kept, one, other = PerTable[list[int]](), pl.DataFrame({"a": [1]}), pl.DataFrame({"a": [1]})
    made = kept.of(one, list)
    assert kept.of(one, list) is made and kept.of(other, list) is not made
    assert len(kept._kept) == 2
    del one, other
    gc.collect()
    assert not kept._kept
