"""A node and what starts at it, kept once a name: a cohort with its patients, a run with what it found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import polars as pl
import polars.selectors as cs

from .. import schema
from ..store.fingerprint import digest
from ..store.protocol import Edges, Nodes, Store
from .write_source import publish

_THERE = "MATCH (n:LABEL {id: $id}) OPTIONAL MATCH (n)-[x]->() RETURN n.content AS content, count(x) AS edges"
_IDS = "MATCH (n:LABEL) WHERE n.study = $study RETURN n.id AS id"
_NODE = "MATCH (n:LABEL {id: $id}) RETURN properties(n) AS properties"
_STARTS = (
    "MATCH (:LABEL {id: $id})-[x:TYPE]->(n) RETURN labels(n)[0] AS label, n.id AS `end`, properties(x) AS properties"
)
_BATCH = 20_000


def keep(store: Store, label: str, node: pl.DataFrame, edges: Iterable[Edges]) -> bool:
    """Keep this node and these relationships in place of whatever the node of the same id had.

    Killed in between, the next call goes on: the content's hash is written last.
    Args:
        store: open for writing.
        label: Cohort or Run.
        node: one row: id, name, and properties.
        edges: what starts at it, without `source`.
    Returns: False if all this is there already.
    """
    edges, name = list(edges), str(node["id"][0])
    content = _content(node, edges)
    found = store.run(_THERE.replace("LABEL", schema.label(label)), {"id": name})
    if found.rows() == [(content, sum(part.rows.height for part in edges))]:
        publish(store)  # it may have been killed just before that
        return False
    source = f"{label.lower()}.{name}"
    for type in sorted(r.type for r in schema.RELATIONSHIPS.values() if r.start == (label,)):
        store.remove_edges(type, source)
    store.remove_nodes("Batch", sorted(store.batches(source)))
    store.write_nodes(f"{source}.begin", source, Nodes(label, node))
    for part in edges:
        rows = part.rows.with_columns(source=pl.lit(source))
        for first in range(0, rows.height, _BATCH):
            batch = Edges(part.type, label, part.end_label, rows.slice(first, _BATCH))
            store.write_edges(f"{source}.{part.type}.{part.end_label}.{first}", source, batch)
    store.write_nodes(f"{source}.end", source, Nodes(label, node.with_columns(content=pl.lit(content))))
    publish(store)
    return True


def forget(store: Store, label: str, id: str) -> None:
    """Take the node of this id, and what starts at it, out of the graph. Killed in between, the next call goes on."""
    source = f"{label.lower()}.{id}"
    for type in sorted(r.type for r in schema.RELATIONSHIPS.values() if r.start == (label,)):
        store.remove_edges(type, source)
    store.remove_nodes("Batch", sorted(store.batches(source)))
    store.remove_nodes(label, [id])


def recount(store: Store, study: str) -> None:
    """Cohorts and runs of a study, after patients have left the graph: they are what they would be without them."""
    for label in ("Cohort", "Run"):
        for id in sorted(store.run(_IDS.replace("LABEL", schema.label(label)), {"study": study})["id"].cast(pl.String)):
            about, edges = properties(store, label, id), starting(store, label, id)
            if label == "Cohort":
                about["rows"] = sum(part.rows.height for part in edges)
            node = pl.DataFrame([about])
            content, source = _content(node, edges), f"{label.lower()}.{id}"
            if store.run(_THERE.replace("LABEL", label), {"id": id})["content"][0] != content:
                store.remove_nodes("Batch", [f"{source}.end"])
                store.write_nodes(f"{source}.end", source, Nodes(label, node.with_columns(content=pl.lit(content))))


def properties(store: Store, label: str, id: str) -> dict[str, Any]:
    """What was kept of a node, without what `keep` adds to it."""
    found = store.run(_NODE.replace("LABEL", schema.label(label)), {"id": id})["properties"][0]
    return {name: v for name, v in found.items() if v is not None and name not in ("content", "title", "type")}


def starting(store: Store, label: str, id: str) -> list[Edges]:
    """What starts at a node that was kept, without `source`."""
    edges = []
    for rule in schema.RELATIONSHIPS.values():
        if rule.start == (label,):
            text = _STARTS.replace("LABEL", label).replace("TYPE", schema.relationship(rule.type).type)
            found = store.run(text, {"id": id})
            for (end,), part in found.partition_by("label", as_dict=True).items() if found.height else ():
                rows = part.select(pl.lit(id).alias("start"), "end").hstack(part["properties"].struct.unnest())
                edges.append(Edges(rule.type, label, str(end), rows.drop("source", strict=False)))
    return edges


def _content(node: pl.DataFrame, edges: list[Edges]) -> str:
    """A hash of what is kept, whatever its name, its order and the types of its columns."""
    parts = [digest(node.drop("id", "name"))]
    ends = sorted({(part.type, part.end_label) for part in edges})
    for type, label in ends:
        rows = [part.rows.drop("start") for part in edges if (part.type, part.end_label) == (type, label)]
        whole = pl.concat(rows, how="diagonal_relaxed").with_columns(cs.float().fill_nan(None))  # NaN is not kept
        parts.append(f"{type} {label} {digest(whole)}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
