"""Atomic writes: a file or folder is written beside its place and renamed, so that readers see the old or the new one.

Whoever is killed in between leaves a `.part` behind and what was there before untouched; the next who writes the same file
takes it away.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from hashlib import sha256
from pathlib import Path
from platform import node


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Where to write a file that takes the place of `path` when the block ends; if the block fails, nothing changes.

    Each process has a name of its own for it, so that two may write the same file: the later one stays.

    Example:
        with atomic_path(folder / "predictions.parquet") as fresh:
            table.write_parquet(fresh)
    """
    fresh = path.with_name(f"{path.name}.{_here()}-{os.getpid()}.part")
    _sweep(path)
    fresh.unlink(missing_ok=True)
    try:
        yield fresh
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    fresh.replace(path)


def _here() -> str:
    """This machine, in a few letters: a folder may be shared, and a process number is one machine's."""
    return sha256(node().encode()).hexdigest()[:6]


def _sweep(path: Path) -> None:
    """Remove what processes of this machine that are no more left beside a file: they were killed while they wrote it."""
    for left in path.parent.glob(f"{escape(path.name)}.{_here()}-*.part"):
        number = left.name.removesuffix(".part").rpartition("-")[2]
        if number.isdigit() and not _is_alive(int(number)):
            left.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another's
        return True
    return True


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `folder`, and of all in it, when the block ends. One process at a time."""
    fresh = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)  # of one who was killed
    fresh.mkdir(parents=True)
    try:
        yield fresh
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    fresh.replace(folder)


def write_atomic(path: Path, content: str | bytes, private: bool = False) -> None:
    """Write a file whole or not at all, text as UTF-8.

    Args:
        private: nobody but its owner may read it (mode 600), at no moment.
    """
    data = content.encode() if isinstance(content, str) else content
    with atomic_path(path) as fresh:
        mode = 0o600 if private else 0o666
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
