"""Experiment run: folds × learners in worker processes; then model choice, comparison and controls."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from ...loaders.errors import InputError
from ..base.folds import make_folds, parts
from ..base.learner import Learner
from ..base.snapshot import Snapshot
from ..base.specs import Evaluate, Learn
from ..base.splits import groups_of
from ..base.task import task_of
from ..base.threads import one_thread
from ..biomarkers.feature_effects import SCHEMA, weigh
from ..evaluation.bootstrap import Resamples
from ..evaluation.calibration import calibrated, horizon
from ..evaluation.comparison import best_baseline, comparisons
from ..evaluation.decisions.decision_curve import decision_curves
from ..evaluation.decisions.operating_point import Rule, operating_points
from ..evaluation.fold_scores import FoldScores, Inner, draw, judge
from ..evaluation.predictions import prediction_table
from ..evaluation.survival_curves import Rivals, follow, grid, rivals_of
from ..learners.base import aimed, placed, with_head
from ..learners.registry import CHOSEN, TABULAR_CONTROL, baselines, make
from ..metrics.metric import SurvivalCurves
from ..metrics.task_metrics import main_metric
from .checkpoint import Checkpoint, resumed
from .controls import PERMUTED, in_order, learner_of
from .controls import controls as which_controls
from .controls import seen as view
from .job import Job, JobResult, run_job
from .processes import Processes
from .progress import Jobs, Progress
from .refit import FinalFit, choose_among, fit_whole, whole_jobs
from .results import Results, optimism
from .tuning import seed_of
from .worker_pool import workers_for

PERMUTATIONS = 3
"""How often labels are permuted over the cohort; once where it has more than MANY rows."""
MANY = 10_000


def run(
    snapshot: Snapshot,
    learners: Sequence[Learner],
    evaluate: Evaluate,
    learn: Learn,
    progress: Callable[[Progress], object] | None = None,
    *,
    controls: bool = True,
    keep: bool = False,
    checkpoint: Checkpoint | None = None,
    processes: Processes | None = None,
    threshold: Rule | None = None,
    metric: str = "",
) -> Results:
    """Every learner in every fold; results are the same whatever the number of workers.

    Args:
        snapshot: its own `folds` are used where it has any, else they are made from `evaluate`.
        learners: from `catalogue.select`, the plainest first; names must differ.
        learn: trials (settings a learner may try), minutes (0: no limit), workers (0: the machine's cores).
        progress: called with a `Progress` as each job ends.
        controls: those of models/experiment/controls.py that say something here.
        keep: after all that, choose and fit on all rows what shall predict new patients (`models.experiment.refit`).
        checkpoint: where jobs are kept as they end; those that an interrupted run left there are not done again.
        processes: begun before (`worker_pool.processes_for`); default: begun here.
        threshold: the rule by which one would act on a risk (`models.evaluation.decisions.operating_point`).
        metric: by which settings and learners are chosen and compared, of `metrics.task_metrics.choosing`; default: the
            task's own.
    Returns: what was found. A learner of the user's own that fails in a fold is in `failed` and in nothing else.
    Raises: InputError where every learner failed.
    """
    start = time.monotonic()
    metric = "" if metric == task_of(snapshot.task).primary else metric
    learners = [with_head(aimed(placed(one, learn.placement), metric), learn.survival_head) for one in learners]
    names = [learner.name for learner in learners]
    if len(set(names)) < len(names):
        raise ValueError(f"two learners share a name: {', '.join(names)}")
    folds = getattr(snapshot, "folds", None)
    if folds is None or not len(folds):
        folds = make_folds(snapshot.rows, snapshot.task, evaluate)
    everyone = [*learners, aimed(make(TABULAR_CONTROL), metric)]
    jobs = _jobs(folds, names, evaluate, learn, start, metric)
    if controls:
        jobs += _control_jobs(snapshot, [u for u in jobs if u.learner == 0], names, evaluate.seed)
    at = Jobs(progress)
    first = [u.held_out for u in jobs if (u.learner, u.repeat, u.control) == (0, 0, "")]
    whole = whole_jobs(names, first, len(snapshot.rows)) if keep else []
    at.begin([*((everyone[u.learner].name, u.control) for u in jobs), *whole])
    done: list[JobResult] = []
    with workers_for(snapshot, everyone, learn, processes) as workers:
        for one in resumed(checkpoint, workers, run_job, jobs, JobResult.restored):
            done.append(one)
            name, failed = everyone[one.job.learner].name, one.failed is not None
            cut = one.score is None and not failed
            at.end(name, one.job.control, one.seconds, cut=cut, before=one.before, failed=failed)
        failed_ones = _failed(names, done)
        folded = [d for d in done if not d.job.control and d.job.repeat == 0]
        final_fit = fit_whole(workers, names, evaluate, learn, start, at, folded, checkpoint, metric) if keep else None
    # by all that tells jobs apart (permutations by their seeds): the order in which they ended must not show
    done.sort(key=lambda d: (d.job.control, d.job.repeat, d.job.fold, d.job.learner, d.job.seed))
    out = {one["learner"] for one in failed_ones}
    kept = [d for d in done if d.job.control or names[d.job.learner] not in out]
    with one_thread():
        found = _gather(snapshot, names, kept, evaluate.seed, time.monotonic() - start, final_fit, threshold, metric)
    return replace(found, failed=failed_ones)


def _failed(names: Sequence[str], done: Sequence[JobResult]) -> list[dict[str, Any]]:
    """Who failed, where and why. Raises: InputError where nobody is left."""
    found = [{"learner": names[d.job.learner], "repeat": d.job.repeat, "fold": d.job.fold, "reason": d.failed}
             for d in sorted(done, key=lambda d: (d.job.learner, d.job.repeat, d.job.fold)) if d.failed and not d.job.control]  # fmt: skip
    if {one["learner"] for one in found} == set(names):
        each = {
            str(one["learner"]): f"{one['learner']} in fold {one['fold']}: {one['reason']}" for one in reversed(found)
        }
        raise InputError("every learner failed", "learners", fix="; ".join(each[name] for name in names))
    return found


def _jobs(
    folds: pl.DataFrame, names: list[str], evaluate: Evaluate, learn: Learn, start: float, metric: str = ""
) -> list[Job]:
    """Longest first: networks stand last in the catalogue."""
    deadline = start + 60 * learn.minutes if learn.minutes else None
    out = []
    for repeat, fold in folds.select("repeat", "fold").unique().sort("repeat", "fold").iter_rows():
        train, tuning, held = parts(folds, repeat, fold)
        seed = seed_of(evaluate.seed, repeat, fold)
        out += [
            Job(i, repeat, fold, train, tuning, held, seed, learn.trials, deadline, metric=metric)
            for i in range(len(names))
        ]
    return sorted(out, key=lambda u: (-u.learner, u.repeat, u.fold))


def _control_jobs(snapshot: Snapshot, base: list[Job], names: list[str], seed: int) -> list[Job]:
    """One fit a fold of the first repeat; of permuted labels several, the whole cohort permuted alike in every fold."""
    first = [replace(u, attribute=False) for u in base if u.repeat == 0]
    times = PERMUTATIONS if len(snapshot.rows) <= MANY else 1
    out = []
    for control in which_controls(snapshot, names):
        learner = names.index(learner_of(control)) if learner_of(control) in names else len(names)
        seeds = [seed_of(seed, PERMUTED, t) for t in range(times)] if control == PERMUTED else [None]
        out += [
            replace(u, learner=learner, control=control, seed=u.seed if one is None else one)
            for one in seeds
            for u in first
        ]
    return out


def _gather(
    snapshot: Snapshot,
    names: list[str],
    done: list[JobResult],
    seed: int,
    seconds: float,
    final_fit: FinalFit | None,
    threshold: Rule | None,
    by: str,
) -> Results:
    """by: the study's metric; "" for the task's own."""
    learned = [d for d in done if not d.job.control]
    task = task_of(snapshot.task)
    y = task.targets(snapshot.rows, snapshot.classes)
    times = grid(y) if task.over_time else np.zeros(0)
    rival = rivals_of(snapshot.rows)
    scores: list[FoldScores] = []
    picked: list[FoldScores] = []
    chosen, effects = [], [pl.DataFrame(schema={"repeat": pl.Int64, "fold": pl.Int64, **SCHEMA})]
    for repeat, fold in sorted({(d.job.repeat, d.job.fold) for d in learned}):
        here = {names[d.job.learner]: d for d in learned
                if (d.job.repeat, d.job.fold) == (repeat, fold) and d.score is not None}  # fmt: skip
        if not here:
            continue
        for name, d in here.items():
            if d.score is not None and d.tuned is not None:
                scores.append(_fold_scores(name, y, rival, d, d.score, d.tuned.oof, times, d.curves))
        tuned = {name: d.tuned for name, d in here.items() if d.tuned is not None}
        choice = choose_among(snapshot, tuned, seed, by)
        score = choice.combine({name: d.score for name, d in here.items() if d.score is not None}, snapshot.task)
        inner = choice.combine({name: one.oof for name, one in tuned.items()}, snapshot.task)
        first = next(iter(here.values()))
        own = here[choice.name].curves if choice.name in here else None
        scored = _fold_scores(CHOSEN, y, rival, first, score, inner, times, own)
        picked.append(
            replace(scored, inner=None if first.tuned is None else Inner(first.tuned.rows, y[first.tuned.rows], inner))
        )
        chosen.append({"repeat": repeat, "fold": fold, "name": choice.name, "weights": choice.share(),
                       "inner": dict(choice.inner)})  # fmt: skip
        part = weigh({name: d.effects for name, d in here.items()}, choice.share())
        effects.append(
            part.select(
                pl.lit(repeat).cast(pl.Int64).alias("repeat"), pl.lit(fold).cast(pl.Int64).alias("fold"), *SCHEMA
            )
        )
    settings: dict[str, list[dict[str, object]]] = {}
    for d in learned:
        if d.tuned is not None:
            entry = {"repeat": d.job.repeat, "fold": d.job.fold, "setting": d.tuned.setting, "inner": d.tuned.inner}
            settings.setdefault(names[d.job.learner], []).append(entry)
    seconds_of = {name: sum(d.seconds for d in learned if names[d.job.learner] == name) for name in names}
    peaks = {name: max((d.peak_mb for d in learned if names[d.job.learner] == name and d.peak_mb), default=None)
             for name in names}  # fmt: skip
    scores += picked
    resamples = draw(snapshot, [one.rows for one in scores], seed)
    each = {name: [one for one in scores if one.learner == name] for name in (*names, CHOSEN)}
    judged = {name: judge(snapshot, its, resamples) for name, its in each.items() if its}
    metric = main_metric(snapshot.task, by)
    group = groups_of(snapshot.rows)
    simple = best_baseline(judged, metric, baselines())
    return Results(
        task=snapshot.task, metric=metric, predictions=prediction_table(snapshot, scores),
        metrics={name: one.table() for name, one in judged.items()}, chosen=chosen,
        comparisons=comparisons(judged, metric, CHOSEN, baselines()), controls=_controls(snapshot, done, resamples, metric),
        attributions=pl.concat(effects), seconds={**seconds_of, CHOSEN: sum(seconds_of.values())},
        peak_mb={**peaks, CHOSEN: max((p for p in peaks.values() if p), default=None)},
        settings=settings, cut=_cut(names, learned), total_seconds=seconds, final_fit=final_fit,
        calibration={name: found for name, its in each.items() if its and (found := calibrated(snapshot.task, its, group))},
        decision=decision_curves(snapshot.task, {name: each[name] for name in (CHOSEN, simple) if each.get(name)}),
        operating=operating_points(snapshot, picked, resamples, threshold),
        optimism=optimism(chosen, picked, snapshot.task, by), horizon_days=horizon(picked) if len(times) and picked else None,
        competing=rival is not None,
    )  # fmt: skip


def _fold_scores(
    name: str,
    y: np.ndarray,
    rival: np.ndarray | None,
    d: JobResult,
    score: np.ndarray,
    inner: np.ndarray,
    times: np.ndarray,
    curves: np.ndarray | None = None,
) -> FoldScores:
    """inner: scores of training rows by models that had not seen them, in the order of the job's tuned rows. curves: of a
    learner that gives its own; beside a competing event these are of a world without it, and are not taken."""
    followed, held_out = None, d.job.held_out
    if len(times) and d.tuned is not None:
        rows = np.concatenate([d.job.train, d.job.tuning])
        ended = None if rival is None else Rivals(rival[rows], rival[d.tuned.rows], rival[held_out])
        if curves is not None and ended is None:
            followed = SurvivalCurves(y[rows], times, curves)
        else:
            followed = follow(y[rows], y[d.tuned.rows], inner, score, times, ended)
    return FoldScores(name, d.job.repeat, d.job.fold, held_out, y[held_out], score, followed)


def _controls(
    snapshot: Snapshot, done: list[JobResult], resamples: Resamples, metric: str
) -> dict[str, dict[str, object]]:
    """Each control's main metric over its folds and permutations; the interval is that of every learner."""
    task = task_of(snapshot.task)
    out: dict[str, dict[str, object]] = {}
    for name in in_order(d.job.control for d in done if d.job.control):
        found = []
        for d in done:
            if d.job.control == name and d.score is not None:
                rows = view(snapshot, name, d.job.seed).rows if name == PERMUTED else snapshot.rows
                y = task.targets(rows, snapshot.classes)[d.job.held_out]
                found.append(FoldScores(name, d.job.repeat, d.job.fold, d.job.held_out, y, d.score))
        if found:
            about = {"metric": metric, "learner": learner_of(name)}
            out[name] = {**about, **judge(snapshot, found, resamples).table()[metric]}
    return out


def _cut(names: list[str], learned: list[JobResult]) -> list[dict[str, object]]:
    """What the time limit left out: whole jobs, or settings untried."""
    out: list[dict[str, object]] = []
    for d in learned:
        where = {"learner": names[d.job.learner], "repeat": d.job.repeat, "fold": d.job.fold}
        if d.score is None:
            out.append({**where, "what": "not run"})
        elif d.tuned is not None and d.tuned.cut:
            out.append({**where, "what": f"{d.tuned.cut} settings not tried"})
    return out
