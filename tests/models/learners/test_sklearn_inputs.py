"""What X is for an estimator: sparse where there are mutations or records and it says that it takes that, else an array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from snapshots import make_snapshot

import clinome

SNAPSHOT = make_snapshot("binary", n=120, layers=("rna", "mutations"), records=True, signal=2.0)
DENSE = make_snapshot("binary", n=120, layers=("rna",))
ROWS = np.arange(80), np.arange(0), np.arange(80, 120)


class Looks(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Notes what X is."""

    seen: Any = ()

    def fit(self, x: Any, y: Any) -> Any:
        type(self).seen += (type(x),)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x: Any) -> Any:
        type(self).seen += (type(x),)
        return np.full((x.shape[0], 2), 0.5)


class Untagged:
    """An estimator of somebody who never heard of tags."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {}

    def set_params(self, **_: Any) -> Any:
        return self

    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.classes_, self.mean = np.unique(y), x.mean(axis=0) @ np.ones(x.shape[1])

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return np.tile([0.3, 0.7], (len(x), 1))


@pytest.mark.parametrize(
    ("dense", "kind"), [(None, np.ndarray), (True, np.ndarray), (False, sparse.csr_matrix)], ids=str
)
def test_it_can_be_asked_for(dense: bool | None, kind: type) -> None:
    Looks.seen = ()
    learner = clinome.sklearn(Looks(), dense=dense).with_setting({}, 1)
    learner.fit(SNAPSHOT, *ROWS[:2])
    learner.predict(SNAPSHOT, ROWS[2])
    assert Looks.seen == (kind, kind)
    Looks.seen = ()
    clinome.sklearn(Looks(), dense=dense).fit(DENSE, *ROWS[:2])
    assert Looks.seen == (np.ndarray,)


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), RandomForestClassifier(5), GaussianNB(), HistGradientBoostingClassifier(max_iter=3),
     make_pipeline(StandardScaler(), LogisticRegression()), Untagged()],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_what_takes_no_sparse_matrix_runs_beside_mutations_and_records(estimator: Any) -> None:
    learner = clinome.sklearn(estimator).with_setting({}, 1)
    learner.fit(SNAPSHOT, *ROWS[:2])
    score = learner.predict(SNAPSHOT, ROWS[2])
    assert score.shape == (40,) and ((score >= 0) & (score <= 1)).all()
