"""Several studies in one graph: who is in it, what each has loaded, whose the patients are, what is nobody's any more.

(:Study)-[:LOADED]->(:Load). A study's own sources go by STUDY/SOURCE in the graph, so that two never meet; knowledge
goes by its content (Tables.name_of): studies that load the same of it have one load of it between them, which is taken
out when the last of them lets go.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from ...loaders.errors import InputError
from .. import schema
from ..store.protocol import Edges, Nodes, Store
from ..tables.study_tables import Tables, read_owner
from .merge_nodes import others

_STUDY = "MATCH (s:Study {id: $study}) RETURN s.tables AS token, s.place AS place"
_LOADED = "MATCH (:Study {id: $study})-[x:LOADED]->(l:Load) WHERE x.name = $source RETURN DISTINCT l.id AS id"
_USES = "MATCH (:Study {id: $study})-[x:LOADED]->(:Load {id: $load}) RETURN count(x) AS n"
_USERS = "MATCH (:Study)-[x:LOADED]->(:Load {id: $load}) RETURN count(x) AS n"
_LEFT = "MATCH (:Study {id: $study})-[x:LOADED]->() RETURN count(x) AS n"
_KEPT = "MATCH (n:LABEL) WHERE n.study = $study RETURN count(n) AS n"
_UNUSED = """
MATCH (l:Load) WHERE l.section = 'knowledge' AND NOT EXISTS { MATCH (:Study)-[:LOADED]->(l) }
RETURN l.id AS id
"""
_TAKEN = """
UNWIND $ids AS i MATCH (n:LABEL {id: i}) WHERE any(s IN n.sources WHERE s IN $others)
RETURN n.sources AS sources
"""
_PART = 20_000  # ids a question


def enter(store: Store, tables: Tables, where: str, beside: Path | None = None, load_id: str = "") -> None:
    """Let a study into the graph under its name, if no other study has it there; its tables note whose they are.

    Args:
        where: the study file, for messages.
        beside: the folder of an embedded store: it and the tables may move together. None: a server.
        load_id: the load of the study's first source as its files are now. If the graph holds it, and these tables
            hold nothing, then they were lost, and the study is the one that is there.
    Raises: InputError if another study has this name, or the same study is loaded from a copy of its tables.
    """
    there = _find(store, tables)
    place = os.path.relpath(tables.folder.resolve(), beside.resolve()) if beside else str(tables.folder.resolve())
    if there is not None and there[0] != tables.token:
        lost = not tables.token and not tables.sources() and load_id
        ids = [f"{tables.study}/{load_id}"] if lost else []
        if store.run("MATCH (l:Load) WHERE l.id IN $ids RETURN count(l) AS n", {"ids": ids})["n"][0] == 0:
            raise InputError(
                "another study of this name is in this graph", where, tables.study, "a name of its own",
                'give one of them another name = "…"; if the tables were lost or moved, put them back',
            )  # fmt: skip
    if there is not None and there[0] == tables.token and there[1] != place:
        old = (beside / there[1] if beside else Path(there[1])).resolve()
        if old != tables.folder.resolve() and read_owner(old) == (tables.study, tables.token):
            raise InputError(
                "this graph holds the study from another folder of tables", where, tables.folder.name, there[1],
                'a copy of a study is a study of its own: give it another name = "…" and new tables',
            )  # fmt: skip
    tables.claim()
    if there != (tables.token, place):
        _write(store, tables, place)


def check_entered(store: Store, tables: Tables) -> None:
    """Raises: InputError if the graph does not hold this study: its tables would be asked of other people's patients."""
    there = _find(store, tables)
    if there is None or there[0] != tables.token:
        raise InputError("this graph does not hold the study", tables.study, fix="run `clinome load` on it first")


def is_entered(store: Store, tables: Tables) -> bool:
    """Whether the graph holds a study of this name."""
    return _find(store, tables) is not None


def enlist(store: Store, tables: Tables) -> None:
    """The study's own node, if `enter` has not been asked to make it."""
    if _find(store, tables) is None:
        _write(store, tables, "")


def leave(store: Store, tables: Tables) -> None:
    """Take the study's own node out, if nothing of the study is left in the graph."""
    params = {"study": tables.study}
    kept = [store.run(schema.cypher(_KEPT, LABEL=label), params)["n"][0] for label in ("Cohort", "Run")]
    if not any(kept) and store.run(_LEFT, params)["n"][0] == 0:
        store.remove_nodes("Study", [tables.study])
        store.remove_nodes("Batch", sorted(store.batches(_own(tables))))


def loads_of(store: Store, tables: Tables, source: str) -> list[str]:
    """Ids of the loads that the study has of this source: one, or two while one takes the other's place."""
    return sorted(store.run(_LOADED, {"study": tables.study, "source": source})["id"].cast(pl.String))


def attach(store: Store, tables: Tables, source: str, load: str) -> None:
    """(:Study)-[:LOADED]->(:Load), once."""
    if store.run(_USES, {"study": tables.study, "load": load})["n"][0]:
        return
    row = {"start": tables.study, "end": load, "name": source, "source": f"{tables.study}/{load}"}
    batch = f"{_own(tables)}/{load}"
    store.remove_nodes("Batch", [batch])  # of an earlier time
    store.write_edges(batch, _own(tables), Edges("LOADED", "Study", "Load", pl.DataFrame([row])))


def detach(store: Store, tables: Tables, load: str) -> None:
    """The study uses this load no more."""
    store.remove_edges("LOADED", f"{tables.study}/{load}")
    store.remove_nodes("Batch", [f"{_own(tables)}/{load}"])


def is_used(store: Store, load: str) -> bool:
    """Whether any study uses this load."""
    return bool(store.run(_USERS, {"load": load})["n"][0])


def unused(store: Store) -> list[str]:
    """Loads of knowledge that no study uses any more."""
    return sorted(store.run(_UNUSED, {})["id"].cast(pl.String))


def refuse_others(store: Store, tables: Tables, source: str, nodes: Mapping[str, pl.DataFrame]) -> None:
    """Patients, visits and samples are one study's: ids that another has here are refused before anything is written.

    Args:
        nodes: label -> the nodes that the source brings, with `id`.
    """
    strangers = others(store, tables)
    for label in schema.ENTITIES if strangers else ():
        ids = nodes[label]["id"] if label in nodes else pl.Series([], dtype=pl.String)
        taken, whose = 0, set()
        for part in ids.to_frame("id").iter_slices(_PART):
            params = {"ids": part["id"].to_list(), "others": strangers}
            found = store.run(schema.cypher(_TAKEN, LABEL=label), params)["sources"].to_list()
            taken += len(found)
            whose |= {name.partition("/")[0] for sources in found for name in sources if name in strangers}
        if taken:
            raise InputError(
                f"ids of {label} nodes that another study has in this graph ({', '.join(sorted(whose))})", source,
                f"{taken:,} of {ids.len():,}", "ids of this study's own",
                f'put a prefix before them: [patients] namespace = "{tables.study}:"',
            )  # fmt: skip


def _find(store: Store, tables: Tables) -> tuple[str, str] | None:
    """Token and place of the study of this name in the graph."""
    for token, place in store.run(_STUDY, {"study": tables.study}).rows():
        return token or "", place or ""
    return None


def _write(store: Store, tables: Tables, place: str) -> None:
    own, batch = _own(tables), f"{_own(tables)}/itself"
    store.remove_nodes("Batch", [batch])
    row = {"id": tables.study, "name": tables.study, "tables": tables.token, "place": place}
    store.write_nodes(batch, own, Nodes("Study", pl.DataFrame([row])))


def _own(tables: Tables) -> str:
    """The batches of the study itself."""
    return f"study {tables.study}"
