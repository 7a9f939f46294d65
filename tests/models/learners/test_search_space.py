"""Which settings are tried: as many as the budget says, none twice, the same for every fold."""

from __future__ import annotations

from scipy.stats import loguniform
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from snapshots import make_snapshot

from clinome.models.base.folds import parts
from clinome.models.experiment.tuning import fit_tuned, inner_plan, tune
from clinome.models.learners.adapters.scikit_learn import sklearn
from clinome.models.learners.search_space import MOST, budgeted


def test_a_budget_is_used_up_and_a_smaller_one_is_a_prefix() -> None:
    space = {"c": loguniform(1e-3, 1e3), "deep": [True, False]}
    whole = budgeted([{}, {"c": 1.0}], space, 40)
    assert whole[:2] == [{}, {"c": 1.0}] and len(whole) == 40
    assert all(one not in whole[:i] for i, one in enumerate(whole))
    assert all(budgeted([{}, {"c": 1.0}], space, n) == whole[:n] for n in range(1, 40))
    assert all(1e-3 <= one["c"] <= 1e3 and type(one["deep"]) is bool for one in whole[2:])
    assert len(budgeted([{}], space, 1000)) == MOST + 1


def test_there_are_no_more_than_there_are() -> None:
    assert sorted(one.get("a", 0) for one in budgeted([{}], {"a": [1, 2, 3]}, 50)) == [0, 1, 2, 3]
    assert budgeted([{}, {"a": 1}], {}, 8) == [{}, {"a": 1}]


def test_a_users_estimator_is_tuned_within_the_budget() -> None:
    learner = sklearn(LogisticRegression(max_iter=200), "mine", space={"C": loguniform(1e-4, 1e2)})
    assert [len(learner.settings(n)) for n in (1, 3)] == [1, 3] and len(sklearn(LinearSVC()).settings(3)) == 1
    snapshot = make_snapshot("binary", n=80, layers=("rna",), features=20)
    train, tuning, _ = parts(snapshot.folds, 0, 0)
    found = tune(learner, snapshot, inner_plan(snapshot, train, tuning, 0), trials=3, seed=0)
    assert [setting for setting, _ in found.tried] == learner.settings(3)
    assert found.setting.get("C", 1.0) == fit_tuned(learner, snapshot, train, tuning, found, 0).model.C  # type: ignore[attr-defined]
