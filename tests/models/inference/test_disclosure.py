"""A model that keeps its patients is not saved; one that few stand behind is marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from snapshots import make_snapshot

from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as harness
from clinome.models.experiment.refit import FinalFit
from clinome.models.inference.disclosure import FEW, carried_rows, few_patients, in_words
from clinome.models.inference.model import Model
from clinome.models.learners.adapters.fit_predict import FitPredictLearner
from clinome.models.learners.adapters.scikit_learn import sklearn
from clinome.models.learners.registry import make
from clinome.snapshot import Snapshot

ROWS = 90
ONE = Learn(trials=1, workers=1)


def snapshot_of(task: str = "binary") -> Snapshot:
    return make_snapshot(task, n=ROWS, features=24, signal=2.0)


def kept(learner: Any, task: str = "binary") -> FinalFit:
    found = harness.run(snapshot_of(task), [learner], Evaluate(), ONE, controls=False, keep=True).final_fit
    assert found is not None
    return found


def holders() -> list[Any]:
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, RadiusNeighborsClassifier
    from sklearn.svm import SVC, SVR, NuSVC

    return [
        (KNeighborsClassifier(5, algorithm="brute"), "binary"), (KNeighborsClassifier(5), "multiclass"),
        (RadiusNeighborsClassifier(1e6, algorithm="brute"), "binary"), (KNeighborsRegressor(5, algorithm="brute"), "survival"),
        (SVC(), "binary"), (SVC(kernel="linear", probability=False), "multiclass"), (NuSVC(), "binary"), (SVR(), "survival"),
        (KernelRidge(kernel="rbf"), "survival"), (GaussianProcessClassifier(), "binary"),
        (RidgeClassifierCV(store_cv_results=True), "binary"),
    ]  # fmt: skip


@pytest.mark.parametrize(("estimator", "task"), holders(), ids=lambda one: getattr(type(one), "__name__", str(one)))
def test_an_estimator_that_keeps_its_rows_is_not_saved(estimator: Any, task: str) -> None:
    found = kept(sklearn(estimator, "mine"), task)
    assert found.model is None
    assert "would take its patients along" in found.left_out["mine"] or "plain values" in found.left_out["mine"]
    assert found.left_out["mine"].startswith("mine ")


def test_one_that_keeps_none_is_saved_and_predicts(tmp_path: Path) -> None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import LinearSVC

    plain = (LogisticRegression(), LinearSVC(), LinearDiscriminantAnalysis(), GaussianNB())
    for estimator, task in [
        *((one, "binary") for one in plain),
        (LogisticRegression(), "multiclass"),
        (Ridge(), "survival"),
    ]:
        found = kept(sklearn(estimator, "mine"), task)
        assert found.model is not None, (estimator, found.left_out)
        found.model.save(tmp_path / "model")
        own = {"mine": sklearn(estimator, "mine")}
        score = found.model.predict(snapshot_of(task), own)
        np.testing.assert_array_equal(Model.read(tmp_path / "model").predict(snapshot_of(task), own), score)
    wide = kept(sklearn(MLPClassifier((ROWS,), max_iter=5), "mine"))  # as many hidden units as rows
    assert "would take its patients along" not in wide.left_out.get("mine", "")


class Memory:
    """Keeps what `how` says of its rows."""

    def __init__(self, how: str) -> None:
        self.how = how

    def fit(self, snapshot: Any, train: np.ndarray, tuning: np.ndarray) -> None:
        values, y = np.asarray(snapshot.layers["rna"].values), snapshot.rows["label"].to_numpy()
        self.held: Any = {
            "rows": values[train[:3]], "turned": values[train].T.copy(), "double": values[train].astype(np.float64),
            "listed": values[train[:2]].tolist(), "outcomes": y[train].astype(np.int64), "named": snapshot.rows["subject_id"][0],
            "ids": {name: 1 for name in snapshot.rows["subject_id"][:2]}, "rate": float(y[train].mean()),
        }[self.how]  # fmt: skip

    def predict(self, snapshot: Any, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), 0.5)

    def state(self) -> dict[str, Any]:
        return {"held": self.held}

    def restore(self, state: Any) -> None:
        self.held = state["held"]


@pytest.mark.parametrize("how", ["rows", "turned", "double", "listed", "outcomes", "named", "ids"])
def test_a_learner_of_ones_own_that_keeps_rows_outcomes_or_ids_is_not_saved(how: str) -> None:
    found = kept(FitPredictLearner(Memory(how), "mine"))
    assert found.model is None and "would take its patients along" in found.left_out["mine"]
    assert "s00000" not in found.left_out["mine"]


def test_a_study_without_covariates_is_looked_at_too() -> None:
    from sklearn.svm import SVC

    snapshot = make_snapshot(n=ROWS, features=12, covariates=False)
    found = harness.run(snapshot, [sklearn(SVC(), "mine")], Evaluate(), ONE, controls=False, keep=True).final_fit
    assert found is not None and "would take its patients along" in found.left_out["mine"]


def test_one_that_keeps_a_mean_is_saved() -> None:
    assert kept(FitPredictLearner(Memory("rate"), "mine")).model is not None


def test_rows_are_known_by_their_values_whatever_the_type() -> None:
    x = np.random.default_rng(0).normal(size=(30, 5))
    assert carried_rows({"a": {"b": x[[3]].astype(np.float32)}}, [x], [30], []) == "a/b holds training rows"
    assert carried_rows({"a": x.mean(axis=0)}, [x], [30], []) is None
    assert carried_rows({"a": np.zeros((2, 5))}, [np.zeros((30, 5))], [30], []) is None  # blank rows are nobody's
    assert carried_rows({"coef": np.ones((1, 30))}, [np.ones((30, 30))], [30], []) is None  # as many features as rows


def test_what_few_patients_stand_behind_is_counted_and_said() -> None:
    snapshot = make_snapshot("binary", n=40, features=8, records=True)
    forest = make("forest").with_setting({"min_samples_leaf": 1}, 0)
    forest.fit(snapshot, np.arange(40), np.arange(0))
    restored = make("forest").restore(forest.state())
    found = few_patients(snapshot, {"forest": restored})
    assert snapshot.events is not None
    owners: dict[str, set[str]] = {}
    for row, code in snapshot.events.select("row", "code").iter_rows():
        owners.setdefault(code, set()).add(snapshot.rows["subject_id"][row])
    assert found.get("codes", 0) == sum(len(one) < FEW for one in owners.values())
    assert found["leaves of trees"] > 100
    assert "leaves of trees that fewer than 10 patients stand behind" in str(in_words(found))
    assert few_patients(make_snapshot("binary", n=400, features=8, covariates=False), {}) == {}
    assert in_words({}) is None
