"""Console: what a person sees while it runs, plain lines and tables; on a terminal a progress bar with the time left."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clinome.models.experiment.progress import Progress


def visible(text: str) -> str:
    r"""Text of a file as it can be shown: control characters, and those that turn the direction of writing, are marked.

    A name may hold an escape that clears a terminal, or one that lets `gpj.exe` read as `exe.jpg`.

    Example:
        >>> visible("a\x1b[2Jb\u202ec\n")
        'a�[2Jb�c\n'
    """
    return _HIDDEN.sub("\ufffd", text)


_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Console:
    """Lines on standard output, unless quiet; progress as it suits where they go.

    Example:
        >>> Console()("3 patients")
        3 patients
    """

    quiet: bool = False

    def __call__(self, line: str = "") -> None:
        if not self.quiet:
            print(visible(line), flush=True)  # noqa: T201  # the one place that prints

    def wrong(self, line: str) -> None:
        """What went wrong though the run goes on: said on standard error where only that is asked for."""
        if not self.quiet:
            self(line)
        elif self is not SILENT:
            print(line, file=sys.stderr, flush=True)  # noqa: T201

    @contextmanager
    def working(self, what: str) -> Iterator[Callable[[int], None]]:
        """On a terminal, a line that moves while something long runs; call what it gives with each number of rows done.

        Nothing elsewhere: a pipe or a log gets the plain lines only.
        """
        if self.quiet or not sys.stdout.isatty():
            yield lambda rows: None
            return
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        rows_done = TextColumn("{task.completed:,.0f} rows")
        with Progress(
            SpinnerColumn(), TextColumn("{task.description}"), rows_done, TimeElapsedColumn(), transient=True
        ) as bar:
            task = bar.add_task(what, total=None)
            yield lambda rows: bar.advance(task, rows)

    @contextmanager
    def jobs(self) -> Iterator[Callable[[Progress], None]]:
        """Progress over the jobs of a run; call what it gives as each of them ends.

        On a terminal one bar over all of them, with the learner at work and the time left, gone afterwards; elsewhere
        a line a learner, when all its folds are done.
        """
        if self.quiet or not sys.stdout.isatty():
            yield _Lines(self).see
            return
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("jobs, time left"))
        with Bar(*columns, TimeRemainingColumn(), transient=True, speed_estimate_period=600) as bar:
            task = bar.add_task("", total=None)
            yield lambda at: bar.update(task, description=at.at_work, completed=at.k, total=at.total)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Left-aligned text, right-aligned numbers, one line a row; no frames, so that it can be piped."""
        lines = [[_cell(c) for c in row] for row in rows]
        wide = [max(len(h), *(len(r[i]) for r in lines)) if lines else len(h) for i, h in enumerate(head)]
        right = [bool(lines) and all(_is_number(r[i]) for r in lines) for i in range(len(head))]
        for row in ([*head], *lines):
            self("  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, wide, right, strict=True)).rstrip())


@dataclass
class _Lines:
    """One line a learner, when all its jobs of a kind are done: name, folds, seconds."""

    console: Console
    ended: dict[tuple[str, str], list[Progress]] = field(default_factory=dict)

    def see(self, at: Progress) -> None:
        if not at.k:
            return
        mine = self.ended.setdefault((at.learner, at.what), [])
        mine.append(at)
        if not at.left:
            self.console(_line(mine))


def _line(jobs: Sequence[Progress]) -> str:
    from clinome.models.experiment.progress import FITTING, TUNING

    first, cut, failed = jobs[0], sum(one.cut for one in jobs), sum(one.failed for one in jobs)
    name = f"{first.learner}, {first.what.replace('_', ' ')}" if first.what else first.learner
    folds = [] if first.what in (TUNING, FITTING) else ["1 fold" if len(jobs) == 1 else f"{len(jobs)} folds"]
    seconds = [f"{sum(one.seconds for one in jobs):.1f} s"]
    before = ["done before"] if all(one.before for one in jobs) else []
    fate = [f"{cut} of them cut by the time limit" if folds else "cut by the time limit"] if cut else []
    if failed:
        fate.append(f"failed in {failed} of them" if folds else "failed")
    return f"{name}: {', '.join([*folds, *seconds, *before, *fate])}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        from clinome.models.statistics.rounding import decimals, fixed

        tiny = 0 < abs(value) < 1e-12  # a p-value, no rest of a sum
        return f"{value:.0e}" if tiny else fixed(value, decimals([value], 3, more=1))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _is_number(cell: str) -> bool:
    """A number as `_cell` writes it."""
    try:
        float(cell.replace(",", ""))
    except ValueError:
        return False
    return True


SILENT = Console(quiet=True)
