"""Ray workers: the same jobs, on the processes of a cluster or of a Ray that is started on this machine.

What travels: snapshot and learners (pickled, put into Ray's object store once), jobs, what came of them, and this process's
import path; no file is shared, no password, no current folder. What must be there already: this version of Clinome with its
packages, on every node.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from ..base.learner import Learner
from ..base.snapshot import Snapshot
from .ray_cluster import RayCluster
from .workers import Asked, Made, Work, Workers

_HERE: dict[str, tuple[Snapshot, Sequence[Learner]]] = {}
"""What a worker process works on, by its place in the object store: fetched once."""


class RayWorkers(Workers):
    """Workers of a Ray cluster, one thread and one CPU a job. address: as `RayCluster` has it."""

    def __init__(self, snapshot: Snapshot, learners: Sequence[Learner], address: str, cores: int) -> None:
        super().__init__(snapshot, learners, cores)
        self.cluster = RayCluster(address, cores)
        self._given: Any = None

    def __enter__(self) -> Self:
        ray = self.cluster.__enter__().ray
        self._given = ray.put(ray.cloudpickle.dumps((self.snapshot, self.learners)))
        return self

    def __call__(self, work: Work[Asked, Made], asked: Sequence[Asked]) -> Iterator[Made]:
        ray, remote = self.cluster.ray, self.cluster.remote(_work)
        with self.cluster.answering():
            left = [remote.remote([self._given], work, _by_wall_clock(one)) for one in asked]
            while left:
                ended, left = ray.wait(left, num_returns=1)
                yield pickle.loads(ray.get(ended[0]))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._given = None
        self.cluster.__exit__(kind, error, trace)


def _work(given: list[Any], work: Work[Asked, Made], one: Asked) -> bytes:
    """In a process of the cluster. given: the reference, in a list, so that Ray does not fetch it for every job."""
    import ray

    place = given[0].hex()
    if place not in _HERE:
        _HERE.clear()
        _HERE[place] = pickle.loads(ray.get(given[0]))
    return pickle.dumps(work(*_HERE[place], _by_own_clock(one)))


def _by_wall_clock(one: Any) -> Any:
    """A deadline as others can read it: every machine's monotonic clock has a beginning of its own."""
    return one if one.deadline is None else replace(one, deadline=one.deadline - time.monotonic() + time.time())


def _by_own_clock(one: Any) -> Any:
    return one if one.deadline is None else replace(one, deadline=one.deadline - time.time() + time.monotonic())
