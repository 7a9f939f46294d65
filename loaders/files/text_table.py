"""Text table: a file of rows -> text cells: csv, tsv, txt, parquet; gzipped, zipped or plain. Broken rows apart."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import InputError
from ..specs import MISSING, Column
from .cells.dtypes import dates, ends, numbers, typed
from .cells.fraction_columns import fraction_columns
from .containers import Sheet, is_workbook, read_sheet, table_within
from .delimited import DelimitedRecords, plain, sniff, split
from .regular_file import LARGE, RATIO, check_lines, check_regular, gunzip, member

__all__ = [
    "Cells", "dates", "ends", "has_header", "numbers", "parquet_frame", "read_bytes", "read_cells", "resolve", "text_cells",
    "typed", "typed_cells",
]  # fmt: skip

BROKEN = {
    "file": pl.String, "row": pl.Int64, "column": pl.String, "got": pl.String, "expected": pl.String, "fix": pl.String,
}  # fmt: skip
"""How a row that could not be split or decoded is told: the REJECTS layout without source."""

GZIP, ZIP, PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
PARQUET_ROWS = 20_000
"""How many rows of a Parquet file a look takes."""

TEXT_FORMATS = {"csv": b",", "tsv": b"\t", "txt": b"\t", "psv": b"|", "maf": b"\t", "cbioportal": b"\t"}


@dataclass(frozen=True)
class Cells:
    """A file's rows as text.

    frame: every column String, missing values null; names as in the header, or "0", "1", … where there is none.
    rows: data rows read, broken ones included. numbers: (frame rows,) Int64, which data row each is, from 1.
    broken: rows that could not be split or decoded, in the BROKEN layout.
    counts: in plain words, what was changed on reading. header: the names as the file has them, () without a header.
    numeric: columns that the file holds as numbers: what they were as text, zeros at both ends apart, nobody knows.
    """

    path: Path
    frame: pl.DataFrame
    rows: int
    numbers: pl.Series
    broken: pl.DataFrame
    counts: Mapping[str, int] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    numeric: frozenset[str] = frozenset()


def read_cells(
    path: Path,
    *,
    missing: Sequence[str] = MISSING,
    header: bool = True,
    format: str | None = None,
    most: int | None = None,
    empty: bool = False,
    sheet: str | None = None,
    fractions: Collection[str] | None = None,
) -> Cells:
    """Read a table as text, whatever its ending, delimiter and compression.

    Args:
        missing: cells that mean no value. An empty cell always does.
        format: csv, tsv, txt, maf, cbioportal or parquet; None: by the ending, else by the content.
        most: bytes that are looked at, for a look into a large file; None: all of it.
        empty: whether a header alone is a table without rows, as one of a set of tables may be, and no error.
        sheet: of an Excel workbook; may be left out where only one holds anything.
        fractions: not None: columns of numbers with fractions are read as Float32 at once, in half the time, but for the
            first column and these: of which text is asked for. A number becomes what its text would.

    Raises: InputError if there is no file, no row, no such format in it, or no such sheet.
    Example: read_cells(Path("clinical.csv.zip")).frame["case_id"]
    """
    if (book := _workbook(path, sheet)) is not None:
        cells = _from_text(path, book.csv, missing, header, b",", empty)
        numeric = (name for name, is_number in zip(cells.frame.columns, book.numeric, strict=True) if is_number)
        return replace(cells, numeric=frozenset(numeric))
    data, name = read_bytes(path, most)
    if data.startswith(PARQUET) or format == "parquet" or name.endswith(".parquet"):
        return _from_parquet(path, data, missing, empty)
    ending = format if format in TEXT_FORMATS else name.rpartition(".")[2]
    text = table_within(path, plain(data))
    return _from_text(path, text, missing, header, TEXT_FORMATS.get(ending, b","), empty, fractions)


def text_cells(path: Path, data: bytes, missing: Sequence[str] = MISSING) -> Cells:
    """The rows of a text with a header that was read already, in pieces or from several files; as `read_cells` gives them.

    Args: path: what it is called in messages; its ending says which delimiter is likely.
    """
    ending = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    return _from_text(path, plain(data), missing, True, TEXT_FORMATS.get(ending, b","))


def read_bytes(path: Path, most: int | None = None) -> tuple[bytes, str]:
    """The content of a file, unpacked where it is gzipped or zipped, and the name it has without that.

    Args:
        most: how many bytes of it, up to the last whole line among them; of Parquet its first rows. None: all.

    Raises: InputError if the file is missing, empty, cut short, or a zip of several files.
    """
    try:
        check_regular(path)
        if most is not None:
            data, name = _beginning(path, most)
        else:
            data, name = path.read_bytes(), path.name.lower()
            if data.startswith(GZIP):
                data, name = gunzip(path, data), name.removesuffix(".gz")
            elif data.startswith(ZIP):
                data, name = _unzip(path, io.BytesIO(data))
    except FileNotFoundError:
        raise InputError("no such file", path, fix="correct the path; it is relative to the study file") from None
    except OSError as error:  # gzip's BadGzipFile too
        raise InputError(f"cannot be read ({type(error).__name__})", path, fix="check the file") from None
    except (EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, MemoryError) as error:
        raise InputError(
            "cannot be unpacked", path, type(error).__name__, "a whole .gz, or a .zip of one file", "fetch it again"
        ) from None
    if not data or data.isspace():
        raise InputError("is empty", path, expected="a table", fix="check how the file was made")
    if not data.startswith(PARQUET):
        check_lines(path, data)
    return data, name


def _workbook(path: Path, sheet: str | None) -> Sheet | None:
    """The sheet of an Excel workbook; None for another file. Raises: InputError for a bomb, and as `read_sheet`."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if file.read(4) != ZIP:
            return None
    try:
        with zipfile.ZipFile(check_regular(path)) as archive:
            if not is_workbook(archive.namelist()):
                return None
            if sum(one.file_size for one in archive.infolist()) > max(LARGE, RATIO * path.stat().st_size):
                fix = "look into it; save the sheet as csv"
                raise InputError(f"unpacks to more than {RATIO} times its size", path, expected="a workbook", fix=fix)
    except (zipfile.BadZipFile, OSError):
        return None
    return read_sheet(path, sheet)


def _beginning(path: Path, most: int) -> tuple[bytes, str]:
    """What `read_bytes` gives, of the first bytes alone: a line that they cut is left out."""
    with path.open("rb") as file:
        start, name = file.read(4), path.name.lower()
        file.seek(0)
        if start == PARQUET:
            return _first_rows(path), name
        if start.startswith(GZIP):
            data, name = gzip.GzipFile(fileobj=file).read(most), name.removesuffix(".gz")
        elif start == ZIP:
            data, name = _unzip(path, file, most)
        else:
            data = file.read(most)
    return (data[: data.rfind(b"\n") + 1] or data) if len(data) == most else data, name


def _first_rows(path: Path) -> bytes:
    """A Parquet file of the first rows of this one."""
    part = io.BytesIO()
    try:
        pl.read_parquet(path, n_rows=PARQUET_ROWS).write_parquet(part)
    except (pl.exceptions.PolarsError, OSError, ValueError, pl.exceptions.PanicException) as error:
        raise InputError("is no whole Parquet file", path, type(error).__name__, fix="write it again") from None
    return part.getvalue()


def _unzip(path: Path, file: IO[bytes], most: int | None = None) -> tuple[bytes, str]:
    with zipfile.ZipFile(file) as archive:
        members = [m for m in archive.namelist() if not m.endswith("/") and not m.startswith("__MACOSX/")]
        if is_workbook(members):
            return read_sheet(path).csv, f"{path.stem.lower()}.csv"
        if len(members) != 1:
            raise InputError("a zip of several files", path, len(members), "one file", "unpack it and name the file")
        outer = path.name.lower().removesuffix(".zip")
        name = outer if "." in outer else members[0].lower()
        if most is None:
            return member(path, archive, members[0]), name
        with archive.open(members[0]) as file_within:
            return file_within.read(most), name


def has_header(*columns: Column | None) -> bool:
    """Whether the file has a header, from how its columns are called: numbers are used where there is none."""
    return not any(isinstance(column, int) for column in columns)


def resolve(column: Column, names: pl.DataFrame | Iterable[str], where: str | Path) -> str:
    """The name of the column that a study calls by name or number.

    Raises: InputError that names the nearest column.
    """
    known = names.columns if isinstance(names, pl.DataFrame) else list(names)
    if isinstance(column, int):
        if 0 <= column < len(known):
            return known[column]
        raise InputError("no such column", where, column, f"a number from 0 to {len(known) - 1}", "correct the number")
    if column in known:
        return column
    printable = [name for name in known if name.isprintable()]
    near = get_close_matches(column, printable, n=1, cutoff=0.6)  # no other name: without a header they are values
    expected = repr(near[0]) if near else f"one of its {len(known)} columns"
    raise InputError("no such column", where, column, expected, "correct the name; without a header, use numbers")


def _from_text(
    path: Path, data: bytes, missing: Sequence[str], header: bool, preferred: bytes, empty: bool = False,
    fractions: Collection[str] | None = None,
) -> Cells:  # fmt: skip
    data = _without_comments(path, data)
    head = [line for line in data[:1_000_000].split(b"\n")[:30] if line]
    records = split(data, sniff(head, preferred))
    first = int(header)
    rows = records.starts.size - first
    if rows < 1 and not (header and empty):
        raise InputError("holds no row", path, "a header alone" if header else None, "data rows", "check the file")
    width = int(np.bincount(records.cells[first:] if rows else records.cells).argmax())
    found = _header(path, records, width) if header else []
    names, counts = _unique(found) if header else ([str(i) for i in range(width)], {})
    wrong = records.cells != len(names)
    good = ~(wrong | records.torn | records.nul | records.undecodable)
    good[:first] = False
    kept = np.flatnonzero(good)
    asked = [] if fractions is None else fraction_columns(records, kept, names, missing)
    numeric = set(asked) - {names[0], *(fractions or ())}
    frame = _parse(path, records, kept, names, missing, numeric)
    bad = np.flatnonzero(~good)[first:]
    problems = (
        (records.nul, "a zero byte", "text", "the file may be cut or binary: export it again"),
        (records.undecodable, "bytes that are no UTF-8", "UTF-8", "save the file as UTF-8"),
        (records.torn, "a quote that is not closed", "paired quotes", "close the quote or double it"),
    )
    broken = []
    for record in bad.tolist():
        fault = next((f[1:] for f in problems if f[0][record]), None)
        if fault is None:
            fault = (f"{records.cells[record]} cells", f"{len(names)} cells", "check the delimiter and the quotes")
        broken.append((path.name, record - first + 1, "", *fault))
    numbers = pl.Series("row", kept - first + 1, dtype=pl.Int64)
    return Cells(path, frame, rows, numbers, pl.DataFrame(broken, schema=BROKEN, orient="row"), counts, tuple(found))


def _without_comments(path: Path, data: bytes) -> bytes:
    """Drop the lines that begin with # before the table; a lone one with as many cells as the next is its header."""
    lines, at = [], 0
    while data.startswith(b"#", at):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end + 1
        lines.append(data[at:end])
        at = end
    if len(lines) == 1 and not fnmatch(path.name.lower(), "data_*.txt*"):
        below = data[at:].partition(b"\n")[0]
        for delimiter in (b"\t", b","):
            cells = lines[0].split(delimiter)
            named = 2 * sum(bool(cell.strip()) for cell in cells) > len(
                cells
            )  # a spreadsheet pads a comment with cells
            if named and 0 < lines[0].count(delimiter) == below.count(delimiter):
                return data[1:]
    return data[at:]


def _header(path: Path, records: DelimitedRecords, width: int) -> list[str]:
    """The cells of the first record, "" where one is empty."""
    if records.undecodable[0] or records.nul[0] or records.torn[0]:
        raise InputError("its header cannot be read", path, expected="a line of names in UTF-8", fix="save it as UTF-8")
    quote = '"' if records.quoted else None
    cells = pl.read_csv(
        records.text(0), has_header=False, separator=records.delimiter.decode(), quote_char=quote, infer_schema=False
    ).row(0)
    found = [str(cell or "").strip() for cell in cells]
    more = width - len(found)
    if more > 1 and records.text(1).endswith(records.delimiter * more):  # cells beyond the header: no columns
        return [*found, *[""] * more]
    if more == 1:  # R writes no name over its row names; some tools end each row with a delimiter
        found = [*found, ""] if records.text(1).endswith(records.delimiter) else ["", *found]
    return found


def _unique(found: list[str]) -> tuple[list[str], dict[str, int]]:
    """Each name there once, and how many had to be made for that."""
    counts: Counter[str] = Counter()
    seen: set[str] = set()
    taken = set(found)
    names = []
    for i, cell in enumerate(found):
        name = cell
        if not cell:
            counts["columns without a name"] += 1
            name = f"column_{i}"
        elif cell in seen:
            counts["columns whose name was there already"] += 1
            name = f"{cell}_{i}"
        while name in seen or (name != cell and name in taken):
            name += "_"
        seen.add(name)
        names.append(name)
    return names, dict(counts)


def _parse(
    path: Path,
    records: DelimitedRecords,
    kept: NDArray[np.int64],
    names: list[str],
    missing: Sequence[str],
    numeric: Collection[str] = (),
) -> pl.DataFrame:
    """The kept records as text columns; null where missing. numeric: columns that are Float32, if all their cells can be."""
    schema: dict[str, Any] = dict.fromkeys(names, pl.String)
    if not kept.size:
        return pl.DataFrame(schema=schema)
    if np.array_equal(kept, np.arange(kept[0], records.starts.size)) and _dense(records, int(kept[0])):
        text = records.data[records.starts[kept[0]] :]
    else:
        text = b"\n".join(records.text(i) for i in kept.tolist())
    for types in (schema | dict.fromkeys(numeric, pl.Float32), schema) if numeric else (schema,):
        try:
            frame = pl.read_csv(
                text, has_header=False, separator=records.delimiter.decode(), schema=types, null_values=[*dict.fromkeys(("", *missing))],  # also of a quoted one
                quote_char='"' if records.quoted else None, truncate_ragged_lines=False,
            )  # fmt: skip
        except pl.exceptions.PolarsError:  # a word among the numbers: what it says is told by who reads the text
            continue
        if frame.height == kept.size:
            return frame
    raise InputError("cannot be split into rows", path, fix="check the delimiter and the quotes")


def _dense(records: DelimitedRecords, first: int) -> bool:
    """Whether no blank line lies between the records from this one on."""
    starts, ends = records.starts[first:], records.ends[first:]
    return bool((starts[1:] == ends[:-1] + 1).all()) and records.data[int(ends[-1]) :] in (b"", b"\n")


def parquet_frame(path: Path, data: bytes) -> pl.DataFrame:
    """A Parquet file in its own types. Raises: InputError if it is none."""
    try:
        return pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError, ValueError, pl.exceptions.PanicException) as error:
        raise InputError("is no whole Parquet file", path, type(error).__name__, fix="write it again") from None


def _from_parquet(path: Path, data: bytes, missing: Sequence[str], empty: bool) -> Cells:
    frame = parquet_frame(path, data)
    if frame.is_empty() and not empty:
        raise InputError("holds no row", path, expected="data rows", fix="check the file")
    return typed_cells(path, frame, missing)


def typed_cells(path: Path, frame: pl.DataFrame, missing: Sequence[str] = MISSING) -> Cells:
    """The rows of a table in types of its own, as a part of a Parquet file is; as `read_cells` gives them.

    Raises: InputError for a nested column.
    """
    for name, dtype in frame.schema.items():
        if dtype.is_nested():
            raise InputError("a nested column", path, f"{name}: {dtype}", "plain cells", "write it as plain columns")
    text = frame.select(_as_text(name, dtype) for name, dtype in frame.schema.items())
    numeric = frozenset(name for name, dtype in frame.schema.items() if dtype.is_numeric())
    words = (
        pl.Series(missing, dtype=pl.String).cast(pl.Float64, strict=False).is_null().all()
    )  # as no number is written
    looked_at = pl.exclude(numeric) if words else pl.all()
    text = text.with_columns(
        pl.when(~looked_at.is_in(["", *missing])).then(looked_at)  # a null stays null: its comparison is null
    )
    rows = text.height
    numbers = pl.int_range(1, rows + 1, eager=True).alias("row")
    return Cells(path, text, rows, numbers, pl.DataFrame(schema=BROKEN), header=tuple(text.columns), numeric=numeric)


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")
    if isinstance(dtype, pl.Duration):
        return column.dt.to_string("iso")  # its unit beside it: a bare number would have lost it
    if dtype.is_float():
        column = column.fill_nan(None)
    return column.cast(pl.String, strict=False)
