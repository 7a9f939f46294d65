"""Tree learners: forest and boosting share the table, outcomes as classes or rates, and attribution by ablation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

import numpy as np

from ...base.attribution import Attribution
from ...base.snapshot import Snapshot
from ...base.task import task_of
from ...estimators.tree_arrays import TreeArrays
from ...preprocessing.records.event_counts import asked_again
from ...preprocessing.tree_table import TreeTable
from ..base import BaseLearner, has_inputs

_ABLATED = 40


class TreeLearner(BaseLearner):
    """Models on `models.preprocessing.tree_table.TreeTable`, one for each problem that trees learn by itself
    (`Task.parts`: of several labels one each); a subclass fits one."""

    models: list[Any]
    again = False
    """Whether the training rows ask each subject over and over."""
    recalibrates = True  # forests are too timid, boosted trees too bold in small cohorts

    def reason(self, snapshot: Snapshot) -> str | None:
        return has_inputs(snapshot)

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        self.task, self.classes = snapshot.task, len(snapshot.classes)
        rows = np.sort(np.concatenate([train, tuning]))
        self.again = asked_again(snapshot, rows)
        task = task_of(self.task)
        y = task.targets(snapshot.rows[rows], snapshot.classes)
        self.table = TreeTable().fit(snapshot, rows, task.working_response(y, self.classes))
        x = self.table.transform(snapshot, rows)
        with np.errstate(invalid="ignore"):
            known = np.maximum(np.isfinite(x).sum(axis=0), 1)
            self.mean = (np.nansum(x, axis=0, dtype=np.float64) / known).astype(np.float32)
        self.mean[self.table.categorical] = np.nan
        self.rate = task.base_rate(y, self.classes)
        self.models = []
        for kind, part in task.parts(y):
            learnable = len(np.unique(task_of(kind).groups(part))) > 1 and x.shape[1]
            with _few_filters():
                self.models.append(self.fit_model(x, part, np.isin(rows, tuning), kind) if learnable else None)

    def fit_model(self, x: np.ndarray, y: np.ndarray, tuning: np.ndarray, kind: str) -> Any:
        """The fitted estimator. tuning: (n,) bool, the rows on which to stop early. kind: what task y is of."""
        raise NotImplementedError

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return self._scores(self.table.transform(snapshot, rows))

    def _scores(self, x: np.ndarray) -> np.ndarray:
        task = task_of(self.task)
        if len(self.models) == 1:
            (model,) = self.models
            if model is None:
                return task.constant(self.rate, len(x))
            if task.regresses:
                return np.asarray(model.predict(x))
            return self.settled(task.from_probabilities(_probabilities(model, x, max(self.classes, 2))), self.task)
        score = task.constant(self.rate, len(x))
        for k, model in enumerate(self.models):
            if model is not None:
                score[:, k] = _probabilities(model, x, 2)[:, 1]
        return self.settled(score, self.task)

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> dict[str, Attribution] | None:
        """What the score (a logit; multiclass: of the predicted class) loses when a column is set to its training mean.

        Only the columns that the trees use most are ablated; the others are zero.
        """
        x = self.table.transform(snapshot, rows)
        out = np.zeros(x.shape)
        grown = [one for one in self._grown() if one is not None]
        if not grown or not len(rows):
            return self._named(out)
        importance = np.sum([one.importance for one in grown], axis=0)
        matter = np.argsort(-importance, kind="stable")[:_ABLATED]
        whole = self._scores(x)
        for group in np.array_split(matter[importance[matter] > 0], 8):
            if len(group):
                out[:, group] = self._loss(x, whole, group)
        return self._named(out)

    def _named(self, contributions: np.ndarray) -> dict[str, Attribution]:
        """(n, columns of the table) by block and feature."""
        names = {part.name: part.names for part in self.table.parts}
        return {name: Attribution(names[name], values) for name, values in self.table.gather(contributions).items()}

    def grown(self, model: Any) -> TreeArrays:
        """A fitted estimator's trees as arrays."""
        raise NotImplementedError

    def _grown(self) -> list[TreeArrays | None]:
        return [one if one is None or isinstance(one, TreeArrays) else self.grown(one) for one in self.models]

    def state(self) -> dict[str, Any]:
        grown = [None if one is None else one.state() for one in self._grown()]
        return {"task": self.task, "classes": self.classes, "table": self.table.state(), "mean": self.mean,
                "rate": self.rate, "recalibration": self.recalibration,
                "grown": grown[0] if len(grown) == 1 else grown}  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> Self:
        """The trees are then walked here, and no scikit-learn is asked."""
        for name in ("task", "classes", "mean", "rate", "recalibration"):
            setattr(self, name, state[name])
        self.table = TreeTable().restore(state["table"])
        grown = state["grown"] if isinstance(state["grown"], list | tuple) else [state["grown"]]
        self.models = [None if one is None else TreeArrays.restored(one) for one in grown]
        return self

    def _loss(self, x: np.ndarray, whole: np.ndarray, group: np.ndarray) -> np.ndarray:
        """(n, columns) score less the score without each column. Missing values stay missing."""
        without = np.tile(x, (len(group), 1))
        for i, j in enumerate(group):
            here = np.isfinite(x[:, j]) | self.table.categorical[j]
            without[i * len(x) : (i + 1) * len(x), j] = np.where(here, self.mean[j], x[:, j])
        less = self._scores(without).reshape(len(group), *whole.shape)
        task = task_of(self.task)
        kept = task.predicted(whole, whole)
        return np.stack([kept - task.predicted(one, whole) for one in less], axis=1)


def _probabilities(model: Any, x: np.ndarray, classes: int) -> np.ndarray:
    """(n, classes), 0 of a class that training lacked."""
    p = np.zeros((len(x), classes))
    p[:, model.classes_] = model.predict_proba(x)
    return p


@contextmanager
def _few_filters() -> Iterator[None]:
    """scikit-learn sets every filter of warnings anew for each tree and each column: thousands of times a fit, so that a
    tenth of it goes on that. Inside there is one, which hides what is meant for developers, as Python does by itself."""
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
