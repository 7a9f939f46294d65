"""The command line: verbs, exit codes, one line of JSON, and never a traceback (docs/study.md)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from command import ROWS, STUDY, Clinome, write_study

from clinome.verbs.exploration import query as asking


@pytest.fixture
def clinome(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


def script(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("clinome")), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_help_comes_in_half_a_second() -> None:
    """Processor time, the best of three: on a busy machine the clock says nothing about us."""
    seconds = []
    for _ in range(3):
        start = processor_seconds()
        ended = script("--help")
        seconds.append(processor_seconds() - start)
        assert ended.returncode == 0
        assert "biomarkers" in ended.stdout
    assert min(seconds) < 0.5


def test_the_import_takes_a_fifth_of_a_second() -> None:
    seconds = []
    for _ in range(3):
        start = processor_seconds()
        subprocess.run([sys.executable, "-c", "import clinome"], check=True)
        seconds.append(processor_seconds() - start)
    assert min(seconds) < 0.2


def processor_seconds() -> float:
    """Of all processes that this one has started and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


@pytest.mark.parametrize("words", [["--help"], ["load", "--help"], ["query", "--help"], ["run", "nothere.toml"]])
def test_nothing_heavy_is_imported_before_it_is_needed(words: Sequence[str], tmp_path: Path) -> None:
    code = f"""
import sys
from clinome.cli.main import main
sys.argv = ["clinome", *{list(words)!r}]
try:
    main()
except SystemExit:
    pass
heavy = {{"torch", "lightning", "sklearn", "anndata", "matplotlib", "pandas", "torch_geometric"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)


def test_the_script_ends_with_the_codes_of_the_page(tmp_path: Path) -> None:
    """Once through the installed script: 0, 1, 2."""
    assert script("query", "--list").returncode == 0
    missing = script("load", str(tmp_path / "study.toml"))
    assert missing.returncode == 1
    assert "there is no such study file" in missing.stderr
    assert "Traceback" not in missing.stderr
    assert script("load").returncode == 2


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("load",),
        ("query",),
        ("query", "study.toml"),
        ("load", "study.toml", "--jsn"),
        ("demo", "--patients", "many"),
        ("demo", "--patients", "3"),
    ],
)
def test_wrong_usage_is_2(clinome: Clinome, words: Sequence[str], tmp_path: Path) -> None:
    ended = clinome(*words)
    assert ended.code == 2
    assert "Usage" in ended.err
    assert not list(tmp_path.iterdir())


VERBS = ("load", "cohort", "train", "biomarkers", "run", "learners", "schema", "audit")


@pytest.mark.parametrize("verb", VERBS)
def test_a_missing_study_is_1(clinome: Clinome, verb: str, tmp_path: Path) -> None:
    ended = clinome(verb, tmp_path / "study.toml")
    assert ended.code == 1
    assert "there is no such study file" in ended.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", VERBS)
def test_a_typo_in_the_study_is_1(clinome: Clinome, verb: str, tmp_path: Path) -> None:
    study = write_study(tmp_path, STUDY.replace("query =", "querry ="))
    ended = clinome(verb, study)
    assert ended.code == 1
    assert "study.toml [cohort]: unknown key; got 'querry'; expected query." in ended.err
    assert not (tmp_path / "small.graph").exists()


@pytest.mark.parametrize("verb", ("cohort", "train", "learners"))
def test_a_study_that_is_not_loaded_is_1(clinome: Clinome, verb: str, tmp_path: Path) -> None:
    ended = clinome(verb, write_study(tmp_path))
    assert ended.code == 1
    assert "clinome load study.toml" in ended.err


@pytest.mark.parametrize("verb", ("biomarkers", "report"))
def test_a_run_that_is_not_trained_is_1(clinome: Clinome, verb: str, tmp_path: Path) -> None:
    ended = clinome(verb, write_study(tmp_path))
    assert ended.code == 1
    assert "clinome train" in ended.err


def test_a_missing_source_is_1(clinome: Clinome, tmp_path: Path) -> None:
    study = write_study(tmp_path)
    (tmp_path / "mutations.csv").unlink()
    ended = clinome("load", study)
    assert ended.code == 1
    assert "mutations.csv" in ended.err


def test_load_counts_every_row_and_a_second_load_changes_nothing(clinome: Clinome, tmp_path: Path) -> None:
    study = write_study(tmp_path)
    first = clinome("load", study, "--json")
    assert first.code == 0
    *lines, last = first.out.splitlines()
    assert lines[-1] == "1 rows rejected: see small.tables/rejects.csv"
    told = json.loads(last)
    assert told["changed"] is True
    assert {s["source"]: s["read"] for s in told["sources"]} == {"patients": ROWS, "omics.mutations": 4}
    for source in told["sources"]:
        assert source["read"] == source["written"] + source["merged"] + source["rejected"]
        assert source["seconds"] >= 0
    again = clinome("load", study, "--json")
    assert "nothing has changed since the last load" in again.out
    assert json.loads(again.out.splitlines()[-1])["changed"] is False


def test_a_broken_store_is_3(clinome: Clinome, tmp_path: Path) -> None:
    study = write_study(tmp_path)
    assert clinome("load", study, "--quiet").code == 0
    for file in (tmp_path / "small.graph").rglob("*"):
        if file.is_file():
            file.write_bytes(b"no store")
    ended = clinome("query", study, "MATCH (p:Patient) RETURN count(p) AS n")
    assert ended.code == 3


def test_an_engine_that_fails_quotes_no_value(clinome: Clinome, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(console: object) -> None:
        raise RuntimeError("patient 4711 has it")

    monkeypatch.setattr(asking, "show_library", broken)
    ended = clinome("query", "--list")
    assert ended.code == 3
    assert "RuntimeError" in ended.err
    assert "4711" not in ended.err


def test_cohort_shows_the_attrition(clinome: Clinome, tmp_path: Path) -> None:
    study = write_study(tmp_path)
    assert clinome("load", study, "--quiet").out == ""
    ended = clinome("cohort", study, "--json")
    assert ended.code == 0
    told = json.loads(ended.out.splitlines()[-1])
    assert told["cohort"] == "small"
    assert told["steps"][0] == {"step": "in store", "count": ROWS}
    assert told["steps"][-1] == {"step": "labelled", "count": ROWS}
    members = clinome("query", study, "MATCH (c:Cohort)-[:INCLUDES]->(p:Patient) RETURN count(p) AS n", "--json")
    assert json.loads(members.out)["rows"] == [[ROWS]]


def test_learners_say_why_not(clinome: Clinome, tmp_path: Path) -> None:
    study = write_study(tmp_path, STUDY + "[evaluate]\nfolds = 2\n")
    assert clinome("load", study, "--quiet").code == 0
    ended = clinome("learners", study, "--json")
    assert ended.code == 0
    why = {row["learner"]: row["why_not"] for row in json.loads(ended.out.splitlines()[-1])["learners"]}
    assert why["majority"] is None
    assert "survival" in why["cox_pca"]
    assert why["sequence"]


def test_remove_takes_a_source_out(clinome: Clinome, tmp_path: Path) -> None:
    study = write_study(tmp_path)
    assert clinome("load", study, "--quiet").code == 0
    assert clinome("remove", study, "source", "omics.mutations").code == 0
    left = clinome("query", study, "MATCH (:Patient)-[m:MUTATED_IN]->() RETURN count(m) AS n", "--json")
    assert json.loads(left.out)["rows"] == [[0]]
    unknown = clinome("remove", study, "source", "omics.rna")
    assert unknown.code == 1
    assert "not loaded" in unknown.err
    assert clinome("remove", study, "thing", "small").code == 2
    assert clinome("remove", study, "run").code == 2


def test_remove_takes_a_patient_and_a_run_out(clinome: Clinome, tmp_path: Path) -> None:
    study = write_study(tmp_path)
    assert clinome("load", study, "--quiet").code == 0
    ended = clinome("remove", study, "patient", "p0")
    assert ended.code == 0
    assert "p0" not in ended.out
    assert "1 patient removed" in ended.out
    left = clinome("query", study, "MATCH (p:Patient) RETURN count(p) AS n", "--json")
    assert json.loads(left.out)["rows"] == [[ROWS - 1]]
    unknown = clinome("remove", study, "patient", "p99", "--quiet")
    assert unknown.code == 1
    assert "p99" not in unknown.err
    (tmp_path / "runs" / "first").mkdir(parents=True)
    unknown = clinome("remove", study, "run", "frist")
    assert unknown.code == 1
    assert "expected first" in unknown.err
    assert clinome("remove", study, "run", "first").code == 0
    assert not (tmp_path / "runs" / "first").exists()
