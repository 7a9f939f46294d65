"""Patient: one person's genes, codes, values and predictions, as a bounded network and a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl

from ...loaders.errors import InputError
from ..schema import EVENT_TYPE, LAYER, cypher
from ..store.protocol import Store
from .around import shares
from .subgraph import ASKED, Subgraph, counted, frame, listed, new

_THERE = "MATCH (p:Patient {id: $id}) RETURN count(p) AS n"
_CODES = """
MATCH (p:Patient {id: $id})-[r:TYPE]->(m)
WITH m, count(r) AS number, max(r.time) AS time, max(r.known_time) AS known_time
OPTIONAL MATCH (:Run)-[k:RANKS]->(m)
WITH m, number, time, known_time, min(k.rank) AS rank
RETURN labels(m)[0] AS label, m.id AS id, coalesce(m.symbol, m.name, m.id) AS name, number, time, known_time, rank
ORDER BY coalesce(rank, 1000000), coalesce(time, $never) DESC, id LIMIT $limit
"""
_GENES = """
MATCH (p:Patient {id: $id})-[r:MUTATED_IN]->(m)
WITH m, count(r) AS number
OPTIONAL MATCH (:Run)-[k:RANKS]->(m)
WITH m, number, min(k.rank) AS rank
RETURN labels(m)[0] AS label, m.id AS id, coalesce(m.symbol, m.name, m.id) AS name, number, rank
ORDER BY coalesce(rank, 1000000), id LIMIT $limit
"""
_VALUES = """
MATCH (p:Patient {id: $id})-[r:TYPE]->(m) WHERE r.z IS NOT NULL
RETURN labels(m)[0] AS label, m.id AS id, coalesce(m.symbol, m.name, m.id) AS name, r.value AS value, r.z AS z, r.layer AS layer
ORDER BY abs(r.z) DESC, id, layer LIMIT $limit
"""
_COUNT = "MATCH (p:Patient {id: $id}) RETURN COUNT { MATCH (p)-[:TYPE]->() } AS n"
_PREDICTED = """
MATCH (r:Run)-[x:PREDICTS]->(p:Patient {id: $id}) RETURN r.id AS id, r.name AS name, x.risk AS risk ORDER BY id LIMIT $limit
"""
_PLACE: dict[str, Any] = {"label": pl.String, "id": pl.String, "name": pl.String}
_SHAPES: dict[str, dict[str, Any]] = {
    "codes": {
        **_PLACE,
        "number": pl.Int64,
        "time": pl.Datetime("us"),
        "known_time": pl.Datetime("us"),
        "rank": pl.Int64,
    },
    "genes": {**_PLACE, "number": pl.Int64, "rank": pl.Int64},
    "values": {**_PLACE, "value": pl.Float64, "z": pl.Float64, "layer": pl.String},
}
ROWS: dict[str, Any] = {
    "relationship": pl.String, **_PLACE, "number": pl.Int64, "value": pl.Float64, "z": pl.Float64, "layer": pl.String,
    "time": pl.Datetime("us"), "known_time": pl.Datetime("us"), "rank": pl.Int64,
}  # fmt: skip
_ASKED = 200  # rows of a kind that are looked at for a place


def check_patient(store: Store, id: str) -> None:
    """Raises: InputError where the graph has no such patient; the id is not quoted."""
    if not store.lists(_THERE, {"id": id})["n"][0]:
        fix = "graph.query('MATCH (p:Patient) RETURN p.id AS id LIMIT 5') shows how they are written"
        raise InputError("this patient is not in the graph", "patient", expected="an id as in the graph", fix=fix)


def patient(store: Store, id: str, limit: int = 60) -> Subgraph:
    """One patient: mutated genes and codes, those first that runs rank, values far from the mean of all, predictions.

    Args:
        limit: nodes at the most; each kind has its share.
    Returns: rows: relationship, label, id, name, number, value, z, layer, time, known_time, rank.
    Raises: InputError for a patient who is not there; the id is not quoted.
    """
    check_patient(store, id)
    drawing = new(limit, 2)
    drawing.node(id, "Patient", id, role=ASKED, size=1.0)
    found = {type: table for type in _types() if (table := _found(store, id, type)).height}
    totals = {type: _number(store, id, type) for type in found}
    predicted = frame(
        store.lists(_PREDICTED, {"id": id, "limit": _ASKED}), id=pl.String, name=pl.String, risk=pl.Float64
    )
    wants = [predicted.height, *(table.height for table in found.values())]
    given = shares(wants, drawing.room)
    rows: list[dict[str, Any]] = []
    for one in predicted.head(given[0]).iter_rows(named=True):
        if drawing.node(one["id"], "Run", one["name"], note=f"predicts a risk of {one['risk']:.3f}"):
            drawing.edge(one["id"], id, "PREDICTS", one["risk"])
            rows.append(
                {"relationship": "PREDICTS", "label": "Run", "id": one["id"], "name": one["name"], "value": one["risk"]}
            )
    for (type, table), share in zip(found.items(), given[1:], strict=True):
        shown = table.head(share)
        for one in shown.iter_rows(named=True):
            if drawing.node(one["id"], one["label"], one["name"], effect=one.get("z"), note=_note(one)):
                drawing.edge(id, one["id"], type, one.get("z"), one.get("number") or 1)
                rows.append({"relationship": type, **one})
    left = {
        type: n
        for type, n in totals.items()
        if n > sum(row.get("number") or 1 for row in rows if row["relationship"] == type)
    }
    if left:
        told = listed((f"{type} {counted(n, 'relationship')} in all" for type, n in left.items()), 10)
        drawing.cut.append(f"Of some kinds only the foremost are shown ({told}).")
    return replace(drawing.finished("One patient", pl.DataFrame(rows, schema=ROWS, strict=False)), measure="z")


def _types() -> list[str]:
    dense = [type for type, _ in LAYER.values() if type not in ("MUTATED_IN", "RESPONDS_TO")]
    return list(dict.fromkeys(["MUTATED_IN", *EVENT_TYPE.values(), *dense]))


def _found(store: Store, id: str, type: str) -> pl.DataFrame:
    """The foremost of one kind."""
    asked: dict[str, Any] = {"id": id, "limit": _ASKED}
    if type == "MUTATED_IN":
        return frame(store.lists(_GENES, asked), **_SHAPES["genes"])
    if type in EVENT_TYPE.values():
        return frame(store.lists(cypher(_CODES, TYPE=type), {**asked, "never": datetime(1, 1, 1)}), **_SHAPES["codes"])
    return frame(store.lists(cypher(_VALUES, TYPE=type), asked), **_SHAPES["values"])


def _number(store: Store, id: str, type: str) -> int:
    return int(store.lists(cypher(_COUNT, TYPE=type), {"id": id})["n"][0])


def _note(one: dict[str, Any]) -> str:
    parts = []
    if one.get("z") is not None:
        parts.append(f"{one['layer']}: z {one['z']:+.2f}")
    if (one.get("number") or 1) > 1:
        parts.append(f"{one['number']:,} times")
    if one.get("time") is not None:
        parts.append(f"last {one['time']:%Y-%m-%d}")
    if one.get("rank") is not None:
        parts.append(f"rank {one['rank']} in a run")
    return ", ".join(parts)
