"""Files of hourly tables -> batches of text cells: a folder of one file a stay, or tables, read part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Table:
    """One table, and what it is called in the ledger and in messages."""

    path: Path
    called: str


@dataclass(frozen=True)
class Stays:
    """Files of a folder, each a stay: what each is called in messages, where it is, and the stay that its name says."""

    folder: str
    files: tuple[tuple[str, Path, str], ...]


def parts_of(spec: Records, names_a_stay: bool, removed: Removed) -> list[Table | Stays]:
    """What can be read each by itself, in the order of paths and names: tables, or files of stays by the thousand.

    Args: names_a_stay: whether a file of a folder is a stay (`file_is_stay`).
    Raises: InputError for a folder without tables, or with two files of one stay.
    """
    parts: list[Table | Stays] = []
    for path in spec.path:
        if not path.is_dir():
            parts.append(Table(path, path.name))
        elif names_a_stay:
            files = _stays(path, removed)
            parts += [Stays(path.name, tuple(files[i : i + TOGETHER])) for i in range(0, len(files), TOGETHER)]
        else:
            parts += [Table(file, f"{path.name}: file {i} by name") for i, file in enumerate(tables_of(path), 1)]
    return parts


def batches(part: Table | Stays, missing: Sequence[str], ledger: Ledger) -> Iterator[Batch]:
    """Every row of a part, a batch at a time; those of stays have the column STAY.

    Raises: InputError for a path that is not there, or a file that is none.
    """
    if isinstance(part, Table):
        yield from table_parts(part.path, part.called, missing, ledger)
    else:
        yield from _of_files(part, missing, ledger)


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
    return read_cells(file, missing=spec.missing, most=2**20, empty=True).frame.columns


@contextmanager
def _masked(file: Path, called: str) -> Iterator[None]:
    """Within it an error calls the file by its place in its folder: its name may be a patient's id."""
    try:
        yield
    except InputError as error:
        where = f"{called} ({form(file.name)})"
        raise InputError(error.what, where, error.got, error.expected, error.fix or "check the file") from None


def _stays(folder: Path, removed: Removed) -> list[tuple[str, Path, str]]:
    """The files of a folder as `Stays` holds them: one of who was removed is called as its folder."""
    files = tables_of(folder)
    stays = pl.Series([stay_of(file) for file in files], dtype=pl.String)
    if again := len(files) - stays.n_unique():
        fix = "take one of them out, or give each folder a section and a namespace of its own"
        raise InputError("several files of one name", folder, again, "a file a stay", fix)
    each = enumerate(zip(files, stays, removed.holds(stays), strict=True), 1)
    return [(folder.name if gone else f"{folder.name}: file {i} by name", file, stay) for i, (file, stay, gone) in each]


def _of_files(stays: Stays, missing: Sequence[str], ledger: Ledger) -> Iterator[Batch]:
    """Many files of one header as one text: they have a few rows each."""
    parts: dict[bytes, list[tuple[str, str, bytes]]] = {}
    for called, file, stay in stays.files:
        if _ending(file) == "parquet":
            cells = typed_cells(Path(called), parquet_frame(file, _data(file, called)), missing)
            yield _of_stays(cells, [(stay, cells.rows)], [called], stays.folder, ledger)
            continue
        head, _, rest = plain(_data(file, called)).partition(b"\n")
        if rest.strip():
            parts.setdefault(head, []).append((called, stay, rest if rest.endswith(b"\n") else rest + b"\n"))
        else:
            ledger.count({"files with a header alone": 1})
    where = Path(stays.folder).with_suffix(f".{_ending(stays.files[0][1])}")
    for head, texts in parts.items():
        lengths = [sum(1 for line in text.split(b"\n") if line) for _, _, text in texts]
        cells = text_cells(where, head + b"\n" + b"".join(t for _, _, t in texts), missing)
        rows = [(stay, n) for (_, stay, _), n in zip(texts, lengths, strict=True)]
        yield _of_stays(cells, rows, [called for called, _, _ in texts], stays.folder, ledger)


def _of_stays(cells: Cells, rows: list[tuple[str, int]], called: list[str], folder: str, ledger: Ledger) -> Batch:
    """The cells of several stays' files as one batch. rows: stay, and how many rows its file has."""
    if cells.rows != sum(n for _, n in rows):  # a quoted line end: nobody can say where a file ends
        raise InputError("cells that go over several lines", folder, expected="a row a line", fix="take them out")
    offset = None
    for name, (_, n) in zip(called, rows, strict=True):
        first = ledger.begin(name)
        offset = first if offset is None else offset
        ledger.read(n)
    assert offset is not None
    ledger.refuse_broken(cells, offset, folder, quote=False)
    stays = pl.DataFrame({"stay": [s for s, _ in rows], "n": [n for _, n in rows]})
    whose = stays.select(pl.col("stay").repeat_by("n").explode())["stay"].gather(cells.numbers - 1)
    return Batch(cells.frame.with_columns(whose.alias(STAY)), cells.numbers + offset, folder)


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
