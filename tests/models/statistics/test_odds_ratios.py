"""Odds and hazard ratios: equal to a two-by-two table and to lifelines, and silent where they cannot be told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lifelines import CoxPHFitter

from clinome.models.statistics.odds_ratios import odds_ratios


def _lines(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(line["covariate"], line["level"]): line for line in found["lines"]}


def test_one_word_is_the_ratio_of_a_two_by_two_table() -> None:
    """40 of 100 smokers and 20 of 150 others: (40/60) / (20/130); Woolf's interval for rows that are all patients."""
    smoker = ["no"] * 150 + ["yes"] * 100
    y = np.array([1] * 20 + [0] * 130 + [1] * 40 + [0] * 60)
    found = odds_ratios(pl.DataFrame({"smoker": smoker}), y, np.arange(250), "binary")
    line = _lines(found)["smoker", "yes"]
    ratio = (40 / 60) / (20 / 130)
    half = 1.96 * np.sqrt(1 / 40 + 1 / 60 + 1 / 20 + 1 / 130)
    assert found["ratio"] == "odds" and line["reference"] == "no" and (line["rows"], line["events"]) == (100, 40)
    assert line["adjusted"]["mean"] == pytest.approx(ratio, rel=1e-3)
    assert line["adjusted"]["low"] == pytest.approx(ratio * np.exp(-half), rel=0.01)
    assert line["adjusted"]["high"] == pytest.approx(ratio * np.exp(half), rel=0.01)


def test_a_confounder_is_adjusted_for() -> None:
    """Age makes both; the drug does nothing by itself."""
    rng = np.random.default_rng(0)
    age = rng.normal(60, 10, 4000)
    drug = rng.random(4000) < 1 / (1 + np.exp(-(age - 60) / 5))
    y = (rng.random(4000) < 1 / (1 + np.exp(-(age - 60) / 5))).astype(int)
    line = _lines(
        odds_ratios(pl.DataFrame({"age": age, "drug": np.where(drug, "yes", "no")}), y, np.arange(4000), "binary")
    )
    level = next(key for key in line if key[0] == "drug")
    crude, adjusted = line[level]["unadjusted"], line[level]["adjusted"]
    assert not crude["low"] < 1 < crude["high"] and adjusted["low"] < 1 < adjusted["high"]
    assert line["age", ""]["adjusted"]["mean"] == pytest.approx(np.exp(1 / 5), rel=0.03)


def test_rows_of_one_patient_are_no_more_than_one() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(0, 1, 300), rng.integers(0, 2, 300)
    once = _lines(odds_ratios(pl.DataFrame({"x": x}), y, np.arange(300), "binary"))["x", ""]["adjusted"]
    five = _lines(odds_ratios(pl.DataFrame({"x": np.tile(x, 5)}), np.tile(y, 5), np.tile(np.arange(300), 5), "binary"))
    again = five["x", ""]["adjusted"]
    assert [again[k] for k in ("mean", "low", "high")] == pytest.approx(
        [once[k] for k in ("mean", "low", "high")], rel=1e-3
    )


def test_hazard_ratios_are_those_of_lifelines() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(0, 1, 300)
    days, event = rng.exponential(np.exp(-0.7 * x)) * 100, rng.integers(0, 2, 300)
    found = odds_ratios(pl.DataFrame({"x": x}), np.column_stack([days, event]), np.arange(300), "survival")
    fitter = CoxPHFitter().fit(pd.DataFrame({"x": x, "d": days, "e": event}), "d", "e", robust=True)
    line = _lines(found)["x", ""]["adjusted"]
    assert found["ratio"] == "hazard"
    assert line["mean"] == pytest.approx(float(np.exp(fitter.params_["x"])), rel=1e-3)
    assert line["low"] == pytest.approx(float(np.exp(fitter.confidence_intervals_.loc["x"].iloc[0])), rel=1e-2)


def test_what_cannot_be_told_is_said_to_be_unknown() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 200)
    rare = np.where(np.arange(200) < 3, "rare", "common")
    age = np.where(np.arange(200) % 10 == 0, np.nan, rng.normal(50, 5, 200))
    found = odds_ratios(pl.DataFrame({"kind": rare, "age": age, "twice": 2 * age}), y, np.arange(200), "binary")
    line = _lines(found)
    assert line["kind", "rare"]["adjusted"] is None and found["left_out"] == 20
    assert line["age", ""]["adjusted"] is None and line["age", ""]["unadjusted"] is not None  # twice tells the same
    assert odds_ratios(pl.DataFrame(), y, np.arange(200), "binary") == {}
    assert odds_ratios(pl.DataFrame({"age": age}), y, np.arange(200), "multiclass") == {}
