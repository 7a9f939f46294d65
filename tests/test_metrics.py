"""Metrics against scikit-learn, lifelines and numbers that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines.utils import concordance_index
from sklearn.metrics import roc_auc_score

from clinome.models.metrics import auroc, c_index, calibration_error, evaluate, inner_score, summary, targets


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 60), st.integers(0, 999))
def test_c_index_is_lifelines_with_ties_in_time_and_risk(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    time, event, risk = (rng.integers(0, k, n).astype(float) for k in (8, 2, 5))
    try:
        expected = concordance_index(time, -risk, event)
    except ZeroDivisionError:
        expected = None
    found = c_index(time, event, risk)
    assert found is None if expected is None else found == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(0, 999))
def test_auroc_is_scikit_learns_with_ties(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, score = rng.integers(0, 2, n), rng.integers(0, 6, n) / 5
    if 0 < y.sum() < n:
        assert auroc(y, score) == pytest.approx(roc_auc_score(y, score))
    else:
        assert auroc(y, score) is None


def test_higher_risk_means_sooner() -> None:
    time, event = np.array([1.0, 2.0, 3.0]), np.ones(3)
    assert c_index(time, event, np.array([3.0, 2.0, 1.0])) == 1.0
    assert c_index(time, event, np.zeros(3)) == 0.5


def test_one_class_or_nobody_with_an_event_gives_none_and_never_a_number() -> None:
    found = evaluate("binary", np.zeros(4, dtype=int), np.linspace(0, 1, 4))
    assert found["auroc"] is None
    assert found["auprc"] is None
    assert found["brier"] is not None
    assert evaluate("survival", np.array([[1.0, 0.0], [2.0, 0.0]]), np.zeros(2))["c_index"] is None
    assert inner_score("binary", np.zeros(4, dtype=int), np.linspace(0, 1, 4)) == 0.5


def test_binary_by_hand() -> None:
    found = evaluate("binary", np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]))
    assert found["auroc"] == pytest.approx(0.75)
    assert found["accuracy"] == pytest.approx(0.5)
    assert found["brier"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)


def test_calibration_error_of_a_calibrated_and_of_a_lying_score() -> None:
    y = np.tile([0, 0, 0, 1], 50)
    assert calibration_error(y, np.full(200, 0.25), bins=5) == pytest.approx(0.0, abs=0.01)
    assert calibration_error(y, np.full(200, 0.95), bins=5) == pytest.approx(0.7, abs=0.01)


def test_multiclass_knows_a_class_that_the_held_out_part_lacks() -> None:
    y = np.array([0, 0, 1, 1])
    p = np.array([[0.8, 0.1, 0.1], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1]])
    found = evaluate("multiclass", y, p, ("a", "b", "c"))
    assert found["accuracy"] == pytest.approx(0.75)
    assert found["auroc"] == pytest.approx(1.0)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0.8) / 2)


def test_summary_skips_what_has_no_value_and_says_so() -> None:
    found = summary([0.6, None, 0.8])
    assert (found["mean"], found["folds"]) == (pytest.approx(0.7), [0.6, None, 0.8])
    assert found["low"] < 0.6 and found["high"] > 0.8  # type: ignore[operator]
    assert summary([None])["mean"] is None
    assert summary([0.7])["low"] is None


def test_targets_are_class_numbers_or_durations_with_events() -> None:
    rows = pl.DataFrame({"label": ["b", "a", "b"], "duration_days": [3, 1, 2], "event": [True, False, True]})
    assert targets(rows, "multiclass", ("a", "b")).tolist() == [1, 0, 1]
    assert targets(rows, "survival", ()).tolist() == [[3, 1], [1, 0], [2, 1]]
