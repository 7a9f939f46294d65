"""Files of hourly tables -> batches of text cells: a folder of one file a stay, or tables, read part by part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from ...errors import InputError
from ...files.cells.forms import form
from ...files.delimited import plain
from ...files.ledger import Ledger
from ...files.regular_file import check_regular
from ...files.removed_ids import Removed
from ...files.source_folder import files_within
from ...files.text_table import Cells, parquet_frame, read_bytes, read_cells, text_cells, typed_cells
from ...specs import Records
from ..table_parts import Batch, parquet_columns, table_parts

ENDINGS = ("psv", "txt", "csv", "tsv", "parquet")
STAY = "the file's name"
"""The column of a batch that says whose a file is, where a file is a stay."""
TOGETHER = 1_000
"""Files that are read at once."""


def batches(spec: Records, names_a_stay: bool, removed: Removed, ledger: Ledger) -> Iterator[Batch]:
    """Every row of a source, a batch at a time, in the order of paths and names.

    Args: names_a_stay: whether a file of a folder is a stay (`file_is_stay`): batches then have the column STAY.
    Raises: InputError for a path that is not there, a folder without tables, a file that is none.
    """
    for path in spec.path:
        if not path.is_dir():
            yield from table_parts(path, path.name, spec.missing, ledger)
        elif names_a_stay:
            yield from _stays(path, spec, removed, ledger)
        else:
            for i, file in enumerate(tables_of(path), 1):
                yield from table_parts(file, f"{path.name}: file {i} by name", spec.missing, ledger)


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
        return parquet_columns(file)
    return read_cells(file, missing=spec.missing, most=2**20).frame.columns


@contextmanager
def _masked(file: Path, called: str) -> Iterator[None]:
    """Within it an error calls the file by its place in its folder: its name may be a patient's id."""
    try:
        yield
    except InputError as error:
        where = f"{called} ({form(file.name)})"
        raise InputError(error.what, where, error.got, error.expected, error.fix or "check the file") from None


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


def _ending(path: Path) -> str:
    return path.name.lower().removesuffix(".gz").rpartition(".")[2] if "." in path.name else ""
