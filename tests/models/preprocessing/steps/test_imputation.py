"""Imputation: fitted on training rows alone, against a naive reference, on planted missingness, and saved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from snapshots import as_array, garbage, make_snapshot

from clinome.models.inference.state_part import FormatError, Part
from clinome.models.inference.steps_format import layer_steps
from clinome.models.preprocessing.fold import FoldPreprocessing
from clinome.models.preprocessing.steps.imputation.knn import NearestNeighbours
from clinome.models.preprocessing.steps.imputation.low import LowImputation
from clinome.models.preprocessing.steps.imputation.mean import MeanImputation
from clinome.models.preprocessing.steps.layer_steps import IMPUTATIONS
from clinome.snapshot import Snapshot

TRAIN, HELD = np.arange(80), np.arange(80, 120)


def asking(impute: str) -> Snapshot:
    found = make_snapshot("binary", n=120, layers=("methylation",), missing=0.3)
    return replace(found, layers={"methylation": replace(found.layers["methylation"], impute=impute)})


def test_neighbours_are_those_of_a_walk_over_all_pairs() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 1)) * rng.uniform(0.5, 1, 14) + rng.normal(size=(30, 14))
    x[rng.uniform(size=x.shape) < 0.1] = np.nan
    z = (x - np.nanmean(x, axis=0)) / np.nanstd(x, axis=0)
    fitted = NearestNeighbours.fit(x)
    for j in range(14):
        distance = {k: np.nanmean((z[:, j] - z[:, k]) ** 2) for k in range(14) if k != j}
        nearest = sorted(sorted(distance, key=lambda k: distance[k])[:10])
        assert fitted.near[j].tolist() == nearest
        np.testing.assert_allclose(fitted.weight[j], [distance[k] ** -0.5 for k in nearest], rtol=1e-3)


def test_low_is_the_mean_below_the_limit_of_detection() -> None:
    """Of a normal feature cut at its 30 % quantile: the mean of what was cut off, from its formula."""
    x = np.random.default_rng(1).normal(10, 2, (4000, 1))
    cut = norm.ppf(0.3, 10, 2)
    found = LowImputation.fit(np.where(x < cut, np.nan, x)).value[0]
    assert found == pytest.approx(10 - 2 * norm.pdf(norm.ppf(0.3)) / 0.3, abs=0.1)
    assert found == pytest.approx(x[x < cut].mean(), abs=0.1)


def test_each_is_nearest_where_values_are_missing_as_it_supposes() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 5)).repeat(12, axis=1) + 0.5 * rng.normal(size=(300, 60))
    at_random = np.where(rng.uniform(size=x.shape) < 0.2, np.nan, x)
    too_low = np.where(x < np.quantile(x, 0.2, axis=0), np.nan, x)

    def error(holes: np.ndarray, method: type[MeanImputation | LowImputation | NearestNeighbours]) -> float:
        gone = np.isnan(holes[200:])
        filled = method.fit(holes[:200]).transform(holes[200:])
        return float(np.sqrt(np.mean((filled - x[200:])[gone] ** 2)))

    assert (
        error(at_random, NearestNeighbours) < 0.7 * error(at_random, MeanImputation) < error(at_random, LowImputation)
    )
    assert error(too_low, LowImputation) < 0.5 * error(too_low, MeanImputation)


@pytest.mark.parametrize("impute", IMPUTATIONS)
def test_fitted_on_training_rows_and_saved(impute: str) -> None:
    snapshot = asking(impute)
    fitted, other = (FoldPreprocessing.fit(s, TRAIN) for s in (snapshot, garbage(snapshot, HELD)))
    one, two = (f.state()["methylation"]["state"]["steps"]["imputation"] for f in (fitted, other))
    for name, value in one.items():
        np.testing.assert_array_equal(value, two[name])
    layer_steps(Part({"imputation": one}, "steps"), 60)
    made = as_array(fitted.blocks["methylation"].transform(snapshot, HELD))
    again = FoldPreprocessing.restored(fitted.state()).blocks["methylation"]
    np.testing.assert_array_equal(as_array(again.transform(snapshot, HELD)), made)
    assert np.isfinite(made).all() and (made[~snapshot.layers["methylation"].profiled[HELD]] == 0).all()
    measured = again.measured(snapshot, HELD)  # type: ignore[attr-defined]
    plain = asking("median")
    usual = as_array(FoldPreprocessing.fit(plain, TRAIN).blocks["methylation"].transform(plain, HELD))
    assert not measured.all() and not np.allclose(made[~measured], usual[~measured])


def test_damaged_steps_are_refused() -> None:
    state = FoldPreprocessing.fit(asking("knn"), TRAIN).state()["methylation"]["state"]["steps"]["imputation"]
    for damage in (
        {"near": state["near"] + 60},
        {"weight": -state["weight"] - 1},
        {"method": "guess"},
        {"sd": state["sd"][1:]},
    ):
        with pytest.raises(FormatError):
            layer_steps(Part({"imputation": {**state, **damage}}, "steps"), 60)
