"""Removed patients: whatever brings them again is rejected, and nothing here says who they were.

TABLES/removed.json holds a key and keyed hashes of ids (mode 600): without the id nobody finds it there.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from unicodedata import normalize

import polars as pl

from ..errors import EngineError
from .atomic import write_atomic

FILE = "removed.json"
SUBJECT, SAMPLE, GRAPH = "subject", "sample", "graph"
EXPECTED, FIX = "nobody who was removed", "nothing to do: `clinome remove` took this patient out"
"""What rejects.csv says of their rows. It quotes nothing of them."""


@dataclass(frozen=True)
class Removed:
    """Marks of the ids that were removed, of patients and of their samples, as the source files have them.

    One id may be a patient's and another's sample's: a mark says which it means.

    Example:
        >>> Removed(b"key", frozenset()).holds(pl.Series(["p1"])).to_list()
        [False]
    """

    key: bytes = b""
    marks: frozenset[str] = frozenset()

    def mark(self, id: str, what: str = SUBJECT) -> str:
        """HMAC-SHA256 of an id, 128 bits of it as hex."""
        return hmac.new(self.key, f"{what}\0{id}".encode(), sha256).hexdigest()[:32]

    def holds(self, ids: pl.Series, what: str = SUBJECT) -> pl.Series:
        """Which of these ids were removed. Null, white space around an id, and how its letters are composed do not matter.

        Args:
            ids: (n,) text.
            what: whose ids they are: SUBJECT, SAMPLE, or GRAPH for a patient's id as the graph has it.
        Returns: (n,) bool, no null.
        """
        if not self.marks:
            return pl.repeat(False, ids.len(), eager=True)
        bare = ids.cast(pl.String).str.strip_chars()
        gone = [
            id
            for id in bare.drop_nulls().unique()
            if {self.mark(id, what), self.mark(normalize("NFC", id), what)} & self.marks
        ]
        return bare.is_in(gone).fill_null(False)


NOBODY = Removed()


def read_removed(tables: Path) -> Removed:
    """Who was removed from the study whose tables lie there.

    Raises: EngineError if the file cannot be read: a load without it would bring them back.
    """
    file = tables / FILE
    if not file.exists():
        return NOBODY
    try:
        found = json.loads(file.read_text("utf-8"))
        return Removed(bytes.fromhex(found["key"]), frozenset(found["removed"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(
            f"{file}: this list of who was removed cannot be read; without it they would come back.",
            "restore it from a backup of the tables",
        ) from error


def add_removed(tables: Path, ids: Iterable[tuple[str, str]]) -> Removed:
    """Note ids as removed, before anything of theirs is taken out: whatever is killed then, no load brings them back.

    Args:
        ids: (what, id).
    """
    before = read_removed(tables)
    key = before.key or secrets.token_bytes(32)
    both = before.marks | {Removed(key).mark(id, what) for what, id in ids}
    tables.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"key": key.hex(), "removed": sorted(both)}, indent=1)
    write_atomic(tables / FILE, content, private=True)
    return Removed(key, both)
