"""Load report: what became of the rows and cells of every source, on the screen and for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinome.console import Console
from clinome.loaders.files.losses import IMPOSSIBLE, MISSING, TEXT, UNSAID, table

if TYPE_CHECKING:
    import pandas as pd

    from clinome.graphs.ingest.load_source import SourceReport

_TOLD = 6  # losses of a source that the screen shows


@dataclass(frozen=True)
class LoadReport:
    """Load report: what became of the rows of every source.

    sources: a report a source, in the order of loading: source, tally (rows read, written, merged, rejected), seconds,
    changed, counts (what went into the graph).
    """

    sources: tuple[SourceReport, ...]

    @property
    def changed(self) -> bool:
        """Whether anything changed since the last load."""
        return any(report.changed for report in self.sources)

    def to_frame(self) -> pd.DataFrame:
        """A row a source: source, rows read, written, merged, rejected; cells read, lost; seconds; changed."""
        import pandas as pd

        return pd.DataFrame([{"source": r.source, **vars(r.tally), "cells": r.cells.read, "cells_lost": lost_cells(r),
                              "seconds": r.seconds, "changed": r.changed} for r in self.sources])  # fmt: skip

    def summary(self) -> dict[str, object]:
        """What `clinome load --json` ends with: each source's rows, cells and losses, and whether anything changed."""
        sources = [{"source": r.source, **vars(r.tally), "cells": vars(r.cells), "lost": table(r.losses),
                    "seconds": round(r.seconds, 3)} for r in self.sources]  # fmt: skip
        return {"sources": sources, "changed": self.changed}


def say_source(report: SourceReport, console: Console) -> None:
    t = report.tally
    state = "unchanged" if not report.changed else f"{report.seconds:.1f} s" if report.seconds else "not loaded"
    console(
        f"{report.source}: {t.read:,} rows read, {t.written:,} written, {t.merged:,} merged, {t.rejected:,} rejected ({state})"
    )
    if report.changed:
        for what, count in report.counts.items():
            console(f"    {count:,} {what}")
        for loss in report.losses[:_TOLD]:
            console(f"    {loss}")
        if len(report.losses) > _TOLD:
            console(f"    and {len(report.losses) - _TOLD:,} columns more")


def lost_cells(report: SourceReport) -> int:
    """Cells of a source that were left missing: they could not be read, say in a word that there is nothing, or cannot be."""
    gone = (MISSING, UNSAID, IMPOSSIBLE)
    return sum(loss.lost for loss in report.losses if loss.kind == "cells" and loss.said in gone)


def last_line(reports: list[SourceReport], rejects: str) -> str:
    """How many rows were rejected, and what else was lost, in how many sources; and where the list is."""
    said = [f"{sum(r.tally.rejected for r in reports):,} rows rejected"]
    cells = sum(lost_cells(r) for r in reports)
    if cells:
        whose = ", ".join(r.source for r in reports if lost_cells(r))
        said.append(f"{cells:,} cells left missing ({whose})")
    for kind, what in (
        ("samples", "samples lost"),
        ("columns", "columns of text left out"),
        ("names", "names unknown"),
    ):
        lost = {r.source: n for r in reports if (n := sum(x.lost for x in r.losses if x.kind == kind))}
        if lost:
            said.append(f"{sum(lost.values()):,} {what} ({', '.join(lost)})")
    kept = {r.source: n for r in reports if (n := sum(x.lost for x in r.losses if x.said == TEXT))}
    if kept:
        said.append(f"{sum(kept.values()):,} cells among numbers or dates kept as text ({', '.join(kept)})")
    noted = any(r.rejects.height for r in reports)
    return "; ".join(said) + (f": see {rejects}" if noted else "")
