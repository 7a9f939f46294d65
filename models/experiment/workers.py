"""Worker processes that hold a snapshot and its learners; or this process, where one worker is asked for."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from ..base.learner import Learner
from ..base.scratch import share
from ..base.snapshot import Snapshot
from ..base.threads import ENVIRONMENT

Asked = TypeVar("Asked")
Made = TypeVar("Made")
Work = Callable[[Snapshot, Sequence[Learner], Asked], Made]
"""A function of a module (it is sent by its name): what to do with the snapshot, the learners and one thing asked."""

_HERE: dict[str, tuple[Snapshot, Sequence[Learner]]] = {}
"""What a worker process works on: sent once, when it starts."""


class Workers:
    """Runs work of one kind after the other in the same processes. More than one: loky processes of one thread each,
    whose numerical libraries are told so before they load.

    Example:
        with Workers(snapshot, learners, 2) as workers:
            for done in workers(run_job, jobs):
                print(done.seconds)
    """

    def __init__(self, snapshot: Snapshot, learners: Sequence[Learner], count: int) -> None:
        self.snapshot, self.learners, self.count = snapshot, learners, count
        self._pool: Any = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def __call__(self, work: Work[Asked, Made], asked: Sequence[Asked]) -> Iterator[Made]:
        """What came of each, as it comes."""
        if self.count == 1 or (len(asked) == 1 and self._pool is None):
            for one in asked:
                share(self._shared())
                try:
                    made = work(self.snapshot, self.learners, one)
                finally:
                    share(None)
                yield made
            return
        from concurrent.futures import as_completed

        pool = self._start(len(asked))
        for future in as_completed([pool.submit(_work, work, one) for one in asked]):
            yield future.result()

    def _start(self, most: int) -> Any:
        if self._pool is None:
            from joblib.externals.loky import ProcessPoolExecutor

            given = (self.snapshot, self.learners, self._shared())
            self._pool = ProcessPoolExecutor(min(self.count, most), initializer=_adopt, initargs=given, env=ENVIRONMENT)
        return self._pool

    def _shared(self) -> Path:
        """The folder where the workers keep what several learners fit alike (`models.base.scratch`)."""
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


def _adopt(snapshot: Snapshot, learners: Sequence[Learner], scratch: Path) -> None:
    _HERE["work"] = (snapshot, learners)
    share(scratch)
    if any(getattr(learner, "on_torch", False) for learner in learners):
        import torch  # noqa: F401  # now: loky takes a process that grows by so much later for one that leaks, and ends it
    parent = os.getppid()

    def follow() -> None:  # a killed run must not leave its workers behind, busy
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _work(work: Work[Asked, Made], one: Asked) -> Made:
    return work(*_HERE["work"], one)
