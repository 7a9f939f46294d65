"""Embedded store: a folder with one kglite graph in it, run by graphs/store/kglite_process.py.

```
lung.graph/graph.kgl      the writer's checkpoint, replaced whenever the log is long beside it: it may hold half a load
lung.graph/graph.kgl-wal  the log since then
lung.graph/saved.kgl      the checkpoint of the last `save()`, which readers open: the same file by another name
```
One process writes at a time (it holds graph.kgl's lease); readers never wait, and keep what they have opened.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from ...loaders.errors import EngineError, InputError
from ...loaders.files.atomic import atomic_path
from .. import schema
from .columns import parameters, properties, rows, table
from .kglite_process import Engine, EngineFailure
from .kglite_values import plain
from .migrations import check_version, migrate
from .protocol import Edges, Index, Nodes, NoGraph, indexes
from .read_only import check_read_only
from .similarity import nearest

TIMEOUT_S = 600.0
_EMPTY_LOG = 16  # bytes: a log without a commit is its header
_SHORT_LOG = 16 << 20  # bytes that a log may have in any case
_LOG_PER_CHECKPOINT = 8
"""A log may be so many times as long as the checkpoint, in which the same rows take an eighth of the bytes: the graph has then
doubled, so that all checkpoints of a load together cost as much as two of the last, however much is loaded."""
TOO_LARGE = (
    'load it into Neo4j (store = "bolt://…", `clinome neo4j start`), or keep the events of large records out of the graph: '
    '[records.NAME] graph = "none"'
)
"""What to do with more than the engine's checkpoint holds: 2 GiB of relationships, some 15 million events."""
_WRITE = "make room on the disk and see that the folder can be written, then give the same command again: it goes on"
_REBUILD = "the graph can be rebuilt from its tables: move this folder away and load the study again"

_CONSTRAINT = "CREATE CONSTRAINT IF NOT EXISTS FOR (n:LABEL) REQUIRE n.id IS UNIQUE"
_INDEX = "CREATE INDEX IF NOT EXISTS FOR (n:LABEL) ON (n.KEY)"
_INDEXED = (("Gene", "symbol"), ("Batch", "load"), ("Load", "source"))
_CONSTRAINTS, _INDEXES = "SHOW CONSTRAINTS", "SHOW INDEXES"
_BATCHES = "MATCH (b:Batch {load: $load}) RETURN b.id AS id"
_NEW_NODES = """
CREATE (b:Batch {id: $batch, load: $load})
WITH b UNWIND $rows AS r CREATE (n:LABEL {id: r.id, PROPERTIES})
"""
_WRITE_NODES = """
CREATE (b:Batch {id: $batch, load: $load})
WITH b UNWIND $rows AS r MERGE (n:LABEL {id: r.id}) SET n = r
"""
_WRITE_EDGES = """
CREATE (b:Batch {id: $batch, load: $load})
WITH b UNWIND $rows AS r
MATCH (s:START {id: r.start}), (e:FINISH {id: r.`end`})
CREATE (s)-[:TYPE {PROPERTIES}]->(e)
"""
_PRESENT = "UNWIND $ids AS i MATCH (n:LABEL {id: i}) RETURN count(n) AS count"
_REMOVE_EDGES = "MATCH (s:START)-[x:TYPE]->() WHERE x.source = $source DELETE x"  # by label: twice as fast
_REMOVE_NODES = "MATCH (n:LABEL) WHERE n.id IN $ids DETACH DELETE n"


_WRITE_VECTORS = """
UNWIND $rows AS r MATCH (n:LABEL {id: r.id}) SET n.embedding = r.vector, n.embedding_of = $of
"""
_REMOVE_VECTORS = "MATCH (n:LABEL) WHERE n.embedding_of = $of SET n.embedding = null, n.embedding_of = null"
_OF = "MATCH (n:LABEL) WHERE n.embedding_of = $of RETURN count(n) AS count"
_VECTORS = "MATCH (n:LABEL) WHERE n.embedding_of = $of RETURN n.id AS id, n.embedding AS vector"
_AT_ONCE = 2_000  # vectors in one message


class EmbeddedStore:
    """A graph in a folder, for one machine.

    Args:
        folder: the study's `store`, e.g. lung.graph; made by the first writer.
        write: True takes the writer's lease until `close()`.
    Raises:
        NoGraph: a reader finds no saved graph.
        EngineError: another process writes, the file is broken, or a newer Clinome made it.
    Example:
        with EmbeddedStore(Path("lung.graph"), write=False) as store:
            store.run("MATCH (p:Patient) RETURN count(p) AS patients", {})
    """

    name = "embedded"
    workers = 1
    retried = 0

    def __init__(self, folder: Path, write: bool) -> None:
        self.folder, self.write = folder, write
        self._file, self._saved = folder / "graph.kgl", folder / "saved.kgl"
        if write:
            folder.mkdir(parents=True, exist_ok=True)
        elif not self._saved.exists():
            raise NoGraph(folder)
        try:
            self._engine: Engine | None = Engine(self._file if write else self._saved, write)
        except EngineFailure as error:
            if error.kind == "lease":
                wait = "wait until it ends; reading goes on meanwhile"
                raise EngineError(f"{folder}: another process is writing to this graph.", wait) from error
            raise EngineError(f"{folder}: the graph cannot be opened.", _REBUILD) from error
        self._unsaved = write and not self._is_saved()
        try:
            check_version(self._engine.schema_version, folder)
        except EngineError:
            self.close()
            raise

    def prepare(self) -> None:
        version = self._open().schema_version
        if version == schema.VERSION:
            return
        for name in schema.LABELS:
            self._write(schema.cypher(_CONSTRAINT, LABEL=name), {})
        for name, key in _INDEXED:
            self._write(schema.cypher(_INDEX, LABEL=name).replace("KEY", key), {})
        migrate(self, version, self._checkpoint)

    def batches(self, load_id: str) -> set[str]:
        return set(self._read(_BATCHES, {"load": load_id})["id"])

    def write_nodes(self, batch: str, load_id: str, nodes: Nodes) -> None:
        label, about, given = schema.label(nodes.label), {"batch": batch, "load": load_id}, nodes.rows
        if "name" not in given.columns:  # else the engine makes one up, from label and id
            given = given.with_columns(name=pl.lit(None, pl.String))
        if not self._created(label, about, given):
            self._write(_WRITE_NODES.replace("LABEL", label), {**about, "rows": rows(given)})

    def write_edges(self, batch: str, load_id: str, edges: Edges) -> None:
        start, end = schema.label(edges.start_label), schema.label(edges.end_label)
        for name, ids in ((start, edges.rows["start"]), (end, edges.rows["end"])):
            unique = ids.unique().to_list()
            missing = len(unique) - self._present(name, unique)
            if missing:
                raise EngineError(
                    f"{self.folder}: {missing} ends of relationships are no {name} of the graph.", _REBUILD
                )
        left, text, same = properties(edges.rows, "start", "end")
        cypher = _WRITE_EDGES.replace("START", start).replace("FINISH", end)
        cypher = cypher.replace("TYPE", schema.relationship(edges.type).type).replace("PROPERTIES", text)
        self._write(cypher, {"batch": batch, "load": load_id, "rows": rows(left), "same": same})

    def remove_edges(self, type: str, source: str) -> int:
        rule, removed = schema.relationship(type), 0
        for label in rule.start:
            self._write(_REMOVE_EDGES.replace("START", label).replace("TYPE", rule.type), {"source": source})
            removed += self._changed("relationships_deleted")
        return removed

    def remove_nodes(self, label: str, ids: list[str]) -> int:
        self._write(schema.cypher(_REMOVE_NODES, LABEL=label), {"ids": ids})
        return self._changed("nodes_deleted")

    def write_vectors(self, label: str, of: str, vectors: pl.DataFrame) -> None:
        unknown = vectors.height - self._present(schema.label(label), vectors["id"].to_list())
        if unknown:
            raise EngineError(f"{self.folder}: {unknown} vectors are of no {label} of the graph.", _REBUILD)
        for part in vectors.select("id", "vector").iter_slices(_AT_ONCE):
            self._write(schema.cypher(_WRITE_VECTORS, LABEL=label), {"rows": part.to_dicts(), "of": of})

    def remove_vectors(self, label: str, of: str) -> int:
        there = int(self._read(schema.cypher(_OF, LABEL=label), {"of": of})["count"][0])
        if there:
            self._write(schema.cypher(_REMOVE_VECTORS, LABEL=label), {"of": of})
        return there

    def nearest(self, label: str, of: str, vector: np.ndarray, k: int) -> pl.DataFrame:
        found = self._read(schema.cypher(_VECTORS, LABEL=label), {"of": of})
        return nearest(found["id"], np.array(found["vector"]), vector, k)

    def run(self, text: str, params: Mapping[str, Any], timeout_s: float | None = None) -> pl.DataFrame:
        return table(self.lists(text, params, timeout_s))

    def lists(self, text: str, params: Mapping[str, Any], timeout_s: float | None = None) -> dict[str, list[Any]]:
        check_read_only(text)
        timeout = TIMEOUT_S if timeout_s is None else timeout_s
        try:
            found = self._open().cypher(text, parameters(params), timeout_ms=max(1, int(timeout * 1000)))
            return {name: plain(values) for name, values in found.items()}
        except EngineFailure as error:
            if error.kind == "timeout":
                raise EngineError(
                    f"{self.folder}: the query took longer than {timeout:g} s and was stopped.",
                    "ask for less: fewer hops, a LIMIT, or a WHERE on the first pattern",
                ) from error
            if error.kind == "gone":
                raise EngineError(f"{self.folder}: {error}.", "run it again") from error
            raise InputError("the query cannot be run", "query", fix=str(error).splitlines()[0]) from error

    def indexes(self) -> list[Index]:
        found = [(unique, self._read(text, {})) for unique, text in ((True, _CONSTRAINTS), (False, _INDEXES))]
        return indexes(found)

    def save(self) -> None:
        self._writer()
        if not self._unsaved:
            return
        self._checkpoint()
        with atomic_path(self._saved) as fresh:
            try:
                os.link(self._file, fresh)
            except OSError:  # a file system without links
                shutil.copyfile(self._file, fresh)
        self._unsaved = False

    def close(self) -> None:
        # without a save: a reader must not see half a load, and the log keeps what was written
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _created(self, label: str, about: dict[str, Any], nodes: pl.DataFrame) -> bool:
        """New nodes in a quarter of the time that MERGE and SET take; False, and nothing written, where that fails."""
        ids = nodes["id"].to_list()
        if self._present(label, ids) or len(set(ids)) < len(ids):
            return False
        left, text, same = properties(nodes, "id")
        cypher = _NEW_NODES.replace("LABEL", label).replace(", PROPERTIES", f", {text}" if text else "")
        self._unsaved = True
        try:
            self._writer().cypher(cypher, {**about, "rows": rows(left), "same": same}, write=True)
        except EngineFailure as error:  # CREATE refuses a property that no node of the label has had, SET does not
            if error.kind == "refused":
                return False
            raise EngineError(f"{self.folder}: the graph refused a write ({error.kind}).", _WRITE) from error
        self._shorten_log()
        return True

    def _present(self, label: str, ids: list[str]) -> int:
        return int(self._read(_PRESENT.replace("LABEL", label), {"ids": ids})["count"][0])

    def _read(self, text: str, params: dict[str, Any]) -> dict[str, list[Any]]:
        try:
            return self._open().cypher(text, params)
        except EngineFailure as error:
            raise EngineError(f"{self.folder}: the graph could not be read ({error.kind}).", "run it again") from error

    def _write(self, text: str, params: dict[str, Any]) -> None:
        self._unsaved = True
        try:
            self._writer().cypher(text, params, write=True)
        except EngineFailure as error:  # its message may quote an id
            raise EngineError(f"{self.folder}: the graph refused a write ({error.kind}).", _WRITE) from error
        self._shorten_log()

    def _shorten_log(self) -> None:
        """A checkpoint, once the log is long beside the last one."""
        log, there = self._log(), self._file.stat().st_size if self._file.exists() else 0
        if log.exists() and log.stat().st_size > max(_SHORT_LOG, _LOG_PER_CHECKPOINT * there):
            self._checkpoint()

    def _log(self) -> Path:
        return self._file.with_name("graph.kgl-wal")

    def _is_saved(self) -> bool:
        """Whether readers see all that is there: a killed writer may have committed more."""
        log = self._log()
        empty = not log.exists() or log.stat().st_size <= _EMPTY_LOG
        return empty and self._file.exists() and self._saved.exists() and self._file.samefile(self._saved)

    def _checkpoint(self, schema_version: int | None = None) -> None:
        try:
            self._writer().save(schema_version)
        except EngineFailure as error:
            if error.kind == "too large":
                raise EngineError(
                    f"{self.folder}: more relationships than an embedded store can save.", TOO_LARGE
                ) from error
            raise EngineError(f"{self.folder}: the graph cannot be saved ({error.kind}).", _WRITE) from error

    def _changed(self, what: str) -> int:
        return int(self._open().changed()[what])

    def _writer(self) -> Engine:
        if not self.write:
            raise EngineError(f"{self.folder}: this store was opened for reading.", "open it with write=True")
        return self._open()

    def _open(self) -> Engine:
        if self._engine is None:
            raise EngineError(f"{self.folder}: the store is closed.", "open it again")
        return self._engine
