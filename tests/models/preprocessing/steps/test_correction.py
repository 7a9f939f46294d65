"""Batch correction: as its reference, fitted on training rows alone, new batches served, and saved."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots import as_array, garbage, make_snapshot

import clinome
from clinome.graphs.snapshot.layers import batch_counts
from clinome.loaders.errors import InputError
from clinome.models.inference.input_schema import InputSchema
from clinome.models.learners.registry import make
from clinome.models.preprocessing.fold import FoldPreprocessing
from clinome.models.preprocessing.steps.correction.combat import ComBat
from clinome.models.preprocessing.steps.correction.linear import LinearCorrection
from clinome.snapshot import Snapshot

TRAIN, HELD = np.arange(80), np.arange(80, 120)
METHODS: dict[str, type[ComBat | LinearCorrection]] = {"combat": ComBat, "linear": LinearCorrection}


def planted(correct: str = "combat", seed: int = 0) -> Snapshot:
    """Three plates that shift and stretch the layer; the third holds held-out rows alone."""
    found, rng = (
        make_snapshot("binary", n=120, layers=("methylation", "mutations"), seed=seed),
        np.random.default_rng(seed),
    )
    layer = found.layers["methylation"]
    place = np.r_[np.arange(80) % 2, np.full(40, 2)]
    values = layer.values * rng.uniform(0.5, 2, (3, 60))[place] + rng.normal(0, 3, (3, 60))[place]
    batch = np.array(["a", "b", "new"])[place]
    changed = replace(layer, values=values.astype(np.float32), correct=correct, batch=batch)
    origin = pl.DataFrame({"methylation batch": batch})
    return replace(found, layers={**found.layers, "methylation": changed}, origin=origin)


def test_combat_is_that_of_scanpy_to_four_digits() -> None:
    """Golden values of scanpy 1.11.5, `sc.pp.combat` without covariates: 12 rows in batches of 5, 4 and 3, 8 features."""
    x, expected = np.array(GIVEN), np.array(SCANPY)
    batch = np.repeat(["a", "b", "c"], [5, 4, 3])
    np.testing.assert_allclose(ComBat.fit(x, batch).transform(x, batch), expected, atol=5e-4)


def test_linear_is_the_residual_of_a_least_squares_fit() -> None:
    x, batch = np.array(GIVEN), np.repeat(["a", "b", "c"], [5, 4, 3])
    design = (batch[:, None] == np.unique(batch)).astype(float)
    residual = x - design @ np.linalg.lstsq(design, x, rcond=None)[0]
    np.testing.assert_allclose(LinearCorrection.fit(x, batch).transform(x, batch), residual + x.mean(axis=0), atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.floats(0, 0.4), st.sampled_from(["combat", "linear"]))
def test_any_batches_stay_finite_and_missing_stays_missing(
    seed: int, batches: int, missing: float, method: str
) -> None:
    """Batches of one row, features that do not vary, features and batches of which nothing is known."""
    rng = np.random.default_rng(seed)
    batch = np.array([f"b{i}" for i in rng.integers(0, batches, 12)])
    x = rng.normal(size=(12, 6)) + rng.normal(size=6)
    x[:, 0], x[:, 1] = 3.0, np.nan
    x[rng.uniform(size=x.shape) < missing] = np.nan
    x[batch == batch[0], 2] = np.nan
    train = np.arange(12) < 8
    fitted = METHODS[method].fit(x[train], batch[train])
    for part in (train, ~train):
        made = fitted.transform(x[part], batch[part])
        np.testing.assert_array_equal(np.isnan(made), np.isnan(x[part]))
    assert np.isfinite(fitted.shift).all()


@pytest.mark.parametrize("method", METHODS)
def test_batches_lie_together_afterwards_and_a_new_one_with_them(method: str) -> None:
    rng = np.random.default_rng(0)
    batch = np.repeat(["a", "b", "new"], 60)
    place = np.repeat([0, 1, 2], 60)
    x = rng.normal(size=(180, 200)) * rng.uniform(0.6, 1.6, (3, 200))[place] + rng.normal(0, 2, (3, 200))[place]
    made = METHODS[method].fit(x[:120], batch[:120]).transform(x, batch)
    means = np.stack([made[batch == name].mean(axis=0) for name in ("a", "b", "new")])
    assert np.abs(means - means.mean(axis=0)).max() < 0.2 < np.abs(x[batch == "a"].mean(axis=0)).max()
    if method == "combat":
        sds = np.stack([made[batch == name].std(axis=0) for name in ("a", "b", "new")])
        assert np.quantile(sds / sds.mean(axis=0), 0.99) < 1.15


@pytest.mark.parametrize("correct", METHODS)
def test_what_is_fitted_knows_no_held_out_row(correct: str) -> None:
    one, two = (FoldPreprocessing.fit(s, TRAIN).state() for s in (planted(correct), garbage(planted(correct), HELD)))
    first, second = one["methylation"]["state"]["steps"], two["methylation"]["state"]["steps"]
    assert first["correction"]["names"] == ["a", "b"]
    for name, value in first["correction"].items():
        np.testing.assert_array_equal(value, second["correction"][name])


@pytest.mark.parametrize("correct", METHODS)
def test_saved_and_asked_in_parts_it_transforms_as_before(correct: str) -> None:
    snapshot = planted(correct)
    fitted = FoldPreprocessing.fit(snapshot, TRAIN)
    whole = as_array(fitted.blocks["methylation"].transform(snapshot, HELD))
    again = FoldPreprocessing.restored(fitted.state()).serving(snapshot, HELD).blocks["methylation"]
    parts = [as_array(again.transform(snapshot, part)) for part in np.array_split(HELD, 7)]
    np.testing.assert_allclose(np.vstack(parts), whole, atol=1e-5)
    written = np.empty((len(HELD), whole.shape[1]), dtype=np.float32)
    again.write(snapshot.layers["methylation"], HELD, written)  # type: ignore[attr-defined]
    np.testing.assert_allclose(written, whole, atol=1e-5)
    data = snapshot.hetero_for(TRAIN, TRAIN[:0])
    np.testing.assert_allclose(data["patient"].x.numpy()[HELD][:, : whole.shape[1]], whole, atol=1e-5)


@pytest.mark.parametrize("name", ["ridge_late", "forest", "best_feature", "hetero_gnn", "gene_gnn"])
def test_every_learner_is_free_of_what_a_batch_does(name: str) -> None:
    """A held-out batch moved as a whole is predicted as before."""

    def moved(snapshot: Snapshot) -> Snapshot:
        layer = snapshot.layers["methylation"]
        values = layer.values.copy()
        values[HELD] = values[HELD] * 3 + 40
        return replace(snapshot, layers={**snapshot.layers, "methylation": replace(layer, values=values)})

    snapshot = planted()
    learner = make(name)
    learner.fit(snapshot, TRAIN[:60], TRAIN[60:])
    before, after = (np.asarray(learner.predict(s, HELD)) for s in (snapshot, moved(snapshot)))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.9
    again = make(name).restore(learner.state())
    np.testing.assert_allclose(np.asarray(again.predict(snapshot, HELD)), before, atol=1e-5)


def test_a_snapshot_keeps_what_is_asked_and_the_batches(tmp_path: Path) -> None:
    snapshot = planted("linear")
    snapshot.save(tmp_path / "s")
    again = Snapshot.read(tmp_path / "s").layers["methylation"]
    assert (again.correct, again.impute) == ("linear", "median")
    assert again.batch is not None and again.batch.tolist() == snapshot.layers["methylation"].batch.tolist()  # type: ignore[union-attr]


def test_what_cannot_be_corrected_is_said() -> None:
    layer = planted().layers["methylation"]
    assert batch_counts(layer) == {}
    few = replace(layer, batch=np.r_[np.full(110, "a"), np.full(6, ""), np.full(4, "c")])
    assert [*batch_counts(few).values()] == [int(layer.profiled[110:116].sum()), 1]
    with pytest.raises(InputError, match="no sample has one"):
        batch_counts(replace(layer, batch=None))
    for key in ('correct = "combat"', 'impute = "knn"', 'correct = "comabt"'):
        kind = "expression" if "comabt" in key else "mutation"
        text = f'name = "s"\nstore = "s.graph"\n[omics.m]\npath = "m.csv"\nkind = "{kind}"\n{key}\n'
        with pytest.raises(InputError, match="combat" if "comabt" in key else "mutations are events"):
            parse(text)


def parse(text: str) -> clinome.Study:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "study.toml").write_text(text)
        return clinome.Study.read(folder)


def test_another_study_is_told_which_batches_are_new() -> None:
    schema = InputSchema.restored(InputSchema.of(planted()).state())
    served = schema.serve(planted())
    assert any("3 batches are called as in training" in line for line in served.gaps.words())
    layer = planted().layers["methylation"]
    other = replace(planted(), layers={"methylation": replace(layer, batch=None)})
    words = schema.serve(other).gaps.words()
    assert any("1 batches are new" in line and "predicted together" in line for line in words)
    learner: Any = make("ridge_late")
    learner.fit(planted(), TRAIN, TRAIN[:0])
    assert np.isfinite(learner.predict(schema.serve(other).snapshot, HELD)).all()


GIVEN = [
    [5.09, 4.567, 4.711, 1.696, 3.342, 4.442, 2.933, 7.686],
    [4.66, 4.08, 5.187, 3.526, 3.991, 4.499, 2.841, 6.801],
    [3.917, 4.166, 3.697, 1.11, 1.736, 5.145, 1.574, 6.219],
    [5.226, 4.31, 3.314, 2.212, 3.812, 5.468, 1.305, 5.191],
    [4.236, 3.98, 5.542, 1.817, 3.831, 6.184, 2.274, 5.693],
    [3.347, 5.826, 2.704, 5.844, 6.516, 1.506, 7.46, 6.519],
    [2.712, 7.938, 5.057, 4.753, 5.207, 4.193, 5.983, 6.886],
    [3.198, 6.484, 5.857, 5.201, 5.338, 2.877, 6.428, 5.669],
    [2.765, 5.543, 5.218, 6.759, 3.782, 2.458, 7.161, 5.145],
    [4.27, 4.677, 6.415, 4.928, 5.89, 4.118, 4.62, 4.99],
    [4.321, 4.573, 5.282, 3.867, 5.973, 3.433, 4.934, 3.979],
    [6.606, 5.056, 4.81, 4.901, 5.882, 5.424, 4.942, 4.507],
]
SCANPY = [
    [4.73175, 5.46113, 5.06768, 3.46151, 4.57031, 3.55134, 4.91172, 7.07133],
    [4.29602, 4.92346, 5.53209, 5.1317, 5.17219, 3.60844, 4.83041, 6.28769],
    [3.54313, 5.01841, 4.07838, 2.92669, 3.08091, 4.25554, 3.71063, 5.77234],
    [4.86956, 5.17739, 3.7047, 3.93245, 5.00618, 4.5791, 3.47289, 4.86208],
    [3.86638, 4.81305, 5.87844, 3.57195, 5.0238, 5.29632, 4.3293, 5.30659],
    [4.38413, 4.73904, 3.22115, 4.12953, 5.60402, 3.02859, 5.0631, 6.13004],
    [3.82323, 6.20185, 5.01511, 3.25687, 4.60184, 5.10142, 3.898, 6.42939],
    [4.25252, 5.19479, 5.62504, 3.61521, 4.70213, 4.08622, 4.24903, 5.43672],
    [3.87004, 4.54304, 5.13786, 4.86142, 3.51085, 3.76299, 4.82724, 5.00932],
    [3.78276, 4.86973, 5.9241, 4.38457, 4.75696, 3.90339, 4.12825, 6.01206],
    [3.81929, 4.73395, 4.62448, 3.15359, 4.87171, 3.2262, 4.55304, 4.8471],
    [5.45607, 5.36456, 4.08307, 4.35324, 4.7459, 5.1945, 4.56386, 5.45551],
]
