"""Catalog of properties: which properties the nodes and relationships of a graph have, and of which types.

What the schema names and what is in the store. A look at some nodes of a label finds nearly all of them; for a property
that these do not have, the whole label is asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..language.types import NULL, Type, joined, of_store, of_value
from ..schema import LABELS, NODE_PROPERTIES, RELATIONSHIP_PROPERTIES, RELATIONSHIPS, cypher
from ..store.protocol import Store

_COMMON = {"id": "STRING", "name": "STRING", "sources": "LIST<STRING>", "told": "STRING"}
_STRUCTURAL = ("title", "type")  # names of the embedded engine's own; no column is written under them

# a written limit on what is returned ends the search; one before an UNWIND, or a parameter, does not on the embedded engine
_NODES = "MATCH (n:LABEL) RETURN properties(n) AS properties LIMIT 100"
_RELATIONSHIPS = "MATCH (:LABEL)-[r:TYPE]->() RETURN properties(r) AS properties LIMIT 100"
_ALL = "MATCH (n:LABEL) WHERE n[$name] IS NOT NULL RETURN DISTINCT valueType(n[$name]) AS type"


class Catalog:
    """The properties of one open store; what was asked once is kept.

    Example:
        Catalog(store).property("NODE", frozenset({"Patient"}), "age")
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._nodes: dict[str, dict[str, Type]] = {}
        self._relationships: dict[str, dict[str, Type]] = {}
        self._asked: dict[tuple[str, str], Type] = {}

    def property(self, kind: str, names: frozenset[str], name: str) -> Type | None:
        """The type of a property of NODEs of these labels or RELATIONSHIPs of these types; None: none has it."""
        if kind == "NODE" and name in _STRUCTURAL:
            return None
        if kind == "RELATIONSHIP":
            found = [self.relationship(type).get(name) for type in names or RELATIONSHIPS]
            there = [type for type in found if type is not None]
            return joined(there) if there else None
        if not names and name in _COMMON:
            return of_store(_COMMON[name])
        there = [type for label in sorted(names) or LABELS if (type := self._of_node(label, name)) is not None]
        return joined(there) if there else None

    def known(self, kind: str, names: frozenset[str]) -> list[str]:
        """The properties that they have."""
        if kind == "RELATIONSHIP":
            return sorted({name for type in names or RELATIONSHIPS for name in self.relationship(type)})
        return sorted({name for label in names or LABELS for name in self.node(label)})

    def node(self, label: str) -> Mapping[str, Type]:
        """Properties of a label: the schema's, and those that some of its nodes have."""
        if label not in self._nodes:
            said = {name: of_store(type) for name, type in {**_COMMON, **NODE_PROPERTIES.get(label, {})}.items()}
            self._nodes[label] = {**said, **self._sampled(cypher(_NODES, LABEL=label))}
        return self._nodes[label]

    def relationship(self, type: str) -> Mapping[str, Type]:
        """Properties of a relationship type, as of a label."""
        if type not in self._relationships:
            said = {
                name: of_store(t) for name, t in {"source": "STRING", **RELATIONSHIP_PROPERTIES.get(type, {})}.items()
            }
            for label in RELATIONSHIPS[type].start:
                found = self.sampled_relationship(type, label)
                said |= {name: t for name, t in found.items() if name not in said or said[name].name != t.name}
            self._relationships[type] = said
        return self._relationships[type]

    def sampled_relationship(self, type: str, start: str) -> dict[str, Type]:
        """Properties that some relationships of this type which start at this label have."""
        return self._sampled(cypher(_RELATIONSHIPS, LABEL=start, TYPE=type))

    def _sampled(self, text: str) -> dict[str, Type]:
        found: dict[str, list[Type]] = {}
        for properties in self._store.lists(text, {})["properties"]:
            for name, value in properties.items():
                if value is not None:
                    found.setdefault(name, []).append(of_value(value))
        return {name: joined(types) for name, types in found.items()}

    def _of_node(self, label: str, name: str) -> Type | None:
        if label not in self._nodes and (name in _COMMON or name in NODE_PROPERTIES.get(label, {})):
            return of_store({**_COMMON, **NODE_PROPERTIES.get(label, {})}[name])
        if name in self.node(label):
            return self.node(label)[name]
        if (label, name) not in self._asked:
            found = self._store.lists(cypher(_ALL, LABEL=label), {"name": name})["type"]
            self._asked[label, name] = joined(map(of_store, found)) if found else NULL
        type = self._asked[label, name]
        return None if type.name == "NULL" else type
