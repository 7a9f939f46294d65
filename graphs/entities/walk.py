"""Steps from nodes of one label: how many relationships of each kind there are, and the foremost ends of one kind.

Counts come from the store alone, and lists have a LIMIT: however large a hub is, only so many rows leave the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, LiteralString

import polars as pl

from ..schema import ACTS, RELATIONSHIPS, cypher, trusted
from ..store.protocol import Store
from .subgraph import frame

HUB = 5_000
"""Relationships of one kind above which a node's ends are counted, and not looked at."""

_THERE = "MATCH ()-[r:TYPE]->() RETURN count(r) AS n"
_DEGREES = "UNWIND $ids AS id MATCH (n:LABEL {id: id}) RETURN id"
_DEGREE = ", COUNT { MATCH (n)STEP() } AS NAME"
_FOREMOST = """
UNWIND $ids AS id MATCH (n:LABEL {id: id})STEP(m) WHERE m.id <> n.id
WITH m, count(DISTINCT n.id) AS met, count(r) AS number, max(r.score) AS score
RETURN labels(m)[0] AS label, m.id AS id, coalesce(m.symbol, m.name, m.id) AS name, met, number, score
ORDER BY met DESC, coalesce(score, 0.0) DESC, number DESC, id LIMIT $limit
"""
_SMALLEST = """
UNWIND $ids AS id MATCH (n:LABEL {id: id})STEP(m) WHERE m.id <> n.id
WITH m, count(DISTINCT n.id) AS met, count(r) AS number, max(r.score) AS score
RETURN labels(m)[0] AS label, m.id AS id, coalesce(m.symbol, m.name, m.id) AS name, met, number, score,
       COUNT { MATCH (m)<-[:TYPE]-() } AS members
ORDER BY met DESC, members, id LIMIT $limit
"""
_ENDS = "UNWIND $ids AS id MATCH (n:LABEL {id: id})STEP(m) WHERE m.id <> n.id RETURN count(DISTINCT m.id) AS n"
_REACHED = "MATCH (n:LABEL {id: $id})STEP(m) WHERE m.id IN $ids RETURN DISTINCT m.id AS id"
_LINKS = """
UNWIND $starts AS id MATCH (a:LABEL {id: id})-[r:TYPE]->(b) WHERE b.id IN $ends
RETURN a.id AS source, b.id AS target, max(r.score) AS score, count(r) AS number
"""
_FOUND = {
    "label": pl.String,
    "id": pl.String,
    "name": pl.String,
    "met": pl.Int64,
    "number": pl.Int64,
    "score": pl.Float64,
}
_PROVENANCE = ("LOADED", "PROFILED", "GAVE")
_UNDIRECTED = ("INTERACTS_WITH",)


@dataclass(frozen=True)
class Kind:
    """A relationship type from a label on. way: `out`, `in`, or `both` where a relationship has no direction to speak of.
    other: the labels at its far end."""

    type: str
    way: Literal["out", "in", "both"]
    other: tuple[str, ...]

    def asked(self, text: LiteralString, label: str) -> LiteralString:
        """The query with this step in it."""
        step = {"out": "-[r:TYPE]->", "in": "<-[r:TYPE]-", "both": "-[r:TYPE]-"}[self.way]
        return cypher(trusted(text.replace("STEP", step)), LABEL=label, TYPE=self.type)


def present(store: Store) -> frozenset[str]:
    """The types of which the graph has relationships: to look for others at a hub is to look through all that it has."""
    text = trusted(" UNION ALL ".join(cypher(_THERE, TYPE=type) for type in RELATIONSHIPS))
    found = store.lists(text, {})
    return frozenset(type for type, n in zip(RELATIONSHIPS, found["n"], strict=True) if n)


def kinds(label: str, present: frozenset[str]) -> list[Kind]:
    """The kinds of relationship that a label may have; of what no act of loading is, those of loading are left out."""
    found = []
    for rule in RELATIONSHIPS.values():
        if rule.type not in present or (rule.type in _PROVENANCE and label not in ACTS):
            continue
        if rule.type in _UNDIRECTED and label in rule.start:
            found.append(Kind(rule.type, "both", rule.end))
            continue
        found += [Kind(rule.type, "out", rule.end)] if label in rule.start else []
        found += [Kind(rule.type, "in", rule.start)] if label in rule.end else []
    return found


def degrees(store: Store, label: str, ids: list[str], ways: list[Kind]) -> pl.DataFrame:
    """id, kind (its place in `ways`), degree: how many relationships of each kind these nodes have, above 0."""
    text = cypher(_DEGREES, LABEL=label)
    for place, kind in enumerate(ways):
        text = trusted(text + kind.asked(_DEGREE, label).replace("NAME", f"k{place}"))
    found = frame(
        store.lists(text, {"ids": ids}), id=pl.String, **{f"k{place}": pl.Int64 for place in range(len(ways))}
    )
    long = found.unpivot(index="id", variable_name="kind", value_name="degree")
    return long.with_columns(pl.col("kind").str.slice(1).cast(pl.Int64)).filter(pl.col("degree") > 0)


def foremost(store: Store, label: str, ids: list[str], kind: Kind, limit: int) -> pl.DataFrame:
    """label, id, name, met, number, score of the ends that these nodes lead to: first those that most of them share.

    Then sets by how few members they have (`members`), all others by the score of the link, and last by id.
    """
    small = kind.type == "IN_PATHWAY" and kind.way == "out"
    found = store.lists(kind.asked(_SMALLEST if small else _FOREMOST, label), {"ids": ids, "limit": limit})
    return frame(found, **_FOUND, **({"members": pl.Int64} if small else {}))


def ends(store: Store, label: str, ids: list[str], kind: Kind) -> int:
    """How many nodes these lead to."""
    return int(store.lists(kind.asked(_ENDS, label), {"ids": ids})["n"][0])


def links(store: Store, label: str, starts: list[str], type: str, ends: list[str]) -> pl.DataFrame:
    """source, target, score, number of the relationships of a type from these nodes to those."""
    found = store.lists(cypher(_LINKS, LABEL=label, TYPE=type), {"starts": starts, "ends": ends})
    return frame(found, source=pl.String, target=pl.String, score=pl.Float64, number=pl.Int64)


def reached(store: Store, label: str, id: str, kind: Kind, ids: list[str]) -> list[str]:
    """Those of these nodes to which a node has a relationship of this kind."""
    return [str(one) for one in store.lists(kind.asked(_REACHED, label), {"id": id, "ids": ids})["id"]]
