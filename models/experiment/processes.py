"""Worker processes: of one thread each; they load what learners need before there is anything to learn from."""

from __future__ import annotations

import os
import pickle
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

import numpy as np

from ...loaders.files.atomic import atomic_path
from ...loaders.files.child_processes import INHERITED, as_child_environment
from ...loaders.files.source_folder import ahead
from ..base.learner import Learner
from ..base.mapped import by_file, let_go
from ..base.scratch import share
from ..base.snapshot import Snapshot
from ..base.threads import ENVIRONMENT

P = ParamSpec("P")
Made = TypeVar("Made")
Part = TypeVar("Part")
Given = tuple[Snapshot, Sequence[Learner]]

_GIVEN = "given.pickle"
_AHEAD = 2
"""Parts of each process that are begun and not yet taken: none waits for work, and few results are held."""
_LOADED = ("scipy.optimize", "scipy.stats", "sklearn.ensemble")
_HERE: dict[Path, Given] = {}
"""What a worker process works on, by the folder where it lies: read once."""


class Processes:
    """loky processes, whose numerical libraries are told to use one thread before they load.

    They import from where this process does, never from the current folder, and know no password of a database.

    Begun early, they load those libraries, which takes longer than many a fit, while the cohort is still being made.
    Args:
        count: how many there may be. networks: whether torch will be needed.
        waiting: for something to work on (`give`); else what is submitted begins at once, and loads what it needs itself.
    Example:
        with Processes(2).begin() as processes:
            processes.give(snapshot, learners)
            processes.submit(with_given, processes.folder, run_job, job).result()
    """

    def __init__(self, count: int, networks: bool = True, waiting: bool = True) -> None:
        self.count, self.networks, self.waiting = count, networks, waiting
        self._pool: Any = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def begin(self, most: int | None = None) -> Self:
        """Start them, unless they run already. most: there will be no more jobs than this."""
        if self._pool is None:
            from joblib.externals.loky import ProcessPoolExecutor

            count = self.count if most is None else min(self.count, most)
            loaded = (*_LOADED, *(("torch",) if self.networks else ())) if self.waiting else ()
            self._pool = ProcessPoolExecutor(
                count, initializer=_begin, initargs=(self.folder, loaded), env=ENVIRONMENT | INHERITED
            )
            with as_child_environment():  # also for the processes that clean up after them
                for _ in range(count):  # each begins with it, and waits here for what it shall work on
                    self._pool.submit(_wait if self.waiting else _begun, self.folder)
        return self

    def give(self, snapshot: Snapshot, learners: Sequence[Learner]) -> None:
        """What they all work on.

        Raises: RuntimeError a second time: some of them would go on with the first.
        """
        if self.given:
            raise RuntimeError("processes: got a second thing to work on; expected one, begin others for it")
        from joblib.externals.loky.backend.reduction import dumps  # also of a learner that a notebook defines

        let_go(snapshot)
        reducers = {np.memmap: by_file}
        with atomic_path(self.folder / _GIVEN) as fresh:
            fresh.write_bytes(dumps((snapshot, learners), reducers=reducers, protocol=pickle.HIGHEST_PROTOCOL))

    def submit(self, work: Callable[P, Made], *args: P.args, **kwargs: P.kwargs) -> Future[Made]:
        """One call in one of them, as soon as one is free and something was given. work: a function of a module."""
        future: Future[Made] = self.begin()._pool.submit(work, *args, **kwargs)
        return future

    def in_order(self, read: Callable[[Part], Made], parts: Sequence[Part]) -> Iterator[Made]:
        """What was made of each part, in the order of the parts (`loaders.files.source_folder`); of one part, here."""
        if len(parts) < 2:
            return map(read, parts)
        self.begin(len(parts))
        return (future.result() for future in ahead(lambda one: self.submit(read, one), parts, _AHEAD * self.count))

    @property
    def given(self) -> bool:
        """Whether there is something to work on: before, no call begins."""
        return (self.folder / _GIVEN).exists()

    @property
    def folder(self) -> Path:
        """Where they keep what several learners fit alike (`models.base.scratch`)."""
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="clinome-", ignore_cleanup_errors=True)
        return Path(self._scratch.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:  # what may be under way after an error is of no use, and idle ones hold nothing
            self._pool.shutdown(kill_workers=True)
        if self._scratch is not None:
            self._scratch.cleanup()


def with_given(folder: Path, work: Callable[..., Made], one: Any) -> Made:
    """In a process: one piece of work on what was given."""
    snapshot, learners = _given(folder)
    try:
        return work(snapshot, learners, one)
    finally:
        let_go(snapshot)


def _given(folder: Path) -> Given:
    if folder not in _HERE:
        while not (folder / _GIVEN).exists():
            time.sleep(0.02)
        _HERE[folder] = pickle.loads((folder / _GIVEN).read_bytes())
    return _HERE[folder]


def _begun(folder: Path) -> None:
    """Nothing: what is asked first starts a process."""


def _wait(folder: Path) -> None:
    """The first call in a process. After it loky measures the process, and ends it once it has grown by much: what it
    works on must be there already."""
    _given(folder)


def _begin(folder: Path, modules: Sequence[str]) -> None:
    share(folder)
    parent = os.getppid()

    def follow() -> None:  # a killed run must not leave its workers behind, busy
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    for name in modules:
        import_module(name)
