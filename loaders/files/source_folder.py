"""Files of a source: those of a folder that it names, none hidden, none that Clinome itself writes there; and how shards are read.

Shards are files that can be read each by itself, one after the other or several at once, with the same result.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

Part = TypeVar("Part")
Made = TypeVar("Made")
Begun = TypeVar("Begun")

OWN_FILES = ("study.toml", "rejects.csv", "report.html")
OWN_FOLDERS = ("runs",)
MARKS = ("study.json", "graph.kgl")
"""A folder that holds one of these is a study's tables, or its graph."""


def files_within(folder: Path) -> list[Path]:
    """Every file below a folder, sorted by its path there.

    A study often lies in the folder of its own data (`path = "."`): what it writes is not read again as data, and changes
    nothing of what a load is known by.

    Example:
        >>> [path.name for path in files_within(Path("no such folder"))]
        []
    """
    found = []
    for at, folders, names in os.walk(folder):
        here = Path(at)
        folders[:] = [name for name in folders if not _is_own(here / name)]
        found += [here / name for name in names if not name.startswith(".") and name not in OWN_FILES]
    return sorted(path for path in found if path.is_file())


def _is_own(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in OWN_FOLDERS:
        return True
    return any((folder / mark).exists() for mark in MARKS)


class Shards(Protocol):
    """How the shards of a source are read: here, in worker processes, or on Ray."""

    def __call__(self, read: Callable[[Part], Made], parts: Sequence[Part]) -> Iterator[Made]:
        """What was made of each part, in the order of the parts, whoever ended first.

        Args:
            read: a function of a module, with some of its arguments bound; it crosses processes. What it makes may depend
                on its part alone.
        """


def on_threads(read: Callable[[Part], Made], parts: Iterable[Part]) -> Iterator[Made]:
    """Parts on threads, in their order: for polars and numpy, which work outside of Python's lock.

    There are as many threads as polars has: in a worker process one. No part is split, so the result does not depend on
    their number. What waits to be taken are a few parts.
    Example:
        >>> list(on_threads(len, ["a", "bcd", ""]))
        [1, 3, 0]
    """
    import polars as pl

    threads = pl.thread_pool_size()
    with ThreadPoolExecutor(threads) as pool:
        for made in ahead(lambda part: pool.submit(read, part), parts, threads + 1):
            yield made.result()


def ahead(begin: Callable[[Part], Begun], parts: Iterable[Part], most: int) -> Iterator[Begun]:
    """Begin parts before they are asked for, so many at most: what waits to be taken is all that is held.

    Example:
        >>> list(ahead(len, ["a", "bcd", "ef"], 2))
        [1, 3, 2]
    """
    begun: deque[Begun] = deque()
    for part in parts:
        begun.append(begin(part))
        if len(begun) == most:
            yield begun.popleft()
    while begun:
        yield begun.popleft()
