"""What a person sees while it runs: plain lines, and tables where a table reads better."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import typer


@dataclass(frozen=True)
class Console:
    """Says lines on stdout, unless quiet.

    Example:
        >>> Console()("3 patients")
        3 patients
    """

    quiet: bool = False

    def __call__(self, line: str = "") -> None:
        if not self.quiet:
            typer.echo(line)

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

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Left-aligned text, right-aligned numbers, one line a row; no frames, so that it can be piped."""
        lines = [[_cell(c) for c in row] for row in rows]
        wide = [max(len(h), *(len(r[i]) for r in lines)) if lines else len(h) for i, h in enumerate(head)]
        right = [
            bool(lines) and all(r[i].replace(",", "").replace(".", "").lstrip("-").isdigit() for r in lines)
            for i in range(len(head))
        ]
        for row in ([*head], *lines):
            self("  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, wide, right, strict=True)).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


SILENT = Console(quiet=True)
