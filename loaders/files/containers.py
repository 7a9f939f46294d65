"""Containers: what a file is when it is not the plain table that its name promises: read where that is simple, named else.

GCT (GenePattern, GTEx) and GEO series matrices are tables with lines around them, which are taken off; of an Excel workbook
one sheet is read. An archive is refused by its name.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from io import StringIO
from pathlib import Path
from typing import Any

from ..errors import InputError

_GCT = re.compile(rb"#1\.[23]\s*\r?\n\d+\t\d+(?:\t\d+\t(\d+))?[^\n]*\n")
_BEGIN, _END = b"!series_matrix_table_begin", b"!series_matrix_table_end"


def table_within(path: Path, data: bytes) -> bytes:
    """The table of a text file, without the lines that GCT and GEO write around it.

    Raises: InputError for an archive, and for a series matrix whose table never begins.
    Sources: https://www.genepattern.org/file-formats-guide, https://www.ncbi.nlm.nih.gov/geo/info/soft.html
    Example:
        >>> table_within(Path("a.gct"), b"#1.2\\n1\\t1\\nName\\tDescription\\tS1\\nTP53\\tna\\t2\\n")
        b'Name\\tDescription\\tS1\\nTP53\\tna\\t2\\n'
    """
    if data[257:262] == b"ustar":
        raise InputError("a tar archive", path, expected="a table", fix="unpack it and name the file")
    if found := _GCT.match(data):
        return _without_annotations(data[found.end() :], int(found[1] or 0))
    if data.startswith(b"!Series_") or (data.startswith(b"!") and _BEGIN in data):
        _, begins, rest = data.partition(_BEGIN)
        table = rest.partition(b"\n")[2].partition(_END)[0]
        if not begins or not table.strip():
            expected, fix = "a table between its begin and its end", "take the series matrix, not the SOFT file"
            raise InputError("a GEO file without its table", path, expected=expected, fix=fix)
        return table
    return data


def _without_annotations(table: bytes, rows: int) -> bytes:
    """A GCT 1.3 table without the rows below its header that describe samples: a dose is no gene."""
    header, newline, rest = table.partition(b"\n")
    for _ in range(rows):
        rest = rest.partition(b"\n")[2]
    return header + newline + rest


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook as csv. numeric: (columns,) which hold numbers alone: what these were as text nobody knows."""

    csv: bytes
    numeric: tuple[bool, ...]


def is_workbook(members: Collection[str]) -> bool:
    """Whether a zip of these files is an Excel workbook."""
    return "[Content_Types].xml" in members and any(name.startswith("xl/") for name in members)


def read_sheet(path: Path, sheet: str | None = None) -> Sheet:
    """One sheet of an .xlsx: dates as ISO dates, whole numbers without a point, blank rows and nameless empty columns left out.

    Args:
        sheet: its name; may be left out where only one holds anything.
    Raises: InputError for a workbook that cannot be read, a sheet that it has not, or several without a name.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(path)
        names = book.sheet_names
        if sheet is not None and sheet not in names:
            raise InputError("no such sheet", path, sheet, ", ".join(names), "sheet = one of these")
        asked = names if sheet is None else [sheet]
        found = {name: rows for name in asked if (rows := _filled(book.get_sheet_by_name(name).to_python()))}
    except (CalamineError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "a workbook that cannot be read", path, type(error).__name__, "an .xlsx", "save it again"
        ) from None
    if not found:
        raise InputError("a workbook without a table", path, expected="rows in a sheet", fix="look into it")
    if len(found) > 1:
        fix = f'sheet = "{next(iter(found))}" in the section, or another of them'
        raise InputError("a workbook of several sheets", path, ", ".join(found), "the name of one", fix)
    return _as_csv(next(iter(found.values())))


def _filled(rows: list[list[Any]]) -> list[list[Any]]:
    """Rows that hold something, without columns that hold nothing."""
    full = [row for row in rows if any(cell not in ("", None) for cell in row)]
    used = [j for j in range(max(map(len, full), default=0)) if any(row[j] not in ("", None) for row in full)]
    return [[row[j] for j in used] for row in full]


def _as_csv(rows: list[list[Any]]) -> Sheet:
    columns = list(zip(*rows, strict=True))
    days = [all(_is_day(cell) for cell in column[1:] if cell not in ("", None)) for column in columns]
    numeric = tuple(
        any(map(_is_number, column[1:])) and all(_is_number(cell) for cell in column[1:] if cell not in ("", None))
        for column in columns
    )
    out = StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerows([_cell(cell, day) for cell, day in zip(row, days, strict=True)] for row in rows)
    return Sheet(out.getvalue().encode(), numeric)


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _is_day(cell: Any) -> bool:
    """Excel has no dates without a time: a column of midnights is one of dates."""
    return isinstance(cell, date) and (not isinstance(cell, datetime) or cell.time() == time())


def _cell(cell: Any, day: bool) -> str:
    match cell:
        case bool():
            return str(cell).lower()
        case float() if cell.is_integer() and abs(cell) < 2**53:
            return str(int(cell))
        case datetime():
            return cell.date().isoformat() if day else cell.isoformat()
        case date():
            return cell.isoformat() if day else f"{cell.isoformat()}T00:00:00"
        case time():
            return cell.isoformat()
    return "" if cell is None else str(cell)
