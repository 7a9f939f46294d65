"""Smallest learner: an object with `fit(snapshot, train, tuning)` and `predict(snapshot, rows)`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...base.attribution import Attribution
from ...base.learner import Setting
from ...base.snapshot import Snapshot
from ...base.task import task_of
from ..base import BaseLearner
from ..search_space import budgeted
from .own_code import LearnerFailed, calling, written


class FitPredictLearner(BaseLearner):
    """A fresh copy of the object for each fit; what else it has of `models.base.learner.Learner` is made use of.

    Args:
        given: the object, unfitted; it is never fitted itself.
        name: what the user calls it.
    Example:
        learner = FitPredictLearner(Mean(), "mean")
    """

    own_code = True

    def __init__(self, given: Any, name: str, setting: Setting | None = None, seed: int = 0) -> None:
        super().__init__(setting, seed)
        self.given, self.name = given, name
        self.model: Any = None

    def __repr__(self) -> str:
        """Equal for equal code and settings: what a run's results depend on."""
        kinds = [cls for cls in type(self.given).__mro__ if cls is not object]
        told = any("__repr__" in vars(cls) for cls in kinds)  # object's says only where in memory it lies
        what = repr(self.given) if told else dict(sorted(vars(self.given).items()))
        return f"{' '.join(map(written, kinds))} {what}"

    def with_setting(self, setting: Setting, seed: int) -> FitPredictLearner:
        return FitPredictLearner(self.given, self.name, setting, seed)

    def reason(self, snapshot: Snapshot) -> str | None:
        if reason := self._method("reason"):
            with calling(self.name, "reason"):
                return None if (why := reason(snapshot)) is None else str(why)
        if supports := self._method("supports"):
            with calling(self.name, "supports"):
                return None if supports(snapshot) else f"{self.name} says that it does not support this study"
        return None

    def settings(self, trials: int) -> Sequence[Setting]:
        if settings := self._method("settings"):
            with calling(self.name, "settings"):
                return [dict(one) for one in settings(trials)][:trials]
        return budgeted(self.grid, self.space(), trials)

    def space(self) -> Mapping[str, Any]:
        space = getattr(self.given, "space", {})
        with calling(self.name, "space"):
            return dict(space() if callable(space) else space)

    def _method(self, name: str) -> Callable[..., Any] | None:
        found = getattr(self.given, name, None)
        return found if callable(found) else None

    def _fresh(self) -> Any:
        """A copy of the object with this learner's setting and seed."""
        if with_setting := self._method("with_setting"):
            return with_setting(self.setting, self.seed)
        made = copy.deepcopy(self.given)
        for name, value in self.setting.items():
            setattr(made, name, value)
        if hasattr(made, "seed"):
            made.seed = self.seed
        return made

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        with calling(self.name, "fit"):
            self.model = self._fresh()
            self.model.fit(snapshot, train.copy(), tuning.copy())

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """Raises: LearnerFailed where the object raises, or answers with something that is no prediction."""
        with calling(self.name, "predict"):
            answer = self.model.predict(snapshot, rows.copy())
        return checked(self.name, answer, snapshot, len(rows))

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> Mapping[str, Attribution] | None:
        if not self._method("attribute"):
            return None
        with calling(self.name, "attribute"):
            answer = self.model.attribute(snapshot, rows.copy())
        expected = f"{{block: Attribution(names, values)}}, values of {len(rows)} rows"
        if answer is None:
            return None
        if not isinstance(answer, Mapping):
            raise LearnerFailed(self.name, "attribute gave something else", type(answer).__name__, expected)
        for block, one in answer.items():
            if not isinstance(one, Attribution) or len(one.values) != len(rows):
                got = one.values.shape if isinstance(one, Attribution) else type(one).__name__
                raise LearnerFailed(self.name, f"attribute gave something else for {block!r}", got, expected)
        return answer

    def unsaved(self) -> str | None:
        if self._method("state") and self._method("restore"):
            return None
        return f"{self.name} has no `state` and `restore`, so that no file can hold what it learnt"

    def state(self) -> dict[str, Any]:
        if not self._method("state"):
            return {}
        with calling(self.name, "state"):
            return dict(self.model.state())

    def restore(self, state: Mapping[str, Any]) -> FitPredictLearner:
        with calling(self.name, "restore"):
            made = self._fresh()
            restored = made.restore(state)
        self.model = made if restored is None else restored
        return self


def checked(name: str, answer: Any, snapshot: Snapshot, rows: int) -> np.ndarray:
    """(rows,) float64, of multiclass (rows, classes): an answer of `predict`, where it is one.

    Raises: LearnerFailed for another shape, values that are not finite, or probabilities that are none.
    """
    task = task_of(snapshot.task)
    columns = len(task.score_columns(snapshot.classes))
    many = columns > 1
    shape = (rows, columns) if many else (rows,)
    what = "one score a row" if not many else f"one probability a row and class ({', '.join(snapshot.classes)})"
    try:
        score = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        raise LearnerFailed(name, "predict gave no numbers", type(answer).__name__, f"{shape}, {what}") from None
    if score.shape != shape:
        raise LearnerFailed(name, "predict gave another shape", score.shape, f"{shape}, {what}")
    if not np.isfinite(score).all():
        bad = int((~np.isfinite(score.reshape(rows, -1)).all(axis=1)).sum())
        raise LearnerFailed(
            name, "predict gave values that are not finite", f"{bad} of {rows} rows", "a number in each"
        )
    if not task.probabilities or not rows:
        return score
    low, high = float(score.min()), float(score.max())
    if low < -1e-6 or high > 1 + 1e-6:
        got = f"{low:.3g} to {high:.3g}"
        raise LearnerFailed(name, "predict gave values that are no probabilities", got, "0 to 1")
    if many and task.exclusive and np.abs(score.sum(axis=1) - 1).max() > 1e-3:
        raise LearnerFailed(
            name, "predict gave probabilities that do not add up", expected="1 over the classes of a row"
        )
    return np.clip(score, 0.0, 1.0)
