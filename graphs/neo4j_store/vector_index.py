"""Vector index of Neo4j: made for a label's embeddings, and asked, in the words of whichever version the server has.

Vectors are lists of floats, as Community stores them. The index knows nothing of whose they are and is approximate: so
more are asked for than are wanted, and the store ranks them exactly.
Source: `db.index.vector.queryNodes` (5.26), the SEARCH clause of Cypher 25 (2026.04 on).
"""

from __future__ import annotations

from typing import Any, LiteralString

import numpy as np

from .. import schema
from .driver import Connection

_WIDTH = "SHOW VECTOR INDEXES YIELD name, options WHERE name = $name RETURN options.indexConfig['vector.dimensions'] AS width"
_DROP = "DROP INDEX LABEL_embedding IF EXISTS"
_CREATE = """
CREATE VECTOR INDEX LABEL_embedding IF NOT EXISTS FOR (n:LABEL) ON n.embedding
OPTIONS {indexConfig: {`vector.dimensions`: $width, `vector.similarity_function`: 'cosine', `vector.quantization.enabled`: false}}
"""
_READY = "CALL db.awaitIndexes(300)"
_PROCEDURE = """
CALL db.index.vector.queryNodes('LABEL_embedding', $k, $vector) YIELD node AS n
WITH n WHERE n.embedding_of = $of RETURN n.id AS id, n.embedding AS vector
"""
_CLAUSE = """
CYPHER 25 MATCH (n:LABEL) SEARCH n IN (VECTOR INDEX LABEL_embedding FOR $vector LIMIT $k)
WITH n WHERE n.embedding_of = $of RETURN n.id AS id, n.embedding AS vector
"""
_CLAUSE_FROM = (2026, 4)


def make_index(connection: Connection, label: str, width: int) -> None:
    """An index over the label's embeddings of this width, in place of one of another; it is filled when this returns."""
    if index_width(connection, label) != width:
        connection.alone(schema.cypher(_DROP, LABEL=label), {})
        connection.alone(schema.cypher(_CREATE, LABEL=label), {"width": width})
    connection.alone(_READY, {})


def index_width(connection: Connection, label: str) -> int | None:
    """The width of the vectors that the label's index holds; None: it has none."""
    found = connection.read(_WIDTH, {"name": f"{schema.label(label)}_embedding"})["width"]
    return int(found[0]) if found else None


def search(connection: Connection, label: str, of: str, vector: np.ndarray, k: int) -> dict[str, list[Any]]:
    """id and vector of those of the k nearest nodes of the label that are of this embedding, in no order."""
    year, month = (int(part) for part in connection.version().split(".")[:2])
    clause: LiteralString = _CLAUSE if (year, month) >= _CLAUSE_FROM else _PROCEDURE
    return connection.read(schema.cypher(clause, LABEL=label), {"k": k, "vector": vector.tolist(), "of": of})
