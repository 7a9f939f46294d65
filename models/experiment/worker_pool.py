"""Worker pool: the processes that a study asks for, on this machine or on Ray."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..base.learner import Learner
from ..base.snapshot import Snapshot
from ..base.specs import Learn
from .workers import Workers


def workers_for(snapshot: Snapshot, learners: Sequence[Learner], learn: Learn) -> Workers:
    """The workers that a study asks for: a number of processes, or Ray's."""
    match learn.workers:
        case str(address) if address == "ray" or address.startswith("ray://"):
            from .ray_workers import RayWorkers

            return RayWorkers(snapshot, learners, address, count_of(learn))
        case _:
            return Workers(snapshot, learners, count_of(learn))


def count_of(learn: Learn) -> int:
    """How many workers a study asks for; 0: the machine's cores."""
    count = int(learn.workers) if str(learn.workers).isdigit() else 0
    return count or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count or os.cpu_count() or 1
