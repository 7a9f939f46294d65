"""What a person sees while it runs: plain lines, and tables where a table reads better."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import typer


@dataclass(frozen=True)
class Say:
    """Says lines on stdout, unless quiet.

    Example:
        >>> Say()("3 patients")
        3 patients
    """

    quiet: bool = False

    def __call__(self, line: str = "") -> None:
        if not self.quiet:
            typer.echo(line)

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


SILENT = Say(quiet=True)
