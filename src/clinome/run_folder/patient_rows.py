"""Rows of patients in the tables of a run folder: whether some are there, and taking them out."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from clinome.loaders.files.atomic import atomic_path
from clinome.loaders.files.spreadsheet_csv import read_csv, write_csv

if TYPE_CHECKING:
    import polars as pl


def _scan(path: Path) -> pl.LazyFrame | None:
    """A table that says whose its rows are, or None."""
    import polars as pl

    if path.suffix not in (".parquet", ".csv") or not path.is_file() or not path.stat().st_size:
        return None
    found = pl.scan_parquet(path) if path.suffix == ".parquet" else read_csv(path, infer_schema=False).lazy()
    return found if "subject_id" in found.collect_schema() else None


def hold(path: Path, subjects: Collection[str]) -> bool:
    """Whether a table has rows of any of these subjects."""
    import polars as pl

    rows = _scan(path)
    theirs = pl.col("subject_id").cast(pl.String).is_in(list(subjects))
    return rows is not None and bool(rows.select(theirs.any()).collect().item())


def drop(path: Path, subjects: Collection[str]) -> None:
    """Take the rows of these subjects out of a table; it is replaced at once, and keeps its mode."""
    import polars as pl

    rows = _scan(path)
    assert rows is not None
    left = rows.filter(~pl.col("subject_id").cast(pl.String).is_in(list(subjects))).collect()
    with atomic_path(path) as fresh:
        fresh.touch(path.stat().st_mode & 0o777)  # a private list stays private
        if path.suffix == ".parquet":
            left.write_parquet(fresh)
        else:
            write_csv(left, fresh)
