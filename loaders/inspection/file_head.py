"""Head of a file: what can be said of a table from its first megabytes; a large file is never read whole."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from ..errors import ClinomeError, InputError
from ..files.cells.date_order import fitting_orders, iso_dates
from ..files.cells.dtypes import dates, numbers
from ..files.cells.forms import form
from ..files.rows import id_text
from ..files.text_table import GZIP, PARQUET_ROWS, ZIP, Cells, read_cells
from ..specs import MISSING

FIRST, NARROW = 4_000_000, 64_000_000
"""Bytes that are looked at, and of a table of few columns, where every row may be another patient."""
FEW_COLUMNS = 500
SURE_MARKS = (
    "?", "N/A", "n/a", "#N/A", "NULL", "nan", "NAN", "[Not Available]", "[Not Applicable]", "[Unknown]", "[Not Evaluated]",
    "[Discrepancy]", "Not Available", "not available", "not reported", "Not Reported", "#VALUE!", "#REF!", "#DIV/0!", "#NAME?",
    "#NUM!", "#NULL!",
)  # fmt: skip
"""Words of missingness that a study file must name: `missing` holds them beside those that always are."""
NUMBER_MARKS = (
    ".",
    "-",
    "--",
    "None",
    "none",
    "NONE",
    "Unknown",
    "unknown",
    "Inf",
    "-Inf",
    "inf",
    "-inf",
    "Infinity",
    "-Infinity",
)
"""Words that mean it among numbers alone."""
_HALF, _MOST = 0.5, 0.95


@dataclass(frozen=True)
class Column:
    """A column of a head.

    name: as the loaders call it. number: whether its cells are numbers, but for one in twenty; date: ISO dates.
    cells: text, null where missing. distinct: how many different ones; filled: how many are not missing.
    """

    name: str
    cells: pl.Series
    number: bool
    date: bool
    distinct: int
    filled: int

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.filled == self.cells.len() == self.distinct

    @property
    def odd(self) -> list[str]:
        """Cells of a column of numbers that are none: with them the column is text."""
        if not self.number:
            return []
        _, bad = numbers(self.cells)
        return self.cells.filter(bad).to_list()

    @property
    def commas(self) -> bool:
        """Whether its numbers have decimal commas."""
        return self.filled > 0 and not self.number and self.share(r"^\s*[+-]?\d+,\d+\s*$") > _HALF

    def share(self, pattern: str) -> float:
        """How many of its cells look so."""
        return float(self.cells.drop_nulls().str.contains(pattern).sum()) / max(1, self.filled)

    @property
    def whole(self) -> bool:
        """Whether its cells are whole numbers."""
        return self.number and bool(self.cells.drop_nulls().str.contains(r"^\s*[+-]?\d+(\.0)?\s*$").all())

    def values(self, most: int = 12) -> list[str] | None:
        """Its different values, sorted; None where there are more."""
        return None if self.distinct > most else sorted(self.cells.drop_nulls().str.strip_chars().unique())


@dataclass(frozen=True)
class Head:
    """The first rows of a table.

    path: the file. frame: its cells as text, null where missing. names: the header as the file has it, () without one.
    whole: whether the head is all of it. marks: words of missingness found, beside those that always are.
    date_order: in which order dates that do not begin with the year are written; the frame has them as ISO dates. unordered:
    columns of such dates of which nobody can say it; they are text.
    """

    path: Path
    frame: pl.DataFrame
    names: tuple[str, ...]
    whole: bool
    marks: tuple[str, ...] = ()
    date_order: str | None = None
    unordered: tuple[str, ...] = ()

    @property
    def dialect(self) -> dict[str, object]:
        """The keys of a section that say how these cells are written."""
        marks: dict[str, object] = {"missing": [*MISSING, *self.marks]} if self.marks else {}
        return marks | ({"date_order": self.date_order} if self.date_order else {})

    @property
    def unordered_dates(self) -> str:
        """What is said of the columns `unordered`; empty where there are none."""
        if not self.unordered:
            return ""
        fix = 'say what comes first by date_order = "month_first", or "day_first"'
        return f"{', '.join(self.unordered)}: dates whose day and month cannot be told apart; {fix}"

    @property
    def header(self) -> bool:
        """Whether the file has a header."""
        return bool(self.names)

    @cached_property
    def numeric(self) -> frozenset[str]:
        """The columns whose cells are numbers, but for one in twenty; columns without any cell are none."""
        part = self.frame.head(2_000)
        cast = part.select(pl.all().cast(pl.Float64, strict=False).is_not_null().sum()).row(0)
        filled = part.select(pl.all().is_not_null().sum()).row(0)
        return frozenset(
            n
            for n, is_number, some in zip(part.columns, cast, filled, strict=True)
            if some and is_number >= _MOST * some
        )

    def column(self, name: str) -> Column:
        """What can be said of one column."""
        if name not in self._columns:
            self._columns[name] = self._look(name)
        return self._columns[name]

    @cached_property
    def _columns(self) -> dict[str, Column]:
        return {}

    def _look(self, name: str) -> Column:
        cells = self.frame[name]
        filled = cells.drop_nulls()
        _, no_date = dates(cells)
        date = bool(filled.len()) and no_date.sum() <= (1 - _MOST) * filled.len()
        return Column(
            name, cells, name in self.numeric, date and name not in self.numeric, filled.n_unique(), filled.len()
        )

    def ids(self, name: str) -> frozenset[str]:
        """The ids of a column, as every source has them."""
        return frozenset(id_text(self.frame[name]).drop_nulls())


def read_head(path: Path) -> Head:
    """The head of a table.

    Raises: InputError where the file is no table that the loaders read; its message is the loaders' own.
    """
    cells = _cells(path, True)
    bare = not path.name.lower().endswith(".parquet") and headless(cells)
    if bare:
        cells = _cells(path, False)
    marks = _marks(cells.frame)
    frame = cells.frame
    if marks:
        frame = frame.with_columns(pl.when(~pl.all().str.strip_chars().is_in(list(marks))).then(pl.all()))
    names = () if bare else cells.header or tuple(frame.columns)
    orders = {n: found for n in frame.columns if (found := fitting_orders(frame[n]))}
    common = set.intersection(*map(set, orders.values())) if orders else set()
    order = next(iter(common)) if len(common) == 1 else None
    unordered = () if order else tuple(orders)
    return Head(path, iso_dates(frame, order), names, _whole(path, cells), marks, order, unordered)


def _cells(path: Path, header: bool) -> Cells:
    cells = read_cells(path, header=header, most=FIRST)
    if cells.frame.width <= FEW_COLUMNS and _size(path) > FIRST and not path.name.lower().endswith(".parquet"):
        cells = read_cells(path, header=header, most=NARROW)
    if not cells.frame.height:
        fix = "check the delimiter"
        raise InputError("no row could be read", path, f"{cells.rows} rows", "rows of equal length", fix)
    return cells


def _whole(path: Path, cells: Cells) -> bool:
    """Whether these are all rows, by what the file says of its size."""
    if path.name.lower().endswith(".parquet"):
        return cells.rows < PARQUET_ROWS
    return _size(path) < (NARROW if cells.frame.width <= FEW_COLUMNS else FIRST)


def _size(path: Path) -> int:
    """The bytes of a file, unpacked."""
    with path.open("rb") as file:
        start = file.read(4)
        if start.startswith(GZIP):  # its last four bytes say so, of files below 4 GB
            file.seek(-4, 2)
            return int.from_bytes(file.read(4), "little")
    if start == ZIP:
        with zipfile.ZipFile(path) as archive:
            return max(member.file_size for member in archive.infolist())
    return path.stat().st_size


def headless(cells: Cells) -> bool:
    """Whether the first line is a row like the others: one of its cells comes again below, or has its column's form.

    Example:
        >>> from pathlib import Path
        >>> frame = pl.DataFrame({"P0001": ["P0001", "P0002"], "TP53": ["EGFR", "TP53"]})
        >>> headless(Cells(Path("a"), frame, 2, pl.Series([1, 2]), frame.clear(), header=("P0001", "TP53")))
        True
    """
    for name, column in list(zip(cells.header, cells.frame.columns, strict=True))[:3]:
        below = cells.frame[column].drop_nulls()
        if not name or below.is_empty():
            continue
        if name in below.head(5_000) and below.n_unique() > 1:
            return True
        digits = sum(letter.isdigit() for letter in name)
        if digits >= 3 and (below.head(50).map_elements(form, pl.String) == form(name)).mean() > _MOST:  # type: ignore[operator]
            return True
    return bool(cells.frame.width <= 3 and all(_is_number(name) for name in cells.header))


def _is_number(text: str) -> bool:
    _, bad = numbers(pl.Series([text or "x"]))
    return not bad[0]


def _marks(frame: pl.DataFrame) -> tuple[str, ...]:
    """Words of missingness among the cells: sure ones anywhere, others where their column is numbers without them."""
    words = [*SURE_MARKS, *NUMBER_MARKS]
    found = frame.select(pl.all().str.strip_chars().is_in(words).any()).row(0)
    marks: set[str] = set()
    for name in (name for name, some in zip(frame.columns, found, strict=True) if some):
        cells = frame[name].drop_nulls().str.strip_chars()
        said = set(cells.filter(cells.is_in(words)).unique())
        rest = cells.filter(~cells.is_in(words)).cast(pl.Float64, strict=False)
        numeric = rest.len() > 0 and rest.null_count() <= (1 - _MOST) * rest.len()
        marks |= said if numeric else said & set(SURE_MARKS)
    return tuple(sorted(marks - set(MISSING)))


def readable(path: Path) -> Head | str:
    """The head of a table, or why there is none: the loaders' own words, without the file's name."""
    try:
        return read_head(path)
    except ClinomeError as error:
        return str(error).removeprefix(f"{path}: ").removeprefix(f"{path.name}: ")
