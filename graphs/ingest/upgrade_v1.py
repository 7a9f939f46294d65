"""Upgrade from schema version 1, which knew one study a graph: taken over by the study whose tables hold it.

There sources, cohorts and runs went by bare names (omics.rna); here they go by STUDY/NAME. The tables know everything
that the graph needs, so no file is read again. Every step can be done twice; the old loads go last, and while they are
there the next load goes on from here.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from .. import schema
from ..store.protocol import Store
from ..tables.study_tables import Tables
from .merge_nodes import merged
from .write_back import properties, starting, write_back
from .write_source import BATCH

_OLD = """
MATCH (l:Load) WHERE NOT l.source CONTAINS '/' AND NOT l.source CONTAINS '@'
RETURN l.id AS id, l.source AS source
"""
_BROUGHT = "MATCH (n:LABEL) WHERE any(s IN n.sources WHERE s IN $old) RETURN n.id AS id"
_KEPT = "MATCH (n:LABEL) WHERE n.study IS NULL RETURN n.id AS id, properties(n) AS properties"
_WORK = "adopting"  # as the version before called it: what it left when it was killed is found by this


def is_old(store: Store, tables: Tables) -> bool:
    """Whether the graph holds this study as an older Clinome wrote it."""
    mine = {str(tables.record(source)["load_id"]) for source in tables.sources()}
    return not mine.isdisjoint(store.run(_OLD, {})["id"].cast(pl.String))


def upgrade_v1(store: Store, tables: Tables) -> bool:
    """Bring what bears bare names under the study's, if this study's tables are where it came from.

    Returns: whether there was anything; the sources' relationships are then gone, and the load that follows writes them.
    """
    if not is_old(store, tables):
        return False
    old = store.run(_OLD, {}).cast(pl.String)
    store.remove_nodes("Batch", sorted(store.batches(_WORK)))
    names = sorted(set(old["source"]))
    for label in (*schema.ENTITIES, *schema.SHARED):
        _rename_nodes(store, tables, label, names)
    for label in ("Cohort", "Run"):
        _rename_kept(store, tables, label)
    for type, rule in schema.RELATIONSHIPS.items():
        for name in names if rule.start[0] not in schema.ACTS else ():
            store.remove_edges(type, name)
    for load in old["id"]:
        store.remove_nodes("Batch", sorted(store.batches(load)))
    store.remove_nodes("Batch", sorted(store.batches(_WORK)))
    store.remove_nodes("Load", old["id"].to_list())
    return True


def _rename_nodes(store: Store, tables: Tables, label: str, old: list[str]) -> None:
    """Nodes as the tables describe them, and none that the tables do not know; what the study kept of them stays."""
    ids = store.run(schema.cypher(_BROUGHT, LABEL=label), {"old": old})["id"].cast(pl.String)
    for n, part in enumerate(ids.sort().to_frame("id").iter_slices(BATCH)):
        found = merged(tables, label, part["id"])
        for k, nodes in enumerate(found):
            store.write_nodes(f"{_WORK}/{label}/{n}/{k}", _WORK, nodes)
        known = {one for nodes in found for one in nodes.rows["id"]}
        store.remove_nodes(label, [one for one in part["id"] if one not in known])


def _rename_kept(store: Store, tables: Tables, label: str) -> None:
    """Cohorts and runs under their new ids, with what starts at them."""
    for old in store.run(schema.cypher(_KEPT, LABEL=label), {})["id"].cast(pl.String):
        id, about = f"{tables.study}/{old}", properties(store, label, old)
        new = [replace(part, rows=part.rows.with_columns(start=pl.lit(id))) for part in starting(store, label, old)]
        write_back(store, label, pl.DataFrame([{**about, "id": id, "name": old, "study": tables.study}]), new)
        store.remove_nodes("Batch", sorted(store.batches(f"{label.lower()}.{old}")))
        store.remove_nodes(label, [old])
