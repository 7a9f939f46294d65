"""`clinome quality`: from files with planted faults to the page, the screen, --json and Python; no id leaves the house."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command import Clinome, write_study
from outcome_study import write

import clinome
from clinome.errors import InputError
from clinome.run_folder.run import Run

N = 120
STUDY = """
name = "faulty"
store = "faulty.graph"
[patients]
path = "patients.csv"
id = "patient_id"
observed_until = "last_contact"
[samples]
path = "samples.csv"
id = "sample_id"
subject = "patient_id"
batch = "plate"
[omics.rna]
path = "rna.csv"
kind = "expression"
features = "opaque"
id = "sample_id"
[records.labs]
format = "csv"
path = "labs.csv"
subject = "patient_id"
time = "taken"
values = {glucose = "mg/dL"}
[records.diagnoses]
format = "csv"
path = "labs.csv"
subject = "patient_id"
time = "taken"
codes = {diagnosis = "ICD10CM"}
"""
TASK = """
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.index_date AS prediction_time, p.outcome AS label"
[task]
kind = "binary"
covariates = ["age"]
"""


def faulty(folder: Path, task: str = TASK) -> Path:
    """A study of files: 999 for a weight, a batch that is the outcome, two units, visits after the end, a copied profile."""
    rng = np.random.default_rng(0)
    outcome = rng.integers(0, 2, N)
    ids = [f"PAT{i:04d}" for i in range(N)]
    rows = [(ids[i], 40 + i % 40, 999.0 if i < 5 else round(60 + 20 * float(rng.random()), 1), int(outcome[i]), "2020-06-01",
             "2021-01-01") for i in range(N)]  # fmt: skip
    pl.DataFrame(
        rows, ["patient_id", "age", "weight", "outcome", "index_date", "last_contact"], orient="row"
    ).write_csv(folder / "patients.csv")
    plates = ["one" if outcome[i] else "two" for i in range(N)]
    pl.DataFrame({"sample_id": [f"S-{one}" for one in ids], "patient_id": ids, "plate": plates}).write_csv(
        folder / "samples.csv"
    )
    x = rng.normal(8, 1, (N, 60)).round(3)
    x[1] = x[0]
    genes = {f"G{j}": x[:, j] for j in range(60)}
    pl.DataFrame({"sample_id": [f"S-{one}" for one in ids], **genes}).write_csv(folder / "rna.csv")
    labs = [
        (ids[i], f"2019-{1 + i % 12:02d}-15", round(float(rng.normal(100, 8)) / (18 if i % 4 == 0 else 1), 1), "I10")
        for i in range(N)
    ]
    labs += [(ids[0], "2023-05-01", 101.0, "I10"), ("STRANGER", "2019-01-01", 90.0, "I10")]
    pl.DataFrame(labs, ["patient_id", "taken", "glucose", "diagnosis"], orient="row").write_csv(folder / "labs.csv")
    (folder / "study.toml").write_text(STUDY + task, encoding="utf-8")
    return folder / "study.toml"


EXPECTED = {
    ("missing_code", "weight"),
    ("outcome_by_group", "batch"),
    ("two_magnitudes", "VALUE:glucose"),
    ("outside_life", "events"),
    ("near_duplicates", "rna"),
    ("few_rows_rejected", ""),
}


@pytest.fixture
def clinome_in(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


def test_planted_faults_are_on_the_page_on_the_screen_and_in_json(tmp_path: Path, clinome_in: Clinome) -> None:
    study = faulty(tmp_path)
    assert clinome_in("load", study, "-q").code == 0
    said = clinome_in("quality", study, "--json")
    last = json.loads(said.out.splitlines()[-1])
    assert said.code == 0 and {(one["kind"], one["where"].removeprefix("rna ")) for one in last["findings"]} >= EXPECTED
    assert last["serious"] == sum(one["severity"] == "serious" for one in last["findings"]) > 0
    folder = tmp_path / "runs" / "faulty"
    page, kept = (folder / "quality.html").read_text("utf-8"), json.loads((folder / "quality.json").read_text("utf-8"))
    assert Path(last["quality"]) == folder / "quality.html" and kept["findings"] == last["findings"]
    for one in last["findings"]:
        assert one["sentence"] in said.out
        assert one["sentence"].replace("'", "&#39;").replace('"', "&#34;").replace("&#39;", "&#39;") in page
    assert page.count("<script") == page.count("<script>") == 1 and "http://" not in page.replace(
        "http://www.w3.org", ""
    )
    assert clinome_in("quality", study, "--quiet").out == ""


def test_no_id_and_no_row_of_a_patient_leaves_but_in_a_private_list(tmp_path: Path, clinome_in: Clinome) -> None:
    study = faulty(tmp_path)
    clinome_in("load", study, "-q")
    said = clinome_in("quality", study, "--json")
    folder = tmp_path / "runs" / "faulty"
    for text in (
        said.out,
        said.err,
        *((folder / name).read_text("utf-8") for name in ("quality.html", "quality.json")),
    ):
        assert "PAT0" not in text and "STRANGER" not in text
    private = folder / "quality_patients.csv"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    listed = pl.read_csv(private)
    assert set(listed.filter(kind="missing_code")["subject_id"]) == {f"PAT{i:04d}" for i in range(5)}
    clinome_in("remove", study, "patient", "PAT0000")
    assert "PAT0000" not in private.read_text("utf-8") and stat.S_IMODE(private.stat().st_mode) == 0o600


def test_it_is_the_same_from_python_and_leaves_what_it_found_in_tables(tmp_path: Path) -> None:
    study = faulty(tmp_path)
    clinome.load(study)
    first, second = clinome.quality(study), clinome.quality(study, name="again")
    assert first.findings.equals(second.findings) and second.page == tmp_path / "runs" / "again" / "quality.html"
    assert list(first.findings.columns) == ["severity", "section", "kind", "where", "sentence"]
    tables = first.tables
    (batch,) = tables["group_tests"].query("name == 'rna batch'").to_dict("records")
    assert batch["value"] > 0.95 and batch["low"] > 0.8 and batch["patients"] == N
    assert tables["layers"].query("layer == 'rna'")["samples"].item() == N
    assert tables["chronology"].query("facts == 'events'")["after_observation"].item() == 2  # a lab and a diagnosis


def test_without_a_cohort_the_rest_is_answered_and_it_is_said(tmp_path: Path, clinome_in: Clinome) -> None:
    study = faulty(tmp_path, task="")
    clinome_in("load", study, "-q")
    found = clinome.quality(study)
    assert "the study has no [cohort]" in found.about["said"] and found.about["tested"] == 0
    assert "missing_code" in set(found.findings["kind"]) and "outcome_by_group" not in set(found.findings["kind"])


def test_a_cohort_that_cannot_be_taken_does_not_end_it(tmp_path: Path) -> None:
    study = faulty(tmp_path, task=TASK.replace("p.outcome AS label", "p.nothing AS label"))
    clinome.load(study)
    found = clinome.quality(study)
    assert "Nothing was tested against the outcome:" in found.about["said"] and len(found.findings) >= 4


def test_before_a_load_it_says_what_to_do(tmp_path: Path, clinome_in: Clinome) -> None:
    said = clinome_in("quality", write_study(tmp_path))
    assert said.code == 1 and "nothing has been loaded yet" in said.err and "clinome load" in said.err
    with pytest.raises(InputError):
        clinome.quality(tmp_path)


def test_a_tiny_study_has_a_page(tmp_path: Path, clinome_in: Clinome) -> None:
    study = write_study(tmp_path)
    clinome_in("load", study, "-q")
    assert clinome_in("quality", study).code == 0
    assert "None found." in (tmp_path / "runs" / "small" / "quality.html").read_text("utf-8")


@pytest.mark.parametrize("kind", ("binary", "survival"))
def test_a_run_holds_the_findings_and_its_report_says_them(tmp_path: Path, kind: str) -> None:
    write(tmp_path / "s", "s", 1, kind)
    people = pl.read_csv(tmp_path / "s" / "patients.csv")
    weight = pl.when(pl.int_range(pl.len()) < 4).then(999).otherwise(70 + pl.int_range(pl.len()) % 9)
    people.with_columns(weight=weight).write_csv(tmp_path / "s" / "patients.csv")
    run = clinome.run(tmp_path / "s")
    kept = Run.open(run.folder).read_json("quality.json")
    assert ("missing_code", "weight") in {(one["kind"], one["where"]) for one in kept["findings"]}
    page = run.report.read_text("utf-8")
    assert kept["summary"] in page and kept["said"] in page.replace("&#39;", "'")
    for one in kept["findings"]:
        assert one["sentence"] in page
    alone = clinome.quality(tmp_path / "s")
    assert [dict(row) for row in alone.rows] == kept["findings"]
