"""Folds × learners in worker processes; then what the training part picks, the comparison, and the controls."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from .catalogue import CHOSEN, make
from .data import Snapshot
from .effects import SCHEMA, weigh
from .folds import deal, make_folds, parts
from .learner import Learner
from .learners.chosen import Choice, choose
from .metrics import PRIMARY, evaluate, summary, targets
from .results import FoldScores, Results, comparisons, fold_metrics, prediction_table
from .specs import Evaluate, Learn
from .tune import seed_of
from .unit import Done, Unit, permuted, run_unit

Progress = Callable[[str], object]
PERMUTED, SHUFFLED = "permuted_labels", "shuffled_graph"
PERMUTATIONS = 3
"""How often labels are permuted over the cohort; once where it has more than MANY rows."""
MANY = 10_000
_STACKED = 5


def run(
    snapshot: Snapshot,
    learners: Sequence[Learner],
    evaluate: Evaluate,
    learn: Learn,
    progress: Progress | None = None,
    *,
    controls: bool = True,
) -> Results:
    """Every learner in every fold; results are the same whatever the number of workers.

    Args:
        snapshot: its own `folds` are used where it has any, else they are made from `evaluate`.
        learners: from `catalogue.select`, the plainest first; names must differ.
        learn: trials (settings a learner may try), minutes (0: no limit), workers (0: the machine's cores).
        progress: called with one line a unit.
        controls: permuted labels with `ridge_late`, and a shuffled graph where `hetero_gnn` runs.
    """
    start = time.monotonic()
    names = [learner.name for learner in learners]
    if len(set(names)) < len(names):
        raise ValueError(f"two learners share a name: {', '.join(names)}")
    folds = getattr(snapshot, "folds", None)
    if folds is None or not len(folds):
        folds = make_folds(snapshot.rows, snapshot.task, evaluate)
    everyone = [*learners, make("ridge_late")]
    units = _units(folds, names, evaluate, learn, start)
    if controls:
        units += _control_units(snapshot, [u for u in units if u.learner == 0], names, evaluate.seed)
    done: list[Done] = []
    for one in _execute(snapshot, everyone, units, _workers(learn)):
        done.append(one)
        if progress is not None:
            progress(_line(one, everyone, len(done), len(units)))
    done.sort(key=lambda d: (d.unit.control, d.unit.repeat, d.unit.fold, d.unit.learner))
    return _gather(snapshot, names, done, evaluate.seed, time.monotonic() - start)


def _units(folds: pl.DataFrame, names: list[str], evaluate: Evaluate, learn: Learn, start: float) -> list[Unit]:
    """Longest first: networks stand last in the catalogue."""
    deadline = start + 60 * learn.minutes if learn.minutes else None
    out = []
    for repeat, fold in folds.select("repeat", "fold").unique().sort("repeat", "fold").iter_rows():
        train, tuning, held = parts(folds, repeat, fold)
        seed = seed_of(evaluate.seed, repeat, fold)
        out += [Unit(i, repeat, fold, train, tuning, held, seed, learn.trials, deadline) for i in range(len(names))]
    return sorted(out, key=lambda u: (-u.learner, u.repeat, u.fold))


def _control_units(snapshot: Snapshot, base: list[Unit], names: list[str], seed: int) -> list[Unit]:
    """Permuted labels: the whole cohort permuted alike in every fold. Only the first repeat."""
    first = [replace(u, attribute=False) for u in base if u.repeat == 0]
    times = PERMUTATIONS if len(snapshot.rows) <= MANY else 1
    out = [
        replace(u, learner=len(names), control=PERMUTED, seed=seed_of(seed, PERMUTED, t))
        for t in range(times)
        for u in first
    ]
    if "hetero_gnn" in names:
        out += [replace(u, learner=names.index("hetero_gnn"), control=SHUFFLED) for u in first]
    return out


def _workers(learn: Learn) -> int:
    count = int(learn.workers) if str(learn.workers).isdigit() else 0
    return count or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count or os.cpu_count() or 1


_HERE: dict[str, tuple[Snapshot, Sequence[Learner]]] = {}
"""What a worker process works on: sent once, when it starts."""


def _adopt(snapshot: Snapshot, learners: Sequence[Learner]) -> None:
    _HERE["work"] = (snapshot, learners)
    parent = os.getppid()

    def follow() -> None:  # a killed run must not leave its workers behind, busy
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _work(unit: Unit) -> Done:
    return run_unit(*_HERE["work"], unit)


def _execute(snapshot: Snapshot, learners: Sequence[Learner], units: list[Unit], workers: int) -> Iterator[Done]:
    """One worker: here. More: loky processes, whose numerical libraries are told of one thread before they load."""
    if workers == 1 or len(units) == 1:
        yield from (run_unit(snapshot, learners, unit) for unit in units)
        return
    from concurrent.futures import as_completed

    from joblib.externals.loky import ProcessPoolExecutor

    one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
    one["POLARS_MAX_THREADS"] = "1"
    pool = ProcessPoolExecutor(min(workers, len(units)), initializer=_adopt, initargs=(snapshot, learners), env=one)
    try:
        for future in as_completed([pool.submit(_work, unit) for unit in units]):
            yield future.result()
    except BaseException:
        pool.shutdown(kill_workers=True)  # what is under way is of no use any more
        raise
    pool.shutdown()


def _gather(snapshot: Snapshot, names: list[str], done: list[Done], seed: int, seconds: float) -> Results:
    learned = [d for d in done if not d.unit.control]
    scores = [_fold_scores(names[d.unit.learner], d) for d in learned if d.score is not None]
    chosen, effects = [], [pl.DataFrame(schema={"repeat": pl.Int64, "fold": pl.Int64, **SCHEMA})]
    for repeat, fold in sorted({(d.unit.repeat, d.unit.fold) for d in learned}):
        here = {names[d.unit.learner]: d for d in learned
                if (d.unit.repeat, d.unit.fold) == (repeat, fold) and d.score is not None}  # fmt: skip
        if not here:
            continue
        choice = _choose(snapshot, here, seed)
        made = {name: d.score for name, d in here.items() if d.score is not None}
        score = choice.combine(made, snapshot.task)
        scores.append(replace(_fold_scores(CHOSEN, next(iter(here.values()))), score=score))
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
            entry = {"repeat": d.unit.repeat, "fold": d.unit.fold, "setting": d.tuned.setting, "inner": d.tuned.inner}
            settings.setdefault(names[d.unit.learner], []).append(entry)
    times = {name: sum(d.seconds for d in learned if names[d.unit.learner] == name) for name in names}
    peaks = {name: max((d.peak_mb for d in learned if names[d.unit.learner] == name and d.peak_mb), default=None)
             for name in names}  # fmt: skip
    return Results(
        task=snapshot.task, metric=PRIMARY[snapshot.task], predictions=prediction_table(snapshot, scores),
        metrics=fold_metrics(snapshot, scores), chosen=chosen, comparisons=comparisons(snapshot, scores, seed),
        controls=_controls(snapshot, done), attributions=pl.concat(effects),
        seconds={**times, CHOSEN: sum(times.values())},
        peak_mb={**peaks, CHOSEN: max((p for p in peaks.values() if p), default=None)},
        settings=settings, cut=_cut(names, learned), total_seconds=seconds,
    )  # fmt: skip


def _fold_scores(name: str, d: Done) -> FoldScores:
    score = d.score if d.score is not None else np.zeros(0)
    return FoldScores(name, d.unit.repeat, d.unit.fold, d.unit.held_out, score, len(d.unit.train) + len(d.unit.tuning))


def _choose(snapshot: Snapshot, here: dict[str, Done], seed: int) -> Choice:
    """All learners of a fold were scored on the same inner rows, in the same order."""
    tuned = {name: d.tuned for name, d in here.items() if d.tuned is not None}
    rows = next(iter(tuned.values())).rows
    y = targets(snapshot.rows[rows], snapshot.task, snapshot.classes)
    part = deal(snapshot.rows, snapshot.task, rows, _STACKED, seed)
    return choose({name: t.oof for name, t in tuned.items()}, y, part, snapshot.task)


def _controls(snapshot: Snapshot, done: list[Done]) -> dict[str, dict[str, object]]:
    """Each control's primary metric over its folds and permutations."""
    metric, out = PRIMARY[snapshot.task], {}
    for name in (PERMUTED, SHUFFLED):
        values = []
        for d in done:
            if d.unit.control == name and d.score is not None:
                rows = permuted(snapshot, d.unit.seed).rows if name == PERMUTED else snapshot.rows
                y = targets(rows, snapshot.task, snapshot.classes)[d.unit.held_out]
                values.append(evaluate(snapshot.task, y, d.score, snapshot.classes)[metric])
        if values:
            learner = "ridge_late" if name == PERMUTED else "hetero_gnn"
            out[name] = {"metric": metric, "learner": learner, **summary(values)}
    return out


def _cut(names: list[str], learned: list[Done]) -> list[dict[str, object]]:
    """What the time limit left out: whole units, or settings untried."""
    out: list[dict[str, object]] = []
    for d in learned:
        where = {"learner": names[d.unit.learner], "repeat": d.unit.repeat, "fold": d.unit.fold}
        if d.score is None:
            out.append({**where, "what": "not run"})
        elif d.tuned is not None and d.tuned.cut:
            out.append({**where, "what": f"{d.tuned.cut} settings not tried"})
    return out


def _line(d: Done, learners: Sequence[Learner], k: int, total: int) -> str:
    name = f"{learners[d.unit.learner].name}{' · ' + d.unit.control if d.unit.control else ''}"
    fate = f"{d.seconds:.1f} s" if d.score is not None else "cut by the time limit"
    return f"[{k}/{total}] {name}, repeat {d.unit.repeat}, fold {d.unit.fold}: {fate}"
