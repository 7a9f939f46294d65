"""Code hierarchies: the ancestors of a code, by IS_A links and by the structure of the codes themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ....loaders.identifiers.code_structure import parent


@dataclass(frozen=True)
class CodeHierarchy:
    """parents: code -> what lies right above it by IS_A, sorted."""

    parents: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, links: pl.DataFrame) -> CodeHierarchy:
        """The IS_A links among a snapshot's links (subject, predicate, object)."""
        edges = links.filter(pl.col("predicate") == "IS_A").select("subject", "object").unique()
        parents: dict[str, tuple[str, ...]] = {}
        for child, above in edges.sort("subject", "object").iter_rows():
            parents[child] = (*parents.get(child, ()), above)
        return cls(parents)

    def ancestors(self, code: str) -> tuple[str, ...]:
        """Everything above a code, nearest first: by IS_A, and by its structure, which a code that no link names has too.

        A circle ends where it closes; no code is its own ancestor.
        Example:
            >>> CodeHierarchy({"ICD9CM:428": ("MONDO:1",)}).ancestors("ICD9CM:428.0")
            ('ICD9CM:428', 'ICD9CM:420-429', 'MONDO:1', 'ICD9CM:390-459')
        """
        found: dict[str, None] = {}
        level = [code]
        while level:
            linked = {above for one in level for above in self.parents.get(one, ())}
            formed = {above for one in level if (above := parent(one)) is not None}
            level = [one for one in sorted(linked | formed) if one not in found and one != code]
            found.update(dict.fromkeys(level))
        return tuple(found)

    def state(self) -> dict[str, Any]:
        return {code: list(above) for code, above in self.parents.items()}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> CodeHierarchy:
        return cls({code: tuple(above) for code, above in state.items()})
