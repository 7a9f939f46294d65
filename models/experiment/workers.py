"""Workers: run jobs on a snapshot and its learners in worker processes; or in this process, where one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

from ..base.learner import Learner
from ..base.mapped import let_go
from ..base.scratch import share
from ..base.snapshot import Snapshot
from ..base.threads import quiet_restarts
from .processes import Processes, with_given

Asked = TypeVar("Asked")
Made = TypeVar("Made")
Work = Callable[[Snapshot, Sequence[Learner], Asked], Made]
"""A function of a module (it is sent by its name): what to do with the snapshot, the learners and one thing asked."""


class Workers:
    """Runs work of one kind after the other in the same processes.

    Args:
        count: of processes; one: this process does it all.
        processes: those that run already, and are ended by whoever began them; default: they begin with the first work.
    Example:
        with Workers(snapshot, learners, 2) as workers:
            for done in workers(run_job, jobs):
                print(done.seconds)
    """

    def __init__(
        self, snapshot: Snapshot, learners: Sequence[Learner], count: int, processes: Processes | None = None
    ) -> None:
        self.snapshot, self.learners, self.count = snapshot, learners, count
        networks = any(getattr(learner, "on_torch", False) for learner in learners)
        self._own = processes is None
        self._processes = processes or Processes(count, networks)

    def __call__(self, work: Work[Asked, Made], asked: Sequence[Asked]) -> Iterator[Made]:
        """What came of each, as it comes."""
        folder = self._processes.folder
        if self.count == 1 or (len(asked) == 1 and not self._processes.given):
            for one in asked:
                share(folder)
                try:
                    made = work(self.snapshot, self.learners, one)
                finally:
                    share(None)
                    let_go(self.snapshot)
                yield made
            return
        from concurrent.futures import as_completed

        self._processes.begin(len(asked))
        if not self._processes.given:
            self._processes.give(self.snapshot, self.learners)
        with quiet_restarts():
            for future in as_completed([self._processes.submit(with_given, folder, work, one) for one in asked]):
                yield future.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own:
            self._processes.__exit__(kind, error, trace)
