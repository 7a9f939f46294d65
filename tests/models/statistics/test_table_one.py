"""Table 1: what a cell holds, against tableone and scipy; and of a cohort, by outcome, split or column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command import Clinome, write_study
from scipy import stats
from small_study import QUERY, build, cohort_frame

from clinome.graphs.cohort.cohort import Cohort
from clinome.graphs.snapshot.freeze import freeze
from clinome.loaders.errors import InputError
from clinome.models.statistics.table_one import described, short_number, smd_numbers, smd_words, table_one, words_p
from clinome.reports.table_one import table_ones
from clinome.run_folder.prepared import Prepared
from clinome.run_folder.run import Run
from clinome.study import Study
from clinome.verbs.cohort import describe, write_tables


def columns(n: int = 60) -> tuple[pl.DataFrame, pl.Series]:
    rng = np.random.default_rng(5)
    group = np.array(["a", "b"])[rng.integers(0, 2, n)]
    x = rng.normal(size=n).round(3) + (group == "b") * 0.5
    words = np.array(["u", "v", "w"])[rng.integers(0, 3, n)]
    x[[3, 17]] = np.nan
    return pl.DataFrame({"x": x, "w": words}).with_columns(pl.col("x").fill_nan(None)), pl.Series("g", group)


def test_a_table_is_tableones() -> None:
    """Figures of tableone 0.9.6 on the same columns, nonnormal = ["x"], smd = True, pval = True."""
    table = table_one(*columns())
    number = table.filter(variable="x").row(0, named=True)
    assert (number["all"], number["a"], number["b"]) == (
        "0.038 [-0.75, 0.74]",
        "-0.33 [-1.01, 0.35]",
        "0.48 [-0.61, 1.09]",
    )
    assert number["smd"] == pytest.approx(0.533, abs=5e-4) and number["p"] == pytest.approx(0.023, abs=5e-4)
    assert table.filter(variable="x", level="missing").row(0)[2:5] == ("2 (3.3%)", "1 (3.1%)", "1 (3.6%)")
    word = table.filter(variable="w")
    assert word["a"].to_list() == ["13 (40.6%)", "10 (31.2%)", "9 (28.1%)"]
    assert word["smd"][0] == pytest.approx(0.425, abs=5e-4) and word["p"][0] == pytest.approx(0.278, abs=5e-4)
    assert table.row(0)[:5] == ("n", "", "60", "32", "28")


def test_distances_are_those_of_the_definition() -> None:
    a, b = np.array([1.0, 2, 3]), np.array([2.0, 4, 9])
    assert smd_numbers(a, b) == pytest.approx(3 / np.sqrt((1 + 13) / 2))
    assert smd_numbers(a, np.array([1.0])) is None and smd_numbers(np.ones(3), np.ones(3)) is None
    p, q = 0.3, 0.5  # of two values it is the difference of shares by their standard deviation
    two = smd_words(np.array([70, 30]), np.array([50, 50]))
    assert two == pytest.approx(abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2))
    assert smd_words(np.array([5, 0]), np.array([7, 0])) == 0 and smd_words(np.array([0, 0]), np.array([1, 2])) is None
    assert smd_words(np.array([5, 0]), np.array([0, 7])) is None  # apart in everyone: no spread to measure by
    table = np.array([[3, 9], [8, 2]])
    assert words_p(table) == pytest.approx(stats.fisher_exact(table).pvalue)
    assert words_p(np.array([[3, 9, 1], [8, 2, 4]])) == pytest.approx(
        stats.chi2_contingency([[3, 9, 1], [8, 2, 4]]).pvalue
    )
    assert words_p(np.array([[3, 0], [8, 0]])) is None


def test_three_groups_unknown_ones_and_odd_columns() -> None:
    n = 90
    rng = np.random.default_rng(0)
    group = pl.Series("site", ["x", "y", None] * 30)
    wide = pl.DataFrame({
        "age": rng.normal(60, 5, n), "sex": rng.random(n) < 0.5, "id": [f"id{i}" for i in range(n)], "flag": [0, 1, 1] * 30,
        "many": [f"v{i % 20:02d}" for i in range(n)], "empty": pl.Series([None] * n, dtype=pl.Float64), "when": [None] * n,
    })  # fmt: skip
    assert described(wide) == ["age", "sex", "flag", "many"]
    table = table_one(wide, group)
    assert table.columns == ["variable", "level", "all", "x", "y", "smd", "p"]
    assert table.row(0)[:5] == ("n", "", "90", "30", "30")
    assert table.filter(variable="sex")["level"].to_list() == ["no", "yes"]
    assert table.filter(variable="flag")["x"].to_list() == ["30 (100.0%)", "0 (0.0%)"]
    assert (
        table.filter(variable="many")["level"].to_list()[-1] == "9 others"
        and table.filter(variable="many").height == 12
    )
    floats = table_one(wide.select(pl.col("flag").cast(pl.Float64)), group)
    assert floats["level"].to_list() == ["", "0", "1"]
    three = table_one(wide.select("age"), pl.Series(["x", "y", "z"] * 30))
    age = wide["age"].to_numpy()
    parts = [age[k::3] for k in range(3)]
    apart = [smd_numbers(parts[i], parts[j]) or 0 for i, j in ((0, 1), (0, 2), (1, 2))]
    assert three["smd"][1] == pytest.approx(max(apart)) and three["p"][1] == pytest.approx(stats.kruskal(*parts).pvalue)
    assert table_one(wide.select("age"), pl.Series([None] * n, dtype=pl.String))["smd"].to_list() == [None, None]
    assert [short_number(v) for v in (1234.0, 0.0, 1234.56, 12.34, 1.234, 0.01234)] == [
        "1,234",
        "0",
        "1,235",
        "12.3",
        "1.23",
        "0.012",
    ]


def test_a_cohort_by_label_split_or_column(tmp_path: Path) -> None:
    tables = build(tmp_path / "tables")
    cohort = Cohort("c", cohort_frame(tables), (), QUERY, {}, "dated", ("0", "1"))
    snapshot = freeze(cohort, tables, "binary", ("age",))
    rows = snapshot.rows.height
    folds = pl.DataFrame(
        {"repeat": 0, "fold": 0, "row": range(rows), "split": [("train", "held_out")[i % 2] for i in range(rows)]}
    )
    snapshot = snapshot.with_folds(folds)
    table = describe(cohort, snapshot, tables, "label")
    assert table.columns[3:5] == ["outcome 0", "outcome 1"]
    assert table["variable"][1] == "age"  # what is an input comes first
    said = set(table["variable"])
    assert {"measured: rna", "measured: mutations", "events before the prediction", "subtype"} <= said
    assert not said & {"subject_id", "prediction_time", "label"}
    measured = table.filter(variable="measured: rna", level="yes")["all"]
    profiled = int(snapshot.layers["rna"].profiled.sum())
    assert profiled == rows or measured[0].startswith(f"{profiled} (")
    split = describe(cohort, snapshot, tables, "split")
    assert split.columns[3:5] == ["held out", "training"] and split.row(0)[3:5] == (
        f"{rows // 2}",
        f"{rows - rows // 2}",
    )
    by = describe(cohort, snapshot, tables, "subtype")
    assert "subtype" not in set(by["variable"])
    with pytest.raises(InputError, match="nothing holds a column"):
        describe(cohort, snapshot, tables, "subtyp")
    study = Study.parse({"name": "c", "store": "g", "tables": "tables", "patients": {"path": "p.csv"},
                         "cohort": {"query": QUERY}, "task": {"kind": "binary"}}, tmp_path)  # fmt: skip
    run = Run("c", tmp_path / "run")
    write_tables(Prepared(study, run, tables, cohort, snapshot))  # one split: by outcome, and by split
    first, second = table_ones(run.folder)
    assert first["groups"] == ["all", "outcome 0", "outcome 1"] and second["groups"] == ["all", "held out", "training"]
    assert second["file"] == "table1_split.csv" and first["lines"][0]["cells"] == list(table.row(0)[2:5])
    assert all(subject not in run.path("table1.csv").read_text() for subject in cohort.frame["subject_id"])
    with pytest.raises(InputError, match="no one split"):
        describe(cohort, snapshot.with_folds(folds.clear()), tables, "split")


def test_the_command_shows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clinome = Clinome(capsys, monkeypatch)
    study = write_study(tmp_path)
    assert clinome("load", study, "--quiet").code == 0
    shown = clinome("cohort", study, "--by", "label")
    assert (
        shown.code == 0 and "outcome 0" in shown.out and "42 [41, 43]" in shown.out
    )  # ages 40, 42, 44 of those without
    assert clinome("cohort", study, "--by", "agee").code == 1
