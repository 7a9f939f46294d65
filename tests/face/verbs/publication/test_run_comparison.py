"""Two runs beside one another: the same rows compared with an interval, rankings by how far they agree."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import clinome
from clinome.loaders.errors import InputError

STUDY = """
name = "s"
store = "s.graph"
[patients]
path = "patients.csv"
[omics.rna]
path = "rna.csv"
kind = "expression"
features = "opaque"
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.outcome AS label"
[task]
kind = "binary"
label = "label"
[evaluate]
folds = 2
[learn]
learners = ["ridge_late"]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 12))
    ids = [f"P{i:03}" for i in range(120)]
    outcome = (x[:, 0] + rng.normal(size=120) > 0).astype(int)
    pl.DataFrame({"patient_id": ids, "outcome": outcome}).write_csv(folder / "patients.csv")
    pl.DataFrame({"id": ids, **{f"x{j}": x[:, j].round(4) for j in range(12)}}).write_csv(folder / "rna.csv")
    (folder / "study.toml").write_text(STUDY)
    clinome.run(folder)
    return folder


def other(home: Path, name: str) -> Path:
    return Path(shutil.copytree(home / "runs" / "s", home / "runs" / name))


def test_a_run_agrees_with_itself_and_a_worse_one_is_worse(home: Path) -> None:
    run, copy = clinome.Run.open(home / "runs" / "s"), other(home, "b")
    same = run.compare(copy)
    assert same.difference is not None and same.difference["mean"] == 0
    assert same.agreement["kendall_tau"] == pytest.approx(1) and same.agreement["rank_biased_overlap"] == pytest.approx(
        1
    )
    table = same.table()
    assert (table["rank_a"] == table["rank_b"]).all() and same.agreement["features"] == len(table) == 12
    worse = pl.read_parquet(copy / "predictions.parquet").with_columns(score=1 - pl.col("score"))
    worse.write_parquet(copy / "predictions.parquet")
    apart = run.compare(copy).difference
    assert apart is not None and apart["mean"] is not None and apart["low"] is not None and apart["low"] > 0


def test_other_folds_are_not_subtracted_and_other_tasks_are_refused(home: Path) -> None:
    run, copy = clinome.Run.open(home / "runs" / "s"), other(home, "c")
    pl.read_parquet(copy / "predictions.parquet").filter(pl.col("row") > 3).write_parquet(copy / "predictions.parquet")
    (copy / "biomarkers.csv").unlink()
    found = run.compare(copy)
    assert found.difference is None and "not the same" in found.why and found.table().empty
    results = json.loads((copy / "results.json").read_text())
    (copy / "results.json").write_text(json.dumps({**results, "metric": "brier"}))
    with pytest.raises(InputError, match="runs of different tasks"):
        run.compare(copy)
    with pytest.raises(InputError, match="no such run"):
        run.compare(home / "runs" / "nobody")
