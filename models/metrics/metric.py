"""Metric: a number by which predictions are judged, with its range, direction, chance, and why it can be missing.

A new metric is a class and a line in `models.metrics.registry.METRICS`; a task names the metrics that judge it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

Drawn = tuple[np.ndarray, np.ndarray]
"""(resamples,) numerator and denominator; 0 below where a resample cannot be scored."""
Measure = Callable[[np.ndarray], Drawn]
"""(resamples, n) how often each row was drawn -> numerators and denominators."""
MANY = 4000
"""Rows above which rank metrics are resampled to the first order (`models.metrics.influence`)."""


@dataclass(frozen=True)
class SurvivalCurves:
    """What scores over time need beside the risks of a held-out part.

    train: (m, 2) duration_days and whether an event ended them, of the training part; a competing one is an event too: who
        had it is not censored. times: (t,) days, rising.
    curves: (n, t) probability of no event until each time: one minus its cumulative incidence where another can come first.
    rival: (n,) bool, whether a held-out row ended with the competing event; None where there is none.
    """

    train: np.ndarray
    times: np.ndarray
    curves: np.ndarray
    rival: np.ndarray | None = None

    def rows(self, which: np.ndarray) -> SurvivalCurves:
        """The same of these held-out rows."""
        rival = None if self.rival is None else self.rival[which]
        return SurvivalCurves(self.train, self.times, self.curves[which], rival)


@dataclass(frozen=True)
class Scored:
    """Held-out rows to be judged.

    y: targets (`Task.targets`); regression (n,) numbers; clustering (n,) true groups. score: (n,) or (n, classes).
    classes: how many there are, 0 where none. curves: survival, for metrics over time; None where there are none.
    """

    y: np.ndarray
    score: np.ndarray
    classes: int = 0
    curves: SurvivalCurves | None = None

    @property
    def guess(self) -> np.ndarray:
        """(n,) the class that a score says: the most probable one, or whether a probability reaches one half."""
        if self.score.ndim == 2:
            return np.asarray(self.score.argmax(axis=1))
        return (self.score >= 0.5).astype(np.int64)

    @property
    def width(self) -> int:
        """How many classes a guess can be."""
        return self.classes or (self.score.shape[1] if self.score.ndim == 2 else 2)


class Metric(ABC):
    """One metric. Stateless.

    Example:
        >>> from clinome.models.metrics.registry import METRICS
        >>> METRICS["auroc"].value(Scored(np.array([0, 1]), np.array([0.1, 0.9])))
        1.0
    """

    key: ClassVar[str]
    """Its name in results.json."""
    label: ClassVar[str]
    """Its name in a report."""
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = 1.0
    higher_is_better: ClassVar[bool] = True
    chooses: ClassVar[bool] = True
    """Whether settings and learners can be chosen by it: of a score alone, where higher is better."""
    counts: ClassVar[bool] = False
    """Whether it is a number of things, shown without decimals."""
    chance: ClassVar[float | None] = None
    """What a learner that knows nothing gets; None where that depends on the cohort."""
    why_null: ClassVar[str] = "the held-out part holds one class"
    """Why it can be missing, in plain words."""

    @property
    def limits(self) -> tuple[float, float]:
        """Between what it lies."""
        return self.low, self.high

    def applies(self, part: Scored) -> bool:
        """Whether the metric asks anything of such a cohort; where it does not, results do not name it."""
        return True

    @abstractmethod
    def value(self, part: Scored) -> float | None:
        """The metric of these rows; None where it is not defined."""

    def measure(self, part: Scored) -> Measure | None:
        """The metric as a function of how often each row is drawn; with weights of one it is `value`.

        Here by scoring each resample anew, which is right for every metric and slow: one of our own says it in a
        closed form. None where these rows have no value at all.
        """
        if self.value(part) is None:
            return None

        def again(weights: np.ndarray) -> Drawn:
            found = [self.value(_drawn(part, w)) for w in weights]
            known = np.array([v is not None for v in found], dtype=np.float64)
            return np.array([0.0 if v is None else v for v in found]), known

        return again


def mean(values: np.ndarray) -> Measure:
    """A metric that is a mean over rows, (n,)."""
    values = np.asarray(values, dtype=np.float64)
    return lambda w: (w @ values, w.sum(axis=1))


def _drawn(part: Scored, weight: np.ndarray) -> Scored:
    rows = np.repeat(np.arange(len(part.y)), weight.astype(np.int64))
    curves = None if part.curves is None else part.curves.rows(rows)
    return Scored(part.y[rows], part.score[rows], part.classes, curves)
