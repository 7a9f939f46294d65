"""Alignment: a monotone difference between platforms goes, whatever it is; what cannot be aligned is missing, and said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots import make_snapshot

from clinome.loaders.errors import InputError
from clinome.models.base.snapshot import derived
from clinome.models.inference.alignment.align import (
    METHODS,
    NONE,
    QUANTILE,
    STANDARD,
    Quantiles,
    align,
    aligned,
    methods_of,
)
from clinome.models.inference.alignment.distribution import FeatureDistribution, distributions_of
from clinome.models.inference.alignment.distribution_format import distributions
from clinome.models.inference.state_part import FormatError, Part
from clinome.models.preprocessing.scaling import sample_ranks


def _training(n: int = 300, p: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, size=(n, p)).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(20, 130), seed=st.integers(0, 99), missing=st.floats(0, 0.6))
def test_a_bin_is_the_mean_of_ten_patients_or_more_in_order(n: int, seed: int, missing: float) -> None:
    rng = np.random.default_rng(seed)
    x = np.where(rng.uniform(size=(n, 3)) < missing, np.nan, rng.normal(size=(n, 3))).astype(np.float32)
    found = FeatureDistribution.of(x)
    k = n // 10
    assert found.bins.shape == (3, max(2, k)) and found.rows == n
    for j in range(3):
        known = np.sort(x[np.isfinite(x[:, j]), j].astype(np.float64))
        if len(known) < 20:
            assert np.isnan(found.bins[j]).all() and np.isnan(found.mean[j])
            continue
        assert known[:10].mean() - 1e-6 <= found.bins[j].min() and found.bins[j].max() <= known[-10:].mean() + 1e-6
        assert (np.diff(found.bins[j]) >= 0).all()
        np.testing.assert_allclose(found.mean[j], known.mean(), atol=1e-5)
        if len(known) == n and not n % 10:
            np.testing.assert_allclose(found.bins[j], known.reshape(k, 10).mean(axis=1), atol=1e-5)


def test_any_monotone_shift_of_a_feature_changes_nothing() -> None:
    known, x = FeatureDistribution.of(_training()), _training(150, seed=1)
    v = x.astype(np.float64).T
    moved = np.column_stack([np.log1p(v[0]), np.exp(v[1]), np.sqrt(v[2]), 1000 * v[3] - 5, np.arctan(v[4]), v[5] ** 3])
    expected, _ = aligned(x, known, QUANTILE)
    made, shift = aligned(moved, known, QUANTILE)
    np.testing.assert_array_equal(made, expected)
    assert shift.before is not None and shift.before > 0.3 and shift.after is not None and shift.after < 0.02
    assert shift.shifted_before == 1.0 and shift.shifted_after == 0.0


def test_patients_of_the_training_stay_where_they_are() -> None:
    x = _training(1000)
    made, shift = aligned(x, FeatureDistribution.of(x), QUANTILE)
    inner = (x > np.quantile(x, 0.02, axis=0)) & (x < np.quantile(x, 0.98, axis=0))
    assert (
        np.abs(made - x)[inner].max() < 0.2
        and np.median(np.abs(made - x)) < 0.01
        and np.corrcoef(made[:, 0], x[:, 0])[0, 1] > 0.998
    )
    assert shift.before is not None and shift.before < 0.02 and shift.shifted_before == 0.0


def test_standard_takes_away_a_shift_and_a_stretch() -> None:
    known, x = FeatureDistribution.of(_training()), _training(80, seed=1)
    expected, _ = aligned(x, known, STANDARD)
    made, _ = aligned(7 * x - 3, known, STANDARD)
    np.testing.assert_allclose(made, expected, atol=1e-4)
    np.testing.assert_allclose(made.mean(axis=0), known.mean, atol=1e-4)
    np.testing.assert_allclose(made.std(axis=0), known.sd, atol=1e-4)


def test_ties_stay_together_and_zeros_of_both_are_zeros() -> None:
    training = np.where(_training() < 1.5, 0, _training()).astype(np.float32)
    x = np.where(_training(200, seed=1) < 1.5, 0, 9 * _training(200, seed=1)).astype(np.float32)
    made, shift = aligned(x, FeatureDistribution.of(training), QUANTILE)
    for j in range(x.shape[1]):
        assert len(np.unique(made[x[:, j] == 0, j])) == 1
    assert (made[x == 0] == 0).all() and shift.after is not None and shift.after < 0.06


def test_the_distance_is_that_of_scipy_to_the_width_of_a_bin() -> None:
    from scipy.stats import ks_2samp

    training, x = _training(1000, 1), _training(200, 1, seed=1) * 1.4
    found = aligned(x, FeatureDistribution.of(training), NONE)[1].before
    assert found is not None
    assert abs(found - float(ks_2samp(training[:, 0], x[:, 0]).statistic)) < 0.01
    assert Quantiles.of(np.array([1.0, 2.0])).at(np.array([0.0, 0.5, 1.0])).tolist() == [0.5, 1.5, 2.5]


def test_what_too_few_have_is_missing_and_counted() -> None:
    known = FeatureDistribution.of(_training())
    x = _training(60, seed=1)
    x[9:, 0], x[:, 1] = np.nan, np.nan
    made, shift = aligned(x, known, QUANTILE)
    assert np.isnan(made[:, :2]).all() and np.isfinite(made[:, 2:]).all()
    assert (shift.rows, shift.features, shift.untold) == (60, 5, 1)
    assert shift.words("rna")[-1] == "layer rna: 1 features are known of too few to be aligned, and are missing"
    few = aligned(_training(30, seed=1), known, QUANTILE)[1]
    assert few.words("rna")[-1] == "layer rna: fewer than 50 patients to align by: uncertain"


def test_too_few_patients_and_a_model_without_distributions_are_errors_with_a_fix() -> None:
    snapshot = make_snapshot(n=60, missing=0.0)
    known = distributions_of(snapshot)
    few = replace(derived(make_snapshot(n=9, missing=0.0)))
    with pytest.raises(InputError, match="too few new patients"):
        align(few, known, {"rna": QUANTILE})
    assert not align(few, known, {})[1]
    with pytest.raises(InputError, match="does not hold how this layer"):
        align(derived(snapshot), {}, {"rna": QUANTILE})
    with pytest.raises(InputError, match="no such alignment"):
        methods_of("rank", {"rna": False})
    for name in ("mutations", "cnv"):
        with pytest.raises(InputError, match="no layer to align"):
            methods_of({name: QUANTILE}, {"rna": False, "mutations": True})
    assert methods_of(QUANTILE, {"rna": False, "mutations": True}) == {"rna": QUANTILE}
    assert set(METHODS) == {QUANTILE, STANDARD, NONE}


def test_the_distributions_take_each_patient_once_and_no_mutations() -> None:
    snapshot = make_snapshot(n=120, rows_per_subject=3, missing=0.0)
    known = distributions_of(snapshot)
    assert set(known) == {"rna"} and known["rna"].rows == 40
    assert not distributions_of(snapshot, np.arange(57))


def test_a_layer_on_the_scale_of_logarithms_is_aligned_behind_it() -> None:
    snapshot = make_snapshot(n=100, missing=0.0)
    rna = replace(snapshot.layers["rna"], values=np.abs(snapshot.layers["rna"].values) + 1, scale="log1p")
    snapshot = replace(snapshot, layers={"rna": rna})
    counts = replace(rna, values=1e6 * np.asarray(rna.values))
    logged = replace(rna, values=np.log2(np.asarray(rna.values)) + 4, scale="none")
    known = distributions_of(snapshot)
    found = [
        align(replace(derived(snapshot), layers={"rna": one}), known, {"rna": QUANTILE})[0].layers["rna"]
        for one in (rna, counts, logged)
    ]
    for one in found:
        assert one.scale == "none"
        np.testing.assert_allclose(one.values, found[0].values, atol=1e-4)
    assert 0 < np.asarray(found[0].values).mean() < 10


def test_ranks_within_a_sample_need_no_other_patient() -> None:
    rng = np.random.default_rng(0)
    x = rng.gamma(2.0, size=(5, 40))
    x[rng.uniform(size=x.shape) < 0.2] = np.nan
    found = sample_ranks(x)
    np.testing.assert_array_equal(sample_ranks(np.log(x) * 3), found)
    np.testing.assert_array_equal(sample_ranks(x[:1]), found[:1])
    assert np.nanmin(found) > -0.5 and np.nanmax(found) < 0.5 and np.allclose(np.nanmean(found, axis=1), 0, atol=1e-6)
    snapshot = make_snapshot(n=60, missing=0.0)
    ranked = replace(snapshot, layers={"rna": replace(snapshot.layers["rna"], scale="rank")})
    made, shifts = align(derived(ranked), distributions_of(ranked), {"rna": QUANTILE})
    assert made.layers["rna"] is ranked.layers["rna"] and shifts["rna"].method == "rank"


@pytest.mark.parametrize("damage", ["order", "half", "mean", "sd", "rows", "layer", "bins"])
def test_damaged_distributions_are_refused(damage: str) -> None:
    snapshot = make_snapshot(n=60)
    layer = snapshot.layers["rna"]
    schema = {"layers": {"rna": {"features": layer.var["feature"].to_list(), "mutations": False}}}
    state = {name: dict(one.state()) for name, one in distributions_of(snapshot).items()}
    distributions(Part(state, "distributions"), schema)
    rna = state["rna"]
    rna |= {name: np.array(rna[name]) for name in ("bins", "mean", "sd")}
    match damage:
        case "order":
            rna["bins"][0] = rna["bins"][0][::-1]
        case "half":
            rna["bins"][0, 0] = np.nan
        case "mean":
            rna["mean"][0] = np.nan
        case "sd":
            rna["sd"][0] = -1
        case "rows":
            rna["rows"] = 0
        case "layer":
            state["cnv"] = state.pop("rna")
        case _:
            rna["bins"] = rna["bins"][:, :1]
    with pytest.raises(FormatError):
        distributions(Part(state, "distributions"), schema)
