"""A study whose labels a prediction task gives, from its files to a trained model; what a study file may say of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import clinome
from clinome.loaders.errors import InputError
from clinome.study import Study

STUDY = """
name = "s"
store = "s.graph"
[records.enc]
format = "csv"
path = "encounters.csv"
subject = "patient"
visit = "visit"
time = "admitted"
end = "discharged"
codes = {diagnosis = "ICD9CM"}
[task]
kind = "binary"
"""
REST = """
[evaluate]
folds = 2
[learn]
learners = ["majority", "ridge_late"]
trials = 1
workers = 1
"""


def encounters(folder: Path, patients: int = 60) -> None:
    """Whoever has heart failure comes back within the month; the others after half a year, or not at all."""
    rng, rows = np.random.default_rng(1), []
    for p in range(patients):
        ill, day = bool(p % 2), int(rng.integers(0, 300))
        for k in range(1 + (p % 3 > 0)):
            begin = np.datetime64("2020-01-01T08:00") + np.timedelta64(day, "D")
            rows.append(
                (f"p{p}", f"v{p}-{k}", str(begin), str(begin + np.timedelta64(3, "D")), "4280" if ill else "4019")
            )
            day += 3 + (10 if ill else 180)
    names = ["patient", "visit", "admitted", "discharged", "diagnosis"]
    pl.DataFrame(rows, schema=names, orient="row").write_csv(folder / "encounters.csv")


def study(folder: Path, task: str) -> Path:
    (folder / "study.toml").write_text(STUDY + task + REST)
    return folder / "study.toml"


def test_readmission_from_files_to_a_model(tmp_path: Path) -> None:
    encounters(tmp_path)
    file = study(tmp_path, 'target = "readmission"\n')
    clinome.load(file)
    cohort = clinome.cohort(file)
    visits = pl.read_csv(tmp_path / "encounters.csv")
    assert len(cohort.frame) == visits.height and cohort.frame["label"].sum() == 20
    assert "of whom nobody says how long they were observed" in "\n".join(cohort.notes)
    run = clinome.train(file)
    assert run.read_json("results.json")["learners"]["ridge_late"]["metrics"]["auroc"]["mean"] > 0.6
    summary = run.read_json("summary.json")
    assert summary["study"]["query"].startswith("// labelled by readmission: another visit within 30 days")
    assert (
        "readmission: another visit within 30 days of the index, predicted at the end of visits" in summary["warnings"]
    )
    found = clinome.predict(run.folder, file)
    assert len(found.table) == visits.height
    study(tmp_path, 'target = {task = "readmission", days = 365}\n')
    assert clinome.cohort(file).frame["label"].sum() == 40


def test_survival_from_files_to_a_model(tmp_path: Path) -> None:
    encounters(tmp_path)
    (tmp_path / "back.toml").write_text(
        'doc = "Time to coming back."\n[index]\nfirst = true\n[target]\nevent = "visit"\n'
    )
    task = 'target = "back.toml"\nhorizon_days = 100\n'
    file = study(tmp_path, task)
    file.write_text(file.read_text().replace('"binary"', '"survival"'))
    clinome.load(file)
    frame = clinome.cohort(file).frame
    assert sorted(frame["duration_days"].unique()) == [10.0, 100.0] and frame["event"].sum() == 20
    assert clinome.train(file).read_json("results.json")["learners"]["ridge_late"]["metrics"]["c_index"]["mean"] > 0.7


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ('target = "readmision"', "did you mean 'readmission'"), ('horizon_days = 3', "a window without a target"),
        ('target = "readmission"\n[cohort]\nby = "sex"\n', ""), ("[cohort]\nby = 'sex'", "this key is needed"),
    ],
)  # fmt: skip
def test_what_a_study_may_say(task: str, message: str, tmp_path: Path) -> None:
    text = tomllib.loads(STUDY + task)
    if not message:
        assert Study.parse(text, tmp_path).need_cohort().query == ""
        return
    with pytest.raises(InputError, match=message):
        Study.parse(text, tmp_path)


def test_next_visit_diagnoses_from_files_to_predictions(tmp_path: Path) -> None:
    encounters(tmp_path)
    file = study(tmp_path, 'target = {task = "next_visit_diagnoses", patients = 5}\n')
    file.write_text(file.read_text().replace('"binary"', '"multilabel"'))
    clinome.load(file)
    cohort = clinome.cohort(file)
    assert len(cohort.frame) == 40 and cohort.taken.classes == ("ICD9CM:401", "ICD9CM:428")
    run = clinome.train(file)
    assert run.read_json("results.json")["learners"]["ridge_late"]["metrics"]["macro_auroc"]["mean"] == 1.0
    few = pl.read_csv(tmp_path / "encounters.csv").filter(pl.col("patient").is_in(["p1", "p3", "p5"]))
    other = tmp_path / "other"
    other.mkdir()
    few.write_csv(other / "encounters.csv")
    (other / "study.toml").write_text(file.read_text().replace("patients = 5", "patients = 1"))
    table = clinome.predict(run.folder, other).table
    assert len(table) == few["visit"].n_unique() - 3 and {"score_ICD9CM:401", "score_ICD9CM:428"} <= set(table.columns)


def test_the_change_of_a_value_from_files_to_a_model(tmp_path: Path) -> None:
    rows = [(f"p{p}", f"v{p}-{k}", f"2020-0{1 + 2 * k}-01T08:00", f"2020-0{1 + 2 * k}-03T08:00", p % 7 + (2 if k else 0) * (p % 2))
            for p in range(40) for k in (0, 1)]  # fmt: skip
    names = ["patient", "visit", "admitted", "discharged", "hba1c"]
    pl.DataFrame(rows, schema=names, orient="row").write_csv(tmp_path / "encounters.csv")
    file = study(tmp_path, 'target = {task = "lab_change", codes = ["VALUE:hba1c"]}\n')
    text = file.read_text().replace('codes = {diagnosis = "ICD9CM"}', 'values = {hba1c = "%"}')
    file.write_text(text.replace('"binary"', '"regression"'))
    clinome.load(file)
    frame = clinome.cohort(file).frame
    assert sorted(frame["label"]) == [0.0] * 20 + [2.0] * 20
    assert clinome.train(file).read_json("results.json")["metric"] == "r2"
