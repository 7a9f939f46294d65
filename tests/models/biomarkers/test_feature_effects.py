"""Feature effects: importance and slope of what a learner attributes, each feature found by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from snapshots import make_snapshot

from clinome.models.base.attribution import Attribution
from clinome.models.biomarkers.feature_effects import effects, feature_values
from clinome.models.learners.base import BaseLearner

ROWS = np.arange(20, 60)


class Says(BaseLearner):
    """Attributes what it is told."""

    name = "says"

    def __init__(self, said: Any) -> None:
        super().__init__()
        self.said = said

    def fit(self, snapshot: Any, train: np.ndarray, tuning: np.ndarray) -> None: ...
    def predict(self, snapshot: Any, rows: np.ndarray) -> np.ndarray:
        return np.zeros(len(rows))

    def attribute(self, snapshot: Any, rows: np.ndarray) -> Any:
        return self.said


def test_a_feature_is_found_by_its_name_wherever_it_stands() -> None:
    snapshot = make_snapshot(n=80, records=True)
    layer = snapshot.layers["rna"]
    names = layer.var["feature"].to_list()[::-1][:5]
    found = feature_values(snapshot, "rna", names, ROWS)
    expected = np.log1p(np.clip(np.asarray(layer.values)[ROWS][:, ::-1][:, :5], 0, None))
    there = layer.profiled[ROWS]
    np.testing.assert_allclose(
        found[there], expected[there] if layer.scale == "log1p" else layer.values[ROWS][:, ::-1][:, :5][there]
    )
    assert np.isnan(found[~there]).all()
    age = feature_values(snapshot, "covariates", ["sex", "nothing", "age"], ROWS)
    assert np.isnan(age[:, :2]).all()
    np.testing.assert_array_equal(age[:, 2], snapshot.covariates["age"][ROWS].to_numpy())
    assert np.isnan(feature_values(snapshot, "of my own", ["x"], ROWS)).all()


def test_the_slope_of_a_linear_score_is_its_coefficient() -> None:
    snapshot = make_snapshot(n=80, records=True)
    age = snapshot.covariates["age"][ROWS].to_numpy()
    standard = np.nan_to_num((age - np.nanmean(age)) / np.nanstd(age))
    said = {
        "covariates": Attribution(["age"], -0.7 * standard[:, None]),
        "of my own": Attribution(["x"], np.ones((40, 1))),
    }
    found = effects(Says(said), snapshot, ROWS, 0)
    assert found is not None and found.select("block", "feature").rows() == [("covariates", "age"), ("of my own", "x")]
    assert found["slope"][0] == pytest.approx(-0.7) and np.isnan(found["slope"][1])
    assert found["importance"].to_list() == pytest.approx([0.7 * np.abs(standard).mean(), 1.0])
    assert effects(Says(None), snapshot, ROWS, 0) is None


@pytest.mark.parametrize(
    ("names", "values", "what"),
    [(["a"], np.zeros((3, 2)), "expected"), (["a", "a"], np.zeros((3, 2)), "twice"), (["a"], np.full((3, 1), np.nan), "finite")],
)  # fmt: skip
def test_malformed_attributions_are_refused(names: list[str], values: np.ndarray, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Attribution(names, values)
