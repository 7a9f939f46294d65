"""A study's files into the graph: again, changed, taken out, rebuilt; every row accounted for."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from loadable_study import FILES, SECTIONS, fresh, load, print_of, study

import clinome
from clinome.console import Console
from clinome.graphs.ingest.load_source import load_identity, load_source, rebuild, remove_source
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.fingerprint import fingerprint
from clinome.graphs.store.protocol import Edges
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import read_genes
from clinome.loaders.specs import Omics
from clinome.loaders.tables import Known
from clinome.verbs.loading.load import load_study


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loaded")
    load(study(folder))
    return folder


@pytest.fixture
def here(loaded: Path, tmp_path: Path) -> Path:
    """A copy of the loaded study, to be changed."""
    shutil.copytree(loaded, tmp_path / "here")
    return tmp_path / "here"


def test_every_row_is_read_and_accounted_for(here: Path) -> None:
    tables = Tables(here / "small.tables")
    reports = load(study(here))
    rows = {"patients": 5, "omics.rna": 5, "omics.mut": 5, "records.ehr": 4, "knowledge.sets": 2, "knowledge.ppi": 2}
    assert {source: report.tally.read for source, report in reports.items()} == rows
    for source, report in reports.items():
        tally = report.tally
        assert tally.read == tally.written + tally.merged + tally.rejected
        assert report.rejects.height == tally.rejected, source
        assert tables.read(source).tally == tally
    assert {source: r.tally.rejected for source, r in reports.items() if r.tally.rejected} == {
        "omics.rna": 1, "omics.mut": 1, "records.ehr": 1,
    }  # fmt: skip


def test_rejects_are_all_in_one_file_that_others_cannot_read(here: Path) -> None:
    file = here / "small.tables" / "rejects.csv"
    assert file.stat().st_mode & 0o777 == 0o600
    rejects = pl.read_csv(file)
    assert sorted(rejects["source"]) == ["omics.mut", "omics.rna", "records.ehr"]
    assert rejects["fix"].null_count() == 0
    for private in (here / "small.tables").rglob("rejects.parquet"):
        assert private.stat().st_mode & 0o777 == 0o600


def test_the_second_load_changes_nothing_and_says_so(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = print_of(study(here))
    files = {file: file.read_bytes() for file in (here / "small.tables").rglob("*.parquet")}
    graph = (here / "small.graph" / "saved.kgl").read_bytes()
    reports = load_study(study(here), Console())
    assert not any(report.changed for report in reports)
    said = capsys.readouterr().out.splitlines()
    assert "nothing has changed since the last load" in said
    assert sum("(unchanged)" in line for line in said) == len(SECTIONS)
    assert print_of(study(here)) == before
    assert {file: file.read_bytes() for file in (here / "small.tables").rglob("*.parquet")} == files
    assert (here / "small.graph" / "saved.kgl").read_bytes() == graph


def test_the_same_files_elsewhere_are_the_same_source(here: Path, tmp_path: Path) -> None:
    shutil.move(here, tmp_path / "moved")
    assert not any(report.changed for report in load(study(tmp_path / "moved")).values())


CHANGED = {
    "omics.rna": {"rna": FILES["rna.csv"].replace("-2.5", "2.5").replace("CCC", "DDD")},
    "omics.mut": {"mutations": "patient,gene\np3,DDD\np1,BBB\n"},
    "records.ehr": {"encounters": FILES["encounters.csv"].replace("south", "west").replace("E11.22", "I10")},
    "knowledge.sets": {"sets": "First\tPATHWAY:1\tAAA\nThird\tPATHWAY:3\tDDD\n"},
    "knowledge.ppi": {"ppi": "a\tb\tscore\nAAA\tDDD\t0.5\n"},
}


@pytest.mark.parametrize("source", CHANGED)
def test_a_changed_file_replaces_its_own_rows_and_no_others(here: Path, tmp_path: Path, source: str) -> None:
    before = print_of(study(here))
    reports = load(study(here, **CHANGED[source]))
    assert {name for name, report in reports.items() if report.changed} == {source}
    after = print_of(study(here, **CHANGED[source]))
    assert after != before
    assert after == fresh(tmp_path / "fresh", **CHANGED[source])
    load(study(here))
    assert print_of(study(here)) == before


def test_a_patient_more_and_a_patient_fewer_reach_every_source(here: Path, tmp_path: Path) -> None:
    changed = {"patients": FILES["patients.csv"].replace("p2,61,M", "stranger,33,F")}
    load(study(here, **changed))
    assert print_of(study(here, **changed)) == fresh(tmp_path / "fresh", **changed)
    with clinome.open(study(here, **changed)) as graph:
        assert "p2" not in graph.query("MATCH (p:Patient) RETURN p.id AS id")["id"].to_list()


@pytest.mark.parametrize("source", [name for name in SECTIONS if name != "patients"])
def test_a_source_that_the_study_no_longer_names_is_taken_out(
    here: Path, tmp_path: Path, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    load_study(study(here, without=source), Console())
    assert f"{source}: no longer in the study; removed" in capsys.readouterr().out
    assert print_of(study(here, without=source)) == fresh(tmp_path / "fresh", without=source)
    assert source not in Tables(here / "small.tables").sources()
    rejects = pl.read_csv(here / "small.tables" / "rejects.csv")
    assert source not in rejects["source"].to_list()


def test_a_source_is_removed_and_loaded_again(here: Path) -> None:
    before = print_of(study(here))
    with EmbeddedStore(here / "small.graph", write=True) as store:
        remove_source(store, Tables(here / "small.tables"), "omics.rna")
        with pytest.raises(InputError, match="not loaded"):
            remove_source(store, Tables(here / "small.tables"), "omics.rna")
    assert print_of(study(here)) != before
    assert {name for name, report in load(study(here)).items() if report.changed} == {"omics.rna"}
    assert print_of(study(here)) == before


def test_the_graph_is_rebuilt_from_its_tables(here: Path) -> None:
    before = print_of(study(here))
    for name in FILES:
        (here / name).unlink()
    shutil.rmtree(here / "small.graph")
    with EmbeddedStore(here / "small.graph", write=True) as store:
        rebuild(store, Tables(here / "small.tables"))
        assert fingerprint(store) == before


def test_readers_never_see_half_a_load_and_see_a_killed_one_in_the_end(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, changed = print_of(study(here)), CHANGED["records.ehr"] | CHANGED["omics.rna"]
    whole = EmbeddedStore.write_edges

    def stop(store: EmbeddedStore, batch: str, load_id: str, edges: Edges) -> None:
        whole(store, batch, load_id, edges)
        if edges.type == "DIAGNOSED":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(EmbeddedStore, "write_edges", stop)
        with pytest.raises(KeyboardInterrupt):
            load(study(here, **changed))
    seen = print_of(study(here, **changed))  # with the new rna, without the half of records
    with monkeypatch.context() as patch:
        patch.setattr(EmbeddedStore, "save", lambda store: None)  # killed just before it
        load(study(here, **changed))
    assert print_of(study(here, **changed)) == seen != before
    reports = load(study(here, **changed))
    assert not any(report.changed for report in reports.values())
    assert print_of(study(here, **changed)) not in (seen, before)


def test_a_lost_graph_comes_back_with_the_next_load(here: Path) -> None:
    before = print_of(study(here))
    shutil.rmtree(here / "small.graph")
    assert all(report.changed for report in load(study(here)).values())
    assert print_of(study(here)) == before


def test_lost_tables_come_back_with_the_next_load(here: Path) -> None:
    before = print_of(study(here))
    shutil.rmtree(here / "small.tables")
    load(study(here))
    assert print_of(study(here)) == before
    assert not any(report.changed for report in load(study(here)).values())


def test_the_order_of_sources_that_do_not_need_each_other_does_not_matter(here: Path, tmp_path: Path) -> None:
    made = study(here)
    specs = {spec.source: spec for spec in made.sources()}
    before, tables = print_of(made), Tables(tmp_path / "tables", "small")
    known = Known(None, None, read_genes(here / "genes.tsv"), clock=made.clock)
    with EmbeddedStore(tmp_path / "g", write=True) as store:
        store.prepare()
        load_source(store, tables, specs["patients"], known)
        people = replace(known, subjects=frozenset(["p1", "p2", "p3", "p4"]))
        for source in reversed([name for name in specs if name != "patients"]):
            load_source(store, tables, specs[source], known if source.startswith("knowledge") else people)
        assert fingerprint(store) == before


def test_a_source_without_a_usable_row_is_an_error_and_what_was_there_stays(here: Path) -> None:
    before = print_of(study(here))
    head = FILES["encounters.csv"].splitlines()[0]
    useless = {
        "encounters": f"{head}\nv1,p1,31.02.2019,2019-03-05,north,I10\nv2,nobody,2019-01-01,2019-01-02,north,I10\n"
    }
    with pytest.raises(InputError, match="no row of this source could be used") as refused:
        load(study(here, **useless))
    assert "2 rows read, 2 rejected" in str(refused.value)
    rejects = pl.read_csv(here / "small.tables" / "rejects.csv")
    assert rejects.filter(pl.col("source") == "records.ehr").height >= 2
    assert (here / "small.tables" / "rejects.csv").stat().st_mode & 0o777 == 0o600
    load(study(here))
    assert print_of(study(here)) == before


def test_a_missing_file_is_an_error_that_names_it(here: Path) -> None:
    made = study(here)
    (here / "rna.csv").unlink()
    with pytest.raises(InputError, match=r"rna\.csv"):
        load(made)


def test_a_load_is_known_by_what_its_tables_depend_on(here: Path) -> None:
    made, tables = study(here), Tables(here / "small.tables")
    specs = {spec.source: spec for spec in made.sources()}
    genes = read_genes(here / "genes.tsv")
    known = Known(frozenset(["p1"]), None, genes)

    def identity(source: str, given: Known = known) -> str:
        return load_identity(tables, specs[source], given)

    fewer = replace(known, subjects=frozenset(["p2"]))
    other_genes = replace(known, genes=replace(genes, checksum="another"))
    opaque = replace(known, opaque={"x": "opaque:x"})
    assert len({identity(source) for source in specs}) == len(specs)
    assert identity("omics.rna") != identity("omics.rna", fewer)
    assert identity("knowledge.ppi") == identity("knowledge.ppi", fewer)
    assert identity("patients") == identity("patients", fewer)
    assert identity("knowledge.ppi") != identity("knowledge.ppi", opaque)
    assert identity("omics.rna") == identity("omics.rna", opaque)
    for source in specs:
        assert identity(source) != identity(source, other_genes)
    rna = specs["omics.rna"]
    assert isinstance(rna, Omics)
    assert load_identity(tables, replace(rna, graph=3.0), known) != identity("omics.rna")
    lists = [here / "list.txt", here / "same.txt", here / "other.txt"]
    for file, text in zip(lists, ("p1\n", "p1\n", "p2\n"), strict=True):
        file.write_text(text)
    listed, same, other = (load_identity(tables, replace(rna, profiled=str(file)), known) for file in lists)
    assert listed == same != other
