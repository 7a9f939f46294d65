"""`[evaluate] group`: subjects who belong together are on one side of every split, from the study file on."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import clinome
from clinome.errors import InputError
from clinome.models.base.splits import GROUP

STUDY = """
name = "families"
store = "families.graph"
[patients]
path = "patients.csv"
id = "id"
[cohort]
query = "patients_with_label"
params = {property = "ill"}
[task]
kind = "binary"
covariates = ["age"]
[evaluate]
folds = 4
group = "GROUPED"
[learn]
learners = ["majority", "covariates"]
workers = 1
trials = 1
"""


def study(folder: Path, group: str) -> Path:
    rows = [(f"P{i:03d}", f"F{i % 30}" if i else None, 40 + i % 37, "yes" if i % 3 == 0 else "no") for i in range(90)]
    pl.DataFrame(rows, schema=["id", "family", "age", "ill"], orient="row").write_csv(folder / "patients.csv")
    file = folder / "study.toml"
    file.write_text(STUDY.replace("GROUPED", group))
    return file


def test_families_stay_on_one_side_and_are_no_input(tmp_path: Path) -> None:
    file = study(tmp_path, "family")
    clinome.load(file)
    with pytest.raises(InputError, match="rows without a group"):
        clinome.train(file)
    table = tmp_path / "patients.csv"
    table.write_text(table.read_text().replace("P000,,", "P000,F0,"))
    clinome.load(file)
    run = clinome.train(file)
    snapshot = run.snapshot
    assert "family" not in {*snapshot.rows.columns, *snapshot.covariates.columns}
    sides = snapshot.folds.with_columns(family=snapshot.rows[GROUP].gather(snapshot.folds["row"]))
    assert sides.group_by("fold", "family").agg(pl.col("split").n_unique())["split"].max() == 1
    told = [file.read_text() for file in run.folder.rglob("*.json")]
    assert any("30 groups of 90 subjects" in text for text in told)


def test_a_group_that_nothing_holds_names_what_there_is(tmp_path: Path) -> None:
    file = study(tmp_path, "famly")
    clinome.load(file)
    with pytest.raises(InputError, match="famly"):
        clinome.train(file)
