"""scikit-learn estimator as a learner: `clinome.sklearn(LinearSVC())`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from ....loaders.errors import InputError
from ...base.learner import Setting
from ...base.snapshot import Snapshot
from ...base.task import task_of
from ...estimators.late_fusion import calibrate
from ...preprocessing.blocks import JoinedBlocks, column_names
from ...preprocessing.fold import FoldPreprocessing
from ..base import BaseLearner, has_inputs
from .fit_predict import checked
from .own_code import calling, written


def sklearn(
    estimator: Any, name: str | None = None, *, space: Mapping[str, Any] | None = None, dense: bool | None = None
) -> Wrapped:
    """Any scikit-learn classifier (regression and survival: regressor) as a learner, on all blocks side by side.

    X is (patients, features) float32, without missing values: a `scipy.sparse.csr_matrix` where the study has mutations or
    records, else an array. An estimator whose tags say that it takes no sparse X, or that has no tags, gets an array
    always; `dense` overrules: True an array, False what there is. y is 0, 1, …, in the order of the classes;
    of a regression the number itself.

    Features are fitted in the fold (`models.preprocessing.fold.FoldPreprocessing`). A classifier without predict_proba is calibrated on its
    decision function's training scores, which keeps the order but not the exact probabilities. Survival: the regressor
    learns martingale residuals, higher = sooner. space: parameter -> values or a scipy distribution, from which settings
    beyond the estimator's own are drawn within the study's `trials`.

    Example:
        >>> from sklearn.svm import LinearSVC
        >>> sklearn(LinearSVC()).name
        'LinearSVC'
    """
    return Wrapped(estimator, name or type(estimator).__name__, space=space, dense=dense)


class Wrapped(BaseLearner):
    """An estimator that is cloned for each fit. Settings are `estimator.set_params`'s: its own, then draws from `space`."""

    own_code = True

    def __init__(
        self,
        estimator: Any,
        name: str,
        setting: Setting | None = None,
        seed: int = 0,
        space: Mapping[str, Any] | None = None,
        dense: bool | None = None,
    ) -> None:
        super().__init__(setting, seed)
        self.estimator, self.name, self._space, self.dense = estimator, name, dict(space or {}), dense
        # a decision function is made a probability by rows that had shaped it; who gives probabilities keeps them
        self.recalibrates = not hasattr(estimator, "predict_proba")

    def __repr__(self) -> str:
        """Equal for equal code and settings: what a run's results depend on."""
        return f"{written(type(self.estimator))} {self.estimator!r} {self.dense}"

    def with_setting(self, setting: Setting, seed: int) -> Wrapped:
        return Wrapped(self.estimator, self.name, setting, seed, self._space, self.dense)

    def space(self) -> Mapping[str, Any]:
        return self._space

    def reason(self, snapshot: Snapshot) -> str | None:
        from sklearn.base import is_regressor

        task = task_of(snapshot.task)
        if not task.exclusive:
            return f"{self.name}: an estimator of scikit-learn is not wrapped for several labels: give an object with fit and predict"
        regresses = task.regresses
        if regresses and not is_regressor(self.estimator):
            return f"{self.name} is a classifier: for {snapshot.task} wrap a regressor"
        if not regresses and is_regressor(self.estimator):
            return f"{self.name} is a regressor: for {snapshot.task} wrap a classifier"
        return has_inputs(snapshot)

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        from sklearn.base import clone

        self.task, self.classes = snapshot.task, len(snapshot.classes)
        rows = np.sort(np.concatenate([train, tuning]))
        task = task_of(self.task)
        y = task.targets(snapshot.rows[rows], snapshot.classes)
        self.block = FoldPreprocessing.fit(snapshot, rows, column_names(snapshot)).joined(snapshot, rows)
        x = self._x(snapshot, rows)
        with calling(self.name, "fit"):
            self.model = self._seeded(clone(self.estimator).set_params(**self.setting))
            self.model.fit(x, task.regression_target(y) if task.regresses else y)
        self.final = None
        if not task.regresses and not hasattr(self.model, "predict_proba"):
            with calling(self.name, "decision_function"):
                self.final = calibrate(self._decision(x), y, self.task)

    def _x(self, snapshot: Snapshot, rows: np.ndarray) -> Any:
        """Sparse or not, as the estimator takes it."""
        x = self.block.transform(snapshot, rows)
        dense = not takes_sparse(self.estimator) if self.dense is None else self.dense
        return x.toarray() if dense and sparse.issparse(x) else x

    def _seeded(self, model: Any) -> Any:
        if "random_state" in model.get_params() and model.get_params()["random_state"] is None:
            model.set_params(random_state=self.seed)
        return model

    def _decision(self, x: Any) -> np.ndarray:
        """(n, k) decision function, a class that training lacked far below the others."""
        found = np.asarray(self.model.decision_function(x))
        if task_of(self.task).width(self.classes) == 1:
            return found.reshape(-1, 1)
        if found.ndim == 1:
            found = np.column_stack([-found, found])
        out = np.full((len(found), self.classes), found.min() - 10.0)
        out[:, self.model.classes_] = found
        return out

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """Raises: LearnerFailed where the estimator raises, or answers with something that is no prediction."""
        x = self._x(snapshot, rows)
        with calling(self.name, "predict"):
            found = self._answer(x, len(rows))
        return self.settled(checked(self.name, found, snapshot, len(rows)), self.task)

    def _answer(self, x: Any, rows: int) -> Any:
        task = task_of(self.task)
        if task.regresses:
            return self.model.predict(x)
        if self.final is not None:
            return task.probability(self.final[0] * self._decision(x) + self.final[1:])
        p = np.zeros((rows, max(self.classes, 2)))
        p[:, self.model.classes_] = self.model.predict_proba(x)
        return task.from_probabilities(p)

    def _attributes(self) -> dict[str, Any]:
        """What fitting set on the estimator."""
        given = self.model.get_params(deep=False)
        return {name: value for name, value in vars(self.model).items() if name not in given}

    def unsaved(self) -> str | None:
        """An estimator is saved by its fitted attributes, where these are plain; never by pickle, which may run code."""
        inside = [value for value in self.model.get_params().values() if _is_estimator(value)]
        odd = [name for name, value in self._attributes().items() if not _is_plain(value)]
        if inside or odd:
            what = f"its fitted {odd[0]} is an object" if odd else "it is made of other estimators"
            return f"{self.name} is an estimator of your own that plain values cannot hold: {what}"
        return None

    def state(self) -> dict[str, Any]:
        """The features' state, the estimator's settings as text, and what of its fitted attributes is plain."""
        return {
            "task": self.task, "classes": self.classes, "block": self.block.state(), "final": self.final,
            "recalibration": self.recalibration,
            "params": {name: str(value) for name, value in self.model.get_params().items()},
            "attributes": {name: value for name, value in self._attributes().items() if _is_plain(value)},
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> Wrapped:
        """The user's own estimator, with what fitting had set on it.

        Raises: InputError where the estimator given is not set as the one that was fitted.
        """
        from sklearn.base import clone

        for name in ("task", "classes", "final", "recalibration"):
            setattr(self, name, state[name])
        self.block = JoinedBlocks([]).restore(state["block"])
        self.model = self._seeded(clone(self.estimator).set_params(**self.setting))
        params = {name: str(value) for name, value in self.model.get_params().items()}
        for name in sorted(params.keys() | state["params"].keys()):
            got, expected = params.get(name), state["params"].get(name)
            if got != expected:
                where = f"learners[{self.name!r}] {type(self.model).__name__} {name}"
                raise InputError(
                    "not the estimator that was fitted", where, got, expected, "give it with the same settings"
                )
        vars(self.model).update(state["attributes"])
        return self


def takes_sparse(estimator: Any) -> bool:
    """Whether its tags say that it takes a sparse X; False of one without tags.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.naive_bayes import GaussianNB
        >>> takes_sparse(LogisticRegression()), takes_sparse(GaussianNB())
        (True, False)
    """
    from sklearn.utils import get_tags

    try:
        return bool(get_tags(estimator).input_tags.sparse)
    except (AttributeError, TypeError, ValueError):
        return False


def _is_estimator(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(_is_estimator(one) for one in value)
    return hasattr(value, "get_params") and not isinstance(value, type)


def _is_plain(value: object) -> bool:
    """What a file can hold without code: numbers, text, None, arrays of numbers, and lists and dicts of those."""
    match value:
        case None | bool() | int() | float() | str() | np.generic():
            return True
        case np.ndarray():
            return value.dtype.kind in "biuf"
        case list() | tuple():
            return all(_is_plain(one) for one in value)
        case dict():
            return all(isinstance(name, str) and _is_plain(one) for name, one in value.items())
    return False
