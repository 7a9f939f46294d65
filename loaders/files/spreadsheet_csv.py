"""CSV for spreadsheets: a text cell that a spreadsheet would run as a formula gets an apostrophe in front.

One rule, for every table that a user may open: `=`, `+`, `-`, `@`, a tab or a line end at the beginning of a text begins a
formula (OWASP, "CSV injection"). Numbers stay numbers: columns of numbers as they are, and texts that are one, with a range
or share behind it (`-0.3 [-0.5, 0.1]`). What was written is read back as it was.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import IO, Any

import polars as pl

_BEGINS = "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
"""The full-width forms too, which some spreadsheets read alike."""
_FORMULA = f"^'*{_BEGINS}"
_NUMBER = r"^[+-]?(\d[\d,]*\.?\d*|\.\d+)([eE][+-]?\d+)?%?(\s*[\[(][-+\d.,;:–−%\s]*[\])])*$"


def write_csv(table: pl.DataFrame, to: str | Path | IO[bytes]) -> None:
    """Write a table as CSV in which no text begins a formula.

    Example:
        >>> out = BytesIO()
        >>> write_csv(pl.DataFrame({"name": ["TP53", "=1+1"], "n": [-1, 2]}), out)
        >>> print(out.getvalue().decode())
        name,n
        TP53,-1
        '=1+1,2
        <BLANKLINE>
    """
    texts = [
        name for name, kind in table.schema.items() if kind in (pl.String, pl.Categorical) or isinstance(kind, pl.Enum)
    ]
    plain = table.with_columns(_plain(pl.col(name).cast(pl.String)).alias(name) for name in texts)
    heads = pl.Series(plain.columns, dtype=pl.String).to_frame("head").select(_plain(pl.col("head")).alias("head"))
    plain.columns = heads.to_series().to_list()
    plain.write_csv(to)


def csv_text(table: pl.DataFrame) -> str:
    """The same as text."""
    out = BytesIO()
    write_csv(table, out)
    return out.getvalue().decode()


def read_csv(source: str | Path, **options: Any) -> pl.DataFrame:
    """What `write_csv` wrote, its texts as they were. options: of `polars.read_csv`."""
    table = pl.read_csv(source, **options)
    table.columns = table.columns and _told(pl.Series("head", table.columns, dtype=pl.String)).to_list()
    return table.with_columns(_told(one) for one in table.iter_columns() if one.dtype == pl.String)


def _plain(cell: pl.Expr) -> pl.Expr:
    runs = cell.str.contains(_FORMULA) & ~cell.str.contains(_NUMBER)
    return pl.when(runs).then(pl.lit("'") + cell).otherwise(cell)


def _told(cells: pl.Series) -> pl.Series:
    return cells.str.replace(f"^'('*{_BEGINS})", "$1")
