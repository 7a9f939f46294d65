"""Regression: targets, strata, losses, heads, and each estimator against scikit-learn, in any unit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn import metrics as sk

from clinome.models.base.task import task_of
from clinome.models.estimators.late_fusion import calibrate, fit_weights
from clinome.models.estimators.losses import squared_loss
from clinome.models.estimators.ridge import STRENGTHS, fit_ridge
from clinome.models.heads.regression import RegressionHead
from clinome.models.metrics.task_metrics import evaluate
from clinome.models.statistics.rank_tests import spearman
from clinome.models.training.batch import Target

TASK = task_of("regression")
numbers = st.lists(st.tuples(st.integers(-20, 20), st.integers(-8, 8)), min_size=2, max_size=40)


@settings(max_examples=100, deadline=None)
@given(numbers)
def test_metrics_are_scikit_learns_and_scipys(pairs: list[tuple[int, int]]) -> None:
    y, score = (np.array(side) / 4 for side in zip(*pairs, strict=True))
    found = evaluate("regression", y, score)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(y, score), abs=1e-12)
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(y, score), abs=1e-12)
    varies = np.ptp(y) > 0
    assert found["r2"] == (pytest.approx(sk.r2_score(y, score), abs=1e-9) if varies else None)
    both = varies and np.ptp(score) > 0
    assert found["spearman"] == (pytest.approx(spearmanr(y, score).statistic, abs=1e-9) if both else None)


def test_a_rank_correlation_of_many_columns_is_scipys_without_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=60).round(1)
    x = np.column_stack([y + rng.normal(size=60), rng.integers(0, 2, 60), rng.normal(size=60), np.ones(60), y]).astype(
        float
    )
    x[:20, 2] = np.nan
    p = spearman(x, y)
    for j in range(3):
        known = ~np.isnan(x[:, j])
        assert p[j] == pytest.approx(spearmanr(x[known, j], y[known]).pvalue, rel=1e-9)
    assert np.isnan(p[3]) and p[4] == 0.0
    assert np.isnan(spearman(x[:2], y[:2])).all()


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=200))
def test_strata_are_equal_shares_whatever_is_tied(values: list[int]) -> None:
    strata = TASK.strata(pl.DataFrame({"label": [float(v) for v in values]}))
    if len(set(values)) == 1:
        assert set(strata) == {0}
        return
    sizes = np.bincount(strata)
    assert sizes.max() - sizes.min() <= 1 and 2 <= len(sizes) <= 5
    order = np.argsort(values, kind="stable")
    assert (np.diff(strata[order]) >= 0).all()  # from the lowest to the highest


def test_the_squared_loss_has_the_gradient_that_it_says() -> None:
    rng = np.random.default_rng(0)
    y, eta, step = rng.normal(size=20), rng.normal(size=(20, 1)), 1e-6 * rng.normal(size=(20, 1))
    loss = squared_loss(y)
    value, pull = loss(eta)
    assert value == pytest.approx(np.mean((eta[:, 0] - y) ** 2) / 2)
    assert loss(eta + step)[0] - value == pytest.approx(float((pull * step).sum()), rel=1e-4)


@pytest.mark.parametrize(("n", "p"), [(60, 8), (40, 90)])
def test_ridge_is_scikit_learns_with_the_strength_that_it_chose(n: int, p: int) -> None:
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, p))
    y = 300 + 40 * (x[:, 0] - x[:, 1] + rng.normal(size=n))
    made = fit_ridge(
        x[:, :3] if p == 8 else x, y, np.arange(n) % 3, "regression", 0
    )  # of three columns none is weighted
    assert made.c in STRENGTHS
    if made.gamma:
        return
    x = x[:, :3] if p == 8 else x
    unit = np.sqrt((x**2).sum() / n)
    other = Ridge(1 / made.c, solver="cholesky").fit(x / unit, y)
    np.testing.assert_allclose(made.score(x)[:, 0], other.predict(x / unit), atol=0.02 * y.std())


def test_a_calibrated_score_is_the_least_squares_line_in_the_outcomes_unit() -> None:
    rng = np.random.default_rng(0)
    score = rng.normal(3, 0.01, size=(300, 1))
    y = 5e6 + 1e5 * (score[:, 0] - 3) / 0.01 + 5e4 * rng.normal(size=300)
    slope, intercept = calibrate(score, y, "regression")
    line = np.polyfit(score[:, 0], y, 1)
    assert (slope, intercept) == (pytest.approx(line[0], rel=1e-6), pytest.approx(line[1], rel=1e-6))
    against, _ = calibrate(-score, y, "regression")
    assert 0 < against < 0.01 * slope  # knows nothing, and keeps its order
    flat = calibrate(np.ones((300, 1)), y, "regression")
    assert flat[0] + flat[1] == pytest.approx(y.mean())


def test_weights_find_the_score_that_tells_and_leave_noise() -> None:
    rng = np.random.default_rng(0)
    y = 1000 + 5 * rng.normal(size=300)
    good = (y - 1000) / 5 + 0.5 * rng.normal(size=300)
    z = np.stack([good / good.std(), rng.normal(size=300)], axis=1)[:, :, None]
    weights = fit_weights(z, y, "regression", np.full(2, 0.5), shrink=1.0)
    assert weights.min() >= 0 and weights[0] > 10 * max(weights[1], 1e-3)


@pytest.mark.parametrize(("centre", "spread"), [(0.0, 1.0), (1e5, 20.0), (0.02, 1e-4)])
def test_a_head_speaks_the_unit_and_learns_in_its_own(centre: float, spread: float) -> None:
    rng = np.random.default_rng(0)
    h = torch.tensor(rng.normal(size=(400, 4)), dtype=torch.float32)
    y = centre + spread * (h[:, 0].numpy().astype(float) + 0.1 * rng.normal(size=400))
    target = TASK.tensors(y)
    head = RegressionHead(4)
    head.start(target)
    assert float(head.loss(torch.full((400, 1), float(y.mean())), target)) == pytest.approx(1.0, abs=0.02)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=50)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = head.loss(head.raw(h), target)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert sk.r2_score(y, head(h).detach().numpy().astype(float)) > 0.97
    again = RegressionHead(4)
    again.load_state_dict(head.state_dict())
    assert torch.equal(again(h), head(h))


def test_a_head_of_one_value_predicts_it_and_what_is_not_finite_is_an_error() -> None:
    head = RegressionHead(2)
    head.start(Target(y=torch.full((5,), 7.0)))
    head.read(0.0)
    torch.nn.init.zeros_(head.linear.weight)
    assert head(torch.randn(3, 2)).tolist() == [7.0] * 3
    with pytest.raises(FloatingPointError):
        head.loss(torch.full((5, 1), float("nan")), Target(y=torch.zeros(5)))


def test_thirds_are_named_by_where_they_lie() -> None:
    label = pl.Series("label", [1.0, 2.0, 3.0, None, 4.0, 5.0, 6.0])
    found = TASK.grouped(label)
    assert found is not None and found.to_list()[3] is None
    assert found.drop_nulls().unique().sort().to_list() == ["1: up to 2.667", "2: 2.667 to 4.333", "3: above 4.333"]
    assert found.value_counts().drop_nulls()["count"].to_list() == [2, 2, 2]
    many = TASK.grouped(pl.Series("label", [0.0] * 8 + [5.0, 9.0]))
    assert many is not None and many.unique().sort().to_list() == ["1: up to 0", "2: above 0"]
