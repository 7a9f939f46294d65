"""Two groups: effects and p-values against scipy and lifelines, one column at a time; and what is not tested."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from lifelines.statistics import logrank_test
from scipy import sparse, stats
from snapshots import make_snapshot

from clinome.models.biomarkers.contrast import LEAST, contrast
from clinome.models.preprocessing.records.event_counts import counts
from clinome.models.statistics.differential import cliffs_delta, followed, odds_ratio


def test_every_feature_against_scipy() -> None:
    snapshot = make_snapshot("binary", 160, layers=("rna", "cnv", "mutations"), records=True, missing=0.2)
    group = np.random.default_rng(1).random(160) < 0.4
    table = contrast(snapshot, group)
    tested = table.filter(pl.col("p").is_not_null())
    assert tested["q"].to_numpy() == pytest.approx(stats.false_discovery_control(tested["p"].to_numpy()))
    assert table["p"].is_sorted(nulls_last=True)
    assert set(table["block"]) == {"rna", "cnv", "mutations", "records"}
    rna = snapshot.layers["rna"]
    for row in table.filter(pl.col("block") == "rna").head(8).iter_rows(named=True):
        x = np.asarray(rna.values)[:, rna.var["feature"].to_list().index(row["feature"])].astype(float)
        a, b = x[group & ~np.isnan(x)], x[~group & ~np.isnan(x)]
        test = stats.mannwhitneyu(a, b, use_continuity=False, method="asymptotic")
        assert row["p"] == pytest.approx(test.pvalue) and row["measure"] == "value"
        assert row["effect"] == pytest.approx(2 * test.statistic / (len(a) * len(b)) - 1)
        assert (row["a"], row["b"]) == pytest.approx((np.median(a), np.median(b)), rel=1e-5)
        assert (row["n_a"], row["n_b"]) == (len(a), len(b)) and row["low"] < row["effect"] < row["high"]
    muts = snapshot.layers["mutations"]
    for row in table.filter((pl.col("block") == "mutations") & pl.col("p").is_not_null()).head(8).iter_rows(named=True):
        held = (
            sparse.csr_matrix(muts.values)[:, [muts.var["feature"].to_list().index(row["feature"])]].toarray()[:, 0]
            != 0
        )
        sides = [side & muts.profiled for side in (group, ~group)]
        cells = [[int((held & side).sum()), int((~held & side).sum())] for side in sides]
        assert row["p"] == pytest.approx(stats.fisher_exact(cells).pvalue) and row["measure"] == "share"
        assert row["n_a"] == sides[0].sum() and row["a"] == pytest.approx(cells[0][0] / sides[0].sum())
    found = counts(snapshot)
    code = table.filter(
        (pl.col("block") == "records") & (pl.col("measure") == "share") & pl.col("p").is_not_null()
    ).row(0, named=True)
    column = found.total[:, [found.tokens.index(code["feature"])]].toarray()[:, 0] > 0
    assert code["a"] == pytest.approx(column[group].mean()) and code["n_a"] == group.sum()


def test_effects_by_hand() -> None:
    x = np.array([[1.0, 5], [2, np.nan], [3, 5], [2, 5], [4, np.nan], [9, 5]])
    group = np.array([True, True, True, False, False, False])
    delta, low, high = cliffs_delta(x, group)
    pairs = [np.sign(a - b) for a in (1, 2, 3) for b in (2, 4, 9)]
    assert delta[0] == pytest.approx(np.mean(pairs)) and delta[1] == 0 and (low < delta).all() and (high > delta).all()
    odds, low, high = odds_ratio(np.array([3, 0]), 10, np.array([1, 0]), 20)
    assert odds[0] == pytest.approx((3.5 / 7.5) / (1.5 / 19.5)) and low[0] < odds[0] < high[0]
    assert np.isfinite([odds, low, high]).all()


@pytest.mark.parametrize(("a", "b", "shift"), [(30, 50, 0.5), (10, 40, 1.5), (8, 8, 0.0), (8, 8, 3.0)])
def test_the_interval_of_deltas_covers(a: int, b: int, shift: float) -> None:
    group = np.arange(a + b) < a
    x = np.random.default_rng(0).normal(size=(a + b, 2000)) + shift * group[:, None]
    truth = 2 * stats.norm.cdf(shift / np.sqrt(2)) - 1
    _, low, high = cliffs_delta(x, group)
    assert 0.935 < np.mean((low < truth) & (truth < high)) < 0.985


def test_nothing_to_find_is_seldom_found_and_the_rare_is_not_tested() -> None:
    snapshot = make_snapshot("binary", 120, layers=("rna", "mutations"), records=True)
    found = [contrast(snapshot, np.random.default_rng(seed).permutation(120) < 50) for seed in range(10)]
    assert np.mean([(table["q"] < 0.05).any() for table in found]) <= 0.3
    p = np.concatenate([table.filter(pl.col("measure") == "value")["p"].drop_nulls().to_numpy() for table in found])
    assert abs((p < 0.05).mean() - 0.05) < 0.02
    muts = snapshot.layers["mutations"]
    rare = {
        f
        for f, n in zip(muts.var["feature"], np.asarray((muts.values != 0).sum(axis=0)).ravel(), strict=True)
        if n < LEAST
    }
    assert found[0].filter(pl.col("feature").is_in(list(rare)))["p"].null_count() == len(rare)


def test_two_groups_over_time() -> None:
    rng = np.random.default_rng(3)
    group = rng.random(400) < 0.5
    time = rng.exponential(np.where(group, 100, 200))
    event = time < 250
    time = np.minimum(time, 250)
    found = followed(time, event, group)
    assert found.p == pytest.approx(logrank_test(time[group], time[~group], event[group], event[~group]).p_value)
    assert found.low is not None and found.high is not None and found.low < 2 < found.high
    assert found.n == (group.sum(), (~group).sum()) and found.events == (event[group].sum(), event[~group].sum())
    assert found.median[0] is not None and 50 < found.median[0] < 90
    none = followed(time, event & group, group)
    assert none.hazard_ratio is None and none.median[1] is None and none.p is not None and none.p < 1e-6
