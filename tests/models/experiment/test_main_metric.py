"""The main metric that a study names: settings, `chosen` and all comparisons go by it, whatever the task's own says."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from snapshots import make_snapshot

from clinome.models.base.folds import make_folds
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.base.task import TASKS, task_of
from clinome.models.estimators.ridge import fit_ridge
from clinome.models.evaluation.fold_scores import draw
from clinome.models.evaluation.predictions import parts_of
from clinome.models.evaluation.subgroups import groupings, subgroups
from clinome.models.experiment import run as harness
from clinome.models.experiment.learning_curve import learning_curve
from clinome.models.experiment.tuning import inner_plan, tune
from clinome.models.learners.base import aimed
from clinome.models.learners.registry import make, select
from clinome.models.learners.stacking import choose
from clinome.models.metrics.task_metrics import choosing, inner_score, metrics_of

NAMES = ("majority", "covariates", "ridge_late")
LEARN = Learn(trials=1, workers=1)


def _rare(n: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, a score of the better AUROC, and one of the better AUPRC: it finds half of the cases at once, and no more."""
    rng = np.random.default_rng(3)
    y = (np.arange(n) % 12 == 0).astype(np.int64)
    ranks = np.clip(0.3 + 0.12 * y + rng.normal(0, 0.1, n), 0.01, 0.9)
    early = np.where((y == 1) & (np.arange(n) % 24 == 0), 0.95, 0.3) + rng.normal(0, 0.01, n)
    return y, ranks, early


@pytest.mark.parametrize("task", [task for task in TASKS if task_of(task).supervised])
def test_what_can_be_chosen_by_is_the_tasks_own_where_higher_is_better(task: str) -> None:
    able = choosing(task)
    assert task_of(task).primary in able
    assert all(one.higher_is_better for one in able.values())
    assert not {"brier", "ece", "mae", "rmse", "ibs", "td_auc", "incidence_auc", "labels_judged"} & set(able)


def test_a_score_is_judged_by_the_named_metric_and_chance_where_there_is_none() -> None:
    y, ranks, early = _rare()
    assert inner_score("binary", y, early, "auprc") == pytest.approx(average_precision_score(y, early))
    assert inner_score("binary", y, ranks) > inner_score("binary", y, early)
    assert inner_score("binary", y, ranks, "auprc") < inner_score("binary", y, early, "auprc")
    assert inner_score("binary", np.zeros(4, np.int64), np.linspace(0, 1, 4), "auprc") == 0.0
    assert inner_score("binary", np.zeros(4, np.int64), np.linspace(0, 1, 4), "auroc") == 0.5


def test_chosen_is_chosen_by_it() -> None:
    y, ranks, early = _rare()
    scores, part = {"forest": ranks, "sequence": early}, np.arange(len(y)) % 5
    assert set(choose(scores, y, part, "binary").weights) == {"forest", "sequence"}  # alike in AUROC: both
    picked = choose(scores, y, part, "binary", "auprc")
    assert picked.name == "sequence"
    assert picked.inner["sequence"] == pytest.approx(average_precision_score(y, early))


def test_a_class_that_is_guessed_needs_probabilities_not_logits() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, 4)), rng.integers(0, 2, 120)
    y[x[:, 0] > 0.2] = 1
    found = fit_ridge(x, y, np.arange(120) % 3, "binary", 2, "accuracy")
    guess = found.oof[:, 0] >= 0  # a logit of 0 is a probability of one half
    assert found.inner == pytest.approx((guess == y).mean())


@pytest.mark.parametrize(
    ("task", "metric"), (("binary", "auprc"), ("multiclass", "macro_f1"), ("regression", "spearman"))
)
def test_a_run_is_tuned_chosen_and_compared_by_it(task: str, metric: str) -> None:
    snapshot = make_snapshot(task, n=90, features=12)
    learners = select(snapshot, NAMES)[0]
    found = harness.run(snapshot, learners, Evaluate(folds=3), LEARN, keep=True, metric=metric)
    assert found.metric == metric
    assert {one.metric for one in found.comparisons} == {metric}
    assert {one["metric"] for one in found.controls.values()} == {metric}
    parts = parts_of(found.predictions, snapshot, "chosen")
    by = metrics_of(task)[metric]
    held_out = [inner_score(task, one.y, one.score, metric) for one in parts]
    assert found.optimism["held_out"] == pytest.approx(np.mean(held_out))
    assert found.metrics["chosen"][by.key]["mean"] == pytest.approx(np.mean(held_out))
    for one in found.chosen:
        assert set(one["inner"]) >= set(NAMES)
    resamples = draw(snapshot, [one.rows for one in parts], 0)
    sex = groupings([snapshot.covariates], ("sex",))
    assert {one["metric"] for one in subgroups(snapshot, parts, sex, resamples, metric)} <= {metric}
    curve = learning_curve(
        snapshot, make_folds(snapshot.rows, task, Evaluate(folds=3)), learners, found.predictions, Evaluate(folds=3, learning_curve=(0.5,)), LEARN,
        metric=metric,
    )  # fmt: skip
    assert curve["metric"] == metric
    last = next(one for one in curve["learners"]["ridge_late"] if one["share"] == 1.0)
    assert last["mean"] == pytest.approx(found.metrics["ridge_late"][by.key]["mean"])


def test_naming_the_tasks_own_metric_changes_nothing() -> None:
    snapshot = make_snapshot("binary", n=80, features=12)
    learners = select(snapshot, NAMES)[0]
    own, named = (
        harness.run(snapshot, learners, Evaluate(folds=2), LEARN, controls=False, metric=metric)
        for metric in ("", "auroc")
    )
    assert own.predictions.equals(named.predictions)
    assert own.chosen == named.chosen


def test_settings_are_tuned_by_it_and_what_a_learner_tunes_within_too() -> None:
    snapshot = make_snapshot("binary", n=120, features=24)
    rows = np.arange(snapshot.rows.height)
    plan = inner_plan(snapshot, rows[20:], rows[:20], 0)
    learner = aimed(make("ridge_late"), "auprc")
    assert learner.with_setting({}, 0).metric == "auprc"  # type: ignore[attr-defined]
    found = tune(learner, snapshot, plan, trials=3, seed=0, metric="auprc")
    y = task_of("binary").targets(snapshot.rows[found.rows], snapshot.classes)
    assert found.inner == pytest.approx(average_precision_score(y, found.oof))
    assert found.inner >= max(value for _, value in found.tried) - 0.002
