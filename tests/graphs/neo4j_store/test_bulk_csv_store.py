"""A bulk import makes the graph that an online load makes, and leaves what is there alone if it cannot."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
from bulk_files import read
from command import Clinome
from loadable_study import study
from servers import Server, session, wipe
from small_study import build as build_tables
from small_study import fill
from stores import Stores

import clinome
from clinome.console import SILENT, Console
from clinome.graphs import schema
from clinome.graphs.ingest import estimate as size
from clinome.graphs.ingest.estimate import relationships
from clinome.graphs.ingest.write_source import write_source
from clinome.graphs.neo4j_server.admin import admin
from clinome.graphs.neo4j_server.backup import offline
from clinome.graphs.neo4j_server.bulk_import import build
from clinome.graphs.neo4j_server.home import Home
from clinome.graphs.neo4j_server.jars import jars, java, release
from clinome.graphs.neo4j_server.process import OPENS
from clinome.graphs.neo4j_store.bulk_csv_store import IMPORTING, CsvStore, may_replace
from clinome.graphs.neo4j_store.store import Neo4jStore
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.fingerprint import fingerprint
from clinome.graphs.store.protocol import Edges, Nodes, Store
from clinome.loaders.errors import EngineError, InputError
from clinome.verbs.loading.bulk_import import import_study, write_files
from clinome.verbs.loading.load import _Size, load_into

# a property name that the files cannot hold, line breaks, a lone quote: the patients are then written after the import
PATIENTS = 'patient_id,age,sex,OS (days),note\np1,50,F,10,"a ""b\n"\np2,61,M,,\\\np3,47,F,3,x\np4,NA,M,4,"é\r\n"\n'


@dataclass(frozen=True)
class Lines(Console):
    """Keeps what is said."""

    said: list[str] = field(default_factory=list)

    def __call__(self, line: str = "") -> None:
        self.said.append(line)


@pytest.fixture
def clinome_(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[CsvStore]:
    (tmp_path / "files").mkdir()
    with CsvStore(tmp_path / "files") as opened:
        yield opened


def everything(store: Store) -> list[str]:
    """Every node and relationship, but for batches, in some order of their own."""
    found = []
    for label in set(schema.LABELS) - {"Batch"}:
        text = "MATCH (n:LABEL) RETURN properties(n) AS p".replace("LABEL", label)
        found += [(f"nodes={label}", one) for one in store.run(text, {})["p"].to_list()]
    for type in schema.RELATIONSHIPS:
        text = "MATCH (s)-[x:TYPE]->(e) RETURN s.id AS s, e.id AS e, properties(x) AS p".replace("TYPE", type)
        found += [(f"relationships={type}", {"START_": s, "END_": e, **p}) for s, e, p in store.run(text, {}).rows()]
    return sorted(plain(what, one) for what, one in found)


def plain(what: str, row: Mapping[str, object]) -> str:
    return f"{what} {sorted((k, v) for k, v in row.items() if v is not None and k not in ('title', 'type'))}"


def test_the_files_hold_what_a_load_writes(files: CsvStore, tmp_path: Path) -> None:
    tables = build_tables(tmp_path / "tables", future=1)
    fill(files, tables)
    files.finish()
    assert files.unsaid == 0
    with EmbeddedStore(tmp_path / "some.graph", write=True) as store:
        fill(store, tables)
        assert sorted(plain(what, row) for what, row in read(files.files)) == everything(store)


def test_of_a_node_that_is_written_again_the_last_counts(files: CsvStore) -> None:
    files.prepare()
    for batch, ids, ages in (("1", ["a", "b"], [1, 2]), ("2", ["c"], [3]), ("3", ["b", "c"], [None, 30])):
        rows = pl.DataFrame({"id": ids, "age": ages, "sex": [batch] * len(ids)}, schema_overrides={"age": pl.Int64})
        files.write_nodes(batch, "load", Nodes("Patient", rows))
    files.write_nodes("4", "load", Nodes("Patient", pl.DataFrame({"id": ["a"], "ward": ["north"]})))
    files.finish()
    want: list[dict[str, object]] = [
        {"id": "a", "ward": "north"}, {"id": "b", "sex": "3"}, {"id": "c", "age": 30, "sex": "3"},
    ]  # fmt: skip
    assert sorted(plain("", row) for _, row in read(files.files)) == sorted(plain("", row) for row in want)


def test_a_load_of_which_a_row_cannot_be_said_is_marked(files: CsvStore) -> None:
    files.prepare()
    for load in ("one", "two"):
        files.write_nodes(load, load, Nodes("Load", pl.DataFrame({"id": [load], "state": ["complete"]})))
    files.write_nodes("n", "one", Nodes("Gene", pl.DataFrame({"id": ["g"], "a{b}": ["x"], "symbol": ["G"]})))
    files.write_edges(
        "e",
        "one",
        Edges(
            "INTERACTS_WITH",
            "Gene",
            "Gene",
            pl.DataFrame({"start": ["g"], "end": ["g"], "l": [[]]}, schema_overrides={"l": pl.List(pl.Int64)}),
        ),
    )
    files.finish()
    assert files.unsaid == 2
    found = {row["id"]: row.get("state") for _, row in read(files.files) if "id" in row}
    assert found == {"g": None, "one": IMPORTING, "two": "complete"}


def on(server: Server, folder: Path) -> clinome.Study:
    """The study of test_load.py on this server, with patients that the files of an import cannot say in full."""
    made = study(folder, patients=PATIENTS)
    text = made.file.read_text().replace('store = "small.graph"', f'store = "{server.uri}"')
    made.file.write_text(text)
    return clinome.Study.read(made.file)


def open_graph(server: Server) -> Neo4jStore:
    return Neo4jStore(server.uri, server.user, server.password, write=True)


def load(made: clinome.Study, server: Server) -> list[bool]:
    """Load as `clinome load`; whether each source changed anything."""
    with open_graph(server) as store:
        return [report.changed for report in load_into(made, store, SILENT)]


def print_of(server: Server) -> str:
    with open_graph(server) as store:
        return fingerprint(store)


@pytest.mark.slow
def test_an_import_makes_the_graph_of_an_online_load(server: Server, tmp_path: Path) -> None:
    load(on(server, tmp_path / "online"), server)
    want = print_of(server)
    wipe(server)
    made = on(server, tmp_path / "bulk")
    say = Lines()
    (Home.of(server.folder).path / "import-killed").mkdir()  # what a killed import leaves, with its files
    reports = import_study(made, server.folder, say)
    assert all(report.changed for report in reports)
    assert "3 rows that files cannot say, written one by one" in say.said
    assert print_of(server) == want
    assert not any(load(made, server))
    assert print_of(server) == want
    with open_graph(server) as store:
        rows = store.run("MATCH (p:Patient {id: 'p1'}) RETURN p['OS (days)'] AS days, p.note AS note", {})
        assert rows.rows() == [(10, 'a "b\n')]
    with session(server) as opened:
        constraints = opened.run("SHOW CONSTRAINTS YIELD labelsOrTypes AS labels").value()
    assert sorted(label for labels in constraints for label in labels) == sorted([*schema.LABELS, "Clinome"])
    assert not list(Home.of(server.folder).path.glob("import-*"))
    with pytest.raises(InputError, match="not empty"):
        import_study(made, server.folder, SILENT)
    assert print_of(server) == want


def test_only_what_a_stopped_load_of_the_study_left_may_be_replaced(stores: Stores, tmp_path: Path) -> None:
    mine, other = build_tables(tmp_path / "tables"), build_tables(tmp_path / "other", study="other", namespace="o:")
    for tables in (mine, other):
        tables.claim()
    with stores.open() as store:
        store.prepare()
        assert may_replace(store, mine, mine.sources())
        write_source(store, mine, "patients")
        assert may_replace(store, mine, mine.sources())
        assert not may_replace(store, mine, ["patients"]), "all that the study names is there"
        assert not may_replace(store, other, other.sources()), "it is another study's"
        store.write_nodes("own", "own", Nodes("Gene", pl.DataFrame({"id": ["NCBIGene:1"]})))
        assert not may_replace(store, mine, mine.sources()), "somebody wrote a node of their own"
        store.remove_nodes("Gene", ["NCBIGene:1"])
        store.write_nodes("cohort", "cohort", Nodes("Cohort", pl.DataFrame({"id": ["c"]})))
        assert not may_replace(store, mine, mine.sources()), "a cohort is in no table"


def test_a_large_first_load_says_that_an_import_is_faster(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, first, second = build_tables(tmp_path / "tables"), Lines(), Lines()
    found = sum(relationships(tables, source) for source in tables.sources())
    monkeypatch.setattr(size, "MANY", found // 2)
    with stores.open() as store:
        store.prepare()
        for say in (first, second):
            watch = _Size(store, say)
            for source in tables.sources():
                watch.see(tables, source)
                write_source(store, tables, source)
        count = store.run("MATCH ()-[x]->() WHERE type(x) <> 'LOADED' RETURN count(x) AS n", {})["n"][0]
    assert 0.8 * count < found < 1.2 * count
    assert [len(say.said) for say in (first, second)] == [1, 0]
    assert "clinome neo4j import" in first.said[0]


@pytest.mark.slow
def test_files_alone_go_through_neo4js_own_tool(server: Server, tmp_path: Path) -> None:
    made, folder, home = on(server, tmp_path / "study"), tmp_path / "files", Home.of(server.folder)
    wipe(server)
    load(on(server, tmp_path / "online"), server)
    want = print_of(server)
    write_files(made, folder, SILENT)
    assert folder.stat().st_mode & 0o777 == 0o700
    verb = re.search(r"neo4j-admin (database import full .*)", (folder / "README.txt").read_text())
    assert verb is not None
    with home.held(), offline(home, SILENT):
        which = release(server.version)
        ended = admin(home, java(which), jars(which, SILENT), verb[1].split(), flags=OPENS, where=folder)
        assert ended.returncode == 0
    assert load(made, server) == [True, *[False] * 5], "the patients could not be said in full"
    assert print_of(server) == want
    assert not any(load(made, server))


def test_an_import_that_fails_leaves_the_graph_and_tells_no_id(server: Server, tmp_path: Path) -> None:
    wipe(server)
    with open_graph(server) as store:
        store.prepare()
        store.write_nodes("1", "load", Nodes("Gene", pl.DataFrame({"id": ["g"]})))
    (tmp_path / "a.csv").write_text("id:ID(Patient)\nsecret-1\nsecret-1\n")
    with pytest.raises(EngineError, match="import failed") as failed:
        build(Home.of(server.folder), tmp_path, ["--nodes=Patient=./a.csv"], tmp_path / "new")
    assert "secret" not in str(failed.value)
    with open_graph(server) as store:
        assert store.run("MATCH (n) WHERE NOT n:Clinome AND NOT n:Batch RETURN n.id AS id", {}).rows() == [("g",)]


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("small.graph", "is no server"),
        ("neo4j+s://graph.example:7687", "--csv DIR"),
        ("bolt://127.0.0.1:1", "--csv DIR"),
    ],
)
def test_what_is_no_server_of_ours_is_refused(store: str, words: str, tmp_path: Path, clinome_: Clinome) -> None:
    made = study(tmp_path)
    made.file.write_text(made.file.read_text().replace("small.graph", store))
    ended = clinome_("neo4j", "import", made.file, "--in", tmp_path)
    assert (ended.code, words in ended.err) == (1, True)
    assert not made.tables.exists()


def test_files_do_not_go_among_others(tmp_path: Path, clinome_: Clinome) -> None:
    made = study(tmp_path / "study")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "mine.txt").touch()
    ended = clinome_("neo4j", "import", made.file, "--csv", tmp_path / "files")
    assert (ended.code, "not empty" in ended.err) == (1, True)
    ended = clinome_("neo4j", "import", made.file, "--csv", tmp_path / "new", "--json")
    assert ended.code == 0
    assert json.loads(ended.out.splitlines()[-1])["changed"]
    assert "30 nodes and 42 relationships in files" in ended.out
