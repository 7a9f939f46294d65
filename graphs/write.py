"""A source's nodes and relationships into a store in exactly-once batches: a killed load goes on where it was.

A load is a node, (:Load {id, source, state}): "writing" from before its first batch, "complete" after its last,
"removing" while another load of the same source takes its place. Whatever the moment of a kill, the states tell what
is left to do, and every step can be done twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from . import schema
from .edges import edges
from .merge import merged
from .restore import restore
from .store import Edges, Nodes, Store
from .tables import Tables

BATCH = 20_000  # rows a transaction: about 0.3 s and 40 MB

Progress = Callable[[int], None]

_LOADS = """
MATCH (l:Load) WHERE l.source = $source
RETURN l.id AS id, l.state AS state
"""
_UNFINISHED = "MATCH (l:Load) WHERE l.state <> 'complete' RETURN count(l) AS n"
_BROUGHT = "MATCH (n:LABEL) WHERE $source IN n.sources RETURN n.id AS id"
_DATA = tuple(label for label in schema.LABELS if label not in schema.ACTS)
_FROM_DATA = tuple(r.type for r in schema.RELATIONSHIPS.values() if r.start[0] not in schema.ACTS)


def is_complete(store: Store, source: str, load_id: str) -> bool:
    """Whether the graph holds exactly this load of the source."""
    loads = store.run(_LOADS, {"source": source})
    return loads.select("id", "state").rows() == [(load_id, "complete")]


def publish(store: Store) -> None:
    """Let readers see what is there, unless some load is in the middle: they never see half of one."""
    if store.run(_UNFINISHED, {})["n"][0] == 0:
        store.save()


def write_source(store: Store, tables: Tables, source: str, progress: Progress = lambda rows: None) -> None:
    """Bring the graph to what the tables say of this source; goes on where a killed load was.

    Args:
        progress: called with the number of rows after every batch.
    Raises: EngineError if the store refuses.
    """
    record = tables.record(source)
    load_id = str(record["load_id"])
    loads = dict(store.run(_LOADS, {"source": source}).select("id", "state").iter_rows())
    if loads.get(load_id) == "complete" and len(loads) == 1:
        publish(store)  # it may have been killed just before that
        return
    if loads.get(load_id) != "writing" or len(loads) > 1:
        clear(store, tables, source, stays=True)
        _write_load(store, record, "writing")
    done = store.batches(load_id)
    for label in tables.labels(source):
        found = tables.nodes(source, label)
        assert found is not None
        for part in found["id"].to_frame().iter_slices(BATCH):
            for nodes in merged(tables, label, part["id"]):
                _write_nodes(store, load_id, nodes, done)
            progress(part.height)
    plan = edges(tables.read(source), restore(record), load_id, bool(record["sampled"]))
    for n, batch in enumerate(_batches(plan)):
        name = f"{load_id}/{n}"
        if name not in done:
            store.write_edges(name, load_id, batch)
        progress(batch.rows.height)
    _write_load(store, record, "complete")
    publish(store)


def clear(store: Store, tables: Tables, source: str, stays: bool = False) -> None:
    """Take what a source wrote out of the graph: its relationships, its nodes that no other source brings, its loads.

    Nodes that others bring too get the properties that those give them.
    Args:
        stays: nodes that the source's tables bring now stay as they are, because they are written anew next.
    """
    own = f"clearing {source}"  # batches of this step: gone before and after, for all of it may be done twice
    store.remove_nodes("Batch", sorted(store.batches(own)))
    loads = store.run(_LOADS, {"source": source})["id"].to_list()
    if loads:
        going = pl.DataFrame({"id": loads, "source": source, "state": "removing"})
        store.write_nodes(f"{own}/loads", own, Nodes("Load", going))
    for type in _FROM_DATA if loads else ():
        store.remove_edges(type, source)
    for label in _DATA:
        ids = store.run(_BROUGHT.replace("LABEL", schema.label(label)), {"source": source})["id"].cast(pl.String)
        again = tables.nodes(source, label) if stays else None
        if again is not None:
            ids = ids.filter(~ids.is_in(again["id"].implode()))
        for part in ids.sort().to_frame("id").iter_slices(BATCH):
            shared = merged(tables, label, part["id"], without=source)
            for nodes in shared:
                _write_nodes(store, own, nodes, set())
            kept = {one for nodes in shared for one in nodes.rows["id"]}
            store.remove_nodes(label, [one for one in part["id"] if one not in kept])
    for load in loads:
        store.remove_nodes("Batch", sorted(store.batches(load)))
    store.remove_nodes("Load", loads)
    store.remove_nodes("Batch", sorted(store.batches(own)))


def _write_load(store: Store, record: Mapping[str, Any], state: str) -> None:
    """The load's own node: what was loaded, from which files, and how far it is."""
    load_id = str(record["load_id"])
    checksum = hashlib.sha256(json.dumps(record["checksums"], sort_keys=True).encode()).hexdigest()
    about = {key: record[key] for key in ("source", "section", "layer", "kind", "clock", "schema_version")}
    rows = {f"rows_{what}": count for what, count in record["tally"].items()}
    row = {"id": load_id, "state": state, "checksum": checksum, **about, **rows}
    store.write_nodes(f"{load_id}/{state}", load_id, Nodes("Load", pl.DataFrame([row])))


def _write_nodes(store: Store, load_id: str, nodes: Nodes, done: set[str]) -> None:
    """The batch is named by the nodes in it: how merging cuts them may change between a kill and the next start."""
    names = hashlib.sha256("\0".join(nodes.rows["id"]).encode()).hexdigest()[:16]
    batch = f"{load_id}/{nodes.label}/{names}"
    if batch not in done:
        store.write_nodes(batch, load_id, nodes)


def _batches(plan: Iterator[Edges]) -> Iterator[Edges]:
    for found in plan:
        for rows in found.rows.iter_slices(BATCH):
            if rows.height:
                yield Edges(found.type, found.start_label, found.end_label, rows)
