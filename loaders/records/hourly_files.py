"""Files of hourly tables -> batches of text cells: a folder of one file a stay, or tables, read part by part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ..errors import InputError
from ..files.cells.forms import form
from ..files.delimited import plain
from ..files.ledger import Ledger
from ..files.regular_file import check_regular
from ..files.removed_ids import Removed
from ..files.source_folder import files_within
from ..files.text_table import PARQUET, Cells, parquet_frame, read_bytes, read_cells, text_cells, typed_cells
from ..specs import Records

ENDINGS = ("psv", "txt", "csv", "tsv", "parquet")
STAY = "the file's name"
"""The column of a batch that says whose a file is, where a file is a stay."""
TOGETHER, CELLS, BYTES = 1_000, 4_000_000, 2**27
"""Files, cells and bytes that are read at once."""


@dataclass(frozen=True)
class Batch:
    """Rows of one form: cells as text, null where missing; numbers: their numbers in the ledger.

    where: for messages; of a folder its own name, for the name of a stay's file is a patient's id.
    """

    frame: pl.DataFrame
    numbers: pl.Series
    where: str


def batches(spec: Records, names_a_stay: bool, removed: Removed, ledger: Ledger) -> Iterator[Batch]:
    """Every row of a source, a batch at a time, in the order of paths and names.

    Args: names_a_stay: whether a file of a folder is a stay (`file_is_stay`): batches then have the column STAY.
    Raises: InputError for a path that is not there, a folder without tables, a file that is none.
    """
    for path in spec.path:
        if not path.is_dir():
            yield from _table(path, path.name, spec, ledger)
        elif names_a_stay:
            yield from _stays(path, spec, removed, ledger)
        else:
            for i, file in enumerate(tables_of(path), 1):
                yield from _table(file, f"{path.name}: file {i} by name", spec, ledger)


def tables_of(folder: Path) -> list[Path]:
    """The tables of a folder and those below it, in the order of their names; hidden files apart.

    Raises: InputError where there is none.
    """
    found = [p for p in files_within(folder) if _ending(p) in ENDINGS]
    if not found:
        raise InputError(
            "holds no table", folder, expected=", ".join(f"*.{one}" for one in ENDINGS), fix="correct the path"
        )
    return found


def first_columns(spec: Records) -> tuple[list[str], str]:
    """The columns of the first file, and what it is called in messages."""
    path = spec.path[0]
    if not path.is_dir():
        return _columns(path, spec), path.name
    file = tables_of(path)[0]
    with _masked(file, f"{path.name}: file 1 by name"):
        return _columns(file, spec), path.name


def _columns(file: Path, spec: Records) -> list[str]:
    if file.name.lower().endswith(".parquet") and check_regular(file):
        return _schema(file)
    return read_cells(file, missing=spec.missing, most=2**20).frame.columns


@contextmanager
def _masked(file: Path, called: str) -> Iterator[None]:
    """Within it an error calls the file by its place in its folder: its name may be a patient's id."""
    try:
        yield
    except InputError as error:
        where = f"{called} ({form(file.name)})"
        raise InputError(error.what, where, error.got, error.expected, error.fix or "check the file") from None


def _schema(file: Path) -> list[str]:
    try:
        return list(pl.read_parquet_schema(file))
    except (pl.exceptions.PolarsError, OSError, ValueError, pl.exceptions.PanicException) as error:
        raise InputError("is no whole Parquet file", file, type(error).__name__, fix="write it again") from None


def _stays(folder: Path, spec: Records, removed: Removed, ledger: Ledger) -> Iterator[Batch]:
    """The files of a folder, many of one header as one text: files of a few rows are read by the thousand."""
    files = [(i, file, stay_of(file)) for i, file in enumerate(tables_of(folder), 1)]
    again = len(files) - len({stay for _, _, stay in files})
    if again:
        fix = "take one of them out, or give each folder a section and a namespace of its own"
        raise InputError("several files of one name", folder, again, "a file a stay", fix)
    gone = removed.holds(pl.Series([stay for _, _, stay in files], dtype=pl.String))
    for i in range(0, len(files), TOGETHER):
        parts: dict[bytes, list[tuple[str, str, bytes]]] = {}
        for (number, file, stay), is_gone in zip(files[i : i + TOGETHER], gone[i : i + TOGETHER], strict=True):
            called = folder.name if is_gone else f"{folder.name}: file {number} by name"
            if _ending(file) == "parquet":
                cells = typed_cells(Path(called), parquet_frame(file, _data(file, called)), spec.missing)
                yield _of_stays(cells, [(stay, cells.rows)], [called], folder, ledger)
                continue
            head, _, rest = plain(_data(file, called)).partition(b"\n")
            if rest.strip():
                parts.setdefault(head, []).append((called, stay, rest if rest.endswith(b"\n") else rest + b"\n"))
            else:
                ledger.count({"files with a header alone": 1})
        for head, texts in parts.items():
            lengths = [sum(1 for line in text.split(b"\n") if line) for _, _, text in texts]
            cells = text_cells(
                Path(folder.name).with_suffix(f".{_ending(files[i][1])}"),
                head + b"\n" + b"".join(t for _, _, t in texts),
                spec.missing,
            )
            rows = [(stay, n) for (_, stay, _), n in zip(texts, lengths, strict=True)]
            yield _of_stays(cells, rows, [called for called, _, _ in texts], folder, ledger)


def _of_stays(cells: Cells, rows: list[tuple[str, int]], called: list[str], folder: Path, ledger: Ledger) -> Batch:
    """The cells of several stays' files as one batch. rows: stay, and how many rows its file has."""
    if cells.rows != sum(n for _, n in rows):  # a quoted line end: nobody can say where a file ends
        raise InputError("cells that go over several lines", folder.name, expected="a row a line", fix="take them out")
    offset = None
    for name, (_, n) in zip(called, rows, strict=True):
        first = ledger.begin(name)
        offset = first if offset is None else offset
        ledger.read(n)
    assert offset is not None
    if cells.broken.height:
        broken = cells.broken
        ledger.reject(broken["row"] + offset, broken["column"], "", broken["expected"], broken["fix"])
    stays = pl.DataFrame({"stay": [s for s, _ in rows], "n": [n for _, n in rows]})
    whose = stays.select(pl.col("stay").repeat_by("n").explode())["stay"].gather(cells.numbers - 1)
    return Batch(cells.frame.with_columns(whose.alias(STAY)), cells.numbers + offset, folder.name)


def stay_of(file: Path) -> str:
    """The stay that a file's name says: without what follows the first dot, as in `p000001.psv.gz`.

    Example:
        >>> stay_of(Path("training_setA/p000001.psv"))
        'p000001'
    """
    return file.name.split(".", 1)[0]


def _data(file: Path, called: str) -> bytes:
    with _masked(file, called):
        return read_bytes(file)[0]


def _table(path: Path, called: str, spec: Records, ledger: Ledger) -> Iterator[Batch]:
    """One table, in parts where it is large."""
    offset = ledger.begin(called)
    for cells in _parts(path, spec):
        ledger.read(cells.rows)
        broken = cells.broken
        if broken.height:
            ledger.reject(broken["row"] + offset, broken["column"], broken["got"], broken["expected"], broken["fix"])
        yield Batch(cells.frame, cells.numbers + offset, called)
        offset += cells.rows


def _parts(path: Path, spec: Records) -> Iterator[Cells]:
    if check_regular(path).stat().st_size == 0 or not path.name.lower().endswith(".parquet"):
        return (yield from _text_parts(path, spec))
    columns = _schema(path)
    step = max(1, CELLS // max(1, len(columns)))
    scan, at = pl.scan_parquet(path), 0
    while True:
        try:
            frame = scan.slice(at, step).collect()
        except (pl.exceptions.PolarsError, OSError, ValueError, pl.exceptions.PanicException) as error:
            raise InputError("is no whole Parquet file", path, type(error).__name__, fix="write it again") from None
        if frame.is_empty() and at:
            return
        if frame.is_empty():
            raise InputError("holds no row", path, expected="data rows", fix="check the file")
        yield typed_cells(path, frame, spec.missing)
        at += step


def _text_parts(path: Path, spec: Records) -> Iterator[Cells]:
    """A text as a whole; a large one that is not packed in pieces that end with a line."""
    with path.open("rb") as file:
        start = file.read(4)
    packed = start.startswith((b"\x1f\x8b", b"PK\x03\x04", b"\xff\xfe", b"\xfe\xff")) or start == PARQUET
    if packed or path.stat().st_size <= BYTES:
        yield read_cells(path, missing=spec.missing)
        return
    with path.open("rb") as file:
        head, rest = file.readline(), b""
        while block := file.read(BYTES):
            text, _, tail = (rest + block).rpartition(b"\n")
            rest = tail if text else rest + block
            if text.strip():
                yield text_cells(path, head + text, spec.missing)
        if rest.strip():
            yield text_cells(path, head + rest, spec.missing)


def _ending(path: Path) -> str:
    return path.name.lower().removesuffix(".gz").rpartition(".")[2] if "." in path.name else ""
