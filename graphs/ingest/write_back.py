"""Write back: a cohort with its patients, a run with what it found, each as one node and what starts at it.

(:Cohort)-[:INCLUDES]->(:Patient), (:Run)-[:RANKS]->(feature), (:Run)-[:PREDICTS]->(:Patient); and where their numbers come
from: (:Run)-[:USED]->(:Cohort)-[:DRAWN_FROM]->(:Load), whose `files` and `sha256` a run keeps of its own, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl
import polars.selectors as cs

from .. import schema
from ..store.protocol import Edges, Nodes, Store
from ..tables.digest import digest
from .write_source import publish

_THERE = """
MATCH (n:LABEL {id: $id}) OPTIONAL MATCH (n)-[x]->() WHERE type(x) <> 'DRAWN_FROM'
RETURN n.content AS content, n.of_runs AS of_runs, count(x) AS edges
"""
_ASIDE = "DRAWN_FROM"
"""No part of a cohort's content: it goes with the load that it leads to, and the cohort stays the same."""
_IDS = "MATCH (n:LABEL) WHERE n.study = $study RETURN n.id AS id"
_NODE = "MATCH (n:LABEL {id: $id}) RETURN properties(n) AS properties"
_STARTS = (
    "MATCH (:LABEL {id: $id})-[x:TYPE]->(n) RETURN labels(n)[0] AS label, n.id AS `end`, properties(x) AS properties"
)
_PRESENT = "MATCH (n:LABEL) WHERE n.id IN $ids RETURN n.id AS id"
_RUNS = "MATCH (r:Run) WHERE r.study = $study RETURN r.name AS name"
_LOADS = "MATCH (:Study {id: $study})-[:LOADED]->(l:Load) RETURN DISTINCT l.id AS id"
_DRAWN = "MATCH (:Cohort {id: $id})-[:DRAWN_FROM]->(l:Load) RETURN l.id AS id"
_HELD = "MATCH (c:Cohort {id: $id})-[i:INCLUDES]->(p:Patient) RETURN p.id AS subject, i.prediction_time AS time"
_COHORT = "MATCH (c:Cohort {id: $id}) RETURN c.content AS content, c.of_runs AS of_runs"
_OF_RUNS = "MATCH (c:Cohort) WHERE c.study = $study AND c.of_runs = true RETURN c.id AS id"
_USERS = "MATCH (r:Run)-[:USED]->(:Cohort {id: $id}) WHERE r.id <> $run RETURN count(r) AS n"
_BATCH = 20_000


def write_back(store: Store, label: str, node: pl.DataFrame, edges: Iterable[Edges]) -> bool:
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
    found = store.run(schema.cypher(_THERE, LABEL=label), {"id": name})
    of_runs = node["of_runs"][0] if "of_runs" in node.columns else None
    if found.rows() == [(content, of_runs, sum(part.rows.height for part in edges))]:
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


def store_run(
    store: Store,
    name: str,
    ranked: pl.DataFrame,
    risks: pl.DataFrame,
    study: str,
    about: Mapping[str, Any] | None = None,
    cohort: tuple[str, pl.DataFrame] | None = None,
) -> bool:
    """Keep a run's findings, one of each name, and what their numbers rest on.

    Args:
        store: open for writing.
        study: whose run it is (`Tables.study`); another study may have one of the same name.
        ranked: biomarkers.csv: layer, feature, effect, importance, rank, stability, q. The score of a rank is the effect,
            and of a task whose effects have no direction the importance.
        risks: subject_id, risk.
        about: properties of the run: learner, metric, value, low, high, seed, versions, study_sha256, and inputs, loads,
            files, sha256, a member a file (`files_read`).
        cohort: id, and the rows (subject_id, prediction_time) that the run was trained on. One that holds others by now
            is not what the run used, and is not said to be.
    Returns: False if these very findings are there already.
    """
    id = f"{study}/{name}"
    predicts = risks.select(start=pl.lit(id), end="subject_id", risk="risk")
    edges = [*_ranks(store, id, ranked), Edges("PREDICTS", "Run", "Patient", predicts)]
    if cohort is not None and _holds(store, *cohort):
        content = store.run(_COHORT, {"id": cohort[0]})["content"][0]
        edges.append(Edges("USED", "Run", "Cohort", pl.DataFrame({"start": id, "end": cohort[0], "content": content})))
    said = {key: value for key, value in (about or {}).items() if value is not None and value != []}
    return write_back(store, "Run", pl.DataFrame([{"id": id, "name": name, "study": study, **said}]), edges)


def draw(store: Store, id: str, study: str) -> bool:
    """(:Cohort)-[:DRAWN_FROM]->(:Load), for every load that the study has now; False if it is so already."""
    loads = sorted(store.run(_LOADS, {"study": study})["id"].cast(pl.String))
    if loads == sorted(store.run(_DRAWN, {"id": id})["id"].cast(pl.String)):
        return False
    source = f"cohort.{id}"
    store.remove_edges(_ASIDE, source)
    store.remove_nodes("Batch", [f"{source}.drawn"])
    if loads:
        rows = pl.DataFrame({"start": id, "end": loads, "source": source})
        store.write_edges(f"{source}.drawn", source, Edges(_ASIDE, "Cohort", "Load", rows))
    publish(store)
    return True


def is_of_runs(store: Store, id: str) -> bool:
    """Whether a cohort is in the graph only because runs drew it, or is not there at all: `clinome cohort` keeps its own."""
    found = store.run(_COHORT, {"id": id})
    return not found.height or bool(found["of_runs"][0])


def _holds(store: Store, id: str, rows: pl.DataFrame) -> bool:
    """Whether the cohort in the graph has these very rows."""
    found = store.lists(_HELD, {"id": id})
    there = sorted(zip(found["subject"], map(str, found["time"]), strict=True))
    return bool(there) and there == sorted((a, str(b)) for a, b in rows.select("subject_id", "prediction_time").rows())


def runs_of(store: Store, study: str) -> list[str]:
    """Names of the study's runs in the graph."""
    return sorted(store.run(_RUNS, {"study": study})["name"].cast(pl.String))


def forget_run(store: Store, study: str, name: str) -> None:
    """Take a run out of the graph, and the cohort that was drawn for it and that no other run used. Killed in between, the
    next call goes on."""
    id = f"{study}/{name}"
    for cohort in store.run(_OF_RUNS, {"study": study})["id"].cast(pl.String):
        if not store.run(_USERS, {"id": cohort, "run": id})["n"][0]:
            forget(store, "Cohort", cohort)
    forget(store, "Run", id)


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
        for id in sorted(store.run(schema.cypher(_IDS, LABEL=label), {"study": study})["id"].cast(pl.String)):
            about, edges = properties(store, label, id), starting(store, label, id)
            if label == "Cohort":
                about["rows"] = sum(part.rows.height for part in edges if part.type != _ASIDE)
                draw(store, id, study)
            node = pl.DataFrame([about])
            content, source = _content(node, edges), f"{label.lower()}.{id}"
            if store.run(schema.cypher(_THERE, LABEL=label), {"id": id})["content"][0] != content:
                store.remove_nodes("Batch", [f"{source}.end"])
                store.write_nodes(f"{source}.end", source, Nodes(label, node.with_columns(content=pl.lit(content))))


def properties(store: Store, label: str, id: str) -> dict[str, Any]:
    """What was kept of a node, without what `write_back` adds to it."""
    found = store.run(schema.cypher(_NODE, LABEL=label), {"id": id})["properties"][0]
    return {name: v for name, v in found.items() if v is not None and name not in ("content", "title", "type")}


def starting(store: Store, label: str, id: str) -> list[Edges]:
    """What starts at a node that was kept, without `source`."""
    edges = []
    for rule in schema.RELATIONSHIPS.values():
        if rule.start == (label,):
            found = store.run(schema.cypher(_STARTS, LABEL=label, TYPE=rule.type), {"id": id})
            for (end,), part in found.partition_by("label", as_dict=True).items() if found.height else ():
                rows = part.select(pl.lit(id).alias("start"), "end").hstack(part["properties"].struct.unnest())
                edges.append(Edges(rule.type, label, str(end), rows.drop("source", strict=False)))
    return edges


def _ranks(store: Store, run: str, ranked: pl.DataFrame) -> Iterator[Edges]:
    """RANKS by the label at which they end; a feature that is no node (a covariate) has none."""
    score = "importance" if ranked.height and ranked["effect"].is_null().all() else "effect"
    rows = ranked.select(
        start=pl.lit(run), end="feature", layer="layer", score=score, rank="rank", stability="stability", q="q"
    )
    ids = rows["end"].unique().to_list()
    for label in sorted(schema.relationship("RANKS").end):  # by label: the id is indexed for each
        there = store.run(schema.cypher(_PRESENT, LABEL=label), {"ids": ids})["id"].cast(pl.String)
        part = rows.filter(pl.col("end").is_in(there.implode()))
        if part.height:
            yield Edges("RANKS", "Run", label, part)


def _content(node: pl.DataFrame, edges: list[Edges]) -> str:
    """A hash of what is kept, whatever its name, its order and the types of its columns, and for whom it was drawn."""
    parts = [digest(node.drop("id", "name", "of_runs", strict=False))]
    ends = sorted({(part.type, part.end_label) for part in edges if part.type != _ASIDE})
    for type, label in ends:
        rows = [part.rows.drop("start") for part in edges if (part.type, part.end_label) == (type, label)]
        whole = pl.concat(rows, how="diagonal_relaxed").with_columns(cs.float().fill_nan(None))  # NaN is not kept
        parts.append(f"{type} {label} {digest(whole)}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
