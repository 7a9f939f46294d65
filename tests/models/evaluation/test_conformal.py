"""Conformal sets: they hold the outcome as often as they should, of each class, and only where there are classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from snapshots import make_snapshot

from clinome.models.base.splits import grouped
from clinome.models.evaluation.conformal import conformal_sets, coverage, limits
from clinome.models.evaluation.fold_scores import FoldScores, Inner, draw
from clinome.models.evaluation.predictions import prediction_table


@pytest.mark.parametrize("classes", (2, 3))
def test_each_class_is_covered_the_rare_one_too(classes: int) -> None:
    """Over 200 calibration sets: at least nine of ten, of each class; probabilities are wrong, and it does not matter."""
    rng = np.random.default_rng(0)
    share = np.array([0.85, 0.1, 0.05])[:classes]
    covered = np.zeros((200, classes))
    for t in range(200):
        y = rng.choice(classes, size=600, p=share / share.sum())
        logit = 1.5 * np.eye(classes)[y] + rng.normal(0, 1, (600, classes)) - 5 * np.arange(classes)
        p = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
        inside = p[300:] >= limits(y[:300], p[:300])
        covered[t] = [inside[y[300:] == k, k].mean() if (y[300:] == k).any() else np.nan for k in range(classes)]
    assert (np.nanmean(covered, axis=0) > 0.89).all()
    assert np.nanmean(covered, axis=0)[0] < 0.92  # and not by naming everything


def test_too_few_rows_to_tell_name_every_class() -> None:
    assert limits(np.array([0, 0, 0, 1]), np.full((4, 2), 0.5)).tolist() == [0.0, 0.0]


def _part(n: int) -> tuple[object, FoldScores]:
    snapshot = make_snapshot("binary", n=n, layers=())
    y = snapshot.rows["label"].cast(pl.Int64).to_numpy()
    score = np.clip(0.5 + 0.3 * (2 * y - 1) + np.random.default_rng(0).normal(0, 0.25, n), 0.01, 0.99)
    half = n // 2
    return snapshot, FoldScores(
        "chosen", 0, 0, np.arange(half, n), y[half:], score[half:], inner=Inner(np.arange(half), y[:half], score[:half])
    )


def test_sets_stand_in_the_table_and_their_coverage_is_counted() -> None:
    snapshot, one = _part(400)
    table = prediction_table(snapshot, [one])  # type: ignore[arg-type]
    assert table["set"].dtype == pl.List(pl.String)
    groups = pl.DataFrame({"sex": ["F", "M"] * 200})
    found = coverage(snapshot, table, draw(snapshot, [one.rows], 0), groups)  # type: ignore[arg-type]
    hit = [str(y) in s for y, s in zip(one.y, table["set"].to_list(), strict=True)]
    assert found["covered"]["mean"] == pytest.approx(np.mean(hit))
    assert found["covered"]["low"] < 0.9 < found["covered"]["high"]
    assert [(row["by"], row["group"]) for row in found["groups"]] == [
        ("outcome", "0"),
        ("outcome", "1"),
        ("sex", "F"),
        ("sex", "M"),
    ]
    women = np.mean([h for h, row in zip(hit, one.rows, strict=True) if row % 2 == 0])
    assert found["groups"][2]["covered"]["mean"] == pytest.approx(women)


def test_patients_are_counted_by_themselves_where_groups_of_them_are_drawn() -> None:
    snapshot, one = _part(400)
    table = prediction_table(snapshot, [one])  # type: ignore[arg-type]
    families = replace(snapshot, rows=grouped(snapshot.rows, pl.Series(np.arange(400) // 50)))  # type: ignore
    groups = pl.DataFrame({"sex": ["F", "M"] * 200})
    found = coverage(families, table, draw(families, [one.rows], 0), groups)  # type: ignore[arg-type]
    assert [row["patients"] for row in found["groups"] if row["by"] == "sex"] == [100, 100]


def test_without_inner_scores_or_classes_there_are_none() -> None:
    snapshot, one = _part(100)
    assert conformal_sets("survival", one) is None
    bare = FoldScores("x", 0, 0, one.rows, one.y, one.score)
    assert conformal_sets("binary", bare) is None
    table = prediction_table(snapshot, [bare])  # type: ignore[arg-type]
    assert "set" not in table.columns
    assert coverage(snapshot, table, draw(snapshot, [one.rows], 0), pl.DataFrame()) == {}  # type: ignore[arg-type]
