"""Several labels at once, from the study file to a prediction for others."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from outcome_study import write
from told_numbers import check_texts

import clinome
from clinome.errors import InputError

LABELS = ["worse", "high", "died"]


def test_several_labels_go_through_every_step(tmp_path: Path) -> None:
    write(tmp_path / "one", "one", 1, kind="multilabel", learners=("majority", "ridge_late", "boosting"))
    run = clinome.run(tmp_path / "one" / "study.toml")
    results = run.read_json("results.json")
    found = {name: one["metrics"] for name, one in results["learners"].items()}
    assert results["metric"] == "macro_auroc" and found["majority"]["macro_auroc"]["mean"] == 0.5
    assert found["ridge_late"]["macro_auroc"]["low"] > 0.5 and found["ridge_late"]["labels_judged"]["folds"] == [3, 3]
    assert results["controls"]["permuted_labels"]["low"] < 0.5
    table = pl.read_parquet(run.folder / "predictions.parquet")
    assert table.columns[-4:] == ["y_true", *(f"score_{one}" for one in LABELS)] and table["y_true"].dtype == pl.List(
        pl.String
    )
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "Rows by label: " in check_texts(run.folder)
    assert "3 labels at once" in page and "ROC curve of each label" in page
    write(tmp_path / "two", "two", 2, kind="multilabel")
    clinome.load(tmp_path / "two" / "study.toml")
    made = clinome.predict(run, tmp_path / "two" / "study.toml")
    assert made.metrics["macro_auroc"]["mean"] > 0.6 and list(made.table.columns[-3:]) == [
        f"score_{one}" for one in LABELS
    ]


@pytest.mark.parametrize(("before", "after", "said"), [
    ('kind = "multilabel"', 'kind = "binary"', "multilabel"), ('label = ["worse", "high", "died"]', 'label = "worse"', "two columns"),
    ('["worse", "high", "died"]', '["worse", "worse"]', "two columns"), ('"died"]', '"gone"]', "a column gone"),
])  # fmt: skip
def test_labels_that_do_not_fit_the_kind_are_an_error_with_the_fix(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    write(tmp_path / "one", "one", 1, kind="multilabel")
    file = tmp_path / "one" / "study.toml"
    clinome.load(file)
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        clinome.cohort(file)
