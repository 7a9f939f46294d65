"""Regression from the study file to a prediction for others: learners, metrics, controls, report, saved model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from outcome_study import write
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from told_numbers import check_texts

import clinome
from clinome.errors import InputError

NAMES = ("majority", "best_feature", "ridge_late", "boosting")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> clinome.Run:
    folder = tmp_path_factory.mktemp("regression")
    write(folder / "one", "one", 1, kind="regression", learners=NAMES)
    return clinome.run(folder / "one" / "study.toml", learners={"mine": clinome.sklearn(Ridge(10.0))})


def test_numbers_go_through_every_step(trained: clinome.Run) -> None:
    results = trained.read_json("results.json")
    found = {name: one["metrics"] for name, one in results["learners"].items()}
    assert set(found) == {*NAMES, "mine", "chosen"} and results["metric"] == "r2"
    best = found["ridge_late"]["r2"]
    assert 0.2 < best["low"] < best["mean"] < best["high"] < 1
    assert (
        abs(found["majority"]["r2"]["mean"]) < 0.1 and "the same is predicted" in found["majority"]["spearman"]["why"]
    )
    assert results["controls"]["permuted_labels"]["high"] < best["low"]
    pairs = {(one["a"], one["b"]) for one in results["comparisons"]}
    assert {("chosen", name) for name in (*NAMES, "mine")} <= pairs and results["decision"] == {}
    assert all(one["calibration"] is None for one in results["learners"].values())
    table = pl.read_parquet(trained.folder / "predictions.parquet")
    assert table.columns[-2:] == ["y_true", "score"] and table["y_true"].dtype == pl.Float64
    one = table.filter((pl.col("learner") == "ridge_late") & (pl.col("fold") == 0))
    assert found["ridge_late"]["spearman"]["folds"][0] == pytest.approx(
        spearmanr(one["y_true"], one["score"]).statistic
    )
    assert abs(float(np.mean(one["score"].to_numpy() - one["y_true"].to_numpy()))) < 15  # in the outcome's own unit


def test_the_page_and_the_tables_speak_of_a_number(trained: clinome.Run) -> None:
    page = (trained.folder / "report.html").read_text(encoding="utf-8")
    assert "Its median was " in check_texts(trained.folder)
    assert "Task: regression" in page and "Predicted and observed" in page and "Calibration plot" not in page
    assert "RMSE" in page and "R²" in page and "observed − predicted" in page
    table = (trained.folder / "table1.csv").read_text(encoding="utf-8")
    assert "1: up to" in table.split("\n")[0] and "3: above" in table.split("\n")[0]
    ranked = pl.read_csv(trained.folder / "biomarkers.csv")
    assert (
        set(ranked.sort("rank")["symbol"].head(2)) == {"G0", "G1"} and (ranked.sort("rank")["q"].head(2) < 0.05).all()
    )


def test_others_are_predicted_and_judged_where_they_have_a_number(trained: clinome.Run, tmp_path: Path) -> None:
    write(tmp_path / "two", "two", 2, kind="regression")
    file = tmp_path / "two" / "study.toml"
    clinome.load(file)
    made = clinome.predict(trained, file, learners={"mine": clinome.sklearn(Ridge(10.0))})
    assert made.metrics["r2"]["mean"] > 0.3 and made.metrics["rmse"]["mean"] < 25
    score = made.table["score"].to_numpy()
    assert np.isfinite(score).all() and 80 < score.mean() < 160


def test_an_audit_names_the_outcome_in_another_unit(tmp_path: Path) -> None:
    write(tmp_path / "one", "one", 1, kind="regression")
    file = tmp_path / "one" / "study.toml"
    text = file.read_text(encoding="utf-8").replace("p.level AS label", "p.level AS label, p.level * 2.5 + 1 AS again")
    file.write_text(text.replace("[task]", '[task]\ncovariates = ["again"]'), encoding="utf-8")
    clinome.load(file)
    told = {row["where"]: row["sentence"] for row in clinome.audit(file).rows if row["kind"] == "covariate_refused"}
    assert told == {"again": "Covariate again: this covariate is the label in another unit."}


def test_numbers_as_a_meds_label_table(tmp_path: Path) -> None:
    write(tmp_path / "one", "one", 1, kind="regression")
    file, out = tmp_path / "one" / "study.toml", tmp_path / "labels.parquet"
    clinome.load(file)
    with pytest.raises(InputError, match="rows without prediction_time; got 80"):
        clinome.cohort(file, out=out)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("AS label", "AS label, date('2020-01-31') AS prediction_time"), encoding="utf-8")
    frame = clinome.cohort(file, out=out).frame
    told = pl.read_parquet(out)
    who = pl.read_csv(next(tmp_path.rglob("meds_subjects.csv")))
    named = told.rename({"subject_id": "meds_id"}).join(who, on="meds_id", maintain_order="left")
    assert named["subject_id"].to_list() == frame["subject_id"].to_list()
    assert told["float_value"].to_list() == pytest.approx(frame["label"].to_list())


def test_a_classifier_and_a_word_are_refused_with_what_to_do(tmp_path: Path) -> None:
    write(tmp_path / "one", "one", 1, kind="regression", learners=("majority",))
    file = tmp_path / "one" / "study.toml"
    with pytest.raises(InputError, match="wrap a regressor"):
        clinome.run(file, learners={"mine": clinome.sklearn(RandomForestClassifier())})
    file.write_text(file.read_text(encoding="utf-8").replace("p.level", "p.grade"), encoding="utf-8")
    with pytest.raises(InputError, match="label is no number") as caught:
        clinome.cohort(file)
    assert "middle" not in str(caught.value) and "aaaaaa" in str(caught.value)
