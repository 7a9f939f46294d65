"""A store that an older Clinome wrote becomes one of today, without its files, wherever it is stopped.

data/version1.zip is the study of test_load.py with a cohort and a run, as the commit "Requirements for the second
store, its server and saved models" (schema version 1) loaded it.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from stopping import Crash, stopping

import clinome
from clinome.console import SILENT, Console
from clinome.graph import cohort_of
from clinome.graphs.ingest.load_source import rebuild
from clinome.graphs.ingest.studies import enter
from clinome.graphs.ingest.upgrade_v1 import upgrade_v1
from clinome.graphs.ingest.write_back import store_run
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.fingerprint import fingerprint
from clinome.graphs.store.protocol import Store
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError
from clinome.verbs.cohort import keep
from clinome.verbs.loading.load import load_study

RANKED = pl.DataFrame(
    {"layer": ["rna", "sets"], "feature": ["NCBIGene:1", "PATHWAY:2"], "effect": [1.0, 0.5], "rank": [1, 2],
     "stability": [1.0, 0.5], "q": [0.1, None]}
)  # fmt: skip
RISKS = pl.DataFrame({"subject_id": ["p1", "p2"], "risk": [0.25, 0.75]})


@pytest.fixture
def old(tmp_path: Path) -> clinome.Study:
    """A study whose graph has schema version 1."""
    shutil.unpack_archive(Path(__file__).resolve().parents[2] / "data" / "version1.zip", tmp_path / "old")
    return clinome.Study.read(tmp_path / "old")


def print_of(made: clinome.Study) -> str:
    with clinome.open(made) as graph:
        return graph.fingerprint()


@pytest.fixture
def want(old: clinome.Study, tmp_path: Path) -> str:
    """The fingerprint of the same study, loaded today into an empty graph."""
    (tmp_path / "new").mkdir()
    for file in old.folder.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path / "new" / file.name)
    file = tmp_path / "new" / "study.toml"
    file.write_text(file.read_text().replace("p.sex AS label", "p.sex = 'M' AS label"))  # the alphabet said so then
    made = clinome.Study.read(tmp_path / "new")
    load_study(made, SILENT)
    with clinome.open(made) as graph:
        cohort = cohort_of(graph)
    keep(made, replace(cohort, query=cohort.query.replace("p.sex = 'M' AS label", "p.sex AS label")))
    with EmbeddedStore(Path(made.store), write=True) as store:
        store_run(store, "first", RANKED, RISKS, "small")
        store.remove_edges(
            "DRAWN_FROM", "cohort.small/small"
        )  # of before it was noted nobody knows what was loaded then
        return fingerprint(store)


def take_over(store: Store, tables: Tables, folder: Path) -> None:
    store.prepare()
    enter(store, tables, "study.toml", folder)
    upgrade_v1(store, tables)
    rebuild(store, tables)


def test_an_old_store_becomes_what_a_fresh_load_makes(
    old: clinome.Study, want: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = load_study(old, Console())
    assert "of an older Clinome" in capsys.readouterr().out
    assert print_of(old) == want
    assert all(report.tally.read for report in reports)
    load_study(old, Console())
    said = capsys.readouterr().out
    assert "nothing has changed since the last load" in said
    assert "older" not in said
    with clinome.open(old) as graph:
        loads = set(graph.query("MATCH (b:Batch) RETURN DISTINCT b.load AS load")["load"])
        tables = graph.tables
        mine = {tables.load_of(source) for source in tables.sources()}
        assert loads == mine | {"study small", "cohort.small/small", "run.small/first"}


@pytest.fixture
def undisturbed(old: clinome.Study, tmp_path: Path) -> str:
    """The fingerprint of what the old tables make: they say by midnight when what lasts a day was known."""
    shutil.copytree(old.folder, tmp_path / "undisturbed")
    made = clinome.Study.read(tmp_path / "undisturbed")
    with EmbeddedStore(Path(made.store), write=True) as store:
        take_over(store, Tables(made.tables, made.name), Path(made.store))
        return fingerprint(store)


def test_the_old_files_are_not_needed(old: clinome.Study, undisturbed: str) -> None:
    with clinome.open(old) as graph:
        before = dict(graph.query("MATCH ()-[r]->() RETURN type(r) AS type, count(*) AS n").to_numpy())
    for name in ("patients.csv", "rna.csv", "mutations.csv", "encounters.csv", "sets.gmt", "ppi.tsv", "genes.tsv"):
        (old.folder / name).unlink()
    with EmbeddedStore(Path(old.store), write=True) as store:
        take_over(store, Tables(old.tables, old.name), Path(old.store))
        assert fingerprint(store) == undisturbed
        after = dict(store.run("MATCH ()-[r]->() RETURN type(r) AS type, count(*) AS n", {}).rows())
    assert all(after[type] == n for type, n in before.items())


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_stopped_anywhere_it_goes_on(old: clinome.Study, undisturbed: str, tmp_path: Path, after: bool) -> None:
    for at in (1, 3, 6, 9, 12, 15, 20, 25, 30, 40, 50, 70, 90):
        shutil.copytree(old.folder, tmp_path / str(at))
        folder = tmp_path / str(at) / "small.graph"
        tables = Tables(tmp_path / str(at) / "small.tables", "small")
        with EmbeddedStore(folder, write=True) as store, stopping(store, at, after), pytest.raises(Crash):
            take_over(store, tables, folder)
        with EmbeddedStore(folder, write=True) as store:
            take_over(store, tables, folder)
            assert fingerprint(store) == undisturbed, f"stopped at write {at}"
            left = set(store.run("MATCH (b:Batch) RETURN DISTINCT b.load AS load", {})["load"])
            assert not {load for load in left if load.startswith(("adopting", "clearing"))}


def test_another_study_does_not_take_it(old: clinome.Study, tmp_path: Path) -> None:
    """It holds patients of the same ids; it would have to give its own a prefix."""
    text = (old.folder / "study.toml").read_text().replace('name = "small"', 'name = "other"')
    (old.folder / "other.toml").write_text(text)
    before = print_of(old)
    with pytest.raises(InputError, match=r'namespace = "other:"'):
        load_study(clinome.Study.read(old.folder / "other.toml"), SILENT)
    with EmbeddedStore(Path(old.store), write=True) as store:
        store.remove_nodes("Study", ["other"])
        assert fingerprint(store) == before
