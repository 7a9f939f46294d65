"""The smallest learner: an object with fit and predict, what may be added to it, and what is said where it is wrong."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import polars as pl
import pytest
from smallest_learners import Genes, Mean, Wrong
from snapshots import make_snapshot

from clinome.models.base.attribution import Attribution
from clinome.models.base.learner import FitPredict, Learner
from clinome.models.base.serialization import why_unsaved
from clinome.models.learners.adapters.fit_predict import FitPredictLearner, checked
from clinome.models.learners.adapters.own_code import LearnerFailed

TRAIN, TUNING, HELD = np.arange(40), np.arange(40, 60), np.arange(60, 90)
SNAPSHOT = make_snapshot("binary", n=90, layers=("rna",), features=24, signal=2.0)


def _fitted(given: Any, **setting: Any) -> FitPredictLearner:
    learner = FitPredictLearner(given, "mine").with_setting(setting, 7)
    learner.fit(SNAPSHOT, TRAIN, TUNING)
    return learner


def test_fit_and_predict_are_enough() -> None:
    given = Mean()
    assert isinstance(given, FitPredict) and not isinstance(given, Learner)
    learner = _fitted(given)
    assert isinstance(learner, Learner) and learner.name == "mine"
    assert learner.supports(SNAPSHOT) and learner.reason(SNAPSHOT) is None
    assert list(learner.settings(8)) == [{}] and learner.attribute(SNAPSHOT, HELD) is None
    rate = SNAPSHOT.rows["label"].gather(np.arange(60)).mean()
    np.testing.assert_array_equal(learner.predict(SNAPSHOT, HELD), np.full(30, rate))
    assert not hasattr(given, "rate")  # each fit works on a copy
    assert "no `state` and `restore`" in str(learner.unsaved()) and learner.state() == {}


def test_what_may_be_added_is_made_use_of() -> None:
    given = Genes()
    learner = _fitted(given, c=1.0)
    assert (learner.model.c, learner.model.seed) == (1.0, 7) and (given.c, given.seed) == (0.1, 0)
    assert list(learner.settings(8)) == [{}, {"c": 0.01}, {"c": 1.0}] and len(learner.settings(2)) == 2
    assert learner.unsaved() is None and why_unsaved(learner.state()) is None
    again = FitPredictLearner(Genes(), "mine").with_setting({"c": 1.0}, 7).restore(learner.state())
    np.testing.assert_array_equal(again.predict(SNAPSHOT, HELD), learner.predict(SNAPSHOT, HELD))
    attributed = learner.attribute(SNAPSHOT, HELD)
    assert attributed is not None and attributed["rna"].values.shape == (30, 24)
    crossed = pickle.loads(pickle.dumps(learner))
    np.testing.assert_array_equal(crossed.predict(SNAPSHOT, HELD), learner.predict(SNAPSHOT, HELD))


class Binary(Mean):
    def supports(self, snapshot: Any) -> bool:
        return bool(snapshot.task == "binary")


class Records(Mean):
    settings = "not a method: an attribute of the user's own"

    def reason(self, snapshot: Any) -> str | None:
        return None if snapshot.events is not None else "there are no records"


def test_what_it_is_not_for_is_said_in_its_words_or_ours() -> None:
    survival = make_snapshot("survival", n=30, layers=("rna",), features=4)
    assert FitPredictLearner(Binary(), "mine").supports(SNAPSHOT)
    assert FitPredictLearner(Binary(), "mine").reason(survival) == "mine says that it does not support this study"
    learner = FitPredictLearner(Records(), "mine")
    assert not learner.supports(SNAPSHOT) and learner.reason(SNAPSHOT) == "there are no records"
    assert list(learner.settings(4)) == [{}]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("shape", r"predict gave another shape; got \(30, 2\); expected \(30,\), one score a row"),
        ("nan", r"not finite; got '1 of 30 rows'; expected a number in each"),
        ("range", r"no probabilities; got '-2 to 3'; expected 0 to 1"),
        ("text", r"no numbers; got 'list'; expected \(30,\)"),
        ("none", r"predict gave .*expected"),
    ],
)
def test_an_answer_that_is_no_prediction_is_refused(answer: str, said: str) -> None:
    with pytest.raises(LearnerFailed, match=said):
        _fitted(Wrong(answer)).predict(SNAPSHOT, HELD)


def test_of_what_it_raises_the_place_is_said_and_not_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLINOME_DEBUG", raising=False)
    with pytest.raises(LearnerFailed, match=r"fit raised ZeroDivisionError \(smallest_learners.py line \d+\)") as found:
        _fitted(Wrong("raises"))
    assert "p17" not in str(found.value)
    crossed = pickle.loads(pickle.dumps(found.value))
    assert (str(crossed), crossed.name, crossed.reason) == (str(found.value), "mine", found.value.reason)
    monkeypatch.setenv("CLINOME_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        _fitted(Wrong("raises"))


def test_classes_and_risks_have_their_own_shapes() -> None:
    classes = make_snapshot("multiclass", n=30, layers=("rna",), features=4)
    even = np.full((30, 3), 1 / 3)
    np.testing.assert_array_equal(checked("mine", even.tolist(), classes, 30), even)
    for odd, what in ((even[:, :2], r"got \(30, 2\); expected \(30, 3\)"), (even / 2, "do not add up")):
        with pytest.raises(LearnerFailed, match=what):
            checked("mine", odd, classes, 30)
    survival = make_snapshot("survival", n=30, layers=("rna",), features=4)
    risk = np.linspace(-40.0, 3.0, 30)
    np.testing.assert_array_equal(checked("mine", pl.Series(risk), survival, 30), risk)


class Unnamed(Genes):
    def attribute(self, snapshot: Any, rows: np.ndarray) -> Any:
        return {self.layer: np.zeros((len(rows), 24))}


class Short(Genes):
    def attribute(self, snapshot: Any, rows: np.ndarray) -> Any:
        return {self.layer: Attribution(["a"], np.zeros((2, 1)))}


@pytest.mark.parametrize("given", [Unnamed(), Short()])
def test_attributions_without_names_or_rows_are_refused(given: Any) -> None:
    with pytest.raises(LearnerFailed, match=r"attribute gave something else for 'rna'; got .* expected .*Attribution"):
        _fitted(given).attribute(SNAPSHOT, HELD)


def test_equal_code_and_settings_look_the_same_to_a_run_that_stands() -> None:
    def look(given: Any) -> str:
        return repr(FitPredictLearner(given, "mine"))

    assert look(Genes()) == look(Genes()) != look(Genes(c=2.0)) and look(Mean()) == look(Mean()) != look(Binary())
