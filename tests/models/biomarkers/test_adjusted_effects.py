"""Adjusted effects: against other implementations, and what cannot be told is missing with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lifelines import CoxPHFitter
from scipy import sparse
from sklearn.linear_model import LinearRegression, LogisticRegression
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.biomarkers.adjusted_effects import APART, HOLD, RARE, SD, adjusted_effects, by_class
from clinome.snapshot import Snapshot


def ranked(*names: tuple[str, str]) -> pl.DataFrame:
    rows = [(layer, feature, None, i) for i, (layer, feature) in enumerate(names, 1)]
    schema = {"layer": pl.String, "feature": pl.String, "symbol": pl.String, "rank": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def plain(task: str, n: int = 400) -> Snapshot:
    """Complete values, an age and a sex, and two mutations: one that many hold, one that goes with the outcome wholly."""
    made = make_snapshot(task, n=n, missing=0.0, seed=3)
    rng = np.random.default_rng(0)
    covariates = pl.DataFrame({"age": rng.normal(60, 9, n), "sex": rng.choice(["F", "M"], n)})
    y = made.rows["event" if task == "survival" else "label"].cast(pl.Float64).to_numpy()
    copy = (y > np.median(y)) if task == "regression" else y > 0.5
    hit = np.column_stack([rng.random(n) < 0.2 + 0.2 * copy, copy, np.arange(n) < 3]).astype(np.float32)
    names = ["NCBIGene:1", "NCBIGene:2", "NCBIGene:3"]
    var = pl.DataFrame({"feature": names, "symbol": names, "gene": names})
    mutations = Layer("mutations", "mutation", "none", var, sparse.csr_matrix(hit), np.ones(n, dtype=bool))
    return replace(made, covariates=covariates, layers={"rna": made.layers["rna"], "mutations": mutations})


def design(snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    """By hand: the mutation; rna per standard deviation; age; sex."""
    beside = np.column_stack([snapshot.covariates["age"], (snapshot.covariates["sex"] == "M").cast(pl.Float64)])
    x = np.log1p(np.asarray(snapshot.layers["rna"].values[:, 0], dtype=np.float64))
    held = snapshot.layers["mutations"].values[:, [0]].toarray()  # type: ignore[union-attr]
    return np.column_stack([held, beside]), np.column_stack([x / x.std(), beside])


FEATURES = ranked(("mutations", "NCBIGene:1"), ("rna", "NCBIGene:1"))


def test_an_odds_ratio_is_that_of_an_unpenalised_fit() -> None:
    snapshot = plain("binary")
    found = adjusted_effects(snapshot, FEATURES)
    y = snapshot.rows["label"].to_numpy()
    for at, x in enumerate(design(snapshot)):
        scaled = (x - x.mean(axis=0)) / x.std(axis=0)
        fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5000).fit(scaled, y)
        assert np.isclose(found["adjusted"][at], np.exp(fit.coef_[0, 0] / x[:, 0].std()), rtol=1e-3)
        assert found["adjusted_low"][at] < found["adjusted"][at] < found["adjusted_high"][at]
    assert found["adjusted_measure"].to_list() == ["odds ratio"] * 2
    assert found["adjusted_per"].to_list() == [HOLD, SD]
    assert np.isclose(found["prevalence"][0], design(snapshot)[0][:, 0].mean())
    assert found["prevalence"][1] is None


def test_a_hazard_ratio_is_that_of_lifelines() -> None:
    snapshot = plain("survival")
    found = adjusted_effects(snapshot, FEATURES)
    for at, x in enumerate(design(snapshot)):
        table = pd.DataFrame(x, columns=["x", "age", "sex"])
        table["days"], table["event"] = snapshot.rows["duration_days"].to_numpy(), snapshot.rows["event"].to_numpy()
        fit = CoxPHFitter().fit(table, "days", "event", robust=True)
        assert np.isclose(found["adjusted"][at], np.exp(fit.params_["x"]), rtol=1e-3)
        low, high = np.exp(fit.confidence_intervals_.loc["x"])
        assert np.isclose(found["adjusted_low"][at], low, rtol=0.02)
        assert np.isclose(found["adjusted_high"][at], high, rtol=0.02)


def test_a_difference_is_that_of_least_squares() -> None:
    snapshot = plain("regression")
    found = adjusted_effects(snapshot, FEATURES)
    y = snapshot.rows["label"].to_numpy()
    for at, x in enumerate(design(snapshot)):
        assert np.isclose(found["adjusted"][at], LinearRegression().fit(x, y).coef_[0])
    assert found["adjusted_measure"].to_list() == ["difference"] * 2


def test_what_cannot_be_told_is_missing_with_its_reason() -> None:
    snapshot = plain("binary")
    names = [
        ("mutations", "NCBIGene:2"),
        ("mutations", "NCBIGene:3"),
        ("covariates", "sex"),
        ("covariates", "sex=M"),
        ("rna", "NCBIGene:404"),
    ]
    found = adjusted_effects(snapshot, ranked(*names))
    assert found["adjusted"].is_null().to_list() == [True, True, True, False, True]
    why = found["adjusted_why"].to_list()
    assert why[:2] == [APART, RARE]
    assert "levels" in why[2]
    assert why[3] is None
    assert why[4] == "no values"
    beyond = adjusted_effects(snapshot, FEATURES, first=1)
    assert beyond["adjusted"].is_null().to_list() == [False, True]
    assert adjusted_effects(snapshot, FEATURES.clear()).is_empty()


def test_a_site_is_adjusted_for() -> None:
    """The mutation is commoner where the outcome is: of the site, and of nothing else."""
    snapshot = plain("binary", 2000)
    rng = np.random.default_rng(1)
    site = rng.integers(0, 2, 2000)
    hit = sparse.csr_matrix((rng.random((2000, 1)) < 0.1 + 0.5 * site[:, None]).astype(np.float32))
    var = snapshot.layers["mutations"].var.head(1)
    layer = Layer("mutations", "mutation", "none", var, hit, np.ones(2000, dtype=bool))
    label = (rng.random(2000) < 0.2 + 0.5 * site).astype(np.int64)
    rows = snapshot.rows.with_columns(label=pl.Series(label), hospital=pl.Series(site).cast(pl.String))
    snapshot = replace(snapshot, rows=rows, layers={"mutations": layer})
    crude = adjusted_effects(snapshot, FEATURES.head(1))
    fair = adjusted_effects(snapshot, FEATURES.head(1), site="hospital")
    assert crude["adjusted_low"][0] > 1.5
    assert fair["adjusted_low"][0] < 1 < fair["adjusted_high"][0]


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_classes_have_effects_of_their_own(task: str) -> None:
    snapshot = make_snapshot(task, n=300)
    found = by_class(snapshot, FEATURES)
    assert set(found["class"]) == set(snapshot.classes)
    assert found.height == 2 * len(snapshot.classes)
    first, last = ("basal", "luminal") if task == "multiclass" else ("gout", "asthma")
    of = {name: value for name, value in found.filter(pl.col("layer") == "rna").select("class", "adjusted").iter_rows()}
    assert of[first] < 1 < of[last]
    several = adjusted_effects(snapshot, FEATURES)
    assert several["adjusted"].is_null().all()
    assert several["adjusted_why"].str.contains("several columns").all()
    assert by_class(make_snapshot("binary"), FEATURES).is_empty()
