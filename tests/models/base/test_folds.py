"""Folds: whole subjects, every row once, outcomes spread, and what the study's own file says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold
from snapshots import make_snapshot

from clinome.loaders.errors import InputError
from clinome.models.base.folds import carve, deal, make_folds, parts, read_folds, unknown_subjects
from clinome.models.base.specs import Evaluate


def _rows(n: int, subjects: int, seed: int, classes: int = 2) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    subject = [f"s{i}" for i in rng.integers(0, subjects, n)]
    return pl.DataFrame({"subject_id": subject, "label": rng.integers(0, classes, n).astype(str)})


def _csv(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    pl.DataFrame(rows, schema=["fold", "subject_id", "split"], orient="row").write_csv(path)
    return path


@pytest.mark.parametrize("task", ("binary", "multiclass", "regression", "survival"))
def test_each_row_is_held_out_once_and_subjects_stay_whole(task: str) -> None:
    snapshot = make_snapshot(task, n=120, rows_per_subject=2)
    folds = make_folds(snapshot.rows, task, Evaluate(folds=4, repeats=2))
    held = folds.filter(split="held_out").group_by("repeat", "row").len()
    assert held.height == 240
    assert held["len"].max() == 1
    subject = folds.with_columns(subject=snapshot.rows["subject_id"].gather(folds["row"]))
    assert subject.group_by("repeat", "fold", "subject").agg(pl.col("split").n_unique())["split"].max() == 1
    first, second = (folds.filter((pl.col("repeat") == r) & (pl.col("split") == "held_out")) for r in (0, 1))
    assert not first["row"].equals(second["row"]) or not first["fold"].equals(second["fold"])


def test_seed_one_is_scikit_learns_random_state_100() -> None:
    snapshot = make_snapshot("binary", n=90, rows_per_subject=2)
    y = snapshot.rows["label"].to_numpy()
    groups = np.arange(90) // 2
    folds = make_folds(snapshot.rows, "binary", Evaluate(folds=5, seed=1))
    split = StratifiedGroupKFold(5, shuffle=True, random_state=100).split(y, y, groups)
    for fold, (_, expected) in enumerate(split):
        assert parts(folds, 0, fold)[2].tolist() == expected.tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(10, 120), st.integers(4, 60), st.integers(2, 5), st.integers(0, 99))
def test_dealt_parts_keep_subjects_whole_and_outcomes_even(n: int, subjects: int, k: int, seed: int) -> None:
    rows = _rows(n, subjects, seed)
    index = np.arange(n)
    part = deal(rows, "binary", index, k, seed)
    frame = rows.with_columns(part=part)
    assert frame.group_by("subject_id").agg(pl.col("part").n_unique())["part"].max() == 1
    sizes = frame.unique("subject_id").group_by("part").len()["len"]
    assert sizes.max() - (sizes.min() if len(sizes) == k else 0) <= 1  # type: ignore[operator]
    assert (deal(rows, "binary", index, k, seed) == part).all()


def test_carving_takes_a_fifth_of_the_subjects_from_each_outcome() -> None:
    rows = pl.DataFrame({"subject_id": [str(i) for i in range(200)], "label": [int(i % 10 == 0) for i in range(200)]})
    train, tuning = carve(rows, "binary", np.arange(200), seed=3)
    assert sorted([*train, *tuning]) == list(range(200))
    assert len(tuning) == 40
    assert rows["label"].gather(tuning).sum() == 4


def test_a_file_lists_who_is_held_out_and_the_rest_trains(tmp_path: Path) -> None:
    rows = make_snapshot("binary", n=40).rows
    path = _csv(tmp_path / "folds.csv", [("a", "s00000", "held_out"), ("a", "s00001", "tuning"),
                                         ("b", "s00002", "held_out"), ("b", "nobody", "held_out")])  # fmt: skip
    folds = read_folds(path, rows, "binary", seed=1)
    train, tuning, held = parts(folds, 0, 0)
    assert (held.tolist(), tuning.tolist(), len(train)) == ([0], [1], 38)
    train, tuning, held = parts(folds, 0, 1)
    assert held.tolist() == [2]
    assert 6 <= len(tuning) <= 9
    assert unknown_subjects(path, rows) == 1


def test_numbered_folds_of_a_file_keep_their_order(tmp_path: Path) -> None:
    rows = make_snapshot("binary", n=40).rows
    listed = [(str(k), f"s{k:05d}", "held_out") for k in (10, 2, 0)]
    folds = read_folds(_csv(tmp_path / "folds.csv", listed), rows, "binary", seed=1)
    assert [parts(folds, 0, fold)[2].tolist() for fold in range(3)] == [[0], [2], [10]]


@pytest.mark.parametrize(
    ("listed", "says"),
    (
        ([("0", "s00000", "held_out"), ("0", "s00000", "train")], "two splits"),
        ([("0", "s00000", "test")], "unknown split"),
        ([("0", "nobody", "held_out")], "lacks a part"),
    ),
)
def test_a_wrong_file_is_refused(tmp_path: Path, listed: list[tuple[str, str, str]], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_folds(_csv(tmp_path / "folds.csv", listed), make_snapshot("binary", n=20).rows, "binary", seed=1)


def test_a_missing_file_and_a_missing_column_are_refused(tmp_path: Path) -> None:
    rows = make_snapshot("binary", n=20).rows
    with pytest.raises(InputError, match="cannot be read"):
        read_folds(tmp_path / "none.csv", rows, "binary", seed=1)
    (tmp_path / "folds.csv").write_text("fold,patient,split\n0,s00000,held_out\n")
    with pytest.raises(InputError, match="column is missing"):
        read_folds(tmp_path / "folds.csv", rows, "binary", seed=1)


def test_too_small_a_class_is_refused() -> None:
    rows = pl.DataFrame({"subject_id": [str(i) for i in range(30)], "label": [1, 1, 1] + [0] * 27})
    with pytest.raises(InputError, match="too few subjects"):
        make_folds(rows, "binary", Evaluate(folds=5))
    with pytest.raises(InputError, match="the same outcome"):
        make_folds(rows.with_columns(label=0), "binary", Evaluate(folds=2))
