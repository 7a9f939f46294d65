"""Story of a patient, on both clocks: what happened when, when it was known, what was predicted, who was alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from ...loaders.errors import InputError
from ..query.similar import similar
from ..schema import EVENT_TYPE, cypher
from ..store.protocol import VectorStore
from .patient import check_patient, patient
from .subgraph import Subgraph, counted, frame

_EVENTS = """
MATCH (p:Patient {id: $id})-[r:TYPE]->(m)
RETURN r.time AS time, r.known_time AS known_time, labels(m)[0] AS label, m.id AS id, coalesce(m.name, m.id) AS name,
       r.value AS value, r.unit AS unit, r.text AS text, r.visit AS visit
ORDER BY coalesce(r.known_time, r.time) DESC, id LIMIT $limit
"""
_NUMBER = "MATCH (p:Patient {id: $id}) RETURN COUNT { MATCH (p)-[:TYPE]->() } AS n"
_VISITS = """
MATCH (p:Patient {id: $id})-[:ATTENDED]->(v:Visit)
RETURN v.start_time AS time, v.end_time AS known_time, 'Visit' AS label, v.id AS id, v.kind AS name ORDER BY time, id LIMIT $limit
"""
_PROFILED = """
MATCH (p:Patient {id: $id})-[r:PROFILED]->(:Load)
RETURN DISTINCT r.time AS time, r.known_time AS known_time, 'Sample' AS label, coalesce(r.sample, p.id) AS id, r.layer AS name
ORDER BY name, id LIMIT $limit
"""
_PREDICTED = """
MATCH (r:Run)-[x:PREDICTS]->(p:Patient {id: $id})
OPTIONAL MATCH (c:Cohort)-[i:INCLUDES]->(p) WHERE c.study = r.study
RETURN min(i.prediction_time) AS time, 'Run' AS label, r.id AS id, r.name AS name, x.risk AS value ORDER BY id LIMIT $limit
"""
_OUTCOMES = """
UNWIND $ids AS id MATCH (c:Cohort)-[i:INCLUDES]->(p:Patient {id: id})
RETURN p.id AS id, c.id AS cohort, i.label AS label, i.event AS event, i.duration_days AS days ORDER BY id, cohort
"""
_TIME = pl.Datetime("us")
ROWS: dict[str, Any] = {
    "time": _TIME, "known_time": _TIME, "what": pl.String, "label": pl.String, "id": pl.String, "name": pl.String,
    "value": pl.Float64, "unit": pl.String, "text": pl.String, "visit": pl.String,
}  # fmt: skip
MOST_EVENTS = 1_000
"""Of one kind of event, the last ones."""


def story(store: VectorStore, id: str, limit: int = 60, alike: int = 5) -> Subgraph:
    """One patient's story: rows by when they were known.

    Args:
        limit: nodes of the network. alike: so many similar patients, where there are embeddings.
    Returns: rows: time (when it happened), known_time (when it was known), what, label, id, name, value, unit, text, visit.
        Visits are known when they end. Of `SIMILAR_TO` the value is the cosine, the text the outcomes that cohorts know.
    Raises: InputError for a patient who is not there; the id is not quoted.
    """
    check_patient(store, id)
    found = patient(store, id, limit)
    cut, parts = list(found.cut), []
    for type in EVENT_TYPE.values():
        parts.append(_rows(store, cypher(_EVENTS, TYPE=type), id, type, MOST_EVENTS))
        if parts[-1].height == MOST_EVENTS:
            there = int(store.lists(cypher(_NUMBER, TYPE=type), {"id": id})["n"][0])
            cut.append(f"Of {counted(there, type + ' event')} the last {MOST_EVENTS:,} are told.")
    parts.append(_rows(store, _VISITS, id, "ATTENDED", MOST_EVENTS))
    parts.append(_rows(store, _PROFILED, id, "PROFILED", MOST_EVENTS))
    parts.append(_rows(store, _PREDICTED, id, "PREDICTS", MOST_EVENTS))
    near = _alike(store, id, alike) if alike else pl.DataFrame(schema=ROWS)
    if alike and not near.height:
        cut.append("Nobody similar is told: this patient has no embedding (clinome.write_embeddings).")
    told = pl.concat(parts).with_columns(_at=pl.coalesce("known_time", "time"))
    rows = pl.concat([told.sort("_at", "time", "what", "id", nulls_last=True).drop("_at"), near])
    return replace(found, title="One patient's story", rows=rows, cut=tuple(cut))


def _rows(store: VectorStore, text: Any, id: str, what: str, limit: int) -> pl.DataFrame:
    found = store.lists(text, {"id": id, "limit": limit})
    whole = frame(
        {**found, "what": [what] * len(found["id"])}, **{c: t for c, t in ROWS.items() if c in found or c == "what"}
    )
    return pl.concat([pl.DataFrame(schema=ROWS), whole], how="diagonal").select(list(ROWS))


def _alike(store: VectorStore, id: str, k: int) -> pl.DataFrame:
    """Who is similar, and what became of them as far as a cohort of the graph says."""
    try:
        near = similar(store, "Patient", id, k)
    except InputError:  # no embedding
        return pl.DataFrame(schema=ROWS)
    found = store.lists(_OUTCOMES, {"ids": near["id"].to_list()})
    outcome: dict[str, list[str]] = {}
    for one, cohort, label, event, days in zip(
        *(found[c] for c in ("id", "cohort", "label", "event", "days")), strict=True
    ):
        said = f"label {label}" if label is not None else ""
        said = f"event {event} after {days:.0f} days" if event is not None and days is not None else said
        outcome.setdefault(one, []).append(f"{cohort}: {said}" if said else cohort)
    texts = ["; ".join(dict.fromkeys(outcome.get(one, []))) or None for one in near["id"]]
    rows = near.select(id="id", name="name", value="similarity").with_columns(
        pl.Series("text", texts, dtype=pl.String), what=pl.lit("SIMILAR_TO"), label=pl.lit("Patient")
    )
    return pl.concat([pl.DataFrame(schema=ROWS), rows], how="diagonal").select(list(ROWS))
