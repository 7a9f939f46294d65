"""Fingerprint: what a graph holds, as one hash: equal contents, equal print, whatever the store and the history."""

from __future__ import annotations

import hashlib

import polars as pl

from .. import schema
from ..tables.digest import digest
from .protocol import Store

OWN_TIME = (
    "seconds", "created", "started", "finished", "time", "checksum", "tables", "place", "versions", "study_sha256",
    "loads", "files", "sha256",
)  # fmt: skip
"""Properties of Study, Cohort, Run and Load that say when, where and how, and not what (a checksum is of an encoding;
knowledge that several studies share was read from the files of whoever came first)."""

_BY_RUNS = ("SIMILAR_TO",)
"""Between nodes that are data, and yet what a run says."""

_NOT_OURS = ("title", "type")
"""Properties that the embedded engine may add by itself; Clinome writes none of these names."""

_NODE_KEYS = "MATCH (n:LABEL) UNWIND keys(n) AS key RETURN DISTINCT key AS key"
_NODES = "MATCH (n:LABEL) RETURN n.id AS `end`"
_EDGE_KEYS = "MATCH ()-[n:TYPE]->() UNWIND keys(n) AS key RETURN DISTINCT key AS key"
_EDGES = """
MATCH (s)-[n:TYPE]->(e)
RETURN labels(s)[0] AS start_label, s.id AS start, labels(e)[0] AS end_label, e.id AS `end`
"""


def fingerprint(store: Store, provenance: bool = True) -> str:
    """SHA-256 over every node and relationship but Batch, as sorted canonical rows.

    Left out are the ids of runs and when something was done. 1 and 1.0 are equal; so are 0.0 and -0.0.
    Args:
        provenance: False leaves out what Clinome did too (studies, loads, cohorts, runs, and what ends there): two graphs of
            the same contents are then equal, whatever files they were loaded from.
    Returns: 64 hex digits.
    """
    total, acts = hashlib.sha256(), {"Batch"} if provenance else set(schema.ACTS)
    for label in sorted(set(schema.LABELS) - acts):
        left_out = (*(OWN_TIME if label in schema.ACTS else ()), *(("id", "name") if label == "Run" else ()), "embedding_of")  # fmt: skip
        rows = _rows(store, _NODE_KEYS, _NODES, ("LABEL", schema.label(label)), left_out)
        total.update(f"node {label} {digest(rows.drop('end'))}\n".encode())
    for type in sorted(schema.RELATIONSHIPS):
        ends = {*schema.relationship(type).start, *schema.relationship(type).end}
        if not provenance and (ends & acts or type in _BY_RUNS):
            continue
        rows = _rows(store, _EDGE_KEYS, _EDGES, ("TYPE", schema.relationship(type).type), ())
        if schema.relationship(type).start == ("Run",):
            rows = rows.drop("start", ".source", strict=False)
        elif type in _BY_RUNS:
            rows = rows.drop(".source", strict=False)
        total.update(f"relationship {type} {digest(rows)}\n".encode())
    return total.hexdigest()


def _rows(store: Store, keys: str, text: str, place: tuple[str, str], left_out: tuple[str, ...]) -> pl.DataFrame:
    """All rows of one label or type, a column a property; each property is named by a parameter."""
    found = store.run(keys.replace(*place), {})["key"].cast(pl.String)
    names = sorted(set(found) - {*left_out, *_NOT_OURS})
    columns = "".join(f", n[$k{i}] AS p{i}" for i in range(len(names)))
    params = {f"k{i}": name for i, name in enumerate(names)}
    rows = store.run(text.replace(*place).rstrip() + columns, params)
    return rows.rename({f"p{i}": f".{name}" for i, name in enumerate(names)})
