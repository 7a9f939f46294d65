"""Matched controls in a study: from files to the balance in the report; nothing that is known later may be matched by."""

from __future__ import annotations

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
[patients]
path = "patients.csv"
id = "id"
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.outcome AS label, p.smoker AS smoker"
[cohort.match]
by = "smoker"
exact = ["sex"]
propensity = ["age"]
[task]
kind = "binary"
covariates = ["age", "sex", "smoker"]
[evaluate]
folds = 2
[learn]
learners = ["covariates"]
trials = 1
workers = 1
"""


def study(folder: Path, text: str = STUDY, turned: bool = False) -> Path:
    rng = np.random.default_rng(5)
    age = rng.normal(60, 8, 300).round(1)
    smoker = rng.random(300) < 1 / (1 + np.exp(-(age - 66) / 6))
    outcome = rng.random(300) < 0.3 + 0.4 * smoker
    pl.DataFrame({"id": [f"p{i}" for i in range(300)], "age": age, "sex": np.where(rng.random(300) < 0.5, "f", "m"),
                  "smoker": np.where(smoker, "yes", "no"), "outcome": (~outcome if turned else outcome).astype(int)}
                 ).write_csv(folder / "patients.csv")  # fmt: skip
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"


def test_from_files_to_the_report(tmp_path: Path) -> None:
    file = study(tmp_path)
    clinome.load(file)
    cohort = clinome.cohort(file)
    frame, told = cohort.frame, cohort.balance
    assert told is not None
    ages = told.set_index("variable").loc["age"]
    assert ages["smd_before"] > 0.5 and ages["smd_after"] < 0.15
    assert cohort.steps[-1].step == "matched" and cohort.steps[-1].count == len(frame) < 300
    assert (frame.groupby("matched_set").size() == 2).all() and "with smoker matched exactly by sex" in "\n".join(
        cohort.notes
    )
    clinome.train(file)
    page = clinome.report(file).path("report.html").read_text()
    assert "Matched controls" in page and (tmp_path / "runs/s/balance.csv").exists()


def test_the_outcome_has_no_part_in_it(tmp_path: Path) -> None:
    found = []
    for turned in (False, True):
        folder = tmp_path / str(turned)
        folder.mkdir()
        file = study(folder, turned=turned)
        clinome.load(file)
        found.append(clinome.cohort(file).frame[["subject_id", "matched_set"]])
    assert found[0].equals(found[1])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [('by = "smoker"', 'by = "label"', "not known at the prediction"), ('by = "smoker"', 'by = "outcome"', "says the outcome"),
     ('exact = ["sex"]', 'exact = ["sx"]', "'sex'"), ('by = "smoker"', 'by = "age"', "yes or no"),
     ('propensity = ["age"]', 'propensity = ["label"]', "not known at the prediction")],
)  # fmt: skip
def test_what_cannot_be_matched_by(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = STUDY.replace(old, new)
    file = study(tmp_path, text.replace('propensity = ["age"]', "") if new == 'by = "age"' else text)
    clinome.load(file)
    with pytest.raises(InputError, match=message):
        clinome.cohort(file)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [('exact = ["sex"]\npropensity = ["age"]', "", "nothing to match by"), ('exact = ["sex"]', "caliper = 0", "caliper above 0"),
     ('exact = ["sex"]', 'exact = ["smoker"]', "differ by it"), ('exact = ["sex"]', 'exat = ["sex"]', "exact")],
)  # fmt: skip
def test_what_a_study_may_say(old: str, new: str, message: str, tmp_path: Path) -> None:
    file = study(tmp_path, STUDY.replace(old, new))
    with pytest.raises(InputError, match=message):
        Study.read(file)
