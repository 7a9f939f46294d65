"""Ranking of features over folds, and the univariate tests beside it."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from lifelines import CoxPHFitter
from lifelines.statistics import logrank_test
from scipy import stats
from snapshots import PLANTED, PLANTED_CODE, make_snapshot

from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.biomarkers.association import p_values
from clinome.models.biomarkers.ranking import FoldAttribution, biomarkers, corrected_interval
from clinome.models.statistics.rank_tests import benjamini_hochberg, cox_score, kruskal
from clinome.snapshot import Snapshot


def attributed(snapshot: Snapshot, noise: float, seed: int = 0, folds: int = 5) -> list[FoldAttribution]:
    """What a noisy linear learner would hand over: the planted features of rna act, every other one is noise."""
    rng = np.random.default_rng(seed)
    out = []
    for fold in range(folds):
        for layer in snapshot.layers.values():
            p = layer.var.height
            weight = noise * rng.standard_normal(p) * np.exp(rng.standard_normal(p))
            if layer.name == "rna":
                weight[:PLANTED] += 1.0
            feature = layer.var["feature"].to_list()
            out.append(FoldAttribution(0, fold, layer.name, feature, np.abs(weight) * 10**fold, weight))
    return out


@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_planted_features_come_first(task: str) -> None:
    snapshot = make_snapshot(task, n=200, features=300)
    table = biomarkers(snapshot, attributed(snapshot, noise=0.05))
    assert table.columns == [
        "layer",
        "feature",
        "symbol",
        "effect",
        "low",
        "high",
        "stability",
        "rank",
        "q",
        "importance",
    ]
    assert table["rank"].to_list() == list(range(1, 601))
    first = table.head(PLANTED)
    assert set(first["symbol"]) == {f"G{i + 1}" for i in range(PLANTED)}
    assert set(first["layer"]) == {"rna"}
    assert (first["stability"] == 1.0).all()
    assert (first["q"] < 0.05).all()
    assert (first["low"] < 1.0).all() and (first["high"] > 1.0).all()


def test_rank_product_finds_more_than_mean_importance_under_noise() -> None:
    mine, mean = [], []
    for seed in range(12):
        snapshot = make_snapshot(n=20, seed=seed, features=500, layers=("rna",))
        folds = attributed(snapshot, noise=0.3, seed=seed)
        planted = set(snapshot.layers["rna"].var["feature"][:PLANTED])
        mine.append(len(planted & set(biomarkers(snapshot, folds)["feature"][:20])))
        share = np.mean([a.importance / a.importance.sum() for a in folds], axis=0)
        mean.append(len(planted & {folds[0].feature[i] for i in np.argsort(-share)[:20]}))
    assert np.mean(mine) > np.mean(mean)
    assert np.mean(mine) >= 7


def test_noise_alone_is_neither_stable_nor_significant() -> None:
    snapshot = make_snapshot(n=150, features=400, signal=0.0, layers=("rna",))
    rng = np.random.default_rng(1)
    feature = snapshot.layers["rna"].var["feature"].to_list()
    noise = [FoldAttribution(0, f, "rna", feature, np.abs(e := rng.standard_normal(400)), e) for f in range(5)]
    table = biomarkers(snapshot, noise)
    assert (table["stability"] >= 0.8).sum() == 0
    assert (table["q"] < 0.05).sum() <= 1


def test_folds_may_name_different_features_and_blocks() -> None:
    snapshot = make_snapshot(n=60, records=True)
    one = FoldAttribution(0, 0, "records", [PLANTED_CODE, "ICD10CM:I10"], np.array([3.0, 1.0]), np.array([2.0, 0.1]))
    two = FoldAttribution(0, 1, "records", [PLANTED_CODE], np.array([1.0]), np.array([1.0]))
    three = FoldAttribution(0, 1, "covariates", ["age", "sex=F"], np.array([0.5, 0.0]), np.array([np.nan, np.nan]))
    table = biomarkers(snapshot, [one, two, three])
    assert table["feature"].to_list() == [PLANTED_CODE, "age", "ICD10CM:I10"]  # sex=F did nothing anywhere
    assert table["layer"].to_list() == ["records", "covariates", "records"]
    assert table["effect"][0] == pytest.approx(1.5)
    assert table["effect"][2] == pytest.approx(0.05)
    assert table["symbol"].null_count() == 3
    assert table["q"].null_count() == 0


def test_one_fold_has_no_interval() -> None:
    snapshot = make_snapshot(n=40, layers=("rna",))
    table = biomarkers(snapshot, attributed(snapshot, 0.1, folds=1))
    assert table["low"].null_count() == table.height
    assert table["effect"].null_count() == 0


@pytest.mark.parametrize(
    ("importance", "feature"), [([1.0], ["a", "b"]), ([1.0, np.nan], ["a", "b"]), ([1.0, -1.0], ["a", "b"]), ([1.0, 1.0], ["a", "a"])]
)  # fmt: skip
def test_malformed_attributions_are_refused(importance: list[float], feature: list[str]) -> None:
    with pytest.raises(ValueError, match="rna"):
        FoldAttribution(0, 0, "rna", feature, np.array(importance), np.zeros(len(importance)))


def test_a_block_twice_in_one_fold_is_refused() -> None:
    snapshot = make_snapshot(n=40, layers=("rna",))
    folds = attributed(snapshot, 0.1, folds=1)
    with pytest.raises(ValueError, match="twice"):
        biomarkers(snapshot, folds + folds)
    assert biomarkers(snapshot, []).is_empty()


def test_corrected_interval_against_the_formula() -> None:
    folds = np.array([[0.1, 1.0], [0.3, 1.0], [0.2, 1.0]])
    mean, low, high = corrected_interval(folds, held_out_per_train=0.5)
    half = stats.t.ppf(0.975, 2) * np.sqrt(np.var(folds[:, 0], ddof=1) * (1 / 3 + 0.5))
    assert (mean[0], low[0], high[0]) == pytest.approx((0.2, 0.2 - half, 0.2 + half))
    assert (mean[1], low[1], high[1]) == pytest.approx((1.0, 1.0, 1.0))


def test_two_groups_are_mann_whitney_and_more_are_kruskal() -> None:
    rng = np.random.default_rng(0)
    x = np.round(rng.standard_normal((60, 20)), 1)  # rounding makes ties
    x[rng.random(x.shape) < 0.1] = np.nan
    two, three = rng.choice(["a", "b"], 60), rng.choice(["a", "b", "c"], 60)
    for j in range(20):
        there = ~np.isnan(x[:, j])
        a, b = x[there & (two == "a"), j], x[there & (two == "b"), j]
        want = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=False).pvalue
        assert kruskal(x, two)[j] == pytest.approx(want)
        want = stats.kruskal(*(x[there & (three == g), j] for g in "abc")).pvalue
        assert kruskal(x, three)[j] == pytest.approx(want)


def test_cox_score_against_lifelines() -> None:
    rng = np.random.default_rng(0)
    n = 200
    group = (rng.random(n) < 0.4).astype(float)
    duration, event = rng.exponential(np.exp(-0.5 * group)), rng.random(n) < 0.7
    want = logrank_test(duration[group == 1], duration[group == 0], event[group == 1], event[group == 0]).p_value
    assert cox_score(group[:, None], duration, event)[0] == pytest.approx(want, rel=1e-6)
    x = rng.standard_normal(n) + 0.3 * np.log(duration)
    frame = pl.DataFrame({"x": stats.rankdata(x) / n, "duration": duration, "event": event}).to_pandas()
    fitted = CoxPHFitter().fit(frame, "duration", "event").log_likelihood_ratio_test().test_statistic
    score = stats.chi2.isf(cox_score(x[:, None], duration, event)[0], 1)
    assert score == pytest.approx(fitted, rel=0.05)  # score and likelihood ratio agree to first order


def test_a_missing_value_leaves_the_risk_sets() -> None:
    rng = np.random.default_rng(0)
    x, duration, event = rng.standard_normal((80, 3)), np.round(rng.exponential(10, 80)) + 1, rng.random(80) < 0.6
    gone = rng.random(80) < 0.3
    holed = np.where(gone[:, None], np.nan, x)
    assert cox_score(holed, duration, event) == pytest.approx(cox_score(x[~gone], duration[~gone], event[~gone]))


def test_no_variance_no_q() -> None:
    x = np.column_stack([np.zeros(30), np.full(30, np.nan), np.arange(30.0)])
    y = np.array(["a", "b"] * 15)
    assert np.isnan(kruskal(x, y)).tolist() == [True, True, False]
    assert np.isnan(cox_score(x, np.arange(30.0) + 1, y == "a")).tolist() == [True, True, False]
    assert np.isnan(kruskal(x, np.full(30, "a"))).all()
    q = benjamini_hochberg(np.array([np.nan, 0.01, 0.04, np.nan]))
    assert q[[1, 2]] == pytest.approx([0.02, 0.04]) and np.isnan(q[[0, 3]]).all()


def test_one_row_a_subject_and_unknown_names() -> None:
    snapshot = make_snapshot(n=120, rows_per_subject=3, records=True)
    first = snapshot.rows["subject_id"].is_first_distinct().to_numpy()
    values = np.asarray(snapshot.layers["rna"].values)[first, :1]
    want = kruskal(values.astype(float), snapshot.rows["label"].to_numpy()[first].astype(str))
    assert p_values(snapshot, "rna", ["NCBIGene:1", "NCBIGene:999999"])[0] == pytest.approx(want[0])
    assert np.isnan(p_values(snapshot, "rna", ["NCBIGene:1", "NCBIGene:999999"])[1])
    assert np.isnan(p_values(snapshot, "elsewhere", ["x"])).all()


def test_the_planted_code_the_mutation_and_the_age_are_associated() -> None:
    snapshot = make_snapshot(n=400, records=True)
    assert p_values(snapshot, "records", [PLANTED_CODE])[0] < 1e-4
    assert p_values(snapshot, "mutations", ["NCBIGene:1"])[0] < 1e-4
    age, female, sex, _ = p_values(snapshot, "covariates", ["age", "sex=F", "sex", "smoker"])
    assert age < 1e-3 and female == sex > 0.001


def test_unknown_is_not_wild_type() -> None:
    """Rows that were not sequenced stay out of the mutation test."""
    snapshot = make_snapshot(n=200)
    layer = snapshot.layers["mutations"]
    kept = layer.profiled
    want = kruskal(
        layer.values[kept][:, [0]].toarray().astype(float), snapshot.rows["label"].to_numpy()[kept].astype(str)
    )
    assert p_values(snapshot, "mutations", ["NCBIGene:1"]) == pytest.approx(want)


def test_of_several_labels_the_one_that_goes_with_a_feature_most_is_tested_times_their_number() -> None:
    snapshot = make_snapshot("multilabel", n=200)
    layer, label = snapshot.layers["rna"], snapshot.rows["label"]
    names, kept = sorted(set(label.explode().drop_nulls())), layer.profiled
    values = np.asarray(layer.values)[kept].astype(float)
    each = [kruskal(values, label.list.contains(name).to_numpy()[kept]) for name in names]
    got = p_values(snapshot, "rna", layer.var["feature"].to_list())
    np.testing.assert_allclose(got, np.minimum(1.0, np.nanmin(each, axis=0) * len(names)))
    nobody = snapshot.rows.with_columns(label=pl.lit([], pl.List(pl.String)))
    assert np.isnan(p_values(replace(snapshot, rows=nobody), "rna", ["NCBIGene:1"])).all()


def test_three_thousand_features_in_two_seconds() -> None:
    rng = np.random.default_rng(0)
    snapshot = make_snapshot("survival", n=500, features=20)
    feature = [f"NCBIGene:{i}" for i in range(3000)]
    var = pl.DataFrame({"feature": feature, "symbol": feature, "gene": feature})
    values = rng.standard_normal((500, 3000)).astype(np.float32)
    layer = Layer("rna", "expression", "none", var, values, np.ones(500, dtype=bool))
    wide = Snapshot(**{**{f: getattr(snapshot, f) for f in snapshot.__dataclass_fields__}, "layers": {"rna": layer}})
    start = time.process_time()
    p_values(wide, "rna", feature)
    assert time.process_time() - start < 2
