"""Containers: what a file is when it is not the plain table that its name promises: read where that is simple, named else.

GCT (GenePattern, GTEx) and GEO series matrices are tables with lines around them, which are taken off. A workbook or an
archive is refused by its name.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InputError

_GCT = re.compile(rb"#1\.[23]\s*\r?\n\d+\t\d+[^\n]*\n")
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
        return data[found.end() :]
    if data.startswith(b"!Series_") or (data.startswith(b"!") and _BEGIN in data):
        _, begins, rest = data.partition(_BEGIN)
        table = rest.partition(b"\n")[2].partition(_END)[0]
        if not begins or not table.strip():
            expected, fix = "a table between its begin and its end", "take the series matrix, not the SOFT file"
            raise InputError("a GEO file without its table", path, expected=expected, fix=fix)
        return table
    return data


def refuse_workbook(path: Path, members: list[str]) -> None:
    """Raises: InputError where a zip is an Excel workbook."""
    if "[Content_Types].xml" in members:
        fix = "save the sheet as csv, and mind that a spreadsheet turns gene names such as SEPT2 into dates"
        raise InputError("an Excel workbook", path, expected="a table as text", fix=fix)
