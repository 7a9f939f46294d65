"""Subgraph, a bounded part of the graph: nodes, relationships, rows to read, and what was cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ...loaders.errors import InputError

NODES = {
    "id": pl.String, "label": pl.String, "name": pl.String, "role": pl.String, "effect": pl.Float64,
    "size": pl.Float64, "number": pl.Int64, "note": pl.String,
}  # fmt: skip
EDGES = {"source": pl.String, "target": pl.String, "type": pl.String, "score": pl.Float64, "number": pl.Int64}
MOST = 2_000
"""Nodes that a picture may hold at all."""
ASKED, FOLD = "asked", "fold"


@dataclass(frozen=True)
class Subgraph:
    """What was found, never more than was asked for.

    nodes: id, label, name, role (`asked`: what was asked about; `fold`: many nodes in one, `number` of them), effect (signed,
        what colours it), size (0 to 1), note (what hovering tells).
    edges: source, target, type, score, number (parallel relationships; at a fold all that it stands for).
    rows: the same as a table to read. cut: sentences on what was left out or folded, and why. about: what is known of the
        node that was asked about, by name. measure: what the column `effect` holds: effects, or z.
    """

    title: str
    nodes: pl.DataFrame
    edges: pl.DataFrame
    rows: pl.DataFrame
    cut: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    measure: str = "effect"


@dataclass
class Drawing:
    """A subgraph in the making: a node once, by its id; an edge once, by its ends and type."""

    limit: int
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)

    @property
    def room(self) -> int:
        """How many more nodes fit."""
        return self.limit - len(self.nodes)

    def node(self, id: str, label: str, name: str | None, **about: Any) -> bool:
        """Add a node, or say more of one that is there; False where there is no room."""
        if id not in self.nodes:
            if self.room < 1:
                return False
            self.nodes[id] = {"id": id, "label": label, "name": name or id}
        self.nodes[id] |= {key: value for key, value in about.items() if value is not None}
        return True

    def edge(self, source: str, target: str, type: str, score: float | None = None, number: int = 1) -> None:
        """Add a relationship between two nodes that are there; others are not drawn."""
        if source in self.nodes and target in self.nodes:
            self.edges.setdefault(
                (source, target, type),
                {"source": source, "target": target, "type": type, "score": score, "number": number},
            )

    def finished(self, title: str, rows: pl.DataFrame) -> Subgraph:
        """The subgraph, in one order whatever the store."""
        nodes = pl.DataFrame(list(self.nodes.values()), schema=NODES, strict=False).with_columns(
            role=pl.col("role").fill_null("")
        )
        edges = pl.DataFrame(list(self.edges.values()), schema=EDGES, strict=False).sort("source", "target", "type")
        return Subgraph(title, nodes, edges, rows, tuple(dict.fromkeys(self.cut)))


def new(limit: int, least: int = 1) -> Drawing:
    """An empty drawing of so many nodes.

    Raises: InputError for a limit that nothing fits into, or that no picture holds.
    """
    if not least <= limit <= MOST:
        raise InputError("a limit that cannot be drawn", "limit", limit, f"{least} to {MOST:,}", "give another limit")
    return Drawing(limit)


def frame(found: Mapping[str, Sequence[Any]], **types: Any) -> pl.DataFrame:
    """Columns of a store (`Store.lists`) in the types that we know they have, also where there is no row."""
    return pl.DataFrame({name: found.get(name, []) for name in types}, schema=types, strict=False)


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 gene`, `1,204 genes`.

    Example:
        >>> counted(1204, "pathway"), counted(1, "gene")
        ('1,204 pathways', '1 gene')
    """
    return f"{number:,} {one if number == 1 else many or plural(one)}"


def plural(one: str) -> str:
    """The plural of a noun of ours."""
    return {"diagnosis": "diagnoses"}.get(
        one, one[:-1] + "ies" if one.endswith("y") and one[-2] not in "aeo" else one + "s"
    )


def noun(label: str) -> str:
    """A label in a sentence: `lab test`.

    Example:
        >>> noun("LabTest")
        'lab test'
    """
    words = {"MicroRNA": "microRNA", "LabTest": "lab test", "MethylationSite": "methylation site"}
    return words.get(label, label.lower())


def listed(words: Iterable[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    words = list(words)
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
