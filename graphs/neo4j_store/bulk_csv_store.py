"""Bulk CSV store: the ordinary load of a whole study, into files for Neo4j's own import.

The load (graphs/ingest/load_source.py, graphs/ingest/write_source.py) does not know: same sources, same nodes, relationships and loads, so that the
graph is the one that an online load makes, and a later load finds nothing to do.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import polars as pl

from .. import schema
from ..store.embedded import EmbeddedStore
from ..store.protocol import Edges, Index, Nodes, Store
from ..tables.study_tables import Tables
from .bulk_csv_files import Files

IMPORTING = "importing"
"""The state of a load that the files do not hold in full; a load that finds it in a graph writes its source anew."""

_AT_ONCE = 1_000_000  # relationships that wait for more of their kind: small pieces are written slowly
_BATCH = 20_000
_NODES = "MATCH (n:LABEL) RETURN n.id AS id, properties(n) AS p"
_STUDIES = "MATCH (s:Study) RETURN s.id AS study, s.tables AS token"
_LOADED = "MATCH (l:Load) RETURN DISTINCT l.source AS source"
_DONE = "MATCH (:Study)-[x:LOADED]->(l:Load) WHERE l.state = 'complete' RETURN x.name AS source"
_OTHER = """
MATCH (n) WHERE NOT (n:Clinome OR n:Batch OR n:Load OR n:Study) AND NOT coalesce(all(s IN n.sources WHERE s IN $mine), false)
RETURN labels(n)[0] AS label LIMIT 1
"""
_EDGES = """
MATCH (s)-[x:TYPE]->(e)
RETURN labels(s)[0] AS start_label, labels(e)[0] AS end_label, s.id AS start, e.id AS `end`, properties(x) AS p
"""


def may_replace(store: Store, tables: Tables, sources: Iterable[str]) -> bool:
    """Whether a graph holds nothing, or nothing but a part of this study: what a load that was stopped has written.

    Args:
        sources: those that the study names.
    """
    mine = store.run(_LOADED, {})["source"].to_list() + [tables.name_of(source) for source in tables.sources()]
    studies = store.run(_STUDIES, {}).rows()
    return (
        studies in ([], [(tables.study, tables.token)])
        and not set(sources) <= set(store.run(_DONE, {})["source"])
        and store.run(_OTHER, {"mine": mine}).is_empty()
    )


class CsvStore:
    """A store for one load into nothing: data go into CSV files, what Clinome did (schema.ACTS) into a small graph.

    That graph alone is what `run` sees. Of a node that is written several times the last counts, as in any store, so
    nodes wait in memory for `finish()`.

    Args:
        folder: for the files; is there, empty, and its owner's alone.
    Example:
        with CsvStore(folder) as files:
            load_into(study, files, say)
            arguments = files.finish()     # of the import
            files.settle(store)            # after it
    """

    name = "neo4j"
    workers = 1
    retried = 0

    def __init__(self, folder: Path) -> None:
        self.files = Files(folder)
        self._place = Path(tempfile.mkdtemp(prefix="clinome-"))
        self._acts = EmbeddedStore(self._place / "acts.graph", write=True)
        self._nodes: dict[str, list[tuple[str, Nodes]]] = {}  # label -> load, nodes
        self._edges: list[tuple[str, Edges]] = []  # load, relationships of one kind
        self._unsaid: list[tuple[str, Nodes | Edges]] = []  # load, what is written after the import

    def prepare(self) -> None:
        self._acts.prepare()

    def batches(self, load_id: str) -> set[str]:
        return self._acts.batches(load_id)

    def write_nodes(self, batch: str, load_id: str, nodes: Nodes) -> None:
        if nodes.label in schema.ACTS:
            self._acts.write_nodes(batch, load_id, nodes)
        else:
            self._nodes.setdefault(nodes.label, []).append((load_id, nodes))

    def write_edges(self, batch: str, load_id: str, edges: Edges) -> None:
        if edges.start_label in schema.ACTS:
            self._acts.write_edges(batch, load_id, edges)
            return
        held = sum(part.rows.height for _, part in self._edges)
        if self._edges and (held >= _AT_ONCE or _kind(*self._edges[0]) != _kind(load_id, edges)):
            self._flush()
        self._edges.append((load_id, edges))

    def remove_edges(self, type: str, source: str) -> int:
        return self._acts.remove_edges(type, source)

    def remove_nodes(self, label: str, ids: list[str]) -> int:
        return self._acts.remove_nodes(label, ids)

    def run(self, text: str, params: Mapping[str, Any], timeout_s: float | None = None) -> pl.DataFrame:
        return self._acts.run(text, params, timeout_s)

    def lists(self, text: str, params: Mapping[str, Any], timeout_s: float | None = None) -> dict[str, list[Any]]:
        return self._acts.lists(text, params, timeout_s)

    def indexes(self) -> list[Index]:
        return self._acts.indexes()

    def save(self) -> None:
        """Nothing: `finish` writes."""

    def close(self) -> None:
        self._acts.close()
        shutil.rmtree(self._place, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def finish(self) -> list[str]:
        """Write what waits; returns the arguments of `neo4j-admin database import full`, to be run in the folder."""
        self._flush()
        for label, parts in sorted(self._nodes.items()):
            for nodes in _last(label, parts):
                left = self.files.nodes(nodes).rows
                for load_id, of_load in parts if left.height else ():  # the first that brings one writes it again
                    ids = of_load.rows.select("id")
                    self._keep(load_id, Nodes(label, left.join(ids, on="id", how="semi")))
                    left = left.join(ids, on="id", how="anti")
        self._nodes.clear()
        halves = pl.col("id").is_in({load for load, _ in self._unsaid})
        for nodes in self._acted():
            rows = nodes.rows
            if nodes.label == "Load":
                rows = rows.with_columns(state=pl.when(halves).then(pl.lit(IMPORTING)).otherwise("state"))
            self.files.nodes(Nodes(nodes.label, rows))
        for edges in self._acted_on():
            self.files.edges(edges)
        return self.files.arguments()

    @property
    def unsaid(self) -> int:
        """Rows that the files cannot say, once they are finished."""
        return sum(part.rows.height for _, part in self._unsaid)

    def settle(self, store: Store) -> int:
        """Make the imported graph what an online load makes of it: constraints, and what the files could not say.

        Returns: how many rows that were.
        """
        store.prepare()
        for n, (load_id, part) in enumerate(self._unsaid):
            for first in range(0, part.rows.height, _BATCH):
                batch, rows = f"{load_id}/import/{n}/{first}", part.rows.slice(first, _BATCH)
                if isinstance(part, Nodes):
                    store.write_nodes(batch, load_id, Nodes(part.label, rows))
                else:
                    store.write_edges(batch, load_id, Edges(part.type, part.start_label, part.end_label, rows))
        loads = {load for load, _ in self._unsaid}
        for nodes in self._acted():
            for row in nodes.rows.filter(pl.col("id").is_in(loads)).iter_slices(1) if nodes.label == "Load" else ():
                store.write_nodes(f"{row['id'][0]}/import", str(row["id"][0]), Nodes("Load", row))
        store.save()
        return self.unsaid

    def _flush(self) -> None:
        if self._edges:
            load_id, first = self._edges[0]
            rows = pl.concat([part.rows for _, part in self._edges])
            self._keep(load_id, self.files.edges(Edges(first.type, first.start_label, first.end_label, rows)))
        self._edges = []

    def _keep(self, load_id: str, unsaid: Nodes | Edges) -> None:
        if unsaid.rows.height:
            self._unsaid.append((load_id, unsaid))

    def _acted(self) -> Iterator[Nodes]:
        """What Clinome did, but for batches: a complete load needs none."""
        for label in schema.ACTS:
            found = self._acts.run(schema.cypher(_NODES, LABEL=label), {})
            if label != "Batch" and found.height:
                yield Nodes(label, _unpacked(found))

    def _acted_on(self) -> Iterator[Edges]:
        for rule in schema.RELATIONSHIPS.values():
            if set(rule.start) <= set(schema.ACTS):
                found = self._acts.run(_EDGES.replace("TYPE", rule.type), {})
                for (start, end), part in sorted(found.partition_by("start_label", "end_label", as_dict=True).items()):
                    yield Edges(rule.type, str(start), str(end), _unpacked(part.drop("start_label", "end_label")))


def _kind(load_id: str, edges: Edges) -> tuple[object, ...]:
    return load_id, edges.type, edges.start_label, edges.end_label, tuple(edges.rows.schema.items())


def _last(label: str, parts: list[tuple[str, Nodes]]) -> Iterator[Nodes]:
    """Each node as it was written last; those with the same properties together."""
    rows = pl.concat([nodes.rows.select("id") for _, nodes in parts]).with_row_index("row")
    last = rows.select(last=pl.col("row") == pl.col("row").max().over("id"))["last"]
    together: dict[tuple[object, ...], list[pl.DataFrame]] = {}
    first = 0
    for _, nodes in parts:
        kept = nodes.rows.filter(last.slice(first, nodes.rows.height))
        together.setdefault(tuple(kept.schema.items()), []).append(kept)
        first += nodes.rows.height
    for frames in together.values():
        yield Nodes(label, pl.concat(frames))


def _unpacked(found: pl.DataFrame) -> pl.DataFrame:
    """The map `p` as columns; of nodes it holds `id` too."""
    if not isinstance(found["p"].dtype, pl.Struct):  # relationships without properties
        return found.drop("p")
    properties = found["p"].struct.unnest()
    return found.drop("p").hstack(properties.drop(found.columns, strict=False).get_columns())
