"""Mapped matrix: a layer too large for every process to hold lies in one file, which all of them map and read in parts.

A page that was read stays in a process's memory until it is let go, so readers let go behind themselves: what a process
holds is what it works on. The numbers are the same to the last bit.
"""

from __future__ import annotations

import mmap
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ...loaders.files.atomic import atomic_path
from .snapshot import Snapshot

LARGE = 200_000_000
"""Bytes from which a dense layer is mapped."""
_ROWS = 200  # read before they are let go
_KINDS = ("layers", "views")
Given = TypeVar("Given")


def mapped(snapshot: Given, folder: Path) -> Given:
    """The same snapshot, whose large dense layers and views lie in files of this folder. The folder must outlive it.

    Args:
        snapshot: a dataclass with layers and views that are dataclasses.
        folder: made where a file needs it.
    Example:
        snapshot = mapped(snapshot, run.path("values.part"))
    """
    held: Any = snapshot
    if not any(_is_large(layer) for kind in _KINDS for layer in getattr(held, kind).values()):
        return snapshot
    in_files = {
        kind: {name: _in_file(layer, folder / f"{kind}.{at}") for at, (name, layer) in enumerate(getattr(held, kind).items())}
        for kind in _KINDS
    }  # fmt: skip
    made: Given = replace(held, **in_files)
    return made


def taken(values: np.ndarray, rows: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
    """values[rows, columns] as an array of its own; of a mapped matrix some rows at a time, which are let go."""
    if not isinstance(values, np.memmap):
        return np.asarray(values[rows, columns])
    out = np.empty((len(rows), len(range(*columns.indices(values.shape[1])))), values.dtype)
    for first in range(0, len(rows), _ROWS):
        out[first : first + _ROWS] = values[rows[first : first + _ROWS], columns]
        _let_go(values)
    return out


def let_go(snapshot: Snapshot) -> None:
    """Of mapped layers no page is held any more by this process; they are read again when they are asked for."""
    for layer in (*snapshot.layers.values(), *snapshot.views.values()):
        _let_go(layer.values)


def by_file(values: np.memmap[Any, Any]) -> tuple[Any, ...]:
    """How a mapped matrix is pickled for another process of this machine: by the name of its file.

    A part of one, and what can be written to, goes as numbers.
    """
    if values.mode == "r" and isinstance(values.base, mmap.mmap) and values.filename is not None:
        return np.memmap, (str(values.filename), values.dtype, "r", values.offset, values.shape)
    return np.array(values).__reduce_ex__(2)  # type: ignore[return-value]


def _is_large(layer: Any) -> bool:
    return isinstance(layer.values, np.ndarray) and layer.values.nbytes >= LARGE


def _in_file(layer: Any, file: Path) -> Any:
    if not _is_large(layer) or isinstance(layer.values, np.memmap):
        return layer
    file.parent.mkdir(parents=True, exist_ok=True)
    values = np.ascontiguousarray(layer.values)
    with atomic_path(file) as fresh, fresh.open("wb") as out:
        values.tofile(out)
    return replace(layer, values=np.memmap(file, values.dtype, "r", shape=values.shape))


def _let_go(values: Any) -> None:
    pages = getattr(values, "_mmap", None)
    if pages is not None and hasattr(pages, "madvise"):  # Windows has none
        pages.madvise(mmap.MADV_DONTNEED)
