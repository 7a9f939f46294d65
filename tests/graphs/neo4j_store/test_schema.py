"""neo4j/schema.cypher, which the database runs before any data, says what graphs/schema.py says."""

from __future__ import annotations

import re

from clinome.graphs import schema
from clinome.graphs.neo4j_store.store import _statements

CONSTRAINT = re.compile(r"CREATE CONSTRAINT (\w+) IF NOT EXISTS FOR \(n:(\w+)\) REQUIRE n\.id IS UNIQUE")
INDEX = re.compile(r"CREATE INDEX (\w+) IF NOT EXISTS FOR \(n:(\w+)\) ON \(n\.(\w+)\)")


def test_every_label_has_its_constraint_and_nothing_else_has_one() -> None:
    constraints = [found for text in _statements() if (found := CONSTRAINT.fullmatch(text))]
    indexes = [found for text in _statements() if (found := INDEX.fullmatch(text))]
    assert len(constraints) + len(indexes) == len(_statements())
    assert [found[2] for found in constraints] == ["Clinome", *schema.LABELS]
    assert {found[2] for found in indexes} <= set(schema.LABELS)
    names = [found[1] for found in (*constraints, *indexes)]
    assert len(set(names)) == len(names)
