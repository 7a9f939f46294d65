"""Files of a folder that a source names: none that Clinome itself writes there, none hidden."""

from __future__ import annotations

import os
from pathlib import Path

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
