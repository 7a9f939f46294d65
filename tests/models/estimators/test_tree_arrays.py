"""Trees as arrays answer as the estimators that grew them, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from clinome.models.estimators.tree_arrays import (
    TreeArrays,
    of_boosting,
    of_cox_boosting,
    of_forest,
    of_survival_forest,
)

N, COLUMNS = 300, 7
WORDS = np.array([False, False, True, False, False, True, False])


def _table(seed: int, words: bool = False, missing: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, COLUMNS)).astype(np.float32)
    if words:
        x[:, WORDS] = rng.integers(0, 9, size=(N, 2))
    x[rng.random(x.shape) < missing] = np.nan
    return x


def _outcome(x: np.ndarray, classes: int) -> np.ndarray:
    signal = np.nan_to_num(x[:, 0]) + np.isin(x[:, 2], [1, 4, 7]) - np.isnan(x[:, 3])
    if not classes:
        return np.asarray(signal + np.random.default_rng(0).normal(size=len(x)))
    return np.asarray(np.digitize(signal, np.quantile(signal, np.linspace(0, 1, classes + 1)[1:-1])))


def _answer(model: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict_proba(x) if len(getattr(model, "classes_", ())) else model.predict(x))


@pytest.mark.parametrize("classes", [0, 2, 3, 9])
@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_a_forest_walked_is_the_forest(classes: int, missing: float) -> None:
    x, other = _table(1, missing=missing), _table(2, missing=0.3)
    kind = RandomForestClassifier if classes else RandomForestRegressor
    model = kind(n_estimators=30, min_samples_leaf=3, random_state=0).fit(x, _outcome(x, classes))
    grown = of_forest(model)
    for rows in (x, other, other[:1], other[:0]):
        if len(rows):
            np.testing.assert_array_equal(_answer(grown, rows), _answer(model, rows))
        else:
            assert len(_answer(grown, rows)) == 0
    np.testing.assert_array_equal(grown.importance, model.feature_importances_)


def _survival(x: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    out = np.empty(len(x), dtype=[("event", bool), ("days", float)])
    out["days"] = np.ceil(300 * rng.exponential(np.exp(-np.nan_to_num(x[:, 0]))))
    out["event"] = rng.uniform(size=len(x)) < 0.6
    return out


def test_a_survival_forest_walked_is_scikit_survivals() -> None:
    from sksurv.ensemble import RandomSurvivalForest

    x, other = _table(1), _table(2, missing=0.3)
    model = RandomSurvivalForest(20, min_samples_leaf=5, low_memory=True, random_state=0).fit(x, _survival(x))
    grown = of_survival_forest(model, COLUMNS)
    for rows in (x, other, other[:1]):
        np.testing.assert_allclose(grown.predict(rows) * model.is_event_time_.sum(), model.predict(rows), rtol=1e-10)
    assert grown.importance.argmax() == 0 and grown.importance.sum() == pytest.approx(1)


def test_a_boosted_cox_model_walked_is_scikit_survivals_and_missing_values_are_their_stand_in() -> None:
    from sksurv.ensemble import GradientBoostingSurvivalAnalysis

    x, other = _table(1), _table(2, missing=0.3)
    instead = np.nanmean(x, axis=0).astype(np.float32)
    filled, new = (np.where(np.isnan(one), instead, one) for one in (x, other))
    model = GradientBoostingSurvivalAnalysis(n_estimators=30, max_depth=2, random_state=0).fit(filled, _survival(x))
    grown = of_cox_boosting(model, instead)
    np.testing.assert_allclose(grown.predict(new), model.predict(new), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(grown.predict(other), grown.predict(new))


@pytest.mark.parametrize("classes", [0, 2, 3, 9])
@pytest.mark.parametrize("words", [False, True])
def test_a_boosted_sum_walked_is_the_estimator(classes: int, words: bool) -> None:
    """Words that training lacked, and numbers that are no words, go where missing values go."""
    x, other = _table(1, words), _table(2, words)
    if words:
        x[x[:, 2] == 5, 2] = 6  # word 5 is unknown
        other[:9, 2] = [12, -1, 5, 5, 5, 300, 8, np.nan, 0]
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    model = kind(max_iter=25, max_leaf_nodes=8, categorical_features=WORDS if words else None, random_state=0)
    model.fit(x, _outcome(x, classes))
    grown = of_boosting(model, COLUMNS)
    for rows in (x, other):
        np.testing.assert_array_equal(_answer(grown, rows), _answer(model, rows))
    assert bool(len(grown.trees.words)) == words


def test_gain_is_counted_for_the_column_of_the_table_though_words_are_moved_to_the_front() -> None:
    x = _table(1, words=True, missing=0.0)
    y = (x[:, 6] > 0).astype(int)
    model = HistGradientBoostingClassifier(max_iter=10, categorical_features=WORDS).fit(x, y)
    assert of_boosting(model, COLUMNS).importance.argmax() == 6


def test_many_rows_are_walked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    x = _table(1)
    model = RandomForestClassifier(n_estimators=10, random_state=0).fit(x, _outcome(x, 3))
    monkeypatch.setattr("clinome.models.estimators.tree_arrays._AT_ONCE", 170)
    np.testing.assert_array_equal(of_forest(model).predict_proba(x), model.predict_proba(x))


def test_trees_come_back_from_their_state_and_such_that_never_end_are_refused() -> None:
    x = _table(1)
    grown = of_boosting(HistGradientBoostingClassifier(max_iter=5).fit(x, _outcome(x, 2)), COLUMNS)
    np.testing.assert_array_equal(TreeArrays.restored(grown.state()).predict_proba(x), grown.predict_proba(x))
    trees = grown.trees
    inner = int(np.flatnonzero(trees.left != np.arange(len(trees.left)))[1])
    for name in ("left", "right"):
        for wrong in (0, -1, 10**6):
            children = getattr(trees, name).copy()
            children[inner] = wrong
            with pytest.raises(ValueError, match="children"):
                replace(trees, **{name: children})
