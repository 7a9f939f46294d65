"""Record folder: files of one format of health records that were found together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RecordFolder:
    """Files of one format. people: its table of one row a patient, which also loads as [patients], None without one."""

    format: str
    root: Path
    files: frozenset[Path]
    people: Path | None = None
