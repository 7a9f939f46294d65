"""Folds × learners: one answer whatever the workers, nothing learnt from the held-out part, what is cut is marked."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from snapshots import garbage, make_snapshot

from clinome.models.base.folds import parts
from clinome.models.base.learner import Learner
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.base.task import task_of
from clinome.models.biomarkers.feature_effects import slopes, weigh
from clinome.models.estimators.late_fusion import calibrate, fit_weights
from clinome.models.estimators.ridge import fit_cox, fit_ridge
from clinome.models.evaluation.intervals import FOLDS, SPLIT
from clinome.models.experiment import run as harness
from clinome.models.experiment.results import Results
from clinome.models.experiment.tuning import inner_plan, tune
from clinome.models.learners.registry import make, select
from clinome.models.learners.stacking import STACK, choose
from clinome.models.metrics.task_metrics import evaluate, inner_score, targets
from clinome.snapshot import Snapshot

QUICK = ("majority", "covariates", "best_feature", "ridge_late")
ONE = Learn(trials=1, workers=1)


def _learners(snapshot: Snapshot, names: tuple[str, ...] = QUICK) -> list[Learner]:
    return select(snapshot, names)[0]


@cache
def _run(task: str = "binary") -> tuple[Snapshot, Results]:
    snapshot = make_snapshot(task, n=120, features=24, rows_per_subject=2)
    return snapshot, harness.run(snapshot, _learners(snapshot), Evaluate(), ONE)


@pytest.mark.parametrize("task", ("binary", "multiclass", "regression", "survival"))
def test_every_held_out_row_is_predicted_once_by_everyone(task: str) -> None:
    snapshot, results = _run(task)
    table = results.predictions
    assert table.group_by("learner", "repeat", "row").len()["len"].max() == 1
    assert dict(table.group_by("learner").len().iter_rows()) == {name: 120 for name in (*QUICK, "chosen")}
    truth = ["duration_days", "event"] if task == "survival" else ["y_true"]
    columns = ["learner", "repeat", "fold", "row", "subject_id", "prediction_time", *truth]
    also = {"survival": ["survival"], "regression": []}.get(task, ["set"])
    assert table.columns == columns + task_of(task).score_columns(snapshot.classes) + also
    held = table.filter(pl.col("learner") == "chosen") if also == ["set"] else table
    assert held.null_count().transpose().sum().item() == 0
    assert table.drop("set", strict=False).null_count().transpose().sum().item() == 0


def test_metrics_are_those_of_the_predictions() -> None:
    snapshot, results = _run()
    y = targets(snapshot.rows, "binary", snapshot.classes)
    for name in (*QUICK, "chosen"):
        for fold in range(3):
            one = results.predictions.filter((pl.col("learner") == name) & (pl.col("fold") == fold))
            expected = evaluate("binary", y[one["row"].to_numpy()], one["score"].to_numpy())
            assert results.metrics[name]["auroc"]["folds"][fold] == pytest.approx(expected["auroc"])


def test_results_json_holds_what_the_study_promises() -> None:
    _, results = _run()
    found = json.loads(json.dumps(results.as_json(), allow_nan=False))
    assert {"task", "metric", "chosen", "learners", "comparisons", "controls", "seconds", "peak_mb", "cut"} <= set(
        found
    )
    assert list(found["learners"]) == [*QUICK, "chosen"]
    assert set(found["learners"]["ridge_late"]) == {
        "metrics", "seconds", "peak_mb", "settings", "calibration",
    }  # fmt: skip
    assert set(found["learners"]["ridge_late"]["metrics"]["auroc"]) == {"mean", "sd", "low", "high", "folds"}
    assert len(found["learners"]["ridge_late"]["settings"]) == 3
    assert [c["fold"] for c in found["chosen"]] == [0, 1, 2]
    pairs = {(c["a"], c["b"]) for c in found["comparisons"]}
    assert {("chosen", name) for name in QUICK} <= pairs
    assert {c["method"] for c in found["comparisons"]} == {FOLDS}
    assert found["cut"] == []


def test_attributions_rank_what_was_planted() -> None:
    _, results = _run()
    table = results.attributions
    assert table.columns == ["repeat", "fold", "block", "feature", "importance", "slope"]
    assert table["importance"].is_finite().all()
    rna = table.filter(block="rna").with_columns(planted=pl.col("feature").str.slice(9).cast(pl.Int64) <= 10)
    mean = dict(rna.group_by("planted").agg(pl.col("importance").mean()).iter_rows())
    assert mean[True] > 2 * mean[False]
    assert rna.filter(planted=True)["slope"].mean() > 0  # type: ignore[operator]


def test_permuted_labels_are_a_control_near_chance() -> None:
    _, results = _run()
    control = results.controls["permuted_labels"]
    assert len(control["folds"]) == 3 * harness.PERMUTATIONS
    assert abs(control["mean"] - 0.5) < 0.12


def test_nothing_of_the_held_out_part_reaches_what_is_learnt() -> None:
    """Garbage in the held-out rows of fold 0 leaves that fold's tuning, choice and settings as they were."""
    snapshot, results = _run()
    held = parts(snapshot.folds, 0, 0)[2]
    other = garbage(snapshot, held)
    other = replace(other, folds=snapshot.folds.filter(fold=0))
    found = harness.run(other, _learners(other), Evaluate(), ONE, controls=False)
    assert found.chosen[0] == results.chosen[0]
    assert found.settings["ridge_late"][0] == results.settings["ridge_late"][0]


def test_one_fold_is_compared_by_patient_bootstrap() -> None:
    snapshot, _ = _run()
    single = replace(snapshot, folds=snapshot.folds.filter(fold=0))
    found = harness.run(single, _learners(single, ("majority", "ridge_late")), Evaluate(), ONE, controls=False)
    assert {c.method for c in found.comparisons} == {SPLIT}
    assert all(c.low is not None and c.low <= c.difference <= c.high for c in found.comparisons)  # type: ignore[operator]


def test_what_the_time_limit_cuts_is_marked() -> None:
    snapshot, _ = _run()
    found = harness.run(
        snapshot, _learners(snapshot, ("majority", "best_feature")), Evaluate(), replace(ONE, minutes=1e-9)
    )
    assert {c["what"] for c in found.cut} == {"not run"}
    assert len(found.cut) == 6
    assert found.predictions.height == 0


def test_names_must_differ() -> None:
    snapshot, _ = _run()
    with pytest.raises(ValueError, match="share a name"):
        harness.run(snapshot, [make("majority"), make("majority")], Evaluate(), ONE)


@pytest.mark.parametrize("n", (90, 6000))
def test_inner_plans_keep_their_parts_apart(n: int) -> None:
    snapshot = make_snapshot("binary", n=n, layers=(), rows_per_subject=2)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    plan = inner_plan(snapshot, train, tuning, seed=3)
    assert len(plan) == (1 if n == 6000 else 2)
    subject = snapshot.rows["subject_id"].to_numpy()
    for one in plan:
        groups = [set(subject[rows]) for rows in (one.train, one.tuning, one.scored, held)]
        assert all(groups)
        assert sum(map(len, groups)) == len(set.union(*groups))
    scored = np.concatenate([p.scored for p in plan])
    assert sorted(scored) == sorted(tuning if n == 6000 else [*train, *tuning])


def test_tuning_tries_the_budget_and_keeps_the_default_where_nothing_is_better() -> None:
    snapshot = make_snapshot("binary", n=90, features=24)
    train, tuning, _ = parts(snapshot.folds, 0, 0)
    plan = inner_plan(snapshot, train, tuning, seed=0)
    found = tune(make("majority"), snapshot, plan, trials=5, seed=0)
    assert (found.setting, len(found.tried), found.cut) == ({}, 1, 0)
    found = tune(make("forest"), snapshot, plan, trials=2, seed=0)
    assert len(found.tried) == 2
    y = targets(snapshot.rows[found.rows], "binary", snapshot.classes)
    assert found.inner == pytest.approx(inner_score("binary", y, found.oof))


def test_chosen_stacks_equals_takes_the_clear_winner_alone_and_never_the_majority() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    part = np.arange(400) % 5

    def score(noise: float) -> np.ndarray:
        return 1 / (1 + np.exp(-(2 * y - 1 + rng.normal(0, noise, 400))))

    flat = np.full(400, 0.5)
    equals = choose({"majority": flat, "ridge_late": score(2), "cox_pca": score(2)}, y, part, "binary")
    assert equals.name == STACK
    assert set(equals.weights) == {"ridge_late", "cox_pca"}
    assert sum(equals.share().values()) == pytest.approx(1.0)
    assert equals.inner[STACK] > max(equals.inner["ridge_late"], equals.inner["cox_pca"])
    winner = choose({"majority": flat, "ridge_late": score(9), "sequence": score(0.7)}, y, part, "binary")
    assert winner.name == "sequence"
    lost = {"majority": flat, "ridge_late": rng.uniform(size=400)}
    assert choose(lost, y, part, "binary").name == "ridge_late"


@pytest.mark.parametrize("task", ("binary", "multiclass", "regression", "survival"))
def test_a_stack_combines_scores_into_the_tasks_own_kind(task: str) -> None:
    snapshot = make_snapshot(task, n=400)
    y = targets(snapshot.rows, task, snapshot.classes)
    rng = np.random.default_rng(7)  # not the snapshot's own seed: the noise would be its cause
    signal = -np.log(y[:, 0]) if task == "survival" else np.eye(3)[y] if task == "multiclass" else y
    scores = {}
    for name in ("ridge_late", "cox_pca"):
        raw = signal + rng.normal(0, 150.0 if task == "regression" else 1.0, np.shape(signal))
        if task == "regression":
            scores[name] = raw
            continue
        scores[name] = {"survival": raw, "multiclass": np.exp(raw) / np.exp(raw).sum(-1, keepdims=True)}.get(
            task, 1 / (1 + np.exp(-raw))
        )
    choice = choose(scores, y, np.arange(400) % 5, task)
    assert choice.name == STACK
    combined = choice.combine(scores, task)
    assert combined.shape == scores["cox_pca"].shape
    assert inner_score(task, y, combined) > min(inner_score(task, y, s) for s in scores.values())
    if task == "multiclass":
        np.testing.assert_allclose(combined.sum(axis=1), 1)


def test_stack_weights_are_non_negative_and_prior_where_data_say_nothing() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    good, noise = 2.0 * y - 1 + rng.normal(0, 1, 300), rng.normal(0, 1, 300)
    z = np.stack([good, -good, noise], axis=1)[:, :, None]
    weights = fit_weights(z, y, "binary", np.full(3, 1 / 3), shrink=1.0)
    assert weights.min() >= 0
    assert weights[0] > 10 * max(weights[1], 1e-3)
    drawn = fit_weights(z[:, [0, 2]], y, "binary", np.array([0.5, 0.5]), shrink=1e9)
    assert drawn[0] == pytest.approx(drawn[1], rel=1e-3)


def test_calibration_makes_probabilities_of_scores() -> None:
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 1.5, 4000)
    y = (rng.uniform(size=4000) < 1 / (1 + np.exp(-logit))).astype(int)
    slope, intercept = calibrate((3 * logit + 2)[:, None], y, "binary")
    assert slope == pytest.approx(1 / 3, abs=0.03)
    assert intercept == pytest.approx(-2 / 3, abs=0.1)


def test_ridge_in_principal_coordinates_is_scikit_learns_ridge() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 200))
    y = (x[:, :5].sum(axis=1) + rng.normal(size=60) > 0).astype(int)
    found = fit_ridge(x, y, np.arange(60) % 3, "binary", 2)
    plain = found.gamma == 0
    job = np.sqrt((x**2).sum() / 60)
    assert np.isfinite(found.oof).all()
    if plain:
        expected = LogisticRegression(C=found.c, tol=1e-8, max_iter=5000).fit(x / job, y)
        np.testing.assert_allclose(found.coef[:, 0] * job, expected.coef_[0], atol=1e-2)
    assert found.inner > 0.6


def test_cox_ridge_without_penalty_is_lifelines_and_with_one_is_smaller() -> None:
    import pandas as pd
    from lifelines import CoxPHFitter

    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 3))
    time, event = rng.exponential(np.exp(-x[:, 0])), rng.integers(0, 2, 150).astype(float)
    frame = pd.DataFrame(x, columns=list("abc")).assign(time=time, event=event)
    expected = CoxPHFitter().fit(frame, "time", "event").params_.to_numpy()
    np.testing.assert_allclose(fit_cox(x, time, event, 1e9), expected, atol=1e-3)
    assert np.abs(fit_cox(x, time, event, 0.01)).sum() < 0.5 * np.abs(expected).sum()


def test_slopes_are_a_linear_models_coefficients_per_standard_deviation() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (200, 2))
    attribution = (x - x.mean(axis=0)) * np.array([0.5, -1.0])
    np.testing.assert_allclose(slopes(attribution, x), x.std(axis=0) * [0.5, -1.0])
    holes = x.copy()
    holes[:50, 0] = np.nan
    assert slopes(attribution, holes)[0] == pytest.approx(0.5 * holes[50:, 0].std())
    assert np.isnan(slopes(attribution, np.zeros((200, 2)))).all()


def test_a_stacks_effects_are_its_members_by_their_shares() -> None:
    one = pl.DataFrame({"block": "x", "feature": ["a", "b"], "importance": [3.0, 1.0], "slope": [1.0, float("nan")]})
    two = pl.DataFrame({"block": "x", "feature": ["b"], "importance": [9.0], "slope": [2.0]})
    found = weigh({"one": one, "two": two, "mute": None}, {"one": 0.5, "two": 0.25, "mute": 0.25})
    assert found["importance"].to_list() == [0.375, 0.125 + 0.25]
    assert found["slope"].to_list() == [0.5, 0.5]


def test_the_primary_metric_is_named_for_every_task() -> None:
    assert {_run(task)[1].metric for task in ("binary", "multiclass", "regression", "survival")} == {
        "auroc", "accuracy", "r2", "c_index",
    }  # fmt: skip
