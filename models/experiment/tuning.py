"""Hyperparameter tuning by inner folds: learners are scored on training rows that they have not seen."""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from ..base.folds import carve, deal
from ..base.learner import Learner, Setting
from ..base.snapshot import Snapshot
from ..base.task import task_of
from ..estimators.late_fusion import calibrate, scaled
from ..learners.base import BaseLearner
from ..metrics.task_metrics import inner_score

FEW = 3000
"""Training rows up to which every one is left out once; above, one split says enough."""
INNER = 2
"""Inner folds. Three take half as long again and choose no better: `chosen` on five TCGA cohorts has a mean concordance of
.633 with two and with three (benchmarks/cohorts/chosen.py)."""
_MARGIN = 0.002


def seed_of(*parts: object) -> int:
    """A seed from what it is for, the same in every process."""
    return zlib.crc32("/".join(map(str, parts)).encode()) & 0x7FFFFFFF


@dataclass(frozen=True)
class InnerSplit:
    """One inner fit: learn on train, stop early on tuning, predict scored. No row is in two of them."""

    train: np.ndarray
    tuning: np.ndarray
    scored: np.ndarray


def inner_plan(snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray, seed: int) -> list[InnerSplit]:
    """The same for every learner of a fold, so that their inner scores can be compared and stacked."""
    rows = np.sort(np.concatenate([train, tuning]))
    if len(rows) > FEW and len(tuning):
        first, stop = carve(snapshot.rows, snapshot.task, train, seed)
        return [InnerSplit(first, stop, tuning)]
    part = deal(snapshot.rows, snapshot.task, rows, INNER, seed)
    plan = []
    for k in range(INNER):
        rest = rows[part != k]
        first, stop = carve(snapshot.rows, snapshot.task, rest, seed + k + 1)
        plan.append(InnerSplit(first, stop, rows[part == k]))
    return plan


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
    seed: int,
    deadline: float | None = None,
    metric: str = "",
) -> TuningResult:
    """Try at most `trials` settings by the plan; the first one that is within a hair of the best wins.

    Args:
        seed: of this learner in this fold. deadline: `time.monotonic` after which no further setting is begun.
        metric: by which they are judged; "": the task's own.
    """
    settings = list(learner.settings(trials))[: max(1, trials)]
    if isinstance(learner, BaseLearner):
        settings = [one for one in settings if not learner.idle(one, snapshot)]
    rows = np.concatenate([p.scored for p in plan])
    task = task_of(snapshot.task)
    y = task.targets(snapshot.rows[rows], snapshot.classes)
    found: list[tuple[float, Setting, np.ndarray]] = []
    for i, setting in enumerate(settings):
        if found and deadline is not None and time.monotonic() > deadline:
            break
        scores = []
        for k, part in enumerate(plan):
            one = learner.with_setting(setting, seed_of(seed, i, k))
            one.fit(snapshot, part.train, part.tuning)
            scores.append(one.predict(snapshot, part.scored))
        score = np.concatenate(scores)
        found.append((inner_score(snapshot.task, y, score, metric), setting, score))
    value, setting, score = found[_plainest([value for value, _, _ in found])]
    tried = [(dict(s), v) for v, s, _ in found]
    final = None
    if getattr(learner, "recalibrates", False) and task.probabilities:
        final = calibrate(task.logits(score), y, snapshot.task)
        score = scaled(score, final, snapshot.task)
    return TuningResult(dict(setting), value, rows, score, tried, len(settings) - len(found), final)


def hold_out_all(held_out: Sequence[np.ndarray], rows: int) -> bool:
    """Whether these parts hold every row, and none twice."""
    return bool(len(held_out) > 1 and np.array_equal(np.sort(np.concatenate(held_out)), np.arange(rows)))


def pooled(folds: Sequence[TuningResult], rows: np.ndarray, held_out: np.ndarray) -> TuningResult:
    """What the folds of one learner found, as one: the setting that did best inside them, on the mean.

    Args:
        rows, held_out: every fold's held-out rows, and the scores that its fitted learner gave them.
    """
    settings = [s for s, _ in folds[0].tried if all(any(s == other for other, _ in one.tried) for one in folds)]
    means = [float(np.mean([next(v for s, v in one.tried if s == setting) for one in folds])) for setting in settings]
    at = _plainest(means)
    tried = list(zip(settings, means, strict=True))
    finals = [one.final for one in folds if one.final is not None]
    final = np.mean(finals, axis=0) if finals else None
    return TuningResult(dict(settings[at]), means[at], rows, held_out, tried, 0, final)


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
