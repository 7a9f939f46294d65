"""Learning curve: each plain learner again on growing parts of the training rows, scored on the same held-out rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from ..base.folds import parts, strata
from ..base.learner import Learner
from ..base.snapshot import Snapshot
from ..base.specs import Evaluate, Learn
from ..base.splits import groups_of
from ..base.task import task_of
from ..evaluation.comparison import compare, judge_main
from ..evaluation.fold_scores import FoldScores, LearnerScores, draw
from ..evaluation.intervals import summary
from ..evaluation.predictions import parts_of
from ..learners.base import aimed
from ..learners.registry import is_floor
from ..metrics.task_metrics import main_metric, metrics_of
from .job import Job, run_job
from .progress import CURVE, Jobs, Progress
from .tuning import seed_of
from .worker_pool import workers_for

SHARES = (0.125, 0.25, 0.5, 0.75)
"""Of the training patients, where the study names none; all of them are the run's own results."""
LEAST = 10
"""Patients of the rarest outcome that a part must hold."""


def shares_of(evaluate: Evaluate) -> tuple[float, ...]:
    """Below 1, growing; () where no curve is asked for."""
    asked = evaluate.learning_curve
    shares = SHARES if asked is True else asked or ()
    return tuple(sorted({share for share in shares if share < 1}))


def plain(learners: Sequence[Learner]) -> list[Learner]:
    """Those that are no networks, and one's own estimators; the majority learns nothing that could grow."""
    return [one for one in learners if not getattr(one, "on_torch", False) and not is_floor(one.name)]


def growing(snapshot: Snapshot, rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The rows of a share of the patients (or groups of them), outcomes in proportion; a larger share holds every smaller one.

    Args: rows: of whose patients a share is taken.
    Returns: sorted row indices, a part of `rows`.
    """
    group = groups_of(snapshot.rows)[rows]
    outcome = strata(snapshot.rows, snapshot.task)[rows]
    known, first = np.unique(group, return_index=True)
    rng = np.random.default_rng(seed)
    place = np.empty(len(known))
    for k in np.unique(outcome[first]):
        mine = np.flatnonzero(outcome[first] == k)
        place[mine] = (rng.permutation(len(mine)) + 0.5) / len(mine)
    order = np.lexsort((rng.random(len(known)), place))
    taken = known[order[: max(1, round(share * len(known)))]]
    return np.sort(rows[np.isin(group, taken)])


def learning_curve(
    snapshot: Snapshot,
    folds: pl.DataFrame,
    learners: Sequence[Learner],
    predictions: pl.DataFrame,
    evaluate: Evaluate,
    learn: Learn,
    progress: Callable[[Progress], object] | None = None,
    metric: str = "",
) -> dict[str, Any]:
    """The folds of the first repeat, each learner tuned anew on each part under the same budget.

    Args:
        folds: as the run's. learners: the run's; networks are left out. predictions: the run's, for the last point.
        metric: by which settings are chosen and points scored; "": the task's own.
    Returns: shares; learners: name -> points, each share, rows (mean number of training rows), mean, low, high, folds;
        gains: name -> from, difference, low, high of all rows less half of them (or the share nearest to it), paired;
        too_small: shares left out, as some part held fewer than LEAST patients of the rarest outcome.
    """
    by = "" if metric == task_of(snapshot.task).primary else metric
    learners, shares = [aimed(one, by) for one in plain(learners)], shares_of(evaluate)
    base = [replace(one, metric=by) for one in _base(folds, evaluate, learn)]
    small = [share for share in shares if any(not _enough(snapshot, u, share) for u in base)]
    shares = _different(snapshot, base, tuple(share for share in shares if share not in small))
    jobs = [replace(part, learner=i) for share in shares for u in base for part in [_part(snapshot, u, share)]
             for i in range(len(learners))]  # fmt: skip
    share_of = {(u.repeat, u.fold, len(u.train) + len(u.tuning)): share for share in shares
                for u in (_part(snapshot, one, share) for one in base)}  # fmt: skip
    y = task_of(snapshot.task).targets(snapshot.rows, snapshot.classes)
    scores: dict[tuple[str, float], list[FoldScores]] = {}
    with workers_for(snapshot, learners, learn) as workers:
        at = Jobs(progress)
        at.begin((learners[u.learner].name, CURVE) for u in jobs)
        for done in workers(run_job, jobs):
            u, name = done.job, learners[done.job.learner].name
            if done.score is not None:
                share = share_of[u.repeat, u.fold, len(u.train) + len(u.tuning)]
                scores.setdefault((name, share), []).append(
                    FoldScores(name, u.repeat, u.fold, u.held_out, y[u.held_out], done.score)
                )
            failed = done.failed is not None
            at.end(name, CURVE, done.seconds, cut=done.score is None and not failed, failed=failed)
    first = predictions.filter(pl.col("repeat") == 0)
    for one in learners:
        if whole := parts_of(first, snapshot, one.name):
            scores[one.name, 1.0] = whole
    sizes = {share: float(np.mean([len(p.train) + len(p.tuning) for p in (_part(snapshot, u, share) for u in base)]))
             for share in (*shares, 1.0)}  # fmt: skip
    return {
        "shares": [*shares, 1.0],
        **_judged(snapshot, scores, sizes, evaluate.seed, main_metric(snapshot.task, metric)),
        "too_small": small,
    }


def _different(snapshot: Snapshot, base: Sequence[Job], shares: Sequence[float]) -> tuple[float, ...]:
    """Without shares that hold as many rows as another one (or all) in some fold: those would be the same part."""
    kept: list[float] = []
    seen = [{len(u.train) + len(u.tuning)} for u in base]
    for share in shares:
        sizes = [len(p.train) + len(p.tuning) for p in (_part(snapshot, u, share) for u in base)]
        if all(size not in before for size, before in zip(sizes, seen, strict=True)):
            kept.append(share)
            for size, before in zip(sizes, seen, strict=True):
                before.add(size)
    return tuple(kept)


def _base(folds: pl.DataFrame, evaluate: Evaluate, learn: Learn) -> Iterator[Job]:
    """The run's jobs of the first repeat, of no learner yet."""
    deadline = time.monotonic() + 60 * learn.minutes if learn.minutes else None
    for repeat, fold in folds.filter(pl.col("repeat") == 0).select("repeat", "fold").unique().sort("fold").iter_rows():
        seed = seed_of(evaluate.seed, repeat, fold)
        yield Job(0, repeat, fold, *parts(folds, repeat, fold), seed, learn.trials, deadline, "", False)


def _part(snapshot: Snapshot, job: Job, share: float) -> Job:
    """The job on a share of its training patients; those for stopping early shrink with the others."""
    kept = growing(snapshot, np.sort(np.concatenate([job.train, job.tuning])), share, job.seed) if share < 1 else None
    if kept is None:
        return job
    return replace(job, train=job.train[np.isin(job.train, kept)], tuning=job.tuning[np.isin(job.tuning, kept)])


def _enough(snapshot: Snapshot, job: Job, share: float) -> bool:
    part = _part(snapshot, job, share)
    rows = np.concatenate([part.train, part.tuning])
    outcome, group = strata(snapshot.rows, snapshot.task), groups_of(snapshot.rows)
    every = np.unique(outcome[np.concatenate([job.train, job.tuning])])
    return bool(len(part.train)) and all(len(np.unique(group[rows[outcome[rows] == k]])) >= LEAST for k in every)


def _judged(
    snapshot: Snapshot,
    scores: dict[tuple[str, float], list[FoldScores]],
    sizes: dict[float, float],
    seed: int,
    metric: str,
) -> dict[str, Any]:
    if not scores:
        return {"metric": metric, "learners": {}, "gains": {}}
    resamples = draw(snapshot, [one.rows for its in scores.values() for one in its], seed)
    ordered = {key: sorted(its, key=lambda one: one.place) for key, its in sorted(scores.items())}
    judged = {key: judge_main(snapshot, its, resamples, metric) for key, its in ordered.items()}
    points: dict[str, list[dict[str, Any]]] = {}
    for (name, share), one in judged.items():
        found = summary(one.values[metric], one.drawn[metric], metrics_of(snapshot.task)[metric].limits, one.cases)
        points.setdefault(name, []).append({"share": share, "rows": sizes[share], **found})
    gains = {name: gain for name in points if (gain := _gain(name, judged, metric))}
    return {"metric": metric, "learners": points, "gains": gains}


def _gain(name: str, judged: dict[tuple[str, float], LearnerScores], metric: str) -> dict[str, Any]:
    """All training rows less the share nearest to half of them."""
    shares = [share for who, share in judged if who == name and share < 1]
    if not shares or (name, 1.0) not in judged:
        return {}
    half = min(shares, key=lambda share: abs(share - 0.5))
    found = compare(name, judged[name, 1.0], name, judged[name, half], metric)
    return {"from": half, "difference": found.difference, "low": found.low, "high": found.high}
