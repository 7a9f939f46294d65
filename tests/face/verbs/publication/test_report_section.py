"""`[report]`: title, Table 1's columns, subgroups and the threshold's rule, from the study file to the page and to predict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import clinome
from clinome import Study
from clinome.errors import InputError

RAW: Mapping[str, Any] = {
    "name": "s", "store": "s.graph", "patients": {"path": "p.csv"},
    "cohort": {"query": "patients_with_label", "params": {"property": "died"}},
    "task": {"kind": "binary", "covariates": ["age", "ward", "frail"]}, "learn": {"learners": ["covariates"], "trials": 1},
    "evaluate": {"folds": 2},
    "report": {"title": "Who <dies>?", "table1": ["ward", "age"], "subgroups": ["ward"], "threshold": "alerts <= 20%"},
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, clinome.Run]:
    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    age, ward = rng.normal(60, 10, 200).round(1), rng.choice(["east", "west"], 200)
    died = (rng.random(200) < 1 / (1 + np.exp(-(age - 60) / 5))).astype(int)
    people = {"patient_id": [f"p{i}" for i in range(200)], "age": age, "ward": ward, "frail": age > 70, "died": died}
    pl.DataFrame(people).write_csv(folder / "p.csv")
    study = Study.parse(RAW, folder)
    clinome.load(study)
    clinome.train(study)
    clinome.biomarkers(study)  # a study that came from a mapping has no file to be hashed
    return folder, clinome.report(study)


def test_the_page_says_what_was_asked_for(trained: tuple[Path, clinome.Run]) -> None:
    _, run = trained
    page = Path(run.report).read_text(encoding="utf-8")
    assert "<h1>Who &lt;dies&gt;?</h1>" in page
    assert "By the rule “alerts ≤ 20%”, set on training rows" in page
    assert "Odds ratios" in page and "Prediction sets" in page
    table = pl.read_csv(run.folder / "table1.csv")
    assert table["variable"].unique(maintain_order=True).to_list() == ["n", "ward", "age"]
    assert [row["by"] for row in run.read_json("results.json")["subgroups"]] == ["ward", "ward"]
    point: dict[Any, Any] = run.operating_points.to_dict("records")[0]
    assert point["rule"] == "alerts <= 20%" and point["alerts_low"] < point["alerts"] < point["alerts_high"]
    assert abs(point["alerts"] - 0.2) < 0.1
    ratios = run.odds_ratios
    assert ratios["adjusted_low"][ratios["covariate"] == "age"].gt(1).all()


def test_predictions_of_new_patients_say_who_is_an_alert(trained: tuple[Path, clinome.Run]) -> None:
    folder, run = trained
    table = clinome.predict(run, Study.parse(RAW, folder)).table
    new = run.operating_points["new"].iloc[0]
    assert table["alert"].tolist() == (table["score"] >= new).tolist() and 0 < table["alert"].mean() < 0.5


def test_a_visit_is_named_beside_its_prediction(tmp_path: Path) -> None:
    rows = [(f"p{i % 30}", f"v{i}", f"2020-01-{1 + i // 30:02d}T08:00", f"2020-01-{1 + i // 30:02d}T20:00", "I10", i % 3 == 0)
            for i in range(90)]  # fmt: skip
    pl.DataFrame(rows, ["patient_id", "visit", "time", "end", "code", "bad"], orient="row").write_csv(
        tmp_path / "v.csv"
    )
    text = (
        "MATCH (p:Patient)-[:ATTENDED]->(v:Visit) RETURN p.id AS subject_id, v.id AS visit_id, v.end_time AS prediction_time, "
        "v.bad AS label"
    )
    raw = {
        "name": "v", "store": "v.graph", "cohort": {"query": text}, "task": {"kind": "binary"}, "evaluate": {"folds": 2},
        "records": {"r": {"path": "v.csv", "format": "csv", "subject": "patient_id", "visit": "visit", "time": "time",
                          "end": "end", "codes": {"code": "ICD10CM"}, "keep": ["bad"]}},
        "learn": {"learners": ["majority"], "trials": 1},
    }  # fmt: skip
    study = Study.parse(raw, tmp_path)
    clinome.load(study)
    found = pl.read_parquet(clinome.train(study).folder / "predictions.parquet").filter(learner="majority")
    expected = clinome.cohort(study).frame
    assert found.height == 90 and found["visit_id"].n_unique() == 90
    assert set(zip(found["subject_id"], found["visit_id"], strict=True)) == set(
        zip(expected["subject_id"], expected["visit_id"], strict=True)
    )


@pytest.mark.parametrize(
    ("report", "where", "expected"),
    (
        ({"threshold": "sensitivity > 0.8"}, "[report] threshold", "sensitivity, specificity, ppv"),
        ({"threshold": "alerts <= 120%"}, "[report] threshold", "alerts <= a share"),
        ({"treshold": "risk >= 0.2"}, "treshold", "threshold"),
        ({"table_1": ["age"]}, "table_1", "table1"),
        ({"subgroup": ["ward"]}, "subgroup", "subgroups"),
        ({"title": "Who\ndies?"}, "[report] title", "one line"),
        ({"table1": ["ward", "age", "Ward"]}, "[report] table1", "each column once"),
        ({"subgroups": ["ward", " "]}, "[report] subgroups", "names of columns"),
    ),
)
def test_a_mistake_is_found_before_anything_is_loaded(report: dict[str, Any], where: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        Study.parse({**RAW, "report": report}, Path())
    assert where in str(error.value) and expected in str(error.value)


def test_a_threshold_is_for_one_risk(tmp_path: Path) -> None:
    raw = {**RAW, "task": {"kind": "multiclass"}}
    with pytest.raises(InputError, match="a threshold is for one risk a row"):
        Study.parse(raw, tmp_path)


@pytest.mark.parametrize("key", ("table1", "subgroups"))
def test_a_column_that_nothing_holds_is_named(key: str, trained: tuple[Path, clinome.Run]) -> None:
    study = Study.parse({**RAW, "report": {key: ["wards"]}}, trained[0])
    with pytest.raises(InputError, match=rf"(?s)\[report\] {key}.*wards.*ward"):
        clinome.train(study, name="other")
