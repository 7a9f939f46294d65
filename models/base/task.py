"""Task: one kind of outcome, and everything that depends on which it is.

A new task is a class (in models/tasks/) and a line in TASKS. Everybody else asks `task_of(kind)` and holds no kind by
name: learners, folds, metrics, intervals, results, the report.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import polars as pl

from .lookup import look_up

TASKS: dict[str, str] = {
    "binary": "clinome.models.tasks.binary:BinaryTask",
    "multiclass": "clinome.models.tasks.multiclass:MulticlassTask",
    "multilabel": "clinome.models.tasks.multilabel:MultilabelTask",
    "regression": "clinome.models.tasks.regression:RegressionTask",
    "responses": "clinome.models.tasks.responses:ResponsesTask",
    "survival": "clinome.models.tasks.survival:SurvivalTask",
    "clustering": "clinome.models.tasks.clustering:ClusteringTask",
}
"""kind -> where its class is."""

Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Logits (n, k) -> mean loss and its gradient (n, k)."""


class Task(ABC):
    """One kind of outcome. Stateless; `classes` and `y` come with each call.

    Words: y are targets as `targets` makes them; logits are (n, width) on the additive scale of a linear model; a
    score is what a learner predicts, in the user's units: (n,) or (n, classes).
    """

    kind: ClassVar[str]
    """As `[task] kind` names it."""
    label_type: ClassVar[str]
    """What a cohort's label is: boolean, booleans, categorical, numeric, numbers, time_to_event or groups (`clinome.graphs.cohort.labels`)."""
    outcome: ClassVar[tuple[str, ...]] = ("label",)
    """Columns of a snapshot's rows that hold the outcome."""
    metrics: ClassVar[tuple[str, ...]]
    """What predictions are judged by (`models.metrics.registry.METRICS`), in the order in which it is shown."""
    primary: ClassVar[str]
    """The metric that learners are compared by."""
    probabilities: ClassVar[bool] = True
    """Whether a score is a probability, which can be recalibrated."""
    regresses: ClassVar[bool] = False
    """Whether trees and users' estimators regress on `numeric_response` instead of classifying."""
    intercept: ClassVar[bool] = True
    """Whether a linear model of it has an intercept: a partial likelihood cannot see one."""
    exclusive: ClassVar[bool] = True
    """Whether a row is of one class alone, where there are several columns of scores."""
    over_time: ClassVar[bool] = False
    """Whether predictions are also judged over time, as survival curves."""
    supervised: ClassVar[bool] = True
    """Whether learners learn from the outcome; else it only judges them, and may be unknown."""
    numeric: ClassVar[bool] = False
    """Whether the outcome is a number in a unit of its own, which scores are in too."""
    own_units: ClassVar[bool] = False
    """Whether the outcome is several numbers, each in a unit of its own, of which a row may lack some: y holds NaN there."""

    @abstractmethod
    def targets(self, rows: pl.DataFrame, classes: Sequence[str]) -> np.ndarray:
        """Targets of a snapshot's rows: (n,), (n, 2) duration_days and event, or (n, classes) 0 and 1."""

    @abstractmethod
    def blank(self, n: int, classes: int = 0) -> np.ndarray:
        """(n,), (n, 2) or (n, classes) zeros of the kind that `targets` gives, to be filled in part."""

    @abstractmethod
    def strata(self, rows: pl.DataFrame) -> np.ndarray:
        """(n,) int64: what each split should hold equal shares of."""

    @abstractmethod
    def groups(self, y: np.ndarray) -> np.ndarray:
        """(n,) the outcome as few values: with one value alone there is nothing to learn."""

    @abstractmethod
    def width(self, classes: int) -> int:
        """Logits a row."""

    @abstractmethod
    def base_rate(self, y: np.ndarray, classes: int) -> np.ndarray:
        """(width,) or (1,) what one would predict for everybody, knowing these targets alone."""

    def constant(self, rate: np.ndarray, n: int) -> np.ndarray:
        """`base_rate` as the scores of n rows."""
        return np.asarray(np.tile(rate, (n, 1))[:, -1])

    @abstractmethod
    def working_response(self, y: np.ndarray, classes: int) -> np.ndarray:
        """(n, k) what a feature can be correlated with: 0/1, one column a class, martingale residuals, or z-scores."""

    def numeric_response(self, y: np.ndarray) -> np.ndarray:
        """(n,) what trees regress on, higher = sooner, where `regresses`."""
        raise NotImplementedError(f"task {self.kind} is classified, not regressed")

    def regression_target(self, y: np.ndarray) -> np.ndarray:
        """(n,) what a user's own regressor is given, where `regresses`."""
        return self.numeric_response(y)

    @abstractmethod
    def loss(self, y: np.ndarray) -> Loss:
        """The loss of a linear model, as a function of the logits alone."""

    def curvature(self, y: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """(n, k) how n times the loss curves along each row's logits. Default: of squared error."""
        return np.ones_like(logits)

    def unit(self, y: np.ndarray) -> tuple[Any, Any]:
        """Centre and spread in which `loss` takes its logits: of a numeric outcome those of y (of several numbers (k,) each), else 0 and 1."""
        return 0.0, 1.0

    def learnable(self, y: np.ndarray) -> bool:
        """Whether a linear model has anything to fit."""
        return True

    def seen(self, y: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        """The columns of logits that these targets tell of; and the targets, numbered by them."""
        return np.arange(width), y

    def parts(self, y: np.ndarray) -> list[tuple[str, np.ndarray]]:
        """The outcome as problems that trees learn one by one, each with its kind of task."""
        return [(self.kind, y)]

    def first_intercept(self, y: np.ndarray) -> float | np.ndarray | None:
        """Where a fit of the intercept may begin; None: at 0."""
        return None

    @abstractmethod
    def score(self, logits: np.ndarray) -> np.ndarray:
        """Logits (n, width) as something that ranks like a score: for one column the logit itself."""

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated logits (n, width) as a learner predicts them."""
        return self.score(logits)

    @abstractmethod
    def logits(self, score: np.ndarray, least: float = 1e-4) -> np.ndarray:
        """(n, width) scores on the additive scale; nothing is taken for surer than `least`."""

    def from_probabilities(self, p: np.ndarray) -> np.ndarray:
        """(n, classes) of a classifier -> a score."""
        return np.asarray(p[:, 1])

    def predicted(self, score: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """(n,) the part of a score that an attribution explains, additive; whole: the score that decides which part."""
        p = np.clip(score, 1e-4, 1 - 1e-4)
        return np.asarray(np.log(p / (1 - p)))

    def grouped(self, label: pl.Series) -> pl.Series | None:
        """The outcome as text of few values, for tables and tests by group; None where it has few by itself."""
        return None

    def told(self, logits: np.ndarray) -> np.ndarray:
        """(n,) of which column of logits (n, width) an attribution tells: the predicted class."""
        return np.asarray(logits.argmax(axis=1))

    def score_columns(self, classes: Sequence[str]) -> list[str]:
        """Columns of a score in the table of predictions."""
        return ["score"]

    def signed(self, classes: Sequence[str]) -> bool:
        """Whether an effect on the score has a direction: of several classes none, what raises one lowers the others."""
        return len(self.score_columns(classes)) == 1

    @abstractmethod
    def inner_score(self, y: np.ndarray, score: np.ndarray) -> float:
        """By what settings and learners are chosen inside the training part; higher is better, chance where undefined."""

    def skill(self, y: np.ndarray, score: np.ndarray) -> float:
        """How far a score is from chance: 0 no better, 1 perfect."""
        return max(0.0, 2 * self._ranks(y, score) - 1)

    def _ranks(self, y: np.ndarray, score: np.ndarray) -> float:
        """The probability that a score orders a pair rightly; one half where there is none."""
        return self.inner_score(y, score)

    @abstractmethod
    def head(self, dim: int, classes: int = 0) -> Any:
        """A network's last layer, with its loss (`models.heads`)."""

    @abstractmethod
    def tensors(self, y: np.ndarray) -> Any:
        """Targets as a network's `Target` (`models.training.batch`)."""

    def as_columns(self, classes: Sequence[str], score: np.ndarray) -> Mapping[str, np.ndarray]:
        """A score as columns of the table of predictions."""
        columns = (score if score.ndim == 2 else score[:, None]).T
        return dict(zip(self.score_columns(classes), columns, strict=True))

    def from_columns(self, columns: np.ndarray) -> np.ndarray:
        """(n, columns) of the table of predictions -> a score."""
        return np.asarray(columns[:, 0])


@cache
def _made(where: str) -> Task:
    made = look_up({"": where}, "", "task")()
    return made  # type: ignore[no-any-return]


def task_of(kind: str) -> Task:
    """The task of a kind.

    Raises: ValueError for a kind that TASKS lacks.
    Example:
        >>> task_of("survival").primary
        'c_index'
    """
    if kind not in TASKS:
        raise ValueError(f"task: got {kind!r}; expected one of {', '.join(TASKS)}")
    return _made(TASKS[kind])
