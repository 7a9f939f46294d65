"""Job: one learner in one fold, or one fold of a control; runs in any process, with one thread."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl

from ..base.learner import Learner
from ..base.snapshot import Snapshot
from ..base.task import task_of
from ..base.threads import one_thread
from ..biomarkers.feature_effects import SCHEMA, effects
from ..evaluation.survival_curves import grid
from ..learners.adapters.own_code import LearnerFailed, guarded
from ..learners.base import BaseLearner
from .controls import seen, setting_of
from .tuning import TuningResult, fit_tuned, inner_plan, seed_of, tune


@dataclass(frozen=True)
class Job:
    """What to run. control: "" for a learner, else its name in models/experiment/controls.py."""

    learner: int
    repeat: int
    fold: int
    train: np.ndarray
    tuning: np.ndarray
    held_out: np.ndarray
    seed: int
    trials: int
    deadline: float | None = None
    control: str = ""
    attribute: bool = True
    metric: str = ""
    """By which settings are chosen; "": the task's own."""

    def decides(self) -> dict[str, Any]:
        """All of it but who learns (by name, `models.experiment.checkpoint`) and the time limit: what is cut is not kept."""
        return {name: value for name, value in vars(self).items() if name not in ("learner", "deadline")}


@dataclass(frozen=True)
class JobResult:
    """What came of a job. score is None where the time limit came first, or the learner failed: failed says why.
    before: an interrupted run had done it."""

    job: Job
    score: np.ndarray | None
    tuned: TuningResult | None
    effects: pl.DataFrame | None
    seconds: float
    peak_mb: float | None
    before: bool = False
    failed: str | None = None
    curves: np.ndarray | None = None
    """(held-out rows, t) survival at `evaluation.survival_curves.grid`, of a learner that gives curves of its own."""

    @property
    def asked(self) -> Job:
        return self.job

    def state(self) -> dict[str, Any] | None:
        if self.score is None or (self.tuned is not None and self.tuned.cut):
            return None
        return {
            "score": self.score, "tuned": self.tuned and vars(self.tuned), "seconds": self.seconds,
            "peak_mb": self.peak_mb, "effects": None if self.effects is None else _columns(self.effects),
            "curves": self.curves,
        }  # fmt: skip

    @classmethod
    def restored(cls, job: Job, state: Mapping[str, Any]) -> Self:
        """What `state` was taken of; job: the one that was asked for now."""
        tuned, table = state["tuned"], state["effects"]
        return cls(job, state["score"], tuned and TuningResult(**tuned), None if table is None else pl.DataFrame(table, SCHEMA),
                   state["seconds"], state["peak_mb"], before=True, curves=state["curves"])  # fmt: skip


def run_job(snapshot: Snapshot, learners: Sequence[Learner], job: Job) -> JobResult:
    """Tune, fit, predict the held-out rows, attribute. Nothing of the held-out rows' outcomes is looked at.

    A learner of the user's own that fails is no reason to stop: what it said is noted (`LearnerFailed`).
    """
    start = time.monotonic()
    if job.deadline is not None and start > job.deadline:
        return JobResult(job, None, None, None, 0.0, None)
    learner = learners[job.learner]
    with one_thread(learner):
        work = _control if job.control else _learn
        try:
            with guarded(learner):
                score, tuned, table, curves = work(snapshot, learner, job)
        except LearnerFailed as error:
            return JobResult(job, None, None, None, time.monotonic() - start, _peak_mb(), failed=error.reason)
    return JobResult(job, score, tuned, table, time.monotonic() - start, _peak_mb(), curves=curves)


_Found = tuple[np.ndarray, TuningResult | None, pl.DataFrame | None, np.ndarray | None]
"""Scores, what tuning found, effects, and curves."""


def _learn(snapshot: Snapshot, learner: Learner, job: Job) -> _Found:
    plan = inner_plan(snapshot, job.train, job.tuning, job.seed)
    seed = seed_of(job.seed, learner.name)
    tuned = tune(learner, snapshot, plan, trials=job.trials, seed=seed, deadline=job.deadline, metric=job.metric)
    fitted = fit_tuned(learner, snapshot, job.train, job.tuning, tuned, seed)
    score = fitted.predict(snapshot, job.held_out)
    if not np.isfinite(score).all():
        raise ValueError(f"{learner.name}: got a prediction that is not finite in fold {job.fold}")
    table = effects(fitted, snapshot, job.held_out, seed) if job.attribute else None
    return score, tuned, table, _curves(fitted, snapshot, job.held_out)


def _curves(fitted: Learner, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray | None:
    """Curves of its own, of a learner that has any, at the times at which all are scored."""
    task = task_of(snapshot.task)
    if not task.over_time or not isinstance(fitted, BaseLearner):
        return None
    return fitted.survival(snapshot, rows, grid(task.targets(snapshot.rows, snapshot.classes)))


def _control(snapshot: Snapshot, learner: Learner, job: Job) -> _Found:
    view = seen(snapshot, job.control, job.seed)
    fitted = learner.with_setting(setting_of(job.control), job.seed)
    fitted.fit(view, job.train, job.tuning)
    return fitted.predict(view, job.held_out), None, None, None


def _columns(table: pl.DataFrame) -> dict[str, Any]:
    return {c.name: c.to_list() if c.dtype == pl.String else c.to_numpy() for c in table}


def _peak_mb() -> float | None:
    """The largest resident size of this process so far; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
