"""What all rows pick for new patients: chosen by the rule of the folds, fitted once, the same whatever the workers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.base.folds import make_folds
from clinome.models.base.serialization import TEXT
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as harness
from clinome.models.experiment.progress import TUNING, Progress
from clinome.models.experiment.refit import FinalFit
from clinome.models.experiment.results import Results
from clinome.models.experiment.tuning import TuningResult, hold_out_all, pooled
from clinome.models.inference.model import Model
from clinome.models.learners.adapters.scikit_learn import sklearn
from clinome.models.learners.baselines.covariates import Covariates
from clinome.models.learners.registry import make, select
from clinome.models.metrics.task_metrics import inner_score, targets

QUICK = ("majority", "covariates", "best_feature", "ridge_late")
ONE = Learn(trials=1, workers=1)
ROWS = 90


@cache
def _run(task: str = "binary", workers: int = 1, keep: bool = True) -> tuple[Snapshot, Results]:
    snapshot = make_snapshot(task, n=ROWS, features=24, rows_per_subject=2, signal=2.0)
    learners, _ = select(snapshot, QUICK)
    learn = Learn(trials=1, workers=workers)
    return snapshot, harness.run(snapshot, learners, Evaluate(), learn, controls=False, keep=keep)


def _whole(results: Results) -> FinalFit:
    assert results.final_fit is not None
    return results.final_fit


def _model(results: Results) -> Model:
    model = _whole(results).model
    assert model is not None
    return model


@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_a_model_is_chosen_saved_and_read_and_predicts_every_row(task: str, tmp_path: Path) -> None:
    snapshot, results = _run(task)
    model = _model(results)
    score = model.predict(snapshot)
    assert score.shape == ((ROWS, 3) if task == "multiclass" else (ROWS,))
    assert np.isfinite(score).all()
    assert "majority" not in model.choice.weights and set(model.choice.weights) == {m.name for m in model.members}
    replace(model, about={"study": "x", "rows": ROWS}).save(tmp_path / "model")
    again = Model.read(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(snapshot), score)
    assert again.about == {"study": "x", "rows": ROWS} and again.name == model.name
    assert again.choice.inner == model.choice.inner


def test_held_out_results_are_those_of_a_run_that_keeps_no_model() -> None:
    (_, one), (_, other) = _run(), _run(keep=False)
    assert other.final_fit is None
    assert_frame_equal(one.predictions, other.predictions)
    assert one.chosen == other.chosen


@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_folds_that_hold_every_row_out_choose_by_their_held_out_scores(task: str) -> None:
    snapshot = make_snapshot(task, n=ROWS, features=24, rows_per_subject=2, signal=2.0)
    snapshot = snapshot.with_folds(make_folds(snapshot.rows, task, Evaluate()))
    learners, _ = select(snapshot, QUICK)
    said: list[Progress] = []
    learn = Learn(trials=3, workers=1)
    results = harness.run(snapshot, learners, Evaluate(), learn, said.append, controls=False, keep=True)
    assert TUNING not in {one.what for one in said} and said[-1].k == said[-1].total
    model = _model(results)
    y = targets(snapshot.rows, task, snapshot.classes)
    for name in QUICK[1:]:
        table = results.predictions.filter(pl.col("learner") == name).sort("row")
        scores = table.select(pl.selectors.starts_with("score")).to_numpy()
        score = scores if task == "multiclass" else scores[:, 0]
        assert model.choice.inner[name] == pytest.approx(inner_score(task, y, score)), name


def test_the_setting_of_all_rows_is_the_one_that_did_best_inside_the_folds_on_the_mean() -> None:
    rows, blank = np.arange(4), np.zeros(4)

    def fold(first: float, second: float, *, both: bool = True, final: float = 1.0) -> TuningResult:
        tried: list[tuple[dict[str, Any], float]] = [({"c": 1}, first), ({"c": 2}, second)]
        return TuningResult({}, 0.0, rows, blank, tried[: 1 + both], final=np.array([final, 0.0]))

    found = pooled([fold(0.7, 0.6), fold(0.5, 0.8, final=2.0)], rows, blank)
    assert found.setting == {"c": 2} and found.inner == pytest.approx(0.7)
    assert found.final is not None and found.final.tolist() == [1.5, 0.0]
    assert pooled([fold(0.7, 0.7001), fold(0.7, 0.7001)], rows, blank).setting == {"c": 1}  # a hair is no reason
    assert pooled([fold(0.7, 0.9), fold(0.7, 0.9, both=False)], rows, blank).setting == {"c": 1}  # the limit cut it


def test_only_parts_that_hold_each_row_once_hold_out_all() -> None:
    parts = np.array_split(np.arange(10), 5)
    assert hold_out_all(parts, 10)
    assert not hold_out_all(parts[:4], 10) and not hold_out_all([*parts, parts[0]], 10)
    assert not hold_out_all([np.arange(10)], 10)


@pytest.mark.slow
def test_two_workers_make_the_model_that_one_makes() -> None:
    (snapshot, one), (_, two) = _run(), _run(workers=2)
    np.testing.assert_allclose(_model(one).predict(snapshot), _model(two).predict(snapshot), rtol=0, atol=1e-9)
    assert _model(one).choice.weights == pytest.approx(_model(two).choice.weights)


def test_no_patient_is_in_the_model(tmp_path: Path) -> None:
    snapshot, results = _run()
    _model(results).save(tmp_path / "model")
    text = (tmp_path / "model" / TEXT).read_text(encoding="utf-8")
    assert not [subject for subject in snapshot.rows["subject_id"].unique() if subject in text]


def test_what_no_file_can_hold_is_left_out_of_the_choice_and_the_reason_said() -> None:
    from sklearn.ensemble import RandomForestClassifier

    snapshot = make_snapshot("binary", n=90, features=24)
    mine = sklearn(RandomForestClassifier(20), "mine")
    learners = [make("majority"), make("covariates"), mine]
    final_fit = _whole(harness.run(snapshot, learners, Evaluate(), ONE, controls=False, keep=True))
    assert final_fit.model is not None and "mine" not in final_fit.model.choice.weights
    assert "plain values cannot hold" in final_fit.left_out["mine"]


class Odd(Covariates):
    """Of the user's own; its state holds what no file can."""

    name = "odd"

    def state(self) -> dict[str, Any]:
        return {**super().state(), "model": object()}


class Older:
    """A learner written before there were models to keep: it neither says so nor can be restored."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.name = inner, "older"

    def __getattr__(self, name: str) -> Any:
        if name in ("unsaved", "restore", "own_code"):
            raise AttributeError(name)
        return getattr(self.__dict__["inner"], name)

    def with_setting(self, setting: Any, seed: int) -> Older:
        return Older(self.inner.with_setting(setting, seed))


def test_a_learner_that_cannot_be_kept_does_not_end_the_run() -> None:
    snapshot = make_snapshot("binary", n=60, features=24)
    learners: list[Any] = [make("covariates"), Odd(), Older(make("covariates"))]
    final_fit = _whole(harness.run(snapshot, learners, Evaluate(), ONE, controls=False, keep=True))
    assert final_fit.model is not None and final_fit.model.name == "covariates"
    assert final_fit.left_out["odd"] == "model: got object; expected arrays, numbers, text, lists or dicts"
    assert "older has no `unsaved` and `restore`" in final_fit.left_out["older"]


def test_only_majority_is_kept_where_nothing_else_ran_and_nothing_where_all_is_lost() -> None:
    from sklearn.ensemble import RandomForestClassifier

    snapshot = make_snapshot("binary", n=60, features=24)
    only = harness.run(snapshot, [make("majority")], Evaluate(), ONE, controls=False, keep=True)
    assert _model(only).name == "majority"
    mine = sklearn(RandomForestClassifier(5), "mine")
    lost = _whole(harness.run(snapshot, [mine], Evaluate(), ONE, controls=False, keep=True))
    assert lost.model is None and list(lost.left_out) == ["mine"]


def test_the_time_limit_leaves_out_what_it_cuts() -> None:
    snapshot = make_snapshot("binary", n=60, features=24)
    learn = Learn(trials=1, workers=1, minutes=1e-9)
    final_fit = _whole(harness.run(snapshot, [make("covariates")], Evaluate(), learn, controls=False, keep=True))
    assert final_fit.model is None and final_fit.left_out == {"covariates": "the time limit came first"}


def test_labels_are_not_looked_at_when_a_model_predicts() -> None:
    snapshot, results = _run()
    blind = replace(snapshot, rows=snapshot.rows.with_columns(label=pl.lit(None, pl.Int64)))
    np.testing.assert_array_equal(_model(results).predict(blind), _model(results).predict(snapshot))
