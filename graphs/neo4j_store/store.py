"""Neo4j store: a database on a server, which teams share, serve and grow on. Spoken to by graphs/neo4j_store/driver.py.

Each batch is one transaction that also creates its own (:Batch {id}), under a unique constraint: written once, whoever
writes, and whatever is killed. What is committed is seen by readers at once; the first `save()` lets them in.

One process writes at a time. It holds an open transaction that has locked a node of its own, so that the server
itself lets go of the lock when the process dies; a second writer is refused while it lasts.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import partial
from importlib.resources import files
from typing import Any, LiteralString, Self

import numpy as np
import polars as pl

from ...loaders.errors import EngineError
from .. import schema
from ..store.columns import grouped, parameters, rows, table
from ..store.migrations import check_version, migrate
from ..store.protocol import Edges, Index, Nodes, NoGraph, indexes
from ..store.read_only import check_read_only
from ..store.similarity import nearest
from . import isolation as gate
from .driver import TIMEOUT_S, Connection, OpenTransaction, Work
from .errors import Address, TooLong
from .result_columns import columns
from .vector_index import index_width, make_index, search

PATIENCE_S = 3.0
"""How long a writer waits for another to end: a killed one's transactions last a moment longer than itself."""

_SERVER = "MERGE (:Clinome {id: 'writer'}) MERGE (:Clinome {id: 'schema'})"
_LOCK = "MATCH (c:Clinome {id: 'writer'}) SET c.writes = true"  # never committed
_OTHERS = """
SHOW TRANSACTIONS YIELD metaData, database WHERE metaData.clinome = 'writes' AND database = $database
RETURN count(*) AS n
"""
_DATABASE = "CALL db.info() YIELD name RETURN name"
_STATE = "MATCH (c:Clinome {id: 'schema'}) RETURN c.version AS version, c.saved AS saved"
_SAVED = "MATCH (c:Clinome {id: 'schema'}) SET c.saved = true"
_SET_VERSION = "MATCH (c:Clinome {id: 'schema'}) SET c.version = $version"
_IMPORTED = "MATCH (l:Load) RETURN min(l.schema_version) AS version"
_READY = "CALL db.awaitIndexes(300)"
_CONSTRAINTS = "SHOW CONSTRAINTS YIELD labelsOrTypes, properties"
_INDEXES = "SHOW INDEXES YIELD labelsOrTypes, properties"
_BATCHES = "MATCH (b:Batch {load: $load}) RETURN collect(b.id) AS ids"
_WRITE_NODES = """
CREATE (:Batch {id: $batch, load: $load})
WITH 1 AS one UNWIND $rows AS r MERGE (n:LABEL {id: r.id}) SET n = r
"""
_WRITE_EDGES = """
CREATE (:Batch {id: $batch, load: $load})
WITH 1 AS one UNWIND $rows AS r MATCH (s:START {id: r[0]})
UNWIND range(0, size(r[1]) - 1) AS i MATCH (e:FINISH {id: r[1][i]})
CREATE (s)-[x:TYPE {PROPERTIES}]->(e)
"""
_STARTS = """
MATCH (s:START)-[x:TYPE]->() WHERE x.source = $source
RETURN count(x) AS rows, count(DISTINCT s) AS starts
"""
_REMOVE_EDGES = """
MATCH (s:START) WHERE EXISTS { MATCH (s)-[y:TYPE]->() WHERE y.source = $source }
CALL (s) { SHUT WITH count(*) AS places MATCH (s)-[x:TYPE]->() WHERE x.source = $source DELETE x }
IN TRANSACTIONS OF $starts ROWS
"""
_REMOVE_NODES = """
UNWIND $ids AS id MATCH (n:LABEL {id: id})
CALL (n) { SHUT WITH count(*) AS places DETACH DELETE n } IN TRANSACTIONS OF 500 ROWS
"""
_WRITE_VECTORS = """
UNWIND $rows AS r MATCH (n:LABEL {id: r[0]}) SET n.embedding = r[1], n.embedding_of = $of RETURN count(n) AS written
"""
_REMOVE_VECTORS = """
MATCH (n:LABEL) WHERE n.embedding_of = $of REMOVE n.embedding, n.embedding_of RETURN count(n) AS removed
"""
_VECTORS = "MATCH (n:LABEL) WHERE n.embedding_of = $of RETURN n.id AS id, n.embedding AS vector"
_COUNT = "MATCH (n:LABEL) RETURN count(n) AS n"
_VECTORS_AT_ONCE = 5_000
_ASKED = 20  # times as many as are wanted, and at least so many times ten: the index is approximate
_AT_ONCE = 20_000  # relationships that are taken out in one transaction


class Neo4jStore:
    """A graph in a Neo4j database.

    Args:
        store: neo4j://HOST:7687?database=NAME; bolt://, neo4j+s:// and bolt+s:// too.
        user, password: both empty where the server asks for none.
        write: True makes this the one writer until `close()`.
    Raises:
        InputError: no address of a server; NoGraph: a reader finds a database that Clinome never wrote to.
        EngineError: another process writes, the server does not answer or refuses, or a newer Clinome was here.
    Example:
        with Neo4jStore("bolt://127.0.0.1:7687", "neo4j", password, write=False) as store:
            store.run("MATCH (p:Patient) RETURN count(p) AS patients", {})
    """

    name = "neo4j"
    workers = 2  # more gain nothing on the machines that were measured

    def __init__(self, store: str, user: str, password: str, write: bool) -> None:
        self.address, self.write = Address.parse(store), write
        self._connection: Connection | None = Connection(self.address, user, password)
        self._lease: OpenTransaction | None = None
        self._names: dict[str, list[str]] = {}
        try:
            if write:
                self._lease = self._alone(self._connection)
            self._check_version(self._connection)
            if write:
                gate.begin(self._connection)
        except BaseException:
            self.close()
            raise

    @property
    def retried(self) -> int:
        """How many transactions were run again, after a deadlock or a lost connection."""
        return 0 if self._connection is None else self._connection.retried

    def prepare(self) -> None:
        connection = self._writer()
        version = self._state(connection)[0]
        if version == schema.VERSION:
            return
        for statement in _statements():
            connection.alone(statement, {})
        connection.alone(_READY, {})
        if version is None:  # new, or imported: loads know which version wrote them
            version = connection.read(_IMPORTED, {})["version"][0] or 0
            check_version(version, self.address)
        if version == schema.VERSION:
            self._settle(version)
        migrate(self, version, self._settle)

    def batches(self, load_id: str) -> set[str]:
        return set(self._open().read(_BATCHES, {"load": load_id})["ids"][0])

    def write_nodes(self, batch: str, load_id: str, nodes: Nodes) -> None:
        text = schema.cypher(_WRITE_NODES, LABEL=nodes.label)
        params = {"batch": batch, "load": load_id, "rows": rows(nodes.rows)}

        def merge(work: Work) -> None:
            work.run(text, params)
            gate.shut(work)

        self._writer().write(merge)

    def write_edges(self, batch: str, load_id: str, edges: Edges) -> None:
        text = schema.cypher(_WRITE_EDGES, START=edges.start_label, FINISH=edges.end_label, TYPE=edges.type)
        groups, names, same = grouped(edges.rows)
        text = _with_properties(text, names, list(same))
        params = {"batch": batch, "load": load_id, "rows": groups, "names": names, "same": same}
        params["odd"] = {name: value for name, value in same.items() if not _is_plain(name)}

        def create(work: Work) -> None:
            _, changed = work.run(text, params)
            missing = edges.rows.height - changed.get("relationships_created", 0)
            if missing:
                ends = f"{edges.start_label} or {edges.end_label}"
                raise EngineError(
                    f"{self.address}: {missing} relationships have an end that is no {ends} of the graph.",
                    "load the study again: clinome load STUDY",
                )
            gate.shut(work)

        self._writer().write(create)

    def remove_edges(self, type: str, source: str) -> int:
        """Of a node all at once, or none: readers see no half of it."""
        connection, removed = self._writer(), 0
        for label in schema.relationship(type).start:
            found = connection.read(schema.cypher(_STARTS, START=label, TYPE=type), {"source": source})
            (rows,), (starts,) = found["rows"], found["starts"]
            if rows:
                text = _shut(schema.cypher(_REMOVE_EDGES, START=label, TYPE=type))
                params = {"source": source, "starts": max(1, _AT_ONCE * starts // rows), "places": gate.PLACES}
                removed += connection.alone(text, params).get("relationships_deleted", 0)
        return removed

    def remove_nodes(self, label: str, ids: list[str]) -> int:
        text = _shut(schema.cypher(_REMOVE_NODES, LABEL=label))
        return self._writer().alone(text, {"ids": ids, "places": gate.PLACES}).get("nodes_deleted", 0)

    def write_vectors(self, label: str, of: str, vectors: pl.DataFrame) -> None:
        text = schema.cypher(_WRITE_VECTORS, LABEL=label)

        def write(rows: list[tuple[Any, ...]], work: Work) -> None:
            written = work.run(text, {"rows": rows, "of": of})[0]["written"][0]
            if written != len(rows):
                raise EngineError(
                    f"{self.address}: {len(rows) - written} vectors are of no {label} of the graph.",
                    "load the study again: clinome load STUDY",
                )
            gate.shut(work)

        for part in vectors.select("id", "vector").iter_slices(_VECTORS_AT_ONCE):
            self._writer().write(partial(write, part.rows()))
        if vectors.height:
            make_index(self._writer(), label, len(vectors["vector"][0]))

    def remove_vectors(self, label: str, of: str) -> int:
        text = schema.cypher(_REMOVE_VECTORS, LABEL=label)

        def remove(work: Work) -> int:
            removed = int(work.run(text, {"of": of})[0]["removed"][0])
            gate.shut(work)
            return removed

        return self._writer().write(remove)

    def nearest(self, label: str, of: str, vector: np.ndarray, k: int) -> pl.DataFrame:
        """By the vector index, and exactly among what it finds; without one, or where others' vectors hide this
        embedding's, exactly among all."""
        connection = self._open()
        asked = _ASKED * max(k, 10)
        if index_width(connection, label) == len(vector):
            nodes = int(connection.read(schema.cypher(_COUNT, LABEL=label), {})["n"][0])
            found = search(connection, label, of, vector, min(asked, max(1, nodes)))
            if len(found["id"]) >= min(asked // 2, nodes):
                return nearest(found["id"], np.array(found["vector"]), vector, k)
        found = connection.read(schema.cypher(_VECTORS, LABEL=label), {"of": of})
        return nearest(found["id"], np.array(found["vector"]), vector, k)

    def run(self, text: str, params: Mapping[str, Any], timeout_s: float | None = None) -> pl.DataFrame:
        return table(self.lists(text, params, timeout_s))

    def lists(self, text: str, params: Mapping[str, Any], timeout_s: float | None = None) -> dict[str, list[Any]]:
        check_read_only(text)
        timeout = TIMEOUT_S if timeout_s is None else timeout_s
        connection, given = self._open(), parameters(params)

        def ask() -> dict[str, list[Any]]:
            return columns(connection, text, given, timeout, self._names)

        return ask() if self.write else gate.whole(connection, ask)

    def indexes(self) -> list[Index]:
        connection = self._open()
        return indexes(
            [(unique, connection.read(text, {})) for unique, text in ((True, _CONSTRAINTS), (False, _INDEXES))]
        )

    def save(self) -> None:
        connection = self._writer()
        if not self._state(connection)[1]:
            connection.write(lambda work: work.run(_SAVED, {}))

    def close(self) -> None:
        lease, self._lease = self._lease, None
        connection, self._connection = self._connection, None
        if lease is not None and connection is not None:
            gate.end(connection)
            lease.close()
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _alone(self, connection: Connection) -> OpenTransaction:
        """Become the one writer, once whatever a killed one began has ended."""
        connection.alone(_statements()[0], {})
        connection.write(lambda work: work.run(_SERVER, {}))
        busy = EngineError(
            f"{self.address}: another process is writing to this graph.",
            "wait until it ends; reading goes on meanwhile",
        )
        try:
            connection.probe(_LOCK, PATIENCE_S)
        except TooLong:
            raise busy from None
        held = connection.hold(_LOCK, {})
        database = connection.read(_DATABASE, {})["name"][0]
        until = time.monotonic() + PATIENCE_S
        while connection.read(_OTHERS, {"database": database})["n"][0]:
            if time.monotonic() > until:
                held.close()
                raise busy
            time.sleep(0.05)
        return held

    def _state(self, connection: Connection) -> tuple[int | None, bool]:
        """The schema's version, None before `prepare()`; and whether anything was ever saved."""
        found = connection.read(_STATE, {})
        return (found["version"][0], bool(found["saved"][0])) if found["version"] else (None, False)

    def _settle(self, version: int) -> None:
        self._writer().write(lambda work: work.run(_SET_VERSION, {"version": version}))

    def _check_version(self, connection: Connection) -> None:
        version, saved = self._state(connection)
        if not saved and not self.write:
            raise NoGraph(self.address.uri)
        check_version(version or 0, self.address)

    def _writer(self) -> Connection:
        if not self.write:
            raise EngineError(f"{self.address}: this store was opened for reading.", "open it with write=True")
        return self._open()

    def _open(self) -> Connection:
        if self._connection is None:
            raise EngineError(f"{self.address}: the store is closed.", "open it again")
        return self._connection


def _with_properties(text: LiteralString, names: list[str], same: list[str]) -> LiteralString:
    """Plain names go into CREATE, a tenth faster than being set after it; all others are parameters, and never text.

    Args:
        names: of the properties that the rows hold, in order.
        same: of those that `$same` holds; its odd ones are in `$odd` too.
    """
    rows = [(name, f"r[{n + 2}][i]", f"x[$names[{n}]] = r[{n + 2}][i]") for n, name in enumerate(names)]
    everywhere = [(name, f"$same.`{name}`", "x += $odd") for name in same]
    inside = [f"`{name}`: {value}" for name, value, _ in (*rows, *everywhere) if _is_plain(name)]
    after = dict.fromkeys(later for name, _, later in (*rows, *everywhere) if not _is_plain(name))
    text = schema.trusted(text.replace("PROPERTIES", ", ".join(inside)))
    return schema.trusted(f"{text}SET {', '.join(after)}") if after else text


def _shut(text: LiteralString) -> LiteralString:
    """With the gate shut first in each transaction of the statement."""
    return schema.trusted(text.replace("SHUT", gate.SHUT))


def _is_plain(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None


def _statements() -> list[LiteralString]:
    """Those of neo4j/schema.cypher, in order."""
    text = (files("clinome") / "neo4j" / "schema.cypher").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("//")]
    return [schema.trusted(part.strip()) for part in "\n".join(lines).split(";") if part.strip()]
