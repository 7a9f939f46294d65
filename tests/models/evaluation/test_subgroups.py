"""Subgroups: found by their usual names, small ones hidden, a planted gap seen and no gap invented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Layer, Snapshot
from clinome.models.evaluation.fold_scores import FoldScores, draw
from clinome.models.evaluation.predictions import parts_of
from clinome.models.evaluation.subgroups import MEASURED, bands, groupings, measured, subgroups
from clinome.models.metrics.task_metrics import evaluate, targets


def _parts(snapshot: Snapshot, blind: np.ndarray, folds: int = 3) -> list[FoldScores]:
    """Good scores for all but the rows of `blind`, who get noise."""
    rng = np.random.default_rng(0)
    y = targets(snapshot.rows, snapshot.task, snapshot.classes)
    signal = -np.log(y[:, 0]) if snapshot.task == "survival" else np.eye(3)[y] if snapshot.task == "multiclass" else y
    raw = signal + rng.normal(0, 0.6, signal.shape)
    raw = np.where(blind[:, None] if raw.ndim == 2 else blind, rng.normal(0, 1, raw.shape), raw)
    if snapshot.task == "multiclass":
        raw = np.exp(3 * raw) / np.exp(3 * raw).sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    return [FoldScores("chosen", 0, k, rows[k::folds], y[k::folds], raw[k::folds]) for k in range(folds)]


def _table(snapshot: Snapshot, groups: pl.DataFrame, blind: np.ndarray, folds: int = 3) -> list[dict[str, object]]:
    parts = _parts(snapshot, blind, folds)
    return subgroups(snapshot, parts, groups, draw(snapshot, [one.rows for one in parts], 0))


@pytest.mark.parametrize("task", ("binary", "multiclass", "regression", "survival"))
def test_a_planted_gap_is_seen_and_none_is_invented(task: str) -> None:
    snapshot = make_snapshot(task, n=400, layers=())
    old = np.random.default_rng(3).random(400) < 0.4
    groups = pl.DataFrame(
        {"age": np.where(old, "75 or more", "40 to 59"), "sex": np.where(np.arange(400) % 2, "F", "M")}
    )
    found = {(row["by"], row["group"]): row for row in _table(snapshot, groups, old)}
    assert set(found) == {("age", "40 to 59"), ("age", "75 or more"), ("sex", "F"), ("sex", "M")}
    gap = found["age", "75 or more"]
    assert gap["gap_high"] < 0 and gap["p_holm"] < 0.05  # type: ignore[operator]
    assert gap["gap"] == pytest.approx(-found["age", "40 to 59"]["gap"])  # type: ignore[operator]
    assert gap["patients"] == old.sum()
    assert found["sex", "F"]["gap_low"] < 0 < found["sex", "F"]["gap_high"]  # type: ignore[operator]
    assert all(row["low"] <= row["mean"] <= row["high"] for row in found.values())  # type: ignore[operator]
    assert ("observed" in gap) == (task == "binary")


def test_one_fold_of_one_group_is_the_metric_of_its_rows() -> None:
    snapshot = make_snapshot("binary", n=200, layers=())
    women = np.arange(200) % 2 == 0
    groups = pl.DataFrame({"sex": np.where(women, "F", "M")})
    parts = _parts(snapshot, np.zeros(200, dtype=bool), folds=1)
    found = subgroups(snapshot, parts, groups, draw(snapshot, [parts[0].rows], 0))
    expected = evaluate("binary", parts[0].y[women], parts[0].score[women])["auroc"]
    assert found[0]["mean"] == pytest.approx(expected)


def test_small_groups_are_hidden_and_unknown_ones_left_out() -> None:
    snapshot = make_snapshot("binary", n=200, layers=(), rows_per_subject=2)
    site: list[str | None] = ["A"] * 100 + ["B"] * 70 + ["C"] * 18 + [None] * 12
    groups = pl.DataFrame({"site": site, "race": ["same"] * 200})
    found = {row["group"]: row for row in _table(snapshot, groups, np.zeros(200, dtype=bool))}
    assert set(found) == {"A", "B", "C"}
    assert found["A"]["patients"] == 50
    hidden = found["C"]
    assert hidden["patients"] is None and "mean" not in hidden and hidden["why"] == "fewer than 10 patients"


def test_a_group_of_one_class_has_no_number_but_a_reason() -> None:
    snapshot = make_snapshot("binary", n=200, layers=())
    label = snapshot.rows["label"].to_numpy()
    groups = pl.DataFrame({"site": np.where((label == 1) & (np.arange(200) % 2 == 0), "ward", "home")})
    found = {row["group"]: row for row in _table(snapshot, groups, np.zeros(200, dtype=bool))}
    assert found["ward"]["mean"] is None and "one class" in str(found["ward"]["why"])
    assert "observed" not in found["ward"]


def test_columns_are_found_by_their_usual_names() -> None:
    cohort = pl.DataFrame({"Gender": ["f", None], "label": [0, 1]})
    patients = pl.DataFrame({"sex": ["x", "y"], "anchor_age": [17, 80], "Hospital": [1, 2], "weight": [1, 2]})
    found = groupings([cohort, patients])
    assert found.columns == ["sex", "age", "site"]
    assert found["sex"].to_list() == ["x", "y"]
    assert found["age"].to_list() == ["under 18", "75 or more"]
    assert found["site"].to_list() == ["1", "2"]
    assert groupings([cohort])["sex"].to_list() == ["f", None]
    assert groupings([]).is_empty()


def test_rows_fall_into_groups_by_the_layers_they_have() -> None:
    snapshot = make_snapshot("binary", n=60, layers=("rna", "mutations"))
    layers = {}
    for name, missing in (("rna", slice(0, 20)), ("mutations", slice(10, 40))):
        one = snapshot.layers[name]
        profiled = np.ones(60, dtype=bool)
        profiled[missing] = False
        layers[name] = Layer(name, one.kind, one.scale, one.var, one.values, profiled)
    found = measured(replace(snapshot, layers=layers))
    assert found is not None and found.name == MEASURED
    assert found.to_list() == ["all but rna"] * 10 + ["none"] * 10 + ["all but mutations"] * 20 + ["all"] * 20
    whole = {name: Layer(name, one.kind, one.scale, one.var, one.values, np.ones(60, dtype=bool))
             for name, one in layers.items()}  # fmt: skip
    assert measured(replace(snapshot, layers=whole)) is None
    assert measured(replace(snapshot, layers={})) is None


def test_what_few_rows_have_is_no_group_of_its_own() -> None:
    snapshot = make_snapshot("binary", n=100, layers=("rna", "mutations", "methylation"))
    layers = {}
    for name, missing in (("rna", slice(0, 4)), ("mutations", slice(4, 30)), ("methylation", slice(10, 30))):
        one = snapshot.layers[name]
        profiled = np.ones(100, dtype=bool)
        profiled[missing] = False
        layers[name] = Layer(name, one.kind, one.scale, one.var, one.values, profiled)
    found = measured(replace(snapshot, layers=layers))
    assert found is not None
    assert found.to_list() == ["other"] * 4 + ["all but mutations"] * 6 + ["only rna"] * 20 + ["all"] * 70


def test_ages_fall_into_bands_and_bands_stay() -> None:
    years = pl.Series("age", [17.9, 18.0, 39.9, 40, 59, 60, 74, 75, None, float("nan")])
    expected = [
        "under 18",
        "18 to 39",
        "18 to 39",
        "40 to 59",
        "40 to 59",
        "60 to 74",
        "60 to 74",
        "75 or more",
        None,
        None,
    ]
    assert bands(years).to_list() == expected
    assert bands(pl.Series(["[70-80)", None])).to_list() == ["[70-80)", None]


def test_parts_are_read_back_from_predictions() -> None:
    snapshot = make_snapshot("multiclass", n=60, layers=())
    parts = _parts(snapshot, np.zeros(60, dtype=bool))
    from clinome.models.evaluation.predictions import prediction_table

    again = parts_of(prediction_table(snapshot, parts), snapshot, "chosen")
    for one, other in zip(parts, again, strict=True):
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_array_equal(one.y, other.y)
        np.testing.assert_allclose(one.score, other.score)
