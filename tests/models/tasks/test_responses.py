"""Responses: several numbers at once with gaps: targets, losses, the shared ridge, metrics, stacking, endpoints."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from snapshots import CLASSES, make_snapshot

from clinome.models.base.folds import make_folds
from clinome.models.base.specs import Evaluate
from clinome.models.base.task import task_of
from clinome.models.estimators.gapped_ridge import GappedRidge
from clinome.models.estimators.late_fusion import calibrate
from clinome.models.estimators.losses import gapped_squared_loss
from clinome.models.estimators.tree_arrays import of_forest, with_means
from clinome.models.evaluation.endpoints import endpoint_comparisons, endpoint_table
from clinome.models.evaluation.fold_scores import FoldScores
from clinome.models.evaluation.predictions import prediction_table
from clinome.models.experiment.controls import permuted
from clinome.models.inference.input_schema import InputSchema
from clinome.models.inference.model import FORMAT, Model, member_of
from clinome.models.learners.adapters.fit_predict import FitPredictLearner
from clinome.models.learners.registry import make, reason_of, select
from clinome.models.learners.stacking import STACK, choose
from clinome.models.metrics.several.responses import macro_spearman
from clinome.models.metrics.task_metrics import evaluate, measures
from clinome.models.training.batch import Target

TASK = task_of("responses")
NAMES = ("a", "b", "c")


def gapped(n: int, k: int, seed: int, share: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n, k)) * 10.0 ** rng.integers(-3, 4, k) + rng.normal(0, 50, k)
    y[rng.random((n, k)) < share] = np.nan
    return y


def rows_of(y: np.ndarray) -> pl.DataFrame:
    held = [[None if np.isnan(v) else float(v) for v in row] for row in y]
    return pl.DataFrame(
        {"subject_id": [f"p{i}" for i in range(len(y))], "label": pl.Series(held, dtype=pl.List(pl.Float64))}
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 10**6))
def test_targets_keep_their_gaps_and_units_are_of_what_is_known(n: int, k: int, seed: int) -> None:
    y = gapped(n, k, seed)
    np.testing.assert_array_equal(TASK.targets(rows_of(y), (*NAMES, "d")[:k]), y)
    centre, spread = TASK.unit(y)
    for j in range(k):
        known = y[np.isfinite(y[:, j]), j]
        if len(known) > 1:
            np.testing.assert_allclose(centre[j], known.mean())
            np.testing.assert_allclose(spread[j], known.std() or 1.0)
    assert np.isfinite(centre).all() and (spread > 0).all() and np.isfinite(TASK.working_response(y, k)).all()


def test_folds_are_even_in_the_mean_response() -> None:
    y = gapped(100, 3, 1)
    folds = make_folds(rows_of(y), "responses", Evaluate(folds=5))
    strata = TASK.strata(rows_of(y))
    held = folds.filter(pl.col("split") == "held_out")
    for fold in range(5):
        counts = np.bincount(strata[held.filter(pl.col("fold") == fold)["row"].to_numpy()], minlength=5)
        assert counts.max() - counts.min() <= 2


def test_lists_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 2"):
        TASK.targets(rows_of(np.ones((3, 3))), ("a", "b"))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([0.03, 0.3, 3.0]))
def test_one_factorisation_gives_each_endpoint_its_own_ridge(seed: int, c: float) -> None:
    """scikit-learn's Ridge of the known rows alone, column by column."""
    rng = np.random.default_rng(seed)
    n, p = 40, int(rng.integers(2, 60))
    z = rng.normal(size=(n, p)) / np.sqrt(p)
    y = TASK.working_response(gapped(n, 4, seed, 0.0), 4)
    y[rng.random(y.shape) < [0.0, 0.1, 0.4, 0.7]] = np.nan
    fitted = GappedRidge(z, y)
    before = fitted.fit(0.003)
    for start in (None, np.vstack(before)):
        coef, intercept = fitted.fit(c, start=start)
        for j in range(4):
            known = np.isfinite(y[:, j])
            right = Ridge(alpha=1 / c).fit(z[known], y[known, j])
            np.testing.assert_allclose(coef[:, j], right.coef_, atol=2e-4)
            np.testing.assert_allclose(intercept[j], right.intercept_, atol=2e-4)


def test_the_loss_and_its_gradient_look_at_what_is_known_alone() -> None:
    y = TASK.working_response(gapped(12, 3, 2), 3)
    y[np.random.default_rng(0).random(y.shape) < 0.3] = np.nan
    loss, known = gapped_squared_loss(y), np.isfinite(y)
    eta = np.random.default_rng(1).normal(size=y.shape)
    assert loss(eta)[0] == pytest.approx(((eta - y)[known] ** 2).sum() / 24)
    error = check_grad(
        lambda v: loss(v.reshape(y.shape))[0], lambda v: loss(v.reshape(y.shape))[1].ravel(), eta.ravel()
    )
    assert error < 1e-5
    head: Any = TASK.head(2, 3)
    head.start(TASK.tensors(y))
    centre, spread = TASK.unit(y)
    np.testing.assert_allclose(head.centre.numpy(), centre, rtol=1e-5)
    raw = torch.tensor(eta, dtype=torch.float32)
    found = float(head.loss(raw, TASK.tensors(y)))
    assert found == pytest.approx((((eta - y) / spread)[known] ** 2).mean(), rel=1e-4)
    assert head.loss(raw[:1], Target(y=torch.full((1, 3), float("nan")))) is None


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_metrics_are_the_mean_over_endpoints_of_those_that_are_known(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = gapped(30, 4, seed, 0.4)
    score = np.nan_to_num(y) + rng.normal(size=y.shape).round(1)
    y[:, 3] = np.where(np.isfinite(y[:, 3]), 7.0, np.nan)  # all the same: nothing to rank
    score[:, 2] = 1.0  # the same for all
    found = evaluate("responses", y, score, (*NAMES, "d"))
    each = []
    for j in range(2):
        known = np.isfinite(y[:, j])
        each.append(float(spearmanr(y[known, j], score[known, j]).statistic))
    assert found["macro_spearman"] == pytest.approx(sum(each) / 3)  # the constant prediction counts as none
    assert found["endpoints_judged"] == 3
    for key, measure in measures("responses", y, score, 4).items():
        up, down = measure(np.ones((2, 30)))
        assert (found[key] is None) == (down[0] == 0) and (
            found[key] is None or up[0] / down[0] == pytest.approx(found[key])
        )
    drawn = rng.integers(0, 4, (1, 30)).astype(float)
    again = np.repeat(np.arange(30), drawn[0].astype(int))
    up, down = measures("responses", y, score, 4)["macro_mae"](drawn)
    assert up[0] / down[0] == pytest.approx(evaluate("responses", y[again], score[again])["macro_mae"], rel=0.2)


def test_nothing_to_judge_has_no_value_and_chance_inside() -> None:
    y = np.full((5, 2), np.nan)
    y[0] = 1.0
    assert macro_spearman(y, np.zeros((5, 2))) is None and TASK.inner_score(y, np.zeros((5, 2))) == 0.0
    assert evaluate("responses", y, np.zeros((5, 2)))["macro_r2"] is None


def test_each_endpoint_is_calibrated_by_a_line_of_its_own() -> None:
    rng = np.random.default_rng(0)
    score = rng.normal(size=(200, 3))
    y = np.column_stack([3 + 2 * score[:, 0], 1000 - 50 * score[:, 1], rng.normal(size=200)])
    y[::3, 0] = np.nan
    y[:, 2] = np.nan
    slope, intercept = calibrate(score, y, "responses")
    assert slope[0] == pytest.approx(2) and intercept[0] == pytest.approx(3)
    assert 0 < slope[1] < 1 and intercept[1] == pytest.approx(y[:, 1].mean(), abs=5)  # never turned round
    assert np.isfinite([slope, intercept]).all()


def test_leaves_hold_the_mean_of_what_is_known() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(60, 5)).astype(np.float32), gapped(60, 3, 4)
    grown = of_forest(RandomForestRegressor(4, min_samples_leaf=5, random_state=0).fit(x, TASK.numeric_response(y)))
    made = with_means(grown, x, y, TASK.base_rate(y, 3))
    at, new = grown.trees.leaves(x), rng.normal(size=(8, 5)).astype(np.float32)
    there, right = grown.trees.leaves(new), np.zeros((8, 3))
    for i in range(8):
        for t in range(4):
            inside = y[at[:, t] == there[i, t]]
            known = np.isfinite(inside)
            for j in range(3):
                right[i, j] += (inside[known[:, j], j].mean() if known[:, j].any() else TASK.base_rate(y, 3)[j]) / 4
    np.testing.assert_allclose(made.predict(new), right)


def test_a_stack_of_two_is_chosen_saved_and_in_each_endpoints_unit() -> None:
    snapshot = make_snapshot("responses", n=160, layers=("rna", "mutations"), signal=1.0, features=24)
    train, rows = np.arange(0, 100), np.arange(100, 160)
    learners = [make(name).with_setting({}, 1) for name in ("ridge_late", "forest")]
    for one in learners:
        one.fit(snapshot, train, train[:0])
    scores = {one.name: one.predict(snapshot, rows) for one in learners}
    y = TASK.targets(snapshot.rows[rows], snapshot.classes)
    noise = np.random.default_rng(0).normal(size=(2, 60, 3)) * y[np.isfinite(y).all(axis=1)].std(axis=0)
    scores = {
        name: (np.nan_to_num(y, nan=0.0) + scores["ridge_late"]) / 2 + one
        for name, one in zip(scores, noise, strict=True)
    }
    scores = {name: np.where(np.isfinite(y), one, one.mean(axis=0)) for name, one in scores.items()}
    choice = choose(scores, y, np.arange(60) % 3, "responses")
    assert choice.name == STACK and choice.final.shape == (2, 3)
    both = choice.combine(scores, "responses")
    known = np.isfinite(y)
    assert both.shape == (60, 3) and abs((both - y)[known[:, 2], 2].mean()) < 50  # level lies about 1000
    assert TASK.inner_score(y, both) > 0.5
    model = Model(InputSchema.of(snapshot), choice, tuple(member_of(one) for one in learners), {"rows": 160})
    state = {"format": FORMAT, "about": dict(model.about), "seen": model.schema.state(), "choice": choice.state(),
             "members": [vars(member) for member in model.members]}  # fmt: skip
    from clinome.models.inference.model_format import check_model
    from clinome.models.inference.state_part import FormatError

    check_model(state)
    with pytest.raises(FormatError, match="final"):
        check_model({**state, "choice": {**choice.state(), "final": np.zeros(4)}})


def test_permuted_responses_teach_nothing() -> None:
    snapshot = make_snapshot("responses", n=200, layers=("rna",), signal=1.0, features=24)
    found = []
    for seed in range(4):
        lie = permuted(snapshot, seed)
        learner = make("ridge_late").with_setting({}, seed)
        learner.fit(lie, np.arange(100), np.zeros(0, np.int64))
        rows = np.arange(100, 200)
        found.append(TASK.inner_score(TASK.targets(lie.rows[rows], lie.classes), learner.predict(lie, rows)))
    assert abs(np.mean(found)) < 0.15


def test_who_learns_one_outcome_at_a_time_says_so() -> None:
    snapshot = make_snapshot("responses", n=60, layers=("rna",))
    learners, left_out = select(snapshot, ["default", "boosting", "lasso"])
    assert [one.name for one in learners] == ["majority", "covariates", "ridge_late", "forest"]
    assert "learnt by majority, covariates, ridge_late, forest" in left_out["lasso"]
    assert reason_of(make("gene_gnn"), snapshot) == left_out["boosting"]


class Mean:
    """Somebody's own learner: each endpoint's mean over the rows that have it."""

    def fit(self, snapshot: Any, train: np.ndarray, tuning: np.ndarray) -> None:
        y = np.array([[np.nan if one is None else one for one in row] for row in snapshot.rows["label"][train]])
        self.mean = np.nanmean(y, axis=0)

    def predict(self, snapshot: Any, rows: np.ndarray) -> np.ndarray:
        return np.tile(self.mean, (len(rows), 1))


def test_a_learner_of_ones_own_answers_a_number_an_endpoint() -> None:
    snapshot = make_snapshot("responses", n=60, layers=("rna",))
    learner = FitPredictLearner(Mean(), "mean").with_setting({}, 0)
    assert learner.reason(snapshot) is None
    learner.fit(snapshot, np.arange(40), np.arange(40, 50))
    assert learner.predict(snapshot, np.arange(50, 60)).shape == (10, 3)


def test_endpoints_by_themselves_and_against_the_covariates() -> None:
    snapshot = make_snapshot("responses", n=90, layers=("rna",))
    y = TASK.targets(snapshot.rows, snapshot.classes)
    rng, parts = np.random.default_rng(0), []
    for name, noise in (("covariates", 3.0), ("chosen", 0.5)):
        for fold in range(3):
            rows = np.arange(fold, 90, 3)
            told = np.nan_to_num(y[rows]) + noise * rng.normal(size=(30, 3)) * [1, 2, 200]
            parts.append(FoldScores(name, 0, fold, rows, y[rows], told))
    table = endpoint_table(snapshot, prediction_table(snapshot, parts), "covariates")
    assert table.height == 6 and table["endpoint"].to_list() == [*CLASSES["responses"]] * 2
    for row in table.filter(pl.col("learner") == "chosen").iter_rows(named=True):
        j = snapshot.classes.index(row["endpoint"])
        each = []
        for one in parts[3:]:
            known = np.isfinite(one.y[:, j])
            each.append(float(spearmanr(one.y[known, j], one.score[known, j]).statistic))
        assert row["spearman"] == pytest.approx(np.mean(each)) and row["n"] == np.isfinite(y[:, j]).sum()
        assert row["low"] < row["spearman"] < row["high"]
        other = table.filter((pl.col("learner") == "covariates") & (pl.col("endpoint") == row["endpoint"]))["spearman"][
            0
        ]
        assert row["difference"] == pytest.approx(row["spearman"] - other)
    (against,) = endpoint_comparisons(table, "chosen", 1)
    assert against["b"] == "covariates" and against["low"] > 0 and against["better"] == against["endpoints"] == 3
