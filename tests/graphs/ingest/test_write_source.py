"""Sources into the graph: the second time nothing, a changed one its own rows only, an interrupted one goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_study import EVENT, build, fill, save

from clinome.graphs import schema
from clinome.graphs.ingest import write_source as write
from clinome.graphs.ingest.load_source import remove_source
from clinome.graphs.ingest.nodes import nodes
from clinome.graphs.ingest.relationships import edges
from clinome.graphs.ingest.write_source import clear, is_complete, write_source
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.fingerprint import fingerprint
from clinome.graphs.store.protocol import Edges, Nodes
from clinome.graphs.tables.source_spec import about
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.specs import Omics, Patients, Records
from clinome.loaders.tables import REJECTS, Loaded, Tally

RECORDS = Records((Path("ehr.csv"),), name="ehr")


class Crash(Exception):
    """The power went."""


class Fragile(EmbeddedStore):
    """A store that fails at the n-th write, before or after it is committed; and counts writes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, write=True)
        self.fails_at, self.after, self.writes = -1, False, 0

    def _counted(self, work: Callable[[], Any]) -> Any:
        self.writes += 1
        if self.writes == self.fails_at and not self.after:
            raise Crash
        done = work()
        if self.writes == self.fails_at:
            raise Crash
        return done

    def write_nodes(self, batch: str, load_id: str, nodes: Nodes) -> None:
        self._counted(lambda: super(Fragile, self).write_nodes(batch, load_id, nodes))

    def write_edges(self, batch: str, load_id: str, edges: Edges) -> None:
        self._counted(lambda: super(Fragile, self).write_edges(batch, load_id, edges))

    def remove_edges(self, type: str, source: str) -> int:
        return int(self._counted(lambda: super(Fragile, self).remove_edges(type, source)))

    def remove_nodes(self, label: str, ids: list[str]) -> int:
        return int(self._counted(lambda: super(Fragile, self).remove_nodes(label, ids)))


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return build(tmp_path / "tables", patients=12)


def fresh(tables: Tables, folder: Path) -> str:
    """The fingerprint of an undisturbed load of these tables into an empty graph."""
    shutil.rmtree(folder, ignore_errors=True)
    with EmbeddedStore(folder, write=True) as store:
        fill(store, tables)
        return fingerprint(store)


def change_records(tables: Tables, keep: int) -> None:
    """A new load of the records: fewer events and visits, one visit moved to another ward, one patient new."""
    old = tables.read("records.ehr")
    assert old.events is not None
    assert old.visits is not None
    visits = old.visits.head(keep).with_columns(ward=pl.lit("changed"))
    events = pl.concat([old.events.head(keep), old.events.head(1).with_columns(subject_id=pl.lit("newcomer"))])
    loaded = Loaded("records.ehr", Tally(1, 1, 0, 0), pl.DataFrame(schema=REJECTS), events=events, visits=visits, clock="dated")  # fmt: skip
    record = {**about(RECORDS), "files": {}, "sampled": False}
    tables.save(loaded, f"changed-{keep}", record, nodes(loaded, RECORDS))


def everything(store: EmbeddedStore) -> list[tuple[Any, ...]]:
    text = "MATCH (n) RETURN labels(n)[0] AS label, n.id AS id"
    return sorted(store.run(text, {}).rows())


def test_what_is_written_once_is_not_written_again(tables: Tables, tmp_path: Path) -> None:
    with Fragile(tmp_path / "g") as store:
        fill(store, tables)
        before, writes = fingerprint(store), store.writes
        for source in tables.sources():
            assert is_complete(store, tables, source)
            write_source(store, tables, source)
        assert store.writes == writes
        assert fingerprint(store) == before


def test_all_rows_of_the_tables_are_in_the_graph(tables: Tables, tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "g", write=True) as store:
        fill(store, tables)
        for label in ("Patient", "Visit", "Gene", "Pathway", "Diagnosis", "LabTest", "Code", "MethylationSite"):
            brought = [found["id"] for s in tables.sources() if (found := tables.nodes(s, label)) is not None]
            got = store.run("MATCH (n:LABEL) RETURN n.id AS id".replace("LABEL", schema.label(label)), {})["id"]
            assert sorted(got) == sorted(pl.concat(brought).unique()), label
        events = tables.read("records.ehr").events
        assert events is not None
        text = (
            "MATCH (p:Patient)-[x:DIAGNOSED|PRESCRIBED|MEASURED|HAD]->(c) WHERE x.source = 'study/records.ehr' "
            "RETURN p.id AS subject_id, c.id AS code, x.time AS time, x.known_time AS known_time, "
            "x.value AS numeric_value, x.visit AS visit_id"
        )
        table = store.run(text, {})
        assert sorted(table.rows(), key=str) == sorted(events.select(table.columns).rows(), key=str)


def test_a_changed_source_replaces_its_own_rows_only(tables: Tables, tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "g", write=True) as store:
        fill(store, tables)
        others = "MATCH (p:Patient)-[x]->(n) WHERE x.source <> 'study/records.ehr' RETURN id(x) AS id, x.source AS s"
        before = sorted(store.run(others, {}).rows())
        change_records(tables, keep=5)
        write_source(store, tables, "records.ehr")
        assert sorted(store.run(others, {}).rows()) == before
        assert fingerprint(store) == fresh(tables, tmp_path / "h")
        wards = store.run("MATCH (v:Visit) RETURN v.ward AS ward", {})["ward"]
        assert wards.to_list() == ["changed"] * 5


def test_there_and_back_again_is_the_same(tables: Tables, tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "g", write=True) as store:
        fill(store, tables)
        first = fingerprint(store)
        change_records(tables, keep=3)
        write_source(store, tables, "records.ehr")
        assert fingerprint(store) != first
        build(tables.folder, patients=12)
        for source in tables.sources():
            write_source(store, tables, source)
        assert fingerprint(store) == first


@pytest.mark.parametrize("source", ["records.ehr", "patients", "knowledge.sets", "omics.rna"])
def test_a_cleared_source_leaves_what_the_others_brought(tables: Tables, tmp_path: Path, source: str) -> None:
    with EmbeddedStore(tmp_path / "g", write=True) as store:
        fill(store, tables)
        name = tables.name_of(source)
        clear(store, tables, name)
        gone = fingerprint(store)
        tables.remove(source)
        assert gone == fresh(tables, tmp_path / "h")
        assert store.run("MATCH (l:Load) WHERE l.source = $s RETURN l.id AS id", {"s": name}).is_empty()


def test_clearing_everything_leaves_nothing(tables: Tables, tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "g", write=True) as store:
        fill(store, tables)
        for source in tables.sources():
            remove_source(store, tables, source)
        assert everything(store) == []


def test_the_order_of_sources_does_not_matter(tables: Tables, tmp_path: Path) -> None:
    forwards = fresh(tables, tmp_path / "g")
    with EmbeddedStore(tmp_path / "h", write=True) as store:
        store.prepare()
        for source in reversed(tables.sources()):
            write_source(store, tables, source)
        assert fingerprint(store) == forwards


def test_the_size_of_batches_does_not_matter(tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = fresh(tables, tmp_path / "g")
    monkeypatch.setattr(write, "BATCH", 9)
    assert fresh(tables, tmp_path / "h") == large


def test_a_first_load_that_stops_anywhere_goes_on(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "BATCH", 25)
    with Fragile(tmp_path / "whole") as store:
        fill(store, tables)
        want, writes = fingerprint(store), store.writes
    for number, at in enumerate((1, 2, writes // 2, writes)):
        with Fragile(tmp_path / str(at)) as store:
            stop_and_go_on(store, tables, at, after=number % 2 == 1, want=want)


def test_a_changed_load_that_stops_anywhere_goes_on(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clearing of the old load is hit too, and so is the clearing that goes on."""
    monkeypatch.setattr(write, "BATCH", 25)
    with Fragile(tmp_path / "old") as store:
        fill(store, tables)
        store.save()
    shutil.copytree(tmp_path / "old", tmp_path / "whole")
    change_records(tables, keep=7)
    want = fresh(tables, tmp_path / "fresh")
    with Fragile(tmp_path / "whole") as store:
        fill(store, tables)
        assert fingerprint(store) == want
        writes = store.writes
    moments = [*range(1, writes, 5), writes]
    for number, at in enumerate(moments):
        shutil.copytree(tmp_path / "old", tmp_path / str(at))
        with Fragile(tmp_path / str(at)) as store:
            stop_and_go_on(store, tables, at, after=number % 2 == 1, want=want)


def stop_and_go_on(store: Fragile, tables: Tables, at: int, after: bool, want: str) -> None:
    """Stop at this write; go on, stop at the third write; go on to the end."""
    for more in (at, 3):
        store.fails_at, store.after = store.writes + more, after
        with pytest.raises(Crash):
            fill(store, tables)
            raise Crash  # what was left was shorter than that
    store.fails_at = -1
    fill(store, tables)
    assert fingerprint(store) == want, f"stopped at write {at}"
    assert store.run("MATCH (l:Load) WHERE l.state <> 'complete' RETURN l.id AS id", {}).is_empty()
    loads = {tables.load_of(source) for source in tables.sources()} | {"study study"}
    assert set(store.run("MATCH (b:Batch) RETURN DISTINCT b.load AS load", {})["load"]) == loads


def test_a_node_has_what_all_its_sources_say_whichever_came_first(tmp_path: Path) -> None:
    tables = Tables(tmp_path / "tables")
    people = pl.DataFrame({"subject_id": ["a", "b"], "age": [50, None], "ward": ["x", None]})
    save(tables, Patients((Path("patients.csv"),)), patients=people, clock=None)
    events = pl.DataFrame(
        [("a", None, "ICD10CM:A", None, None, None, None, None, "records.ehr")], schema=EVENT, orient="row"
    )
    save(tables, RECORDS, events=events, clock="relative")
    prints = []
    for order in (("patients", "records.ehr"), ("records.ehr", "patients")):
        with EmbeddedStore(tmp_path / order[0], write=True) as store:
            store.prepare()
            for source in order:
                write_source(store, tables, source)
            text = "MATCH (p:Patient) RETURN p.id AS id, p.age AS age, p.clock AS clock, p.sources AS s ORDER BY id"
            assert store.run(text, {}).rows() == [
                ("a", 50, "relative", ["study/patients", "study/records.ehr"]), ("b", None, None, ["study/patients"]),
            ]  # fmt: skip
            prints.append(fingerprint(store))
    assert prints[0] == prints[1]


def test_progress_counts_every_row(tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "BATCH", 10)
    told: list[int] = []
    with EmbeddedStore(tmp_path / "g", write=True) as store:
        store.prepare()
        write_source(store, tables, "records.ehr", told.append)
        visits, events = tables.read("records.ehr").visits, tables.read("records.ehr").events
        brought = [tables.nodes("records.ehr", label) for label in tables.labels("records.ehr")]
        assert visits is not None
        assert events is not None
        rows = sum(found.height for found in brought if found is not None) + visits.height + events.height
        assert sum(told) == rows
        assert max(told) == 10


def test_batches_are_cut_the_same_way_every_time(tables: Tables) -> None:
    spec = Omics((Path("rna.csv"),), name="rna", kind="expression")
    plans = [list(edges(tables.read("omics.rna"), spec, "l", False)) for _ in range(2)]
    for one, other in zip(*plans, strict=True):
        assert one.rows.equals(other.rows)
        assert all(a <= b for a, b in pairwise(one.rows["start"]))
