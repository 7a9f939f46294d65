"""Parts of a table: one that is larger than memory, as batches of text cells whose rows a ledger counts."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import polars as pl

from ..errors import InputError
from ..files.ledger import Ledger
from ..files.regular_file import check_regular
from ..files.text_table import GZIP, PARQUET, ZIP, Cells, read_cells, text_cells, typed_cells

CELLS, BYTES = 4_000_000, 2**25
"""Cells and bytes that are read at once."""
PACKING = 16
"""A gzipped table takes at most so many times its size, else it is larger than it is worth to look."""
UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Batch:
    """Rows of one form: cells as text, null where missing; numbers: their numbers in the ledger.

    where: for messages; of a folder its own name, for the name of a stay's file is a patient's id.
    """

    frame: pl.DataFrame
    numbers: pl.Series
    where: str


def table_parts(
    path: Path, called: str, missing: Sequence[str], ledger: Ledger, empty: bool = False
) -> Iterator[Batch]:
    """One table, in parts where it is large; its rows are counted, and those that could not be split are refused.

    Args:
        called: the file's name in the ledger and in messages.
        missing: cells that mean no value.
        empty: whether a header alone is a table without rows, and no error.

    Raises: InputError for a file that is not there, is cut, or holds no row.
    """
    offset = ledger.begin(called)
    for cells in _parts(path, missing, empty):
        ledger.read(cells.rows)
        ledger.refuse_broken(cells, offset, called)
        yield Batch(cells.frame, cells.numbers + offset, called)
        offset += cells.rows


def parquet_columns(file: Path) -> list[str]:
    """The columns of a Parquet file. Raises: InputError if it is none."""
    try:
        return list(pl.read_parquet_schema(file))
    except (pl.exceptions.PolarsError, OSError, ValueError, pl.exceptions.PanicException) as error:
        raise InputError("is no whole Parquet file", file, type(error).__name__, fix="write it again") from None


def _parts(path: Path, missing: Sequence[str], empty: bool) -> Iterator[Cells]:
    if check_regular(path).stat().st_size == 0 or not path.name.lower().endswith(".parquet"):
        return (yield from _text_parts(path, missing, empty))
    columns = parquet_columns(path)
    step = max(1, CELLS // max(1, len(columns)))
    scan, at = pl.scan_parquet(path), 0
    while True:
        try:
            frame = scan.slice(at, step).collect()
        except (pl.exceptions.PolarsError, OSError, ValueError, pl.exceptions.PanicException) as error:
            raise InputError("is no whole Parquet file", path, type(error).__name__, fix="write it again") from None
        if frame.is_empty() and at:
            return
        if frame.is_empty() and not empty:
            raise InputError("holds no row", path, expected="data rows", fix="check the file")
        yield typed_cells(path, frame, missing)
        at += step
        if frame.is_empty():
            return


def _text_parts(path: Path, missing: Sequence[str], empty: bool) -> Iterator[Cells]:
    """A text as a whole; a large one, gzipped or not, in pieces that end with a line."""
    with path.open("rb") as file:
        start = file.read(4)
    packed = start.startswith(GZIP)
    small = path.stat().st_size <= (BYTES // PACKING if packed else BYTES)
    if small or start.startswith((ZIP, PARQUET, *UTF16)):
        yield read_cells(path, missing=missing, empty=empty)
        return
    try:
        with gzip.open(path) if packed else path.open("rb") as text:
            yield from _pieces(path, cast(IO[bytes], text), missing)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError("cannot be unpacked", path, type(error).__name__, "a whole .gz", "fetch it again") from None


def _pieces(path: Path, file: IO[bytes], missing: Sequence[str]) -> Iterator[Cells]:
    head, rest = file.readline(), b""
    while block := file.read(BYTES):
        text, _, tail = (rest + block).rpartition(b"\n")
        rest = tail if text else rest + block
        if text.strip():
            yield text_cells(path, head + text, missing)
    if rest.strip():
        yield text_cells(path, head + rest, missing)
