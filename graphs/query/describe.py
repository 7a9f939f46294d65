"""Description of a graph: its labels and relationship types with counts, their properties with types, what is indexed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .. import schema
from ..store.protocol import Index, Store
from .catalog import Catalog

_COUNT = "MATCH (n:LABEL) RETURN count(n) AS n"
_PROPERTIES = """
MATCH (n:LABEL) UNWIND keys(n) AS name WITH name, valueType(n[name]) AS type, count(*) AS n RETURN name, type, n
"""
_TYPES = "MATCH (:START)-[:TYPE]->(:FINISH) RETURN count(*) AS n"


@dataclass(frozen=True)
class Property:
    """A property of a label: the types of its values, and how many nodes have it (None: not counted)."""

    name: str
    types: tuple[str, ...]
    count: int | None


@dataclass(frozen=True)
class NodeKind:
    """A label that nodes have: how many, and with which properties."""

    label: str
    count: int
    properties: tuple[Property, ...]


@dataclass(frozen=True)
class RelationshipKind:
    """A type of relationships that start and end at these labels: how many, and with which properties."""

    type: str
    start: str
    end: str
    count: int
    properties: tuple[Property, ...]


@dataclass(frozen=True)
class Description:
    """What is in a graph; labels and types that nothing has are left out."""

    nodes: tuple[NodeKind, ...]
    relationships: tuple[RelationshipKind, ...]
    indexes: tuple[Index, ...]


def describe(store: Store) -> Description:
    """Count all that a graph holds, whoever brought it. Every node is looked at; of relationships a sample's properties.

    Args:
        store: open for reading or writing.
    Example:
        describe(store).nodes[0].count
    """
    catalog = Catalog(store)
    nodes = [_nodes(store, label) for label in schema.LABELS]
    relationships = [
        kind for rule in schema.RELATIONSHIPS.values() for start in rule.start
        for kind in _relationships(store, catalog, rule.type, start)
    ]  # fmt: skip
    return Description(tuple(kind for kind in nodes if kind.count), tuple(relationships), tuple(store.indexes()))


def _nodes(store: Store, label: str) -> NodeKind:
    count = int(store.lists(schema.cypher(_COUNT, LABEL=label), {})["n"][0])
    found: dict[str, dict[str, int]] = {}
    if count:
        lists = store.lists(schema.cypher(_PROPERTIES, LABEL=label), {})
        for name, type, n in zip(lists["name"], lists["type"], lists["n"], strict=True):
            found.setdefault(name, {})[type.replace(" NOT NULL", "")] = n
    return NodeKind(label, count, tuple(_property(name, types) for name, types in sorted(found.items())))


def _property(name: str, types: Mapping[str, int]) -> Property:
    return Property(name, tuple(sorted(types)), sum(types.values()))


def _relationships(store: Store, catalog: Catalog, type: str, start: str) -> list[RelationshipKind]:
    ends = schema.relationship(type).end
    counts = {
        end: int(store.lists(schema.cypher(_TYPES, START=start, TYPE=type, FINISH=end), {})["n"][0]) for end in ends
    }
    properties: tuple[Property, ...] = ()
    if any(counts.values()):
        sampled = catalog.sampled_relationship(type, start)
        properties = tuple(Property(name, (t.name,), None) for name, t in sorted(sampled.items()))
    return [RelationshipKind(type, start, end, n, properties) for end, n in sorted(counts.items()) if n]
