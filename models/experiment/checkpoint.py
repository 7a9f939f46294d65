"""Checkpoints: jobs that a run had finished when it was interrupted: the same run, started again, does only the others.

Each lies in a folder of its own, named by a hash of all that decides what comes of it, written beside and renamed: what
is there is whole, and a run that differs in anything that matters does not find it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from ...loaders.errors import InputError
from ..base.learner import Learner
from ..base.serialization import read_state, write_state
from ..base.specs import Placement
from ..learners.adapters.own_code import has_own_code
from .workers import Work, Workers


class Asked(Protocol):
    """A job: `models.experiment.job.Job`, `models.experiment.refit.FitRequest`."""

    @property
    def learner(self) -> int: ...
    def decides(self) -> Mapping[str, Any]:
        """Whatever of it decides what comes of it: plain values and arrays."""


class Made(Protocol):
    """What came of one: `models.experiment.job.JobResult`, `models.experiment.refit.FitResult`."""

    @property
    def asked(self) -> Asked: ...
    def state(self) -> dict[str, Any] | None:
        """As plain values; None where the time limit left something out."""


One = TypeVar("One", bound=Asked)
Its = TypeVar("Its", bound=Made)


@dataclass(frozen=True)
class Checkpoint:
    """Where finished jobs lie. basis: what all of them rest on beside this package's code: the snapshot, versions.

    Example:
        checkpoint = Checkpoint(Path("runs/lung/units.part"), "sha256 of the snapshot, …")
        results = harness.run(snapshot, learners, evaluate, learn, checkpoint=checkpoint)
    """

    folder: Path
    basis: str

    def place(self, kind: str, one: Asked, learner: Learner) -> Path | None:
        """A job's folder; None for a learner of the user's own, whose code may have been changed since."""
        if has_own_code(learner):
            return None
        decides = {name: _hash(v.tobytes()) if isinstance(v, np.ndarray) else v for name, v in one.decides().items()}
        together = getattr(learner, "placement", Placement()).count  # how large its batches are
        fixed = dict(getattr(learner, "fixed", {}))
        tried = list(getattr(learner, "grid", ()))  # a fusion is a grid of its own
        parts = [self.basis, code(), kind, learner.name, decides, together, fixed, tried]
        return self.folder / _hash(json.dumps(parts, sort_keys=True, default=str).encode())


def resumed(
    checkpoint: Checkpoint | None,
    workers: Workers,
    work: Work[One, Its],
    asked: Sequence[One],
    restore: Callable[[One, Mapping[str, Any]], Its],
) -> Iterator[Its]:
    """What came of each job: of those that were finished before, then of the others, which are kept as they end."""
    left: list[One] = []

    def place(one: Asked) -> Path | None:
        return checkpoint.place(work.__name__, one, workers.learners[one.learner]) if checkpoint else None

    for one in asked:
        state = _read(place(one))
        if state is None:
            left.append(one)
        else:
            yield restore(one, state)
    for made in workers(work, left) if left else ():
        to, state = place(made.asked), made.state()
        if to is not None and state is not None:
            write_state(to, state)
        yield made


@cache
def code() -> str:
    """A hash of the source of `clinome.models`: a job that other code made is not this code's."""
    here = Path(__file__).parents[1]
    files = sorted(here.rglob("*.py"))
    return _hash(b"".join(str(file.relative_to(here)).encode() + b"\0" + file.read_bytes() for file in files))


def _read(place: Path | None) -> dict[str, Any] | None:
    """A job that cannot be read (the power went before the disk had it) is done again."""
    if place is None or not place.is_dir():
        return None
    try:
        return read_state(place)
    except InputError:
        return None


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:40]
