"""Factor model: planted factors come back through missing layers; of one layer it is PCA; likelihood's fixed point."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

from clinome.models.encoders.latent.factor_model import FactorModel

SIZES, NOISE = (60, 120, 30), (1.0, 3.0, 0.5)


def planted(
    n: int = 300, k: int = 3, seed: int = 0, gone: float = 0.4
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Layers with a noise each, and k shared factors; layers are gone at random, of no row all."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, k))
    layers = [
        z @ rng.standard_normal((k, p)) + s * rng.standard_normal((n, p)) + rng.normal(0, 2, p)
        for p, s in zip(SIZES, NOISE, strict=True)
    ]
    there = rng.random((n, 3)) >= gone
    there[~there.any(axis=1), 1] = True
    return layers, [there[:, m] for m in range(3)], z


def recovered(told: np.ndarray, z: np.ndarray) -> float:
    """The lowest correlation of a true factor with what is linear in those that were found."""
    design = np.column_stack([told, np.ones(len(told))])
    fitted = design @ np.linalg.lstsq(design, z, rcond=None)[0]
    return min(float(np.corrcoef(a, b)[0, 1]) for a, b in zip(fitted.T, z.T, strict=True))


def test_planted_factors_come_back_for_rows_with_any_of_the_layers() -> None:
    layers, present, z = planted()
    train, held = slice(0, 200), slice(200, 300)
    for x, here in zip(layers, present, strict=True):
        x[~here] = 1e6  # what stands where a layer is missing is not looked at
    model = FactorModel.fit([x[train] for x in layers], [here[train] for here in present], 3)
    told = model.factors([x[held] for x in layers], [here[held] for here in present])
    assert recovered(told, z[held]) > 0.97
    np.testing.assert_allclose(model.noise, np.square(NOISE), rtol=0.1)
    assert (model.explained().sum(axis=1) < 1).all() and (np.diff(model.explained().mean(axis=0)) <= 0.05).all()


def test_it_tells_missing_layers_better_than_components_of_filled_ones() -> None:
    layers, present, z = planted(gone=0.5, seed=1)
    model = FactorModel.fit(layers, present, 3)
    filled = [np.where(here[:, None], x - x[here].mean(axis=0), 0.0) for x, here in zip(layers, present, strict=True)]
    components = PCA(3).fit_transform(np.hstack(filled))
    assert recovered(model.factors(layers, present), z) > recovered(components, z) + 0.05


def test_of_one_layer_it_is_pca_but_for_a_scale() -> None:
    x = planted()[0][0]
    here = np.ones(len(x), dtype=bool)
    pca = PCA(3).fit(x)
    model = FactorModel.fit([x], [here], 3)
    assert subspace_angles(model.weights[0], pca.components_.T).max() < 1e-6
    assert model.noise[0] == pytest.approx(pca.noise_variance_ * (len(x) - 1) / len(x), rel=1e-6)
    one, two = model.factors([x], [here]), pca.transform(x)
    assert np.abs([np.corrcoef(one[:, j], two[:, j])[0, 1] for j in range(3)]).min() > 1 - 1e-9


def test_the_likelihood_never_falls() -> None:
    """Of whole rows, by the covariance that the model says; and rows without any layer are told as the mean."""
    layers, _, _ = planted(n=80, gone=0.0)
    every = [np.ones(80, dtype=bool)] * 3
    centred = [x - x.mean(axis=0) for x in layers]
    model = FactorModel.fit(layers, every, 2)
    worse = FactorModel(model.mean, tuple(w * 0.7 for w in model.weights), model.noise)

    def likelihood(one: FactorModel) -> float:
        w = np.vstack(one.weights)
        cover = w @ w.T + np.diag(np.repeat(one.noise, SIZES))
        x = np.hstack(centred)
        return float(
            -0.5 * (np.linalg.slogdet(cover)[1] + np.einsum("ij,ji->", x @ np.linalg.inv(cover), x.T) / len(x))
        )

    course = [likelihood(worse)]
    for _ in range(5):
        worse = worse._improved(centred, every, SIZES)
        course.append(likelihood(worse))
    assert (np.diff(course) > -1e-9).all() and course[-1] <= likelihood(model) + 1e-3
    once_more = model._improved(centred, every, SIZES)  # by all columns, where the fit saw those of 120 by their rows
    for w, again in zip(model.weights, once_more.weights, strict=True):
        assert np.abs(w - again).max() < 1e-3 * np.abs(w).max()
    nothing = [np.zeros(80, dtype=bool)] * 3
    assert not model.factors(layers, nothing).any()


def test_few_rows_and_flat_columns_are_survived() -> None:
    rng = np.random.default_rng(0)
    for x in (np.zeros((5, 4)), rng.standard_normal((3, 1)), rng.standard_normal((2, 50))):
        here = np.ones(len(x), dtype=bool)
        model = FactorModel.fit([x, x], [here, ~here | (np.arange(len(x)) == 0)], 8)
        assert np.isfinite(model.factors([x, x], [here, here])).all()
