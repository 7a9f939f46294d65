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
from ...preprocessing.tree_table import TreeTable
from ..base import BaseLearner, has_inputs

_ABLATED = 40


class TreeLearner(BaseLearner):
    """A model on `models.preprocessing.tree_table.TreeTable`; a subclass fits `self.model`."""

    model: Any = None
    recalibrates = True  # forests are too timid, boosted trees too bold in small cohorts

    def reason(self, snapshot: Snapshot) -> str | None:
        return has_inputs(snapshot)

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        self.task, self.classes = snapshot.task, len(snapshot.classes)
        rows = np.sort(np.concatenate([train, tuning]))
        task = task_of(self.task)
        y = task.targets(snapshot.rows[rows], snapshot.classes)
        self.table = TreeTable().fit(snapshot, rows, task.working_response(y, self.classes))
        x = self.table.transform(snapshot, rows)
        with np.errstate(invalid="ignore"):
            known = np.maximum(np.isfinite(x).sum(axis=0), 1)
            self.mean = (np.nansum(x, axis=0, dtype=np.float64) / known).astype(np.float32)
        self.mean[self.table.categorical] = np.nan
        outcomes = np.unique(task.groups(y))
        self.rate = task.base_rate(y, self.classes)
        self.model = None
        if len(outcomes) > 1 and x.shape[1]:
            with _few_filters():
                self.model = self.fit_model(x, y, np.isin(rows, tuning))

    def fit_model(self, x: np.ndarray, y: np.ndarray, tuning: np.ndarray) -> Any:
        """The fitted estimator. tuning: (n,) bool, the rows on which to stop early."""
        raise NotImplementedError

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return self._scores(self.table.transform(snapshot, rows))

    def _scores(self, x: np.ndarray) -> np.ndarray:
        task = task_of(self.task)
        if self.model is None:
            return task.constant(self.rate, len(x))
        if task.regresses:
            return np.asarray(self.model.predict(x))
        p = np.zeros((len(x), max(self.classes, 2)))
        p[:, self.model.classes_] = self.model.predict_proba(x)
        return self.settled(task.from_probabilities(p), self.task)

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> dict[str, Attribution] | None:
        """What the score (a logit; multiclass: of the predicted class) loses when a column is set to its training mean.

        Only the columns that the trees use most are ablated; the others are zero.
        """
        x = self.table.transform(snapshot, rows)
        out = np.zeros(x.shape)
        if self.model is None or not len(rows):
            return self._named(out)
        importance = self._grown().importance
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

    def grown(self) -> TreeArrays:
        """The fitted estimator's trees as arrays."""
        raise NotImplementedError

    def _grown(self) -> TreeArrays:
        return self.model if isinstance(self.model, TreeArrays) else self.grown()

    def state(self) -> dict[str, Any]:
        grown = None if self.model is None else self._grown().state()
        return {"task": self.task, "classes": self.classes, "table": self.table.state(), "mean": self.mean,
                "rate": self.rate, "recalibration": self.recalibration, "grown": grown}  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> Self:
        """The trees are then walked here, and no scikit-learn is asked."""
        for name in ("task", "classes", "mean", "rate", "recalibration"):
            setattr(self, name, state[name])
        self.table = TreeTable().restore(state["table"])
        self.model = None if state["grown"] is None else TreeArrays.restored(state["grown"])
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


@contextmanager
def _few_filters() -> Iterator[None]:
    """scikit-learn sets every filter of warnings anew for each tree and each column: thousands of times a fit, so that a
    tenth of it goes on that. Inside there is one, which hides what is meant for developers, as Python does by itself."""
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
