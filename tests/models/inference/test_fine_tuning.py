"""Fine-tuning: the change is exact in the saved model, helps where the other cohort differs, and leaves a good model alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from snapshots import make_snapshot

from clinome.loaders.errors import InputError
from clinome.models.base.task import task_of
from clinome.models.inference.fine_tuning.change import (
    ANEW,
    AS_IT_IS,
    RECALIBRATED,
    SHRUNK,
    Change,
    LinearPrior,
    Way,
    changed,
    chosen_way,
    few_parts,
    fine_tuned,
    fine_tuned_model,
    linear_member,
)
from clinome.models.inference.fine_tuning.curve import (
    ALONE,
    BEFORE,
    TUNED,
    few_first,
    fine_tuning_curve,
    settled,
    summary,
)
from clinome.models.inference.input_schema import InputSchema
from clinome.models.inference.model import Model, member_of
from clinome.models.learners.registry import make
from clinome.models.learners.stacking import Choice
from clinome.snapshot import Snapshot

TASKS = ("binary", "multiclass", "multilabel", "regression", "survival")


def _cohort(task: str, seed: int, n: int = 160) -> Snapshot:
    return make_snapshot(task, n=n, seed=seed, features=40, signal=1.5)


@cache
def _model(task: str, name: str = "ridge_late") -> Model:
    snapshot = _cohort(task, 0)
    learner = make(name).with_setting({}, 1)
    learner.fit(snapshot, np.arange(110), np.arange(110, 160))
    choice = Choice(name, {name: 1.0}, {}, {}, np.zeros(0), {name: 0.5})
    return Model(InputSchema.of(snapshot), choice, (member_of(learner),), {"rows": 160})


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", [AS_IT_IS, RECALIBRATED, SHRUNK, ANEW])
def test_the_model_that_is_kept_predicts_what_was_fitted_to_its_last_digits(
    task: str, kind: str, tmp_path: Path
) -> None:
    model, new = _model(task), _cohort(task, 1)
    learner = linear_member(model).restored({})
    prior, rows = LinearPrior.of(learner, new), np.arange(40)
    y = task_of(task).targets(new.rows[rows], new.classes)
    change = changed(Way(kind, 0.3), prior.take(rows), y, task_of(task))
    tuned = fine_tuned_model(model, fine_tuned(learner, change, prior.widths), {"patients": 40})
    tuned.save(tmp_path / "model")
    found = Model.read(tmp_path / "model").predict(new)
    expected = task_of(task).probability(change.score(prior.s, prior.x))
    np.testing.assert_allclose(found, expected, atol=1e-9)
    if kind == AS_IT_IS:
        np.testing.assert_allclose(found, model.predict(new), atol=1e-9)
    else:
        assert np.abs(found - model.predict(new)).max() > 1e-3


def test_a_change_without_penalty_is_scikit_learns_offset_free_logistic_model() -> None:
    """Of few columns, with s in the columns: the same likelihood, whatever the path to it."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x, s = rng.normal(size=(300, 3)), np.zeros((300, 1))
    y = (rng.uniform(size=300) < 1 / (1 + np.exp(-x @ [1.0, -1.0, 0.5]))).astype(float)
    unit = np.sqrt((x**2).sum() / 300)
    change = changed(Way(ANEW, 3.0), LinearPrior(s, x, (3,)), y, task_of("binary"))
    other = LogisticRegression(C=3.0, tol=1e-8).fit(x / unit, y)
    np.testing.assert_allclose(change.delta[:, 0], other.coef_[0] / unit, rtol=0.03)


def _turned(snapshot: Snapshot) -> Snapshot:
    """Patients of whom the planted genes say the contrary: the saved model is worse than chance there."""
    layer = snapshot.layers["rna"]
    x = np.log1p(np.asarray(layer.values))
    centre = np.nanmedian(x, axis=0)
    layers = {"rna": replace(layer, values=np.expm1(np.clip(2 * centre - x, 0, None)).astype(np.float32))}
    return replace(snapshot, layers={**snapshot.layers, **layers}, covariates=snapshot.covariates)


def test_where_the_other_cohort_is_like_the_training_little_is_changed_and_nothing_lost() -> None:
    new = _cohort("binary", 1, 240)
    prior = LinearPrior.of(linear_member(_model("binary")).restored({}), new)
    points = summary(fine_tuning_curve(prior, new, np.arange(240), (10, 50), 6, 1))
    ten, fifty = points
    assert [one["patients"] for one in points] == [10, 50]
    assert ten["ways"][BEFORE]["auroc"] > ten["ways"][ALONE]["auroc"] + 0.02
    assert ten["ways"][TUNED]["auroc"] > ten["ways"][BEFORE]["auroc"] - 0.03
    assert fifty["ways"][TUNED]["auroc"] > fifty["ways"][BEFORE]["auroc"] - 0.02
    assert ten["gain"]["auroc"]["low"] <= ten["gain"]["auroc"]["mean"] <= ten["gain"]["auroc"]["high"]


def test_where_it_differs_the_few_turn_it() -> None:
    new = _turned(_cohort("binary", 1, 240))
    prior = LinearPrior.of(linear_member(_model("binary")).restored({}), new)
    (point,) = summary(fine_tuning_curve(prior, new, np.arange(240), (100,), 4, 1))
    assert point["gain"]["auroc"]["low"] > 0.05
    assert point["ways"]["fine-tuned"]["brier"] < point["ways"]["before"]["brier"] - 0.05


def test_nothing_of_the_rest_is_looked_at() -> None:
    new = _cohort("binary", 1)
    prior = LinearPrior.of(linear_member(_model("binary")).restored({}), new)
    few = np.isin(new.rows["subject_id"].to_numpy(), few_first(new, np.arange(160), 1)[:20])
    a = np.flatnonzero(few)
    y = task_of("binary").targets(new.rows, new.classes)
    part = few_parts(new, a, 1)
    way = chosen_way(prior.take(a), y[a], part, task_of("binary"))
    found = changed(way, prior.take(a), y[a], task_of("binary"))
    other = replace(prior, s=np.where(few[:, None], prior.s, 99.0), x=np.where(few[:, None], prior.x, -99.0))
    again = changed(way, other.take(a), y[a], task_of("binary"))
    np.testing.assert_array_equal(found.delta, again.delta)
    assert isinstance(found, Change) and settled(prior, new, np.arange(160), 20, 1)[2] == 20


def test_the_few_have_about_the_shares_of_all_and_patients_stay_whole() -> None:
    new = make_snapshot("binary", n=300, rows_per_subject=3, seed=2)
    order = few_first(new, np.arange(300), 5)
    assert len(order) == len(set(order)) == 100 and list(few_first(new, np.arange(300), 5)) == list(order)
    first = new.rows.unique("subject_id", keep="first", maintain_order=True)
    share = first["label"].cast(float).mean()
    begun = first.filter(first["subject_id"].is_in(list(order[:20])))["label"].cast(float).mean()
    assert isinstance(share, float) and isinstance(begun, float) and abs(share - begun) < 0.1
    assert list(few_first(new, np.arange(300), 6)) != list(order)


def test_a_model_without_a_linear_learner_is_a_plain_error() -> None:
    model = _model("binary")
    with pytest.raises(InputError, match="no linear learner to fine-tune"):
        linear_member(replace(model, members=(replace(model.members[0], name="forest"),)))
