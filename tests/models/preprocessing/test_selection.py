"""Feature selection: planted features are found, noise is not; figures agree with their references."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.feature_selection import f_classif, f_regression, mutual_info_classif
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.base.folds import make_folds
from clinome.models.base.specs import SELECTIONS, Evaluate
from clinome.models.learners.registry import make
from clinome.models.preprocessing.fold import FoldPreprocessing
from clinome.models.preprocessing.selection.minimum_redundancy import MinimumRedundancy
from clinome.models.preprocessing.selection.mutual_information import mutual_information
from clinome.models.preprocessing.selection.over_folds import counted, selection_over_folds
from clinome.models.preprocessing.selection.registry import NONE, SELECTORS, make_selector
from clinome.models.preprocessing.selection.stability import FALSE, PAIRS, THRESHOLD, taken_at_once
from clinome.models.preprocessing.selection.univariate import p_values

OUTCOMES = ("binary", "multiclass", "multilabel", "regression", "survival")


def _planted(task: str, seed: int = 1, n: int = 200, p: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """The first three columns carry the outcome."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    score = 1.5 * x[:, :3].sum(axis=1)
    y: Any = {
        "binary": (score + rng.logistic(size=n) > 0).astype(float), "multiclass": np.digitize(score, [-1.5, 1.5]),
        "multilabel": np.column_stack([score > 0, score > 1]).astype(float), "regression": score + rng.normal(size=n),
        "survival": np.column_stack([rng.exponential(size=n) / np.exp(score), np.ones(n)]),
    }[task]  # fmt: skip
    return x, y


def test_the_study_file_knows_every_selector() -> None:
    assert set(SELECTIONS) == {NONE, *SELECTORS}


@pytest.mark.parametrize("task", OUTCOMES)
@pytest.mark.parametrize("name", [one for one in SELECTORS if one != "variance"])
def test_planted_features_have_the_highest_scores(name: str, task: str) -> None:
    x, y = _planted(task)
    selector = make_selector(name, task, {"multiclass": 3, "multilabel": 2}.get(task, 0)).fit(x, y)
    sure = {"mutual_information": 1, "minimum_redundancy": 2}.get(name, 3)  # nearest neighbours are a coarse estimate
    sure = 2 if (name, task) == ("stability", "multiclass") else sure  # classes share the columns of a half: one each
    best = np.argsort(-selector.scores)[:sure]
    assert set(best) <= {0, 1, 2} and selector.get_support()[best].all()
    assert selector.transform(x).shape == (len(x), selector.get_support().sum())


@pytest.mark.parametrize("name", ["univariate", "stability"])
def test_in_noise_nothing_is_selected(name: str) -> None:
    found = 0
    for seed in range(5):
        x, y = _planted("binary", seed)
        found += int(
            make_selector(name, "binary", 0).fit(x, np.random.default_rng(seed).permutation(y)).get_support().sum()
        )
    assert found <= 1


def test_the_f_test_is_scikit_learns() -> None:
    x, y = _planted("multiclass")
    np.testing.assert_allclose(p_values(x, np.eye(3)[y]), f_classif(x, y)[1], rtol=1e-8)
    x, y = _planted("regression")
    np.testing.assert_allclose(p_values(x, y[:, None]), f_regression(x, y)[1], rtol=1e-6, atol=1e-14)


def test_mutual_information_is_scikit_learns_and_near_the_closed_form() -> None:
    """Of two normal variables with correlation r it is -log(1 - r²) / 2 nats: 0.511 for r = 0.8."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 4000))
    found = mutual_information(a[:, None], (0.8 * a + 0.6 * b)[:, None])[0]
    assert found == pytest.approx(-np.log(1 - 0.8**2) / 2, abs=0.03)
    x, y = _planted("binary")
    np.testing.assert_allclose(mutual_information(x, y[:, None]), mutual_info_classif(x, y, random_state=0), atol=1e-12)


def test_of_copies_minimum_redundancy_takes_one_before_another_feature() -> None:
    x, y = _planted("regression")
    x = np.column_stack([x[:, 0], x[:, 0] + 0.05 * x[:, 10], x[:, 1:]])
    order = np.argsort(-MinimumRedundancy("regression").fit(x, y).scores)
    assert len({0, 1} & set(order[:2].tolist())) < 2


def test_the_bound_on_false_features_is_that_of_shah_and_samworth() -> None:
    for p in (50, 2000, 20_000):
        q = taken_at_once(p)
        bound = [k**2 / p / (2 * (2 * THRESHOLD - 1 - 1 / (2 * PAIRS))) for k in (q, q + 1)]
        assert bound[0] <= FALSE < bound[1]


@pytest.mark.parametrize("task", OUTCOMES)
def test_a_fold_selects_on_its_training_rows_alone(task: str) -> None:
    snapshot = make_snapshot(task, n=90, layers=("rna", "mutations"), features=24)
    rows = np.arange(60)
    chosen = replace(snapshot, layers={n: replace(a, select="elastic_net") for n, a in snapshot.layers.items()})
    values = np.array(chosen.layers["rna"].values)
    values[60:] = 99.0
    spoilt = replace(chosen, layers={**chosen.layers, "rna": replace(chosen.layers["rna"], values=values)})
    whole, block, other = (FoldPreprocessing.fit(s, rows).blocks["rna"] for s in (snapshot, chosen, spoilt))
    assert set(block.entities()) < set(whole.entities()) and block.entities() == other.entities()
    columns = [whole.entities().index(one) for one in block.entities()]
    np.testing.assert_array_equal(block.transform(chosen, rows), whole.transform(snapshot, rows)[:, columns])


def test_what_folds_select_is_counted() -> None:
    snapshot = make_snapshot("binary", n=120, layers=("rna",), features=24)
    chosen = replace(snapshot, layers={n: replace(a, select="univariate") for n, a in snapshot.layers.items()})
    folds = make_folds(chosen.rows, "binary", Evaluate(folds=3))
    table = selection_over_folds(chosen, folds)
    assert table.height and (table["of"] == 3).all() and table["folds"].is_between(1, 3).all()
    assert counted(table, chosen.layers)[0].startswith(f"rna: {table.height} features selected in some fold")
    assert isinstance(table, pl.DataFrame)


@pytest.mark.parametrize("name", ["ridge_late", "lasso"])
def test_predictions_are_no_surer_of_themselves_for_features_selected_by_the_outcome(name: str) -> None:
    """In noise the outcome's frequency is all there is to say, whatever was selected with it."""
    rng = np.random.default_rng(1)
    plain = make_snapshot("binary", n=240, covariates=False)
    names = [f"opaque:F{j}" for j in range(1500)]
    var = pl.DataFrame({"feature": names, "symbol": names, "gene": [None] * 1500}, schema_overrides={"gene": pl.String})
    x = rng.normal(size=(240, 1500)).astype(np.float32)
    layer = Layer("rna", "expression", "none", var, x, np.ones(240, dtype=bool), select="minimum_redundancy")
    label = pl.Series("label", rng.permutation(np.arange(240) % 2))
    snapshot = replace(plain, rows=plain.rows.with_columns(label), layers={"rna": layer})
    learner = make(name).with_setting({}, 1)
    learner.fit(snapshot, np.arange(120), np.arange(120, 150))
    told = learner.predict(snapshot, np.arange(150, 240))
    assert np.abs(told - 0.5).max() < 0.2
