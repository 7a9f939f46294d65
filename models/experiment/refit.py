"""Final fit: chosen and fitted on all rows, in the way that the comparison judged, for new patients.

The folds are to all rows what inner folds are to a training part: where they hold every row out once, their held-out
scores are what the choice is made from, by the same rule, and a learner's setting is the one that did best inside them.
Where they do not (one fixed split), every learner is tuned on all rows as inside a fold. Only what was chosen is fitted.
Nothing of it is judged here: the folds did that.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..base.folds import carve, deal
from ..base.learner import Learner
from ..base.serialization import why_unsaved
from ..base.snapshot import Snapshot
from ..base.specs import Evaluate, Learn
from ..base.task import task_of
from ..base.threads import one_thread
from ..inference.alignment.distribution import distributions_of
from ..inference.disclosure import carried_rows, few_patients, inputs_of
from ..inference.input_schema import InputSchema
from ..inference.model import Member, Model, member_of
from ..inference.model_format import finite
from ..learners.adapters.own_code import LearnerFailed, guarded
from ..learners.registry import is_floor
from ..learners.stacking import Choice, choose
from .checkpoint import Checkpoint, resumed
from .job import JobResult
from .progress import FITTING, TUNING, Jobs
from .tuning import TuningResult, fit_tuned, hold_out_all, inner_plan, pooled, seed_of, tune
from .workers import Workers

_STACKED = 5
POSITIONS = ("train", "tuning")
"""What a learner that predicts beside its training rows keeps of them: where they stand in the run's snapshot."""


@dataclass(frozen=True)
class FitRequest:
    """One learner on all rows. tuned: None to tune it, else what to fit."""

    learner: int
    seed: int
    trials: int
    deadline: float | None = None
    tuned: TuningResult | None = None
    metric: str = ""

    def decides(self) -> dict[str, Any]:
        """All of it but who learns (by name, `models.experiment.checkpoint`) and the time limit."""
        return {"seed": self.seed, "trials": self.trials, "metric": self.metric}


@dataclass(frozen=True)
class FitResult:
    """tuned, or a fitted member; or why one cannot be saved, or failed; nothing where the time limit came first."""

    ask: FitRequest
    tuned: TuningResult | None = None
    member: Member | None = None
    unsaved: str | None = None
    seconds: float = 0.0

    @property
    def asked(self) -> FitRequest:
        return self.ask

    def state(self) -> dict[str, Any] | None:
        """Of one that was tuned, as `models.experiment.checkpoint` keeps it."""
        return None if self.tuned is None or self.tuned.cut else {"tuned": vars(self.tuned)}

    @classmethod
    def restored(cls, ask: FitRequest, state: Mapping[str, Any]) -> Self:
        return cls(ask, TuningResult(**state["tuned"]))


@dataclass(frozen=True)
class FinalFit:
    """model: None where there is none. left_out: learner -> why it was no candidate. seconds: what it took."""

    model: Model | None
    left_out: Mapping[str, str]
    settings: Mapping[str, Mapping[str, object]]
    seconds: float

    def as_json(self) -> dict[str, object]:
        """name and weights (null where there is no model), left_out, seconds."""
        choice = None if self.model is None else self.model.choice
        return {"name": choice and choice.name, "weights": choice and choice.share(), "left_out": dict(self.left_out),
                "seconds": self.seconds}  # fmt: skip


def fit_whole(
    workers: Workers,
    names: Sequence[str],
    evaluate: Evaluate,
    learn: Learn,
    start: float,
    at: Jobs,
    folded: Sequence[JobResult],
    checkpoint: Checkpoint | None = None,
    metric: str = "",
) -> FinalFit:
    """What the folds say of every candidate (or tuning on all rows), the choice, and a fit of what was chosen.

    Args:
        workers: over the learners of these names, in this order.
        start: when the run began, `time.monotonic`: its time limit holds here too.
        at: where the run stands; what is asked of all rows (`whole_jobs`) is in it already.
        folded: what came of the learners in the folds of one repeat.
        checkpoint: where what is tuned is kept, should the run be interrupted.
        metric: by which settings and the learner are chosen; "": the task's own.
    """
    began, seed = time.monotonic(), seed_of(evaluate.seed, "all rows")
    deadline = start + 60 * learn.minutes if learn.minutes else None
    failed = {names[one.job.learner] for one in folded if one.failed is not None}
    able = [name for name in candidates(names) if name not in failed]
    left_out = {name: "it failed in the folds" for name in failed}
    if hold_out_all([one.job.held_out for one in folded if one.job.learner == 0], len(workers.snapshot.rows)):
        tuned = {name: one for name in able if (one := _by_folds(folded, names.index(name))) is not None}
    else:
        for name in failed & set(candidates(names)):
            at.drop(name, TUNING)
        asked = [FitRequest(names.index(name), seed, learn.trials, deadline, metric=metric) for name in reversed(able)]
        tuned = {}
        for done in resumed(checkpoint, workers, tune_whole, asked, FitResult.restored):
            name = names[done.ask.learner]
            if done.tuned is not None:
                tuned[name] = done.tuned
            if done.unsaved:
                left_out[name] = done.unsaved
            cut = done.tuned is None and not done.unsaved
            at.end(name, TUNING, done.seconds, cut=cut, failed=bool(done.unsaved))
        tuned = {name: tuned[name] for name in able if name in tuned}
    left_out = {name: "the time limit came first" for name in able if name not in tuned} | left_out
    members: dict[str, Member] = {}
    choice: Choice | None = None
    while tuned:  # a second time only where one that was chosen turns out to be of a kind that no file can hold
        choice = choose_among(workers.snapshot, tuned, evaluate.seed, metric)
        wanted = [name for name in choice.weights if name not in members]
        asked = [FitRequest(names.index(n), seed, learn.trials, tuned=tuned[n]) for n in wanted]
        at.begin((name, FITTING) for name in wanted)
        for done in workers(fit_member, asked):
            name = names[done.ask.learner]
            at.end(name, FITTING, done.seconds)
            if done.member is not None:
                members[name] = done.member
            else:
                left_out[name] = done.unsaved or ""
                del tuned[name]
        if all(name in members for name in choice.weights):
            break
        choice = None
    settings = {name: one.setting for name, one in tuned.items()}
    made = None
    if choice is not None:
        chosen = tuple(members[name] for name in choice.weights)
        ours = {one.name: one.restored({}) for one in chosen if not one.own_code}
        marks = {"few_patients": few_patients(workers.snapshot, ours)}
        made = Model(InputSchema.of(workers.snapshot), choice, chosen, marks, distributions_of(workers.snapshot))
    left_out = {name: left_out[name] for name in names if name in left_out}
    return FinalFit(made, left_out, settings, time.monotonic() - began)


def candidates(names: Sequence[str]) -> list[str]:
    """The floor is no candidate where there is any other, as in `choose`."""
    return [name for name in names if not is_floor(name)] or list(names)


def whole_jobs(names: Sequence[str], held_out: Sequence[np.ndarray], rows: int) -> list[tuple[str, str]]:
    """What is tuned on all rows, longest first: nothing where the folds hold each row out."""
    return [] if hold_out_all(held_out, rows) else [(name, TUNING) for name in reversed(candidates(names))]


def _by_folds(folded: Sequence[JobResult], learner: int) -> TuningResult | None:
    """What the folds found of a learner; None where the time limit came first in one of them."""
    mine = sorted((one for one in folded if one.job.learner == learner), key=lambda one: one.job.fold)
    tuned = [one.tuned for one in mine if one.tuned is not None]
    scores = [one.score for one in mine if one.score is not None]
    if len(scores) < len(mine) or not mine:
        return None
    return pooled(tuned, np.concatenate([one.job.held_out for one in mine]), np.concatenate(scores))


def choose_among(snapshot: Snapshot, tuned: Mapping[str, TuningResult], seed: int, metric: str = "") -> Choice:
    """All learners were scored on the same inner rows, in the same order; those of a fold, or of the whole."""
    rows = next(iter(tuned.values())).rows
    y = task_of(snapshot.task).targets(snapshot.rows[rows], snapshot.classes)
    part = deal(snapshot.rows, snapshot.task, rows, _STACKED, seed)
    return choose({name: one.oof for name, one in tuned.items()}, y, part, snapshot.task, metric)


def tune_whole(snapshot: Snapshot, learners: Sequence[Learner], ask: FitRequest) -> FitResult:
    """The setting that does best inside all rows, and what it predicts for rows that it has not seen."""
    start = time.monotonic()
    if ask.deadline is not None and start > ask.deadline:
        return FitResult(ask)
    learner = learners[ask.learner]
    with one_thread(learner):
        plan = inner_plan(snapshot, *_split(snapshot, ask.seed), ask.seed)
        seed = seed_of(ask.seed, learner.name)
        try:
            with guarded(learner):
                tuned = tune(
                    learner, snapshot, plan, trials=ask.trials, seed=seed, deadline=ask.deadline, metric=ask.metric
                )
        except LearnerFailed as error:
            return FitResult(ask, unsaved=error.reason, seconds=time.monotonic() - start)
    return FitResult(ask, tuned, seconds=time.monotonic() - start)


def fit_member(snapshot: Snapshot, learners: Sequence[Learner], ask: FitRequest) -> FitResult:
    """The learner with its setting, fitted on all rows, as plain values."""
    start, learner, tuned = time.monotonic(), learners[ask.learner], ask.tuned
    if tuned is None:
        raise ValueError(f"{learner.name}: nothing says with which setting to fit it")
    with one_thread(learner):
        try:
            with guarded(learner):
                split = _split(snapshot, ask.seed)
                fitted = fit_tuned(learner, snapshot, *split, tuned, seed_of(ask.seed, learner.name))
                reason = _why_unsaved(fitted, snapshot, [len(one) for one in split])
                member = member_of(fitted) if reason is None else None
        except LearnerFailed as error:
            reason, member = error.reason, None
    return FitResult(ask, member=member, unsaved=reason, seconds=time.monotonic() - start)


def _why_unsaved(fitted: Learner, snapshot: Snapshot, parts: Sequence[int]) -> str | None:
    """A learner of the user's may know less than the protocol asks for, or keep the rows that it was fitted on: then it is
    not saved, and the run goes on."""
    if not hasattr(fitted, "unsaved") or not hasattr(fitted, "restore"):
        return f"{fitted.name} has no `unsaved` and `restore` (models/base/learner.py)"
    if reason := fitted.unsaved():
        return reason
    state = fitted.state()
    if reason := why_unsaved(state):
        return reason
    if not getattr(fitted, "own_code", False):
        return None
    kept = {
        name: one for name, one in state.items() if name not in POSITIONS or not getattr(fitted, "with_training", False)
    }
    rows = np.arange(snapshot.rows.height)
    seen, sizes = inputs_of(fitted, snapshot, rows), {len(rows), *parts}
    carried = carried_rows(kept, seen, sizes, set(snapshot.rows["subject_id"]))
    if carried:
        return f"{fitted.name} would take its patients along: {carried}"
    return None if finite(kept) else f"{fitted.name} has fitted values that are not finite"


def _split(snapshot: Snapshot, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """All rows as train and tuning, as the training part of a fold is split."""
    return carve(snapshot.rows, snapshot.task, np.arange(len(snapshot.rows)), seed)
