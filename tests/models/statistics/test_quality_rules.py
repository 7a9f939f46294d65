"""Rules of data quality against naive ones: missing codes, outliers, two magnitudes, batches, duplicates, missingness."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quality_study import clean
from scipy import stats

from clinome.models.statistics.data_quality.confounding import explained, is_origin, origins
from clinome.models.statistics.data_quality.duplicates import every_pair
from clinome.models.statistics.data_quality.identifiers import fate
from clinome.models.statistics.data_quality.layer_values import wants_logarithm, wild_cells
from clinome.models.statistics.data_quality.missing import missing_at_random
from clinome.models.statistics.data_quality.outcome import Outcome
from clinome.models.statistics.data_quality.profiles import Profiles, profiles_of
from clinome.models.statistics.data_quality.variables import missing_codes, outliers, two_magnitudes


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([-9.0, -99.0, 999.0, 9999.0, -1.0, 888.0]), st.integers(2, 30))
def test_a_code_put_among_plain_values_is_found_with_its_count_and_nothing_else(seed: int, code: float, n: int) -> None:
    x = np.random.default_rng(seed).integers(20, 90, 200).astype(float)
    assert missing_codes(x) == {}
    assert missing_codes(np.random.default_rng(seed).permutation(np.append(x, [code] * n))) == {code: n}


@pytest.mark.parametrize(
    "x",
    [
        np.arange(-200, 1200.0),  # −9, 99 and 999 are values as others
        np.repeat([-2.0, -1.0, 0.0, 1.0, 2.0], 30),  # calls
        np.random.default_rng(0).normal(0, 5, 500),
        np.append(np.random.default_rng(0).lognormal(3, 1, 400), 999.0),  # one large value is an outlier
        np.array([999.0] * 30),
        np.zeros(50),
    ],
)
def test_numbers_that_are_values_are_no_codes(x: np.ndarray) -> None:
    assert missing_codes(x) == {}


def test_a_whole_number_beyond_decimals_is_a_code_also_where_it_is_near() -> None:
    x = np.random.default_rng(0).normal(60, 10, 300)
    assert missing_codes(np.append(x, [99.0] * 4)) == {99.0: 4}


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(1.5, 3.0), st.floats(0.05, 0.5))
def test_values_of_one_spread_have_one_magnitude_in_any_unit(seed: int, power: float, sd: float) -> None:
    """Lognormal, normal and uniform values, whatever their unit."""
    rng = np.random.default_rng(seed)
    for x in (
        rng.lognormal(2, sd * power, 300),
        np.abs(rng.normal(100, 100 * sd / 2, 300)) + 1,
        rng.uniform(1, 4, 300),
    ):
        assert two_magnitudes(x) is None
        assert two_magnitudes(x * 88.4) is None


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([18.0, 88.4, 4.0, 1000.0]), st.floats(0.03, 0.5))
def test_a_part_in_another_unit_is_found_with_its_share_and_factor(seed: int, factor: float, share: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.lognormal(4, 0.12, 600)
    other = np.arange(600) < int(600 * share)
    found = two_magnitudes(np.where(other, x * factor, x))
    assert found is not None
    error = 1.25 * 0.12 / np.sqrt(other.sum())  # of the median of so few logarithms
    assert found[0] == pytest.approx(other.mean(), abs=0.01) and found[1] == pytest.approx(factor, rel=0.02 + 5 * error)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(-50, 50), st.floats(0.01, 100))
def test_outliers_do_not_depend_on_the_unit_and_are_the_naive_ones(seed: int, shift: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    x = np.append(rng.normal(0, 1, 200), [30.0, -25.0])
    middle = float(np.median(x))
    spread = 1.4826 * float(np.median([abs(v - middle) for v in x]))
    naive = np.array([abs(v - middle) / spread > 8 for v in x])
    assert (outliers(x) == naive).all() and naive[-2:].all()
    assert (outliers(-x * scale - abs(shift) - 100 * scale) == naive).all()


def test_skewed_values_have_no_outliers_by_their_skew() -> None:
    assert not outliers(np.random.default_rng(1).lognormal(0, 1.5, 2_000)).any()
    assert not outliers(np.array([0.0] * 60 + [1, 2, 3, 50])).any()


def test_wild_cells_are_counted_as_by_hand_with_and_without_gaps() -> None:
    x = np.random.default_rng(0).normal(size=(60, 9)).astype(np.float32)
    x[3, 2], x[5, 7] = 80, -90
    assert wild_cells(x) == pytest.approx(2 / 540)
    x[0, 0] = np.nan
    assert wild_cells(x) == pytest.approx(2 / 539)
    assert wants_logarithm(np.random.default_rng(0).lognormal(5, 2, (50, 20))) and not wants_logarithm(x)


@settings(deadline=None)
@given(st.integers(2, 40))
def test_every_two_rows_are_apart_in_some_fold(n: int) -> None:
    folds = every_pair(n)
    held = folds.pivot(on="fold", index="row", values="split").sort("row").drop("row").to_numpy() == "held_out"
    assert all((held[i] != held[j]).any() for i in range(n) for j in range(i))


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_the_variance_that_groups_explain_is_adjusted_r_squared(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    group = np.array([f"g{i % k}" for i in range(n)])
    scores = rng.normal(size=(n, 3)) + 2 * (np.arange(n) % k)[:, None] * np.array([1.0, 0.0, 0.0])
    found, p = explained(Profiles(np.arange(n), scores, np.ones(3), np.ones(n)), pl.Series(group))
    fitted = np.array([scores[group == one].mean(axis=0) for one in group])
    r2 = 1 - ((scores - fitted) ** 2).sum() / ((scores - scores.mean(axis=0)) ** 2).sum()
    assert found == pytest.approx(max(0.0, 1 - (1 - r2) * (n - 1) / (n - k)))
    each = [stats.kruskal(*(column[group == one] for one in np.unique(group))).pvalue for column in scores.T]
    assert p == pytest.approx(min(1.0, 3 * min(each)))


def test_profiles_are_principal_components_and_distances_as_by_hand() -> None:
    from sklearn.decomposition import PCA

    data, _ = clean(2)
    layer = data.layers[0]
    found = profiles_of(layer)
    assert found is not None
    x = np.array(layer.values, dtype=np.float64)
    x = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    z = np.where(np.isnan(layer.values), 0, (x - x.mean(axis=0)) / np.nanstd(layer.values, axis=0))
    pca = PCA(5).fit(z)
    assert found.shares == pytest.approx(pca.explained_variance_ratio_, rel=1e-3)
    assert np.abs(found.scores) == pytest.approx(np.abs(pca.transform(z)), abs=0.02)
    away = np.sqrt(((z[:, None] - z[None]) ** 2).mean(axis=2))
    assert found.distance == pytest.approx(np.sort(away, axis=1)[:, 5], rel=1e-3)


@pytest.mark.parametrize("task", ("binary", "multiclass", "regression", "survival"))
def test_shares_missing_by_outcome_are_those_counted(task: str) -> None:
    _, snapshot = clean(4, task=task)
    outcome = Outcome.of(snapshot)
    found = missing_at_random(snapshot, outcome)
    (row,) = found.filter(what="covariate", name="age").to_dicts()
    gone = snapshot.covariates["age"].is_null().to_numpy()
    shares = {name: gone[outcome.label == name].mean() for name in np.unique(outcome.label)}
    assert row["missing"] == pytest.approx(gone.mean())
    assert (row["least"], row["most"]) == pytest.approx((min(shares.values()), max(shares.values())))
    assert shares[row["most_in"]] == pytest.approx(row["most"])
    assert {"layer", "cells", "covariate", "code"} <= set(found["what"])


def test_a_patient_counts_once_with_the_first_row_that_has_an_outcome() -> None:
    _, snapshot = clean(1)
    from dataclasses import replace

    rows = snapshot.rows.with_columns(
        subject_id=pl.lit("s") + (pl.int_range(pl.len()) // 2).cast(pl.String),
        label=pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise("label"),
    )
    outcome = Outcome.of(replace(snapshot, rows=rows))
    assert len(outcome.row) == snapshot.rows.height // 2 and outcome.row[:2].tolist() == [1, 2]


def test_batches_that_agree_are_one_and_names_say_what_is_a_site() -> None:
    data, snapshot = clean(1)
    assert sorted(origins(snapshot, data.patients).columns) == ["batch", "site"]
    barcodes = [f"TCGA-{'AB' if i % 2 else '05'}-{i:04d}" for i in range(snapshot.rows.height)]
    named = snapshot.rows.with_columns(subject_id=pl.Series(barcodes))
    from dataclasses import replace

    found = origins(replace(snapshot, rows=named), data.patients)
    assert sorted(found["TCGA source site"].unique()) == ["05", "AB"]
    number = pl.DataFrame({"subject_id": barcodes, "site": [i % 2 for i in range(len(barcodes))]})
    assert sorted(origins(replace(snapshot, rows=named), number).columns) == ["batch", "site"]
    assert (
        is_origin("tissue_source_site") and is_origin("Plate-ID") and not is_origin("website") and not is_origin("age")
    )


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("symbols mapped to NCBIGene", "renamed"),
        ("symbols that no table maps", "unmapped"),
        ("samples of nobody in the study", "lost"),
        ("equal events of one row or several, merged", "merged"),
        ("gene table: symbols of several genes", "ambiguous"),
        ("codes described", "other"),
    ],
)
def test_counts_of_the_door_have_a_fate(what: str, said: str) -> None:
    assert fate(what) == said
