"""Progress: where a run stands, job by job, for a bar or a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

TUNING = "tuning on all rows"
FITTING = "fitting on all rows"
CURVE = "learning curve"


@dataclass(frozen=True)
class Progress:
    """One job has ended (k = 0: the first is about to begin).

    learner: whose it was. what: "" in a fold, else the control's name, or one of TUNING, FITTING, CURVE.
    k, total: jobs of the run that have ended, of all that are known of. left: jobs of this learner and `what` to come.
    seconds: what the job took. at_work: the learner that is at work longest; "" when all is done.
    cut: the time limit came first. before: an interrupted run had done it. failed: the learner raised.
    """

    learner: str
    what: str
    k: int
    total: int
    left: int
    seconds: float
    at_work: str
    cut: bool = False
    before: bool = False
    failed: bool = False


@dataclass
class Jobs:
    """The jobs of a run that have not ended, in the order in which they begin.

    tell: called with a `Progress` as each ends; None: nobody looks.
    """

    tell: Callable[[Progress], object] | None = None
    waiting: list[tuple[str, str]] = field(default_factory=list)
    k: int = 0

    def begin(self, jobs: Iterable[tuple[str, str]]) -> None:
        """Add jobs, each the learner's name and what it is asked for."""
        self.waiting += jobs
        if self.k == 0:
            self._tell("", "", 0.0)

    def end(
        self, learner: str, what: str, seconds: float, *, cut: bool = False, before: bool = False, failed: bool = False
    ) -> None:
        """One of them has ended."""
        self.waiting.remove((learner, what))
        self.k += 1
        self._tell(learner, what, seconds, cut, before, failed)

    def drop(self, learner: str, what: str) -> None:
        """One of them will not be done."""
        self.waiting.remove((learner, what))

    def _tell(
        self, learner: str, what: str, seconds: float, cut: bool = False, before: bool = False, failed: bool = False
    ) -> None:
        if self.tell is not None:
            left, total = self.waiting.count((learner, what)), self.k + len(self.waiting)
            at_work = self.waiting[0][0] if self.waiting else ""
            self.tell(Progress(learner, what, self.k, total, left, seconds, at_work, cut, before, failed))
