"""Table of tokens: every row's tokens end to end, in memory while they are few, else in files that memory maps."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import torch

from ...training.batch import Tokens

COLUMNS = ("code", "value", "measured", "days", "dated", "age", "visit")


@dataclass(frozen=True)
class Sequences:
    """Every row's tokens end to end: row r owns `start[r]:start[r + 1]`. Oldest first, undated before dated."""

    start: np.ndarray
    code: np.ndarray
    value: np.ndarray
    measured: np.ndarray
    days: np.ndarray
    dated: np.ndarray
    age: np.ndarray
    visit: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.start)

    @property
    def mapped(self) -> bool:
        """Whether the tokens lie in files."""
        return isinstance(self.code, np.memmap)

    def take(self, rows: np.ndarray, hidden: bool = False) -> Tokens:
        """The tokens of these rows, padded to the longest of them (at least 1); none at all where they are hidden."""
        length = self.lengths[rows] * (not hidden)
        place = np.arange(max(1, int(length.max(initial=0))))[None, :]
        real = place < length[:, None]
        at = np.where(real, self.start[rows][:, None] + place, 0)

        def pad(column: np.ndarray) -> torch.Tensor:
            if not len(column):
                return torch.from_numpy(np.zeros(at.shape, column.dtype))
            return torch.from_numpy(np.where(real, np.asarray(column[at]), np.zeros((), column.dtype)))

        return Tokens(**{name: pad(getattr(self, name)) for name in COLUMNS})


def stretches(count: np.ndarray, most: int) -> list[tuple[int, int]]:
    """Rows from, and before: stretches of rows with at most so many events, a row of more by itself.

    Args: count: (rows,) events of each.
    Example:
        >>> stretches(np.array([3, 3, 9, 1]), 6)
        [(0, 2), (2, 3), (3, 4)]
    """
    ends, first, held = [], 0, 0
    for row, events in enumerate(count.tolist()):
        if held and held + events > most:
            ends.append((first, row))
            first, held = row, 0
        held += events
    return [*ends, (first, len(count))]


def as_sequences(parts: Iterable[tuple[np.ndarray, Mapping[str, np.ndarray]]], several: bool) -> Sequences:
    """Sequences of stretches of rows, one after the other.

    Args:
        parts: how many tokens each row of a stretch has, and their columns.
        several: whether there are several stretches; then they are written to files without a name in the folder of temporary
            files (TMPDIR), which go with the last array that maps them, also where the process is killed.
    """
    counts: list[np.ndarray] = []
    if not several:
        (count, columns), = parts  # fmt: skip
        return Sequences(_starts([count]), **columns)
    types: dict[str, np.dtype[Any]] = {}
    with ExitStack() as stack:
        files = {name: stack.enter_context(tempfile.TemporaryFile(prefix="clinome-tokens-")) for name in COLUMNS}
        for count, columns in parts:
            counts.append(count)
            for name, column in columns.items():
                types[name] = column.dtype
                files[name].write(np.ascontiguousarray(column).data)
        start = _starts(counts)
        return Sequences(start, **{name: _mapped(file, types[name], int(start[-1])) for name, file in files.items()})


def _mapped(file: IO[bytes], dtype: np.dtype[Any], length: int) -> np.ndarray:
    """The file's numbers; the map outlives the file's handle."""
    file.flush()
    return np.memmap(file, dtype, "r", shape=(length,)) if length else np.zeros(0, dtype)


def _starts(counts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.concatenate(counts))])
