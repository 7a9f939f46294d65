"""Elastic net: the same path as scikit-learn's and scikit-survival's; a planted signal is found, noise is not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression, enet_path
from sksurv.linear_model import CoxnetSurvivalAnalysis

from clinome.models.base.task import task_of
from clinome.models.estimators.elastic_net import elastic_net_path, fit_elastic_net

SURE = 1e-8


def _scaled(x: np.ndarray) -> np.ndarray:
    return np.asarray((x - x.mean(axis=0)) / x.std(axis=0))


@pytest.mark.parametrize("mix", [1.0, 0.5])
def test_least_squares_path_is_scikit_learns(mix: float) -> None:
    """Six digits, coefficient by coefficient, all along the path; in units of the outcome."""
    x, y = load_diabetes(return_X_y=True)
    x, spread = _scaled(x), y.std()
    path = elastic_net_path(x, y, "regression", mix=mix, tol=SURE)
    expected = enet_path(x, (y - y.mean()) / spread, l1_ratio=mix, alphas=path.penalties, tol=1e-10)[1].T
    np.testing.assert_allclose(path.coef[:, :, 0] / spread, expected, atol=1e-6)


@pytest.mark.parametrize(("task", "load", "classes"), [("binary", load_breast_cancer, 0), ("multiclass", load_wine, 3)])
def test_logistic_path_is_scikit_learns(task: str, load: object, classes: int) -> None:
    x, y = load(return_X_y=True)  # type: ignore[operator]
    x = _scaled(x)[:, :12]
    path = elastic_net_path(x, y if classes else y.astype(float), task, classes, mix=0.5, tol=SURE)
    for at in (4, 9):
        c = 1 / (path.penalties[at] * len(y))
        model = LogisticRegression(l1_ratio=0.5, C=c, solver="saga", tol=1e-8, max_iter=20_000).fit(x, y)
        np.testing.assert_allclose(path.coef[at].T, model.coef_, atol=1e-5)


def test_cox_path_is_scikit_survivals() -> None:
    """To four digits: scikit-survival's own tests hold the figures of glmnet, whose algorithm it has."""
    rng = np.random.default_rng(1)
    x = _scaled(rng.normal(size=(200, 20)))
    duration = rng.exponential(size=200) / np.exp(x[:, :3].sum(axis=1))
    event = rng.random(200) < 0.6
    path = elastic_net_path(x, np.column_stack([duration, event]), "survival", mix=0.9, tol=SURE)
    outcome = np.array(list(zip(event, duration, strict=True)), dtype=[("event", bool), ("time", float)])
    model = CoxnetSurvivalAnalysis(l1_ratio=0.9, alphas=path.penalties, tol=1e-10, max_iter=10**6).fit(x, outcome)
    np.testing.assert_allclose(path.coef[:, :, 0], model.coef_.T[: len(path.coef)], atol=1e-4)


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression", "survival"])
def test_curvature_is_the_second_derivative(task: str) -> None:
    kind, rng = task_of(task), np.random.default_rng(2)
    n, classes = 12, 3
    y = {"binary": rng.integers(0, 2, n).astype(float), "multiclass": np.arange(n) % 3,
         "multilabel": rng.integers(0, 2, (n, 3)).astype(float), "regression": rng.normal(size=n),
         "survival": np.column_stack([rng.integers(1, 6, n), rng.integers(0, 2, n)]).astype(float)}[task]  # fmt: skip
    logits = rng.normal(size=(n, kind.width(classes)))
    loss, found, step = kind.loss(y), kind.curvature(y, logits), 1e-5
    for i, k in np.ndindex(logits.shape):
        shift = np.zeros_like(logits)
        shift[i, k] = step
        told = n * (loss(logits + shift)[1][i, k] - loss(logits - shift)[1][i, k]) / (2 * step)
        assert found[i, k] == pytest.approx(told, abs=1e-5)


@pytest.mark.parametrize("task", ["binary", "regression", "survival"])
def test_few_true_features_among_many_are_found(task: str) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(240, 300))
    score = x[:, :4].sum(axis=1)
    y = {"binary": (score + rng.logistic(size=240) > 0).astype(float), "regression": score + rng.normal(size=240),
         "survival": np.column_stack([rng.exponential(size=240) / np.exp(score), np.ones(240)])}[task]  # fmt: skip
    part = np.arange(240) % 3
    model = fit_elastic_net(x, y, part, task, 0, 1.0)
    assert model.coef[:4].all() and (model.coef != 0).sum() < 60
    assert np.corrcoef(model.oof[:, 0], score)[0, 1] > 0.8
    shuffled = fit_elastic_net(x, rng.permutation(y), part, task, 0, 1.0)
    assert np.corrcoef(shuffled.oof[:, 0] + 1e-9 * score, score)[0, 1] < 0.3
