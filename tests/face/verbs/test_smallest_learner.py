"""An object with fit and predict is a learner of a study: run, workers, report, biomarkers, predict, command, benchmark."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from command import Clinome
from outcome_study import write
from smallest_learners import Genes, Mean, Wrong

import clinome as package
from clinome.loaders.errors import InputError
from clinome.models.learners.adapters.fit_predict import FitPredictLearner
from clinome.models.learners.adapters.pytorch_geometric import PygLearner
from clinome.models.learners.adapters.scikit_learn import Wrapped
from clinome.run_folder.run import Run
from clinome.study import Study
from clinome.user_learners import learner_of

MINE = """
import numpy as np


class Mine:
    def fit(self, snapshot, train, tuning):
        FAILS
        self.first = snapshot.layers["rna"].values[train].mean()

    def predict(self, snapshot, rows):
        return 1 / (1 + np.exp(self.first - snapshot.layers["rna"].values[rows, 0]))


made = Mine()
"""


@pytest.fixture
def clinome(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Run]:
    """Two of one's own beside the floor, in two worker processes."""
    folder = tmp_path_factory.mktemp("smallest")
    write(folder / "one", "one", 1)
    study = Study.read(folder / "one" / "study.toml")
    study = replace(study, learn=replace(study.learn, learners=("majority",), trials=2, workers=2))
    return study, package.run(study, learners={"genes": Genes(), "mean": Mean()})


def test_it_is_compared_reported_and_its_features_are_ranked(ran: tuple[Study, Run]) -> None:
    _, run = ran
    found = run.read_json("results.json")["learners"]
    assert list(found) == ["majority", "genes", "mean", "chosen"]
    assert found["genes"]["metrics"]["auroc"]["mean"] > 0.7 > found["mean"]["metrics"]["auroc"]["mean"]
    page = run.path("report.html").read_text(encoding="utf-8")
    assert "<td>genes</td>" in page and "<td>mean</td>" in page
    ranked = pl.read_csv(run.path("biomarkers.csv"))
    assert set(ranked.sort("rank")["feature"].head(2)) == {"opaque:G0", "opaque:G1"}


def test_given_again_it_predicts_new_patients(ran: tuple[Study, Run], tmp_path: Path) -> None:
    _, run = ran
    assert run.model.name == "genes"
    write(tmp_path / "two", "two", 2)
    other = Study.read(tmp_path / "two" / "study.toml")
    with pytest.raises(InputError, match="learner of your own"):
        package.predict(run, other)
    made = package.predict(run, other, learners={"genes": Genes()})
    assert len(made.table) == 80 and made.metrics["auroc"]["mean"] > 0.7
    bare = replace(other, task=None)
    assert package.predict(run, bare, learners={"genes": Genes}).table.equals(made.table)


def test_what_cannot_be_saved_stays_out_of_the_model_and_the_run_goes_on(tmp_path: Path) -> None:
    write(tmp_path / "one", "one", 3)
    study = Study.read(tmp_path / "one" / "study.toml")
    study = replace(study, learn=replace(study.learn, learners=("majority",)))
    run = package.run(study, learners={"mine": Wrong("good")})
    assert "mine has no `state` and `restore`" in run.read_json("results.json")["model"]["left_out"]["mine"]
    assert run.read_json("results.json")["learners"]["mine"] and run.path("report.html").exists()
    assert pl.read_csv(run.path("biomarkers.csv")).is_empty()  # no attribution, no ranking


def test_from_the_command_line_a_class_or_an_object(tmp_path: Path, clinome: Clinome) -> None:
    write(tmp_path / "one", "one", 4)
    (tmp_path / "of_mine.py").write_text(MINE.replace("FAILS", ""))
    study = tmp_path / "one"
    where = ("--learner", f"mine={tmp_path}/of_mine.py:Mine", "--learner", f"made={tmp_path}/of_mine.py:made")
    assert clinome("run", study, *where, "--quiet").code == 0
    results = study / "runs" / "one" / "results.json"
    found = json.loads(results.read_text())["learners"]
    assert list(found) == ["majority", "ridge_late", "mine", "made", "chosen"]
    assert found["mine"]["metrics"] == found["made"]["metrics"] and found["mine"]["metrics"]["auroc"]["mean"] > 0.6
    before = results.stat().st_mtime_ns
    assert clinome("run", study, *where, "--quiet").code == 0 and results.stat().st_mtime_ns == before
    (tmp_path / "of_mine.py").write_text("# a helper beside it may have changed\n" + MINE.replace("FAILS", ""))
    assert clinome("run", study, *where, "--quiet").code == 0 and results.stat().st_mtime_ns != before


def test_where_it_fails_the_command_says_so_and_a_benchmark_goes_on(tmp_path: Path, clinome: Clinome) -> None:
    write(tmp_path / "all" / "one", "one", 5)
    fails = 'raise ValueError("patient one17")'
    (tmp_path / "failing.py").write_text(MINE.replace("FAILS", fails))
    where = ("--learner", f"mine={tmp_path}/failing.py:Mine")
    why = "fit raised ValueError (failing.py line 7)"
    ended = clinome("run", tmp_path / "all" / "one", *where, "--quiet")
    assert ended.code == 0 and f"mine failed and is left out (fold 0 and 1 more): {why}" in ended.err
    assert "one17" not in ended.out + ended.err
    ended = clinome("benchmark", tmp_path / "all", *where, "--json")
    found = json.loads(ended.out.splitlines()[-1])
    assert ended.code == 1 and found["studies"] == ["one"] and found["failed"] == {}
    assert {row["learner"] for row in found["learners"]} == {"majority", "ridge_late", "chosen"}
    page = (tmp_path / "all" / "benchmark.html").read_text(encoding="utf-8")
    assert f"mine did not run on one: {why}" in page and "one17" not in page + ended.out + ended.err


def test_estimators_modules_and_learners_are_told_apart(tmp_path: Path) -> None:
    import torch
    from sklearn.base import BaseEstimator
    from sklearn.linear_model import LogisticRegression

    class Module(torch.nn.Module):
        def forward(self, x: Any, edges: Any) -> Any:
            return x["patient"]

    class Both(torch.nn.Module):
        """A module that learns by itself."""

        def fit(self, snapshot: Any, train: np.ndarray, tuning: np.ndarray) -> None: ...
        def predict(self, snapshot: Any, rows: np.ndarray) -> np.ndarray:
            return np.zeros(len(rows))

    class Named(Mean, BaseEstimator):  # type: ignore[misc]
        """scikit-learn's conveniences, a learner's fit."""

    class Wants(Mean):
        def __init__(self, what: int) -> None:
            self.what = what

    class Two(Mean):
        def fit(self, x: Any, y: Any) -> None:  # type: ignore[override]
            ...

    class OfKinds(Module):
        def __init__(self, metadata: Any, width: int = 3) -> None:
            super().__init__()

    def of_graph(data: Any) -> Module:
        return Module()

    def makes() -> Mean:
        return Mean()

    write(tmp_path / "one", "one", 7)
    study = Study.read(tmp_path / "one" / "study.toml")
    for given, kind in (
        (LogisticRegression(), Wrapped), (LogisticRegression, Wrapped), (Module(), PygLearner), (Module, PygLearner),
        (Mean(), FitPredictLearner), (Mean, FitPredictLearner), (makes, FitPredictLearner),
        (Both(), FitPredictLearner), (Named(), FitPredictLearner), (of_graph, PygLearner), (OfKinds, PygLearner),
    ):  # fmt: skip
        assert type(learner_of(given, "mine", study)) is kind
    ready = package.sklearn(LogisticRegression())
    assert learner_of(ready, "mine", study) is ready
    for odd, what in ((Two(), "this is no learner"), (object(), "this is no learner"), (Wants, "without arguments")):
        with pytest.raises(InputError, match=what):
            learner_of(odd, "mine", study)
