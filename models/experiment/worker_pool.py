"""Worker pool: the processes that a study asks for, on this machine or on Ray."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..base.learner import Learner
from ..base.snapshot import Snapshot
from ..base.specs import Evaluate, Learn
from .processes import Processes
from .workers import Workers

RAY, RAY_AT = "ray", "ray://"


def workers_for(
    snapshot: Snapshot, learners: Sequence[Learner], learn: Learn, processes: Processes | None = None
) -> Workers:
    """The workers that a study asks for: a number of processes, or Ray's. processes: of `processes_for`."""
    match learn.workers:
        case str(address) if address == RAY or address.startswith(RAY_AT):
            from .ray_workers import RayWorkers

            return RayWorkers(snapshot, learners, address, count_of(learn))
        case _:
            return Workers(snapshot, learners, count_of(learn), processes)


def processes_for(learn: Learn, evaluate: Evaluate) -> Processes | None:
    """Processes for a study that is still to be read, no more than it has jobs; None: it asks for none here."""
    from ..learners.registry import LEARNERS, make

    names = [name for name in learn.learners if name in LEARNERS] or list(LEARNERS)
    folds = evaluate.folds if isinstance(evaluate.folds, int) else 1
    count = min(count_of(learn), len(names) * folds * evaluate.repeats)
    if count == 1 or str(learn.workers).startswith(RAY):
        return None
    return Processes(count, any(getattr(make(name), "on_torch", False) for name in names))


def count_of(learn: Learn) -> int:
    """How many workers a study asks for; 0: the machine's cores, each worker with those of a network's processes."""
    count = int(learn.workers) if str(learn.workers).isdigit() else 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return count or max(1, cores // learn.devices)
