"""Run cache: what several learners would fit alike is fitted once in a run, and shared by all workers.

The key is a digest of all that goes in, so a hit is what fitting would have made, to the last bit. Without a folder
(outside of a run, on a cluster) nothing is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...loaders.files.atomic import atomic_path

MOST = 256 << 20
"""Bytes that one process keeps at the most."""

_HERE: dict[str, Path | None] = {"folder": None}
_SPENT: dict[Path, int] = {}


def share(folder: Path | None) -> None:
    """Where this process keeps and finds things from now on; None: nowhere."""
    _HERE["folder"] = folder


def digest(*parts: np.ndarray | str) -> str:
    """A name for these values: shape, type and every byte of them."""
    found = hashlib.blake2b(digest_size=20)
    for part in parts:
        array = part if isinstance(part, np.ndarray) else np.frombuffer(part.encode(), np.uint8)
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def kept(key: Callable[[], str], make: Callable[[], Mapping[str, np.ndarray]]) -> Mapping[str, np.ndarray]:
    """What `make` makes, or made before under this key, in this process or another one of the run."""
    folder = _HERE["folder"]
    if folder is None:
        return make()
    file = folder / f"{key()}.npz"
    if file.exists():
        with np.load(file) as found:
            return dict(found)
    made = make()
    size = sum(value.nbytes for value in made.values())
    if _SPENT.get(folder, 0) + size <= MOST:
        _SPENT[folder] = _SPENT.get(folder, 0) + size
        with atomic_path(file) as fresh, fresh.open("wb") as out:  # by name savez would add an ending
            np.savez(out, **dict[str, Any](made))
    return made
