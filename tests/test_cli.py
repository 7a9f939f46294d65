"""The command line: verbs, exit codes, one line of JSON, and never a traceback (docs/study.md)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from clinome import asking
from clinome.cli import main

STUDY = """
name = "small"
store = "small.graph"
[patients]
path = "patients.csv"
[omics.mutations]
path = "mutations.csv"
kind = "mutation"
subject = "patient"
gene = "gene"
profiled = "patients"
[cohort]
query = "patients_with_label"
params = {property = "outcome"}
[task]
kind = "binary"
"""
ROWS = 6


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Clinome:
    """`clinome …` in this process, in a folder."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(self, *words: str | Path) -> Ended:
        self.monkeypatch.setattr(sys, "argv", ["clinome", *map(str, words)])
        self.monkeypatch.delenv("CLINOME_DEBUG", raising=False)
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        out, err = self.capsys.readouterr()
        code = end.value.code
        assert "Traceback" not in out + err
        return Ended(code if isinstance(code, int) else 0, out, err)


@pytest.fixture
def clinome(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


def write_study(folder: Path, text: str = STUDY) -> Path:
    people = [(f"p{i}", 40 + i, i % 2) for i in range(ROWS)]
    pl.DataFrame(people, ["patient_id", "age", "outcome"], orient="row").write_csv(folder / "patients.csv")
    pairs = [("p0", "TP53"), ("p1", "TP53"), ("p2", "KRAS"), ("nobody", "KRAS")]
    pl.DataFrame(pairs, ["patient", "gene"], orient="row").write_csv(folder / "mutations.csv")
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder / "study.toml"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loaded study; tests of this module only read it."""
    from clinome import Study, load

    study = write_study(tmp_path_factory.mktemp("loaded"))
    load(Study.read(study))
    return study


def script(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("clinome")), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_help_comes_in_a_second() -> None:
    """The best of three, so that a busy machine does not count."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        ended = script("--help")
        seconds.append(time.perf_counter() - start)
        assert ended.returncode == 0
        assert "biomarkers" in ended.stdout
    assert min(seconds) < 1


@pytest.mark.parametrize("words", [["--help"], ["load", "--help"], ["query", "--help"], ["run", "nothere.toml"]])
def test_nothing_heavy_is_imported_before_it_is_needed(words: Sequence[str], tmp_path: Path) -> None:
    code = f"""
import sys
from clinome.cli import main
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


@pytest.mark.parametrize(
    "words",
    [
        ("predict", "runs/x", "--study", "other.toml"),
        ("audit", "study.toml"),
        ("neo4j", "start", "--version", "5.26"),
        ("benchmark", "folder"),
        ("share", "runs/x"),
    ],
)
def test_what_is_not_built_says_so(clinome: Clinome, words: Sequence[str]) -> None:
    ended = clinome(*words)
    assert ended.code == 2
    assert ended.err == f"clinome: clinome {words[0]} is not built yet.\n"


VERBS = ("load", "cohort", "train", "biomarkers", "run", "learners")


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
    def broken(say: object) -> None:
        raise RuntimeError("patient 4711 has it")

    monkeypatch.setattr(asking, "show_library", broken)
    ended = clinome("query", "--list")
    assert ended.code == 3
    assert "RuntimeError" in ended.err
    assert "4711" not in ended.err


def test_query_list_names_questions_and_parameters(clinome: Clinome) -> None:
    ended = clinome("query", "--list")
    assert ended.code == 0
    names = [line.split("(")[0] for line in ended.out.splitlines() if line and not line.startswith(" ")]
    assert len(names) >= 8
    assert "patients_with_mutated_gene(symbol)" in ended.out


@pytest.mark.parametrize("ending", ("csv", "parquet"))
def test_query_by_name(clinome: Clinome, loaded: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"rows.{ending}"
    asked = ("query", loaded, "patients_with_mutated_gene", "-p", "symbol=TP53")
    ended = clinome(*asked, "--json")
    assert ended.code == 0
    told = json.loads(ended.out.splitlines()[-1])
    assert told["columns"] == ["subject_id", "gene"]
    assert sorted(row[0] for row in told["rows"]) == ["p0", "p1"]
    assert clinome(*asked, "--out", out).code == 0
    written = pl.read_csv(out) if ending == "csv" else pl.read_parquet(out)
    assert written["subject_id"].sort().to_list() == ["p0", "p1"]


def test_query_prints_a_table(clinome: Clinome, loaded: Path) -> None:
    ended = clinome("query", loaded, "MATCH (p:Patient) RETURN p.id AS id, p.age AS age ORDER BY id LIMIT 2")
    assert ended.out.splitlines() == ["id  age", "p0   40", "p1   41", "2 rows"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("MATCH (p:Patient) DELETE p",), "it may only read"),
        (("LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",), "it may only read"),
        (("MATCH (p:Patient RETURN p",), "cannot be run"),
        (("patients_with_mutatd_gene",), "patients_with_mutated_gene"),
        (("patients_with_mutated_gene",), "a parameter is missing"),
        (("patients_with_mutated_gene", "-p", "symbl=TP53"), "did you mean 'symbol'"),
        (("patients_with_mutated_gene", "-p", "symbol"), "name=value"),
        (("patients_with_mutated_gene", "-p", "symbol=TP53", "--out", "rows.txt"), ".csv or .parquet"),
        (("patients_with_mutated_gene", "-p", "symbol=TP53", "--out", "no/rows.csv"), "no such folder"),
        (("missing.cypher",), "no such query file"),
    ],
)
def test_a_question_that_cannot_be_asked_is_1(clinome: Clinome, loaded: Path, words: Sequence[str], says: str) -> None:
    ended = clinome("query", loaded, *words)
    assert ended.code == 1
    assert says in ended.err
    assert clinome("query", loaded, "MATCH (p:Patient) RETURN count(p) AS n", "--json").out.endswith(f"[[{ROWS}]]}}\n")


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
    assert clinome("remove", study, "run", "small").code == 2
    assert clinome("remove", study, "thing", "small").code == 2
