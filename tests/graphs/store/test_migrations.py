"""An older graph becomes one of this version, a step at a time, wherever it is stopped; a newer one is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from servers import Server, session, wipe
from stopping import Crash, stopping
from stores import Stores

from clinome.graphs import schema
from clinome.graphs.neo4j_store.store import Neo4jStore
from clinome.graphs.store import migrations
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.kglite_process import Engine
from clinome.graphs.store.migrations import STEPS, Migration
from clinome.graphs.store.protocol import Nodes, Store
from clinome.loaders.errors import EngineError

DATA = Path(__file__).resolve().parents[2] / "data"


def test_there_is_a_step_to_every_version() -> None:
    assert [step.to for step in STEPS] == list(range(2, schema.VERSION + 1))


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_a_graph_of_every_earlier_version_is_brought_here_and_loses_nothing(version: int, tmp_path: Path) -> None:
    """data/versionN.zip: the study of test_load.py as a Clinome of schema version N loaded it; test_upgrade_v1.py loads on."""
    shutil.unpack_archive(DATA / f"version{version}.zip", tmp_path)
    with EmbeddedStore(tmp_path / "small.graph", write=True) as store:
        before = everything(store)
        store.prepare()
        assert everything(store) == before != []
    engine = Engine(tmp_path / "small.graph" / "graph.kgl", write=True)
    assert engine.schema_version == schema.VERSION
    engine.close()


def everything(store: Store) -> list[tuple[Any, ...]]:
    nodes = store.run("MATCH (n) RETURN labels(n)[0] AS label, n.id AS id ORDER BY label, id", {})
    ends = store.run("MATCH (a)-[x]->(b) RETURN type(x) AS type, a.id AS a, b.id AS b ORDER BY type, a, b", {})
    return [*nodes.rows(), *ends.rows()]


def add(what: str) -> Any:
    """A step's change: every patient gets a property more, one in a transaction."""

    def change(store: Store) -> None:
        store.remove_nodes("Batch", sorted(store.batches("migrating")))
        rows = store.run("MATCH (p:Patient) RETURN properties(p) AS p ORDER BY p.id", {})["p"].struct.unnest()
        for row in rows.iter_slices(1):
            done = row.with_columns(
                trace=pl.concat_str("trace", pl.lit(what)) if what not in row["trace"][0] else "trace"
            )
            store.write_nodes(f"migrating/{row['id'][0]}", "migrating", Nodes("Patient", done))
        store.remove_nodes("Batch", sorted(store.batches("migrating")))

    return change


def age(stores: Stores, version: int | None) -> None:
    """Say in a graph that another version wrote it."""
    if stores.server is not None:
        with session(stores.server) as opened:
            opened.run("MATCH (c:Clinome {id: 'schema'}) SET c.version = $version", version=version).consume()
    else:
        engine = Engine(stores.folder / "contract.graph" / "graph.kgl", write=True)
        engine.save(version)
        engine.close()
        shutil.copy(stores.folder / "contract.graph" / "graph.kgl", stores.folder / "contract.graph" / "saved.kgl")


def traces(store: Store) -> list[str]:
    return list(store.run("MATCH (p:Patient) RETURN p.trace AS trace ORDER BY p.id", {})["trace"])


@pytest.fixture
def old(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    """A store of version 1 with two patients, and a Clinome of version 4."""
    with stores.open() as store:
        store.prepare()
        rows = pl.DataFrame({"id": ["a", "b"], "trace": ["1", "1"]})
        store.write_nodes("1", "load", Nodes("Patient", rows))
        store.save()
    age(stores, 1)
    steps = (Migration(2, add("2")), Migration(3, None), Migration(4, add("4")))
    with monkeypatch.context() as changed:
        changed.setattr(migrations, "STEPS", steps)
        changed.setattr(schema, "VERSION", 4)
        yield stores
    age(stores, schema.VERSION)


def test_steps_go_in_order_and_once(old: Stores) -> None:
    for _ in range(2):
        with old.open() as store:
            store.prepare()
            store.prepare()
            assert traces(store) == ["124", "124"]
            store.save()


def test_an_older_graph_does_only_the_steps_that_it_lacks(old: Stores) -> None:
    age(old, 3)
    with old.open() as store:
        store.prepare()
        assert traces(store) == ["14", "14"]


def test_files_of_an_older_clinome_make_an_older_graph(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """`clinome neo4j import --csv` long ago: nothing but its loads says which version wrote them."""
    changed: list[int] = []
    monkeypatch.setattr(
        migrations, "STEPS", (Migration(2, lambda store: changed.append(2)), Migration(3, lambda store: None))
    )
    for version, steps in ((3, []), (1, [2])):
        wipe(server)
        with session(server) as opened:
            opened.run("CREATE (:Load {id: 'l', schema_version: $version})", version=version).consume()
        with monkeypatch.context() as newer:
            newer.setattr(schema, "VERSION", 3)
            with Neo4jStore(server.uri, server.user, server.password, write=True) as store:
                store.prepare()
                store.prepare()
        assert changed == steps
    wipe(server)


@pytest.mark.parametrize("after", [False, True])
def test_stopped_anywhere_a_migration_goes_on(old: Stores, after: bool) -> None:
    crashes = 0
    for at in (1, 2, 3, 5, 8):  # each goes on where the one before was stopped
        with old.open() as store, stopping(store, at, after), suppress(Crash):
            crashes += 1
            store.prepare()
            crashes -= 1
    assert crashes >= 3
    with old.open() as store:
        store.prepare()
        assert traces(store) == ["124", "124"]
        assert store.batches("migrating") == set()


def test_a_newer_graph_is_refused_for_reading_and_writing(old: Stores) -> None:
    age(old, 5)
    for write in (True, False):
        with pytest.raises(EngineError, match=r"schema version 5, this Clinome knows 4\. Fix: update Clinome"):
            old.open(write=write)
    age(old, 1)
