"""Exactly-once writing of a source's nodes and relationships, in batches: a killed load goes on where it was.

A load is a node, (:Load {id, source, state}): "writing" from before its first batch, "complete" after its last,
"removing" while another load of the same source takes its place. Whatever the moment of a kill, the states tell what
is left to do, and every step can be done twice. Of knowledge, which studies share, whoever comes first writes a load,
whoever comes later uses it (graphs/ingest/studies.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import polars as pl

from .. import schema
from ..store.protocol import Edges, Nodes, Store
from ..tables.files_read import files_read
from ..tables.source_spec import restore
from ..tables.study_tables import Tables
from .batches import cut, write_all
from .merge_nodes import merged, others, said
from .relationships import edges
from .studies import attach, detach, enlist, loads_of, refuse_others, unused

BATCH = 20_000  # rows a transaction: about 0.3 s and 40 MB

Progress = Callable[[int], None]

_LOADS = """
MATCH (l:Load) WHERE l.source = $source
RETURN l.id AS id, l.state AS state
"""
_UNFINISHED = "MATCH (l:Load) WHERE l.state <> 'complete' RETURN count(l) AS n"
_STOPPED = "MATCH (l:Load) WHERE l.state <> 'complete' RETURN DISTINCT l.source AS source"
_BROUGHT = "MATCH (n:LABEL) WHERE $source IN n.sources RETURN n.id AS id"
_DATA = tuple(label for label in schema.LABELS if label not in schema.ACTS)
_FROM_DATA = tuple(r.type for r in schema.RELATIONSHIPS.values() if r.start[0] not in schema.ACTS)


def is_complete(store: Store, tables: Tables, source: str) -> bool:
    """Whether the graph holds exactly the load of the source that the tables hold."""
    load_id = tables.load_of(source)
    return _states(store, tables, source) == {load_id: "complete"} and loads_of(store, tables, source) == [load_id]


def publish(store: Store) -> bool:
    """Let readers see what is there, unless some load is in the middle: they never see half of one.

    Returns: whether they see it.
    """
    whole = bool(store.run(_UNFINISHED, {})["n"][0] == 0)
    if whole:
        store.save()
    return whole


def stopped(store: Store) -> list[str]:
    """Sources whose loads were stopped in the middle, by their names in the graph."""
    return sorted(store.run(_STOPPED, {})["source"].cast(pl.String))


def write_source(store: Store, tables: Tables, source: str, progress: Progress = lambda rows: None) -> None:
    """Bring the graph to what the tables say of this source; goes on where a killed load was.

    Args:
        progress: called with the number of rows after every batch.
    Raises: EngineError if the store refuses, InputError if another study has the same patients here.
    """
    if is_complete(store, tables, source):
        publish(store)  # it may have been killed just before that
        return
    brought = {label: found for label in tables.labels(source) if (found := tables.nodes(source, label)) is not None}
    refuse_others(store, tables, source, brought)
    load_id, states = tables.load_of(source), _states(store, tables, source)
    if states and (states.get(load_id) not in ("writing", "complete") or len(states) > 1):
        clear(store, tables, tables.name_of(source), stays=source)
        states = {}
    enlist(store, tables)
    if load_id not in states:
        _write_load(store, tables, source, "writing")
    attach(store, tables, source, load_id)
    if states.get(load_id) != "complete":
        _write_rows(store, tables, source, brought, progress)
        _write_load(store, tables, source, "complete")
    for load in loads_of(store, tables, source):
        if load != load_id:
            detach(store, tables, load)
    sweep(store, tables)
    publish(store)


def _write_rows(
    store: Store, tables: Tables, source: str, brought: Mapping[str, pl.DataFrame], progress: Progress
) -> None:
    """Every node and relationship of the source that is not there yet."""
    record, load_id, strangers = tables.record(source), tables.load_of(source), others(store, tables)
    done = store.batches(load_id)
    for label, found in brought.items():
        for part in found["id"].to_frame().iter_slices(BATCH):
            for nodes in merged(tables, label, part["id"], beside=said(store, label, part["id"], strangers)):
                _write_nodes(store, load_id, nodes, done)
            progress(part.height)
    known = replace(tables.read(source), source=tables.name_of(source))
    plan = edges(known, restore(record), load_id, bool(record["sampled"]))
    write_all(store, load_id, _batches(plan, load_id, done, progress), progress)


def clear(store: Store, tables: Tables, name: str, stays: str = "") -> None:
    """Take what a source wrote out of the graph: its relationships, its nodes that no other source brings, its loads.

    Nodes that others bring too get the properties that those give them.
    Args:
        name: the source's, in the graph.
        stays: nodes that this source's tables bring now stay as they are, because they are written anew next.
    """
    own = f"clearing {name}"  # batches of this step: gone before and after, for all of it may be done twice
    store.remove_nodes("Batch", sorted(store.batches(own)))
    loads = store.run(_LOADS, {"source": name})["id"].to_list()
    if loads:
        going = pl.DataFrame({"id": loads, "source": name, "section": _section(name), "state": "removing"})
        store.write_nodes(f"{own}/loads", own, Nodes("Load", going))
    for type in _FROM_DATA if loads else ():
        store.remove_edges(type, name)
    strangers = others(store, tables)
    for label in _DATA:
        ids = store.run(schema.cypher(_BROUGHT, LABEL=label), {"source": name})["id"].cast(pl.String)
        again = tables.nodes(stays, label) if stays else None
        if again is not None:
            ids = ids.filter(~ids.is_in(again["id"].implode()))
        for part in ids.sort().to_frame("id").iter_slices(BATCH):
            left = merged(tables, label, part["id"], name, said(store, label, part["id"], strangers, name))
            for nodes in left:
                _write_nodes(store, own, nodes, set())
            kept = {one for nodes in left for one in nodes.rows["id"]}
            store.remove_nodes(label, [one for one in part["id"] if one not in kept])
    for load in (*loads, own):
        store.remove_nodes("Batch", sorted(store.batches(load)))
    store.remove_nodes("Load", loads)  # last: while they are there, this is done again


def sweep(store: Store, tables: Tables) -> None:
    """Take out the knowledge that no study uses any more."""
    for load in unused(store):
        clear(store, tables, load)


def _states(store: Store, tables: Tables, source: str) -> dict[str, str]:
    """The loads in the graph that bear the source's name, and how far each is."""
    found = store.run(_LOADS, {"source": tables.name_of(source)})
    return dict(found.select("id", "state").iter_rows())


def _section(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0]


def _write_load(store: Store, tables: Tables, source: str, state: str) -> None:
    """The load's own node: what was loaded, from which files, and how far it is."""
    record, load_id = tables.record(source), tables.load_of(source)
    checksum = hashlib.sha256(json.dumps(record["checksums"], sort_keys=True).encode()).hexdigest()
    about = {key: record[key] for key in ("section", "layer", "kind", "clock")}
    about |= {"source": tables.name_of(source), "schema_version": schema.VERSION}
    rows = {f"rows_{what}": count for what, count in record["tally"].items()}
    read = files_read(tables, source)
    about |= {"files": [one["file"] for one in read], "sha256": [one["sha256"] for one in read]} if read else {}
    row = {"id": load_id, "state": state, "checksum": checksum, **about, **rows}
    store.write_nodes(f"{load_id}/{state}", load_id, Nodes("Load", pl.DataFrame([row])))


def _write_nodes(store: Store, load_id: str, nodes: Nodes, done: set[str]) -> None:
    """The batch is named by the nodes in it: how merging cuts them may change between a kill and the next start."""
    names = hashlib.sha256("\0".join(nodes.rows["id"]).encode()).hexdigest()[:16]
    batch = f"{load_id}/{nodes.label}/{names}"
    if batch not in done:
        store.write_nodes(batch, load_id, nodes)


def _batches(plan: Iterator[Edges], load_id: str, done: set[str], progress: Progress) -> Iterator[tuple[str, Edges]]:
    """What is not there yet, by name: a number that the plan alone gives."""
    for n, batch in enumerate(part for found in plan for part in cut(found, BATCH)):
        name = f"{load_id}/{n}"
        if name not in done:
            yield name, batch
        else:
            progress(batch.rows.height)
