"""`clinome remove`: what is named is gone wherever it was, everything else is as if it had never been there."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from removal_study import (
    FILES,
    RANKED,
    WHO,
    data,
    folders,
    here,
    loaded,
    never_had,
    places,
    print_of,
    removed,
    study,
    whole,
)

import clinome
from clinome.console import SILENT, Console
from clinome.graphs.ingest.write_back import store_run
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.fingerprint import fingerprint
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError, UsageError
from clinome.loaders.files.spreadsheet_csv import read_csv, write_csv
from clinome.run_folder.run import Run
from clinome.verbs.cohort import take_cohort
from clinome.verbs.loading.load import load_study

__all__ = ["here", "loaded"]  # fixtures


def without(text: str) -> str:
    """A source file as if the patient had never been in it."""
    lines = [line for line in text.splitlines() if WHO not in line]
    return "\n".join(lines) + "\n"


def test_a_patient_is_gone_and_the_rest_is_as_if_never_there(here: clinome.Study, tmp_path: Path) -> None:
    assert {"the graph", "small.tables/rejects.csv"} < set(places(here, WHO))
    removed(here, "patient", WHO)
    assert list(places(here, WHO)) == []
    assert "secret" not in (here.tables / "rejects.csv").read_text()
    assert print_of(here) == never_had(here, tmp_path / "never", "final")
    meth = "name,p1,p3\ncg01,0.1,0.3\ncg02,0.2,0.1\n"
    files = {name.split(".")[0]: without(text) for name, text in FILES.items() if name != "meth.csv"}
    files["encounters"] = "\n".join(line for line in files["encounters"].splitlines() if "secret" not in line) + "\n"
    others = study(tmp_path / "others", meth=meth, **files)
    whole(others, "final")
    assert data(here) == data(others)
    assert not any("E11" in row for row in data(here)["Diagnosis"])  # a code that only they had


def test_no_load_brings_the_patient_back_and_the_rows_add_up(
    here: clinome.Study, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {r.source: r.tally for r in load_study(here, SILENT)}
    removed(here, "patient", WHO)
    gone = print_of(here)
    reports = load_study(here, Console())
    assert "nothing has changed since the last load" in capsys.readouterr().out
    assert print_of(here) == gone
    for report in reports:
        assert report.tally.read == before[report.source].read
        assert report.tally.rejected >= before[report.source].rejected
    (here.folder / "patients.csv").write_text(FILES["patients.csv"] + "p5,33,F\n")
    (here.folder / "encounters.csv").write_text(FILES["encounters.csv"].replace("north", "west"))
    assert any(report.changed for report in load_study(here, SILENT))
    assert list(places(here, WHO)) == []
    reasons = pl.read_csv(here.tables / "rejects.csv").filter(pl.col("expected") == "nobody who was removed")
    assert set(reasons["source"]) == {"patients", "samples", "omics.rna", "omics.meth", "omics.mut", "records.ehr"}
    assert set(reasons["got"]) == {""}


@pytest.mark.parametrize("more", ['namespace = "x:"', "pseudonymise = true", 'namespace = "x:"\npseudonymise = true'])
def test_by_the_files_id_or_the_graphs(more: str, tmp_path: Path) -> None:
    """The namespace and the pseudonym are the study's own; either name of a patient will do."""
    made = study(tmp_path / "study", more)
    whole(made)
    with clinome.open(made) as graph:
        ages = graph.query("MATCH (p:Patient) RETURN p.id AS id, p.age AS age")
    of = {str(age): str(id) for id, age in zip(ages["id"], ages["age"], strict=True)}
    removed(made, "patient", WHO, of["47.0"])
    with clinome.open(made) as graph:
        left = graph.query("MATCH (p:Patient) RETURN p.id AS id")["id"].to_list()
    assert sorted(left) == sorted({*of.values()} - {of["47.0"], of["61.0"]})
    for id in (WHO, of["47.0"], of["61.0"]):
        assert list(places(made, id)) == []
    assert not any(report.changed for report in load_study(made, SILENT))
    removed(made, "patient", of["61.0"])  # again, by the name that only the graph knew
    removed(made, "patient", WHO)


def test_runs_that_held_the_patient_say_so(here: clinome.Study, capsys: pytest.CaptureFixture[str]) -> None:
    folders(here, "final", "other")
    other = Run.of(here, "other")
    for name in ("cohort.parquet", "predictions.parquet", "snapshot/rows.parquet"):
        table = pl.read_parquet(other.folder / name)
        table.filter(pl.col("subject_id") != WHO).write_parquet(other.folder / name)
    kept = {path: path.read_bytes() for path in other.folder.rglob("*") if path.is_file()}
    removed(here, "patient", WHO, console=Console())
    said = capsys.readouterr().out
    assert "runs/final held them" in said
    assert "runs/other" not in said
    assert WHO not in said
    run = Run.of(here, "final")
    for name in ("cohort.parquet", "predictions.parquet"):
        assert pl.read_parquet(run.folder / name)["subject_id"].to_list() == ["p1", "p3", "p4"]
    assert not (run.folder / "snapshot").exists()
    assert run.read_json("results.json") == {"learners": {}}
    assert not run.done("train", "key")
    assert {path: path.read_bytes() for path in other.folder.rglob("*") if path.is_file()} == kept
    assert list(places(here, WHO)) == []


@pytest.mark.parametrize("who", ["-7731", "=A1", "+TWO", "@TWO"])
def test_ids_that_spreadsheets_would_compute_are_found_in_csv_files(here: clinome.Study, who: str) -> None:
    run = Run.of(here, "final")
    file = run.path("predictions.csv")
    write_csv(pl.DataFrame({"subject_id": ["p1", who], "score": [0.5, 0.25]}), file)
    assert run.without([who], here.name)
    assert read_csv(file)["subject_id"].to_list() == ["p1"]


def test_where_a_file_is_gone_or_changed_the_tables_are_cut(
    here: clinome.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("patients.csv", "mutations.csv", "meth.csv", "encounters.csv"):
        (here.folder / name).rename(tmp_path / name)
    (here.folder / "samples.csv").write_text("changed")
    removed(here, "patient", WHO, console=Console())
    said = capsys.readouterr().out
    assert said.count("they are out of its tables") == 5
    assert list(places(here, WHO)) == []
    cut = data(here)
    study(here.folder)
    load_study(here, SILENT)
    take_cohort(here, SILENT)  # it says from which loads it was drawn
    assert print_of(here) == never_had(here, tmp_path / "never", "final")
    assert data(here) == cut


def test_a_source_that_held_nobody_else_goes_with_the_patient(here: clinome.Study) -> None:
    (here.folder / "encounters.csv").write_text(
        f"encounter_id,patient_id,admitted,discharged,ward,diag\nv1,{WHO},2019-01-01,2019-01-05,north,I10\n"
    )
    load_study(here, SILENT)
    removed(here, "patient", WHO)
    assert list(places(here, WHO)) == []
    assert "records.ehr" not in Tables(here.tables).sources()


def test_an_unknown_patient_is_refused_and_not_quoted(here: clinome.Study) -> None:
    before = print_of(here)
    with pytest.raises(InputError, match="1 of 2 ids") as refused:
        removed(here, "patient", WHO, "nobody-9")
    assert WHO not in str(refused.value)
    assert "nobody-9" not in str(refused.value)
    assert print_of(here) == before
    assert not (here.tables / "removed.json").exists()


def test_ids_may_come_from_standard_input(here: clinome.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{WHO}\n\n  p1 \n"))
    removed(here, "patient", "-")
    with clinome.open(here) as graph:
        assert sorted(graph.query("MATCH (p:Patient) RETURN p.id AS id")["id"]) == ["p3", "p4"]
    assert (here.tables / "removed.json").stat().st_mode & 0o777 == 0o600
    assert sorted(json.loads((here.tables / "removed.json").read_text())) == ["key", "removed"]


def test_one_id_may_be_a_patients_and_anothers_sample(tmp_path: Path) -> None:
    """Patient 1's sample is called 2, patient 2's is called 1: whoever goes, the other stays whole."""
    samples = "sample_id,patient_id\n2,1\n1,2\n"
    made = study(
        tmp_path / "study", patients="patient_id,age,sex\n1,50,F\n2,60,M\n", samples=samples.replace("\n", ",a\n").replace("id,a", "id,plate"),
        rna="id,AAA,BBB\n1,1.0,2.0\n2,3.0,4.0\n", meth="name,1,2\ncg01,0.5,0.6\n", mutations="patient,gene\n1,AAA\n2,BBB\n",
        encounters="encounter_id,patient_id,admitted,discharged,ward,diag\nv1,1,2019-01-01,2019-01-05,n,I10\nv2,2,2019-01-01,2019-01-05,n,I10\n",
    )  # fmt: skip
    whole(made)
    removed(made, "patient", "1")
    rna = Tables(made.tables).table("omics.rna", "obs")
    assert rna is not None
    assert rna.select("sample_id", "subject_id").rows() == [("1", "2")]
    with clinome.open(made) as graph:
        assert graph.query("MATCH (p:Patient) RETURN p.id AS id")["id"].to_list() == ["2"]
        assert graph.query("MATCH (s:Sample) RETURN s.id AS id")["id"].to_list() == ["1"]


def test_a_run_is_gone_and_the_others_stay(here: clinome.Study, loaded: Path, tmp_path: Path) -> None:
    folders(here, "final", "other")
    frame = pl.DataFrame({"subject_id": ["p1"], "risk": [0.1]})
    with EmbeddedStore(Path(here.store), write=True) as store:
        before = fingerprint(store)
        store_run(store, "graph-only", RANKED, frame, "small")
    vectors = pd.DataFrame({"label": "Patient", "id": ["p1", "p3"], "vector": [[0.1, 2], [1, 0.5]]})
    clinome.write_embeddings(here, vectors, name="graph-only/vae")
    removed(here, "run", "graph-only")
    assert print_of(here) == before
    with clinome.open(here) as graph:
        assert graph.embeddings.empty
    clinome.write_embeddings(here, vectors, name="final/vae")
    removed(here, "run", "final")
    assert not (here.folder / "runs" / "final").exists()
    assert (here.folder / "runs" / "other" / "results.json").exists()
    bare = study(tmp_path / "bare")
    assert print_of(here) == whole(bare)
    removed(here, "run", "other")
    with pytest.raises(InputError, match="there is no such run"):
        removed(here, "run", "final")


def test_an_unknown_run_or_source_names_the_nearest(here: clinome.Study) -> None:
    folders(here, "final")
    before = print_of(here)
    with pytest.raises(InputError, match="expected final"):
        removed(here, "run", "finale")
    with pytest.raises(InputError, match="there is no such run"):
        removed(here, "run", "../small.tables")
    with pytest.raises(InputError, match=r"not loaded.*expected omics\.rna"):
        removed(here, "source", "omics.ran")
    with pytest.raises(UsageError):
        removed(here, "thing", "x")
    assert print_of(here) == before
    assert (here.folder / "runs" / "final").exists()


def test_a_source_is_gone_as_if_it_had_not_been_named(
    here: clinome.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    removed(here, "source", "omics.meth", console=Console())
    assert "study.toml still names omics.meth" in capsys.readouterr().out
    text = (here.folder / "study.toml").read_text()
    shutil.copytree(here.folder, tmp_path / "less", ignore=shutil.ignore_patterns("*.graph", "*.tables"))
    start, end = text.index("[omics.meth]"), text.index("[omics.mut]")
    (tmp_path / "less" / "study.toml").write_text(text[:start] + text[end:])
    assert print_of(here) == whole(clinome.Study.read(tmp_path / "less"), "final")
    assert not (here.tables / "omics.meth").exists()
