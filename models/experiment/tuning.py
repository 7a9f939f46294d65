"""Hyperparameter tuning by inner folds: learners are scored on training rows that they have not seen.

Where few outer folds hold out all rows, the other ones are a fold's inner folds. Then a fit without folds i and j is an
inner fit of both: it is made once, and asked for j's rows inside fold i, for i's inside fold j. Ten fits for five
folds where three inner ones each would be fifteen, and on more rows. What it says of i's rows is not seen inside fold i.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..base.folds import carve, deal
from ..base.learner import Learner, Setting
from ..base.scratch import digest, kept
from ..base.snapshot import Snapshot
from ..base.task import task_of
from ..estimators.late_fusion import calibrate, scaled

if TYPE_CHECKING:
    from ..learners.base import BaseLearner

FEW = 3000
"""Training rows up to which every one is left out once; above, one split says enough."""
INNER = 3
SHARED = (4, 6)
"""With so many outer folds, fits that two of them share are fewer (with more there would be one for every pair)."""
_MARGIN = 0.002


def seed_of(*parts: object) -> int:
    """A seed from what it is for, the same in every process."""
    return zlib.crc32("/".join(map(str, parts)).encode()) & 0x7FFFFFFF


@dataclass(frozen=True)
class InnerSplit:
    """One inner fit: learn on train, stop early on tuning, predict scored. No row is in two of them.

    shared: the rows of the other fold that has this fit, where there is one: never scored here. seed: of the fit.
    """

    train: np.ndarray
    tuning: np.ndarray
    scored: np.ndarray
    seed: int
    shared: np.ndarray | None = None


def inner_plan(
    snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray, seed: int, outer: OuterFolds | None = None
) -> list[InnerSplit]:
    """The same for every learner of a fold, so that their inner scores can be compared and stacked."""
    rows = np.sort(np.concatenate([train, tuning]))
    if outer is not None and len(rows) <= FEW:
        return outer.plan(snapshot, rows)
    if len(rows) > FEW and len(tuning):
        first, stop = carve(snapshot.rows, snapshot.task, train, seed)
        return [InnerSplit(first, stop, tuning, seed)]
    part = deal(snapshot.rows, snapshot.task, rows, INNER, seed)
    plan = []
    for k in range(INNER):
        rest = rows[part != k]
        first, stop = carve(snapshot.rows, snapshot.task, rest, seed + k + 1)
        plan.append(InnerSplit(first, stop, rows[part == k], seed_of(seed, k)))
    return plan


@dataclass(frozen=True)
class OuterFolds:
    """Where a fold stands among the others of its repeat. part: (rows of the snapshot,) the fold that holds each out."""

    part: np.ndarray
    fold: int
    seed: int

    @classmethod
    def of(cls, held_out: Sequence[np.ndarray], rows: int, fold: int, seed: int) -> OuterFolds | None:
        """None where these parts do not hold every row out once, or are too few or too many to share fits.

        Args:
            held_out: of every fold of the repeat, in their order. seed: of the repeat.
        """
        if not SHARED[0] <= len(held_out) <= SHARED[1] or not hold_out_all(held_out, rows):
            return None
        part = np.empty(rows, dtype=np.int64)
        for k, one in enumerate(held_out):
            part[one] = k
        return cls(part, fold, seed)

    def plan(self, snapshot: Snapshot, rows: np.ndarray) -> list[InnerSplit]:
        """An inner fit for each of the other folds, beginning after this one: neighbours at work do not do the same."""
        folds, plan = int(self.part.max()) + 1, []
        for other in ((self.fold + step) % folds for step in range(1, folds)):
            if not (self.part[rows] == other).any():  # the study's own folds may leave rows out
                continue
            seed = seed_of(self.seed, *sorted((self.fold, other)))
            first, stop = carve(snapshot.rows, snapshot.task, rows[self.part[rows] != other], seed)
            scored, mine = rows[self.part[rows] == other], np.flatnonzero(self.part == self.fold)
            plan.append(InnerSplit(first, stop, scored, seed, mine))
        return plan


def hold_out_all(held_out: Sequence[np.ndarray], rows: int) -> bool:
    """Whether these parts hold every row, and none twice."""
    return bool(len(held_out) > 1 and np.array_equal(np.sort(np.concatenate(held_out)), np.arange(rows)))


@dataclass
class TuningResult:
    """What tuning found. rows: the rows scored inside, oof: their predictions by the best setting."""

    setting: dict[str, Any]
    inner: float
    rows: np.ndarray
    oof: np.ndarray
    tried: list[tuple[dict[str, Any], float]] = field(default_factory=list)
    cut: int = 0
    """Settings that the time limit left untried."""
    final: np.ndarray | None = None
    """Slope and intercepts that make the fitted learner's probabilities right; `oof` has them on already."""


def tune(
    learner: Learner,
    snapshot: Snapshot,
    plan: Sequence[InnerSplit],
    *,
    trials: int,
    deadline: float | None = None,
) -> TuningResult:
    """Try at most `trials` settings by the plan; the first one that is within a hair of the best wins.

    Args:
        deadline: `time.monotonic` after which no further setting is begun.
    """
    settings = list(learner.settings(trials))[: max(1, trials)]
    rows = np.concatenate([p.scored for p in plan])
    task = task_of(snapshot.task)
    y = task.targets(snapshot.rows[rows], snapshot.classes)
    found: list[tuple[float, Setting, np.ndarray]] = []
    for setting in settings:
        if found and deadline is not None and time.monotonic() > deadline:
            break
        score = np.concatenate([_inner_scores(learner, setting, snapshot, part) for part in plan])
        found.append((task.inner_score(y, score), setting, score))
    value, setting, score = found[_plainest([value for value, _, _ in found])]
    tried = [(dict(s), v) for v, s, _ in found]
    final = None
    if getattr(learner, "recalibrates", False) and task.probabilities:
        final = calibrate(task.logits(score), y, snapshot.task)
        score = scaled(score, final)
    return TuningResult(dict(setting), value, rows, score, tried, len(settings) - len(found), final)


def _inner_scores(learner: Learner, setting: Setting, snapshot: Snapshot, part: InnerSplit) -> np.ndarray:
    """What one inner fit says of the rows that are scored."""
    seed = seed_of(part.seed, learner.name)

    def fitted(rows: np.ndarray) -> np.ndarray:
        one = learner.with_setting(setting, seed)
        one.fit(snapshot, part.train, part.tuning)
        return np.asarray(one.predict(snapshot, rows))

    if part.shared is None:
        return fitted(part.scored)
    both = np.sort(np.concatenate([part.scored, part.shared]))
    about = f"inner {learner.name} {json.dumps(setting, sort_keys=True, default=str)} {seed}"
    found = kept(lambda: digest(about, part.train, part.tuning, both), lambda: {"score": fitted(both)})
    return np.asarray(found["score"][np.searchsorted(both, part.scored)])


def pooled(folds: Sequence[TuningResult], rows: np.ndarray, held_out: np.ndarray) -> TuningResult:
    """What the folds of one learner found, as one: the setting that did best inside them, on the mean.

    Args:
        rows, held_out: every fold's held-out rows, and the scores that its fitted learner gave them.
    """
    settings = [s for s, _ in folds[0].tried if all(any(s == other for other, _ in one.tried) for one in folds)]
    means = [float(np.mean([next(v for s, v in one.tried if s == setting) for one in folds])) for setting in settings]
    at = _plainest(means)
    finals = [one.final for one in folds if one.final is not None]
    final = np.mean(finals, axis=0) if finals else None
    return TuningResult(
        dict(settings[at]), means[at], rows, held_out, list(zip(settings, means, strict=True)), 0, final
    )


def _plainest(values: Sequence[float]) -> int:
    """The first that is within a hair of the best."""
    return next(i for i, value in enumerate(values) if value >= max(values) - _MARGIN)


def fit_tuned(
    learner: Learner, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray, tuned: TuningResult, seed: int
) -> Learner:
    """The learner fitted by the setting that tuning found, recalibrated where it asks for that."""
    fitted = learner.with_setting(tuned.setting, seed)
    fitted.fit(snapshot, train, tuning)
    if tuned.final is not None:
        cast("BaseLearner", fitted).recalibrate(tuned.final)
    return fitted
