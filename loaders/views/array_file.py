"""Array files: `.npy` and `.npz` as rows of vectors, beside a table of whose they are and when. Nothing pickled is read."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.lib import format as npy

from ..errors import InputError
from ..files.ledger import Ledger
from ..files.regular_file import check_regular, member
from ..files.rows import SourceRows, source_rows
from ..files.text_table import Cells, read_cells, typed_cells
from ..specs import Images

ENDINGS = (".npy", ".npz")
_FIX = "save it as numbers: np.save(path, x.astype('float32')), one row an image; pickled objects are never read"
_BROKEN = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, OverflowError, EOFError, zipfile.BadZipFile,
           zlib.error, NotImplementedError, RuntimeError, KeyError)  # fmt: skip


def is_array(path: Path) -> bool:
    """Whether a file is one of these, by its ending."""
    return path.suffix.lower() in ENDINGS


def array_rows(spec: Images, ledger: Ledger) -> SourceRows:
    """Rows of `[images.NAME]` whose file is an array: the columns of its ids, and `f0`, `f1`, … of the array.

    The ids are those of `ids`, a table of one row a row of the array, in the same order; of an .npz without it its
    one-dimensional arrays, by their names. The one array of two dimensions holds the vectors.
    Raises: InputError for a file that holds no numbers, or more or fewer rows than its ids; for ids that are not named.
    """
    path = spec.path[0]
    if len(spec.path) > 1:
        fix = "one section an array, or np.concatenate them"
        raise InputError("several files of which one is an array", f"[{spec.source}] path", len(spec.path), "one", fix)
    arrays = read_arrays(path)
    tables = [array for array in arrays.values() if array.ndim == 2]
    if len(tables) != 1 or tables[0].dtype.kind not in "fiub":
        got = ", ".join(f"{name} {array.dtype} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise InputError("no array of vectors", path, got, "one array of numbers, (images, features)", _FIX)
    vectors = tables[0].astype(np.float32)
    cells = _ids(spec, path, {name: array for name, array in arrays.items() if array.ndim == 1})
    if cells.rows != len(vectors):
        fix = "write one row of ids for each row of the array, in the same order"
        raise InputError(
            "ids and array have not the same rows", path, f"{cells.rows:,} and {len(vectors):,}", "equal", fix
        )
    features = pl.DataFrame(vectors[cells.numbers.to_numpy() - 1], schema=[f"f{i}" for i in range(vectors.shape[1])])
    taken = sorted(set(features.columns) & set(cells.frame.columns))
    if taken:
        raise InputError("a column of the ids is called as a feature", path, taken[0], "another name", "rename it")
    return source_rows([replace(cells, frame=cells.frame.hstack(features.fill_nan(None)))], ledger)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file by name; of an .npy one, by the file's own.

    Raises: InputError for what is broken, pickled, or says another size than it has.
    Example: read_arrays(Path("ct.npz"))["vectors"].shape
    """
    check_regular(path)
    try:
        if path.suffix.lower() == ".npy":
            return {path.stem: _array(path.read_bytes())}
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            return {name.removesuffix(".npy"): _array(member(path, archive, name)) for name in names}
    except InputError:
        raise
    except _BROKEN as error:
        raise InputError(
            "no array that can be read", path, type(error).__name__, "a .npy or .npz of numbers", _FIX
        ) from None


def _array(data: bytes) -> np.ndarray:
    """One array; nothing is allocated on a header's word. Raises: ValueError, among others."""
    file = io.BytesIO(data)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(file)]
    shape, by_columns, dtype = read(file)
    count = math.prod(shape)
    if dtype.hasobject or dtype.names is not None or count * dtype.itemsize != len(data) - file.tell():
        raise ValueError("objects, records, or another size than the header says")
    return np.frombuffer(data, dtype, count, file.tell()).reshape(shape, order="F" if by_columns else "C")


def _ids(spec: Images, path: Path, columns: dict[str, np.ndarray]) -> Cells:
    """The table of ids as text cells."""
    if spec.ids is not None:
        return read_cells(spec.ids, missing=spec.missing)
    if not columns or len({len(column) for column in columns.values()}) > 1:
        fix = 'ids = "ct_ids.csv": a table with the columns that subject and time name, a row for each of the array'
        raise InputError("nobody says whose the array's rows are", f"[{spec.source}] ids", path.name, "a table", fix)
    odd = next((name for name, column in columns.items() if column.dtype.kind not in "iufbUM"), None)
    if odd is not None:
        raise InputError(
            "ids of a type that says nothing", path, f"{odd} {columns[odd].dtype}", "text, numbers or times", _FIX
        )
    times = {name: column.astype("datetime64[us]") for name, column in columns.items() if column.dtype.kind == "M"}
    return typed_cells(path, pl.DataFrame({**columns, **times}), spec.missing)
