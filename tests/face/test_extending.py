"""A new task, a new metric and a new learner: a class each and a line each, through train, report and predict."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from outcome_study import write

import clinome
from clinome.models.base.task import TASKS
from clinome.models.learners.registry import LEARNERS, Entry
from clinome.models.metrics.registry import METRICS


def test_a_class_and_a_line_each_go_through_train_report_and_predict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toy_parts import Youden

    monkeypatch.setitem(TASKS, "rare", "toy_parts:RareTask")
    monkeypatch.setitem(METRICS, "youden", Youden())
    monkeypatch.setitem(LEARNERS, "nearest", Entry("toy_parts:Nearest", baseline=True))
    write(tmp_path / "one", "one", 1, kind="rare")
    file = tmp_path / "one" / "study.toml"
    text = file.read_text().replace('["majority", "ridge_late"]', '["majority", "nearest", "ridge_late"]')
    file.write_text(text.replace('kind = "rare"', 'kind = "rare"\ncovariates = ["days"]'))
    study = clinome.Study.read(file)
    run = clinome.run(study)
    results = run.read_json("results.json")
    assert results["metric"] == "youden" and results["task"] == "rare"
    nearest = results["learners"]["nearest"]["metrics"]["youden"]
    assert nearest["mean"] > 0.2 and nearest["low"] < nearest["mean"] < nearest["high"]  # days tell the outcome
    assert results["learners"]["majority"]["metrics"]["youden"]["mean"] == 0
    assert {"nearest", "majority", "ridge_late", "chosen"} <= set(results["learners"])
    page = (run.folder / "report.html").read_text()
    assert "Youden&#39;s J" in page or "Youden's J" in page
    assert "nearest" in page
    made = clinome.predict(run, study)
    assert made.metrics["youden"]["mean"] is not None
    table = pl.read_parquet(run.folder / "predictions.parquet")
    assert table.columns[-3:] == ["y_true", "score", "set"] and set(table["learner"]) >= {"nearest", "chosen"}
