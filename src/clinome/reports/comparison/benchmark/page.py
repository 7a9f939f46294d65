"""benchmark.html and benchmark.csv: what a benchmark found, as one self-contained page and one table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.loaders.files.atomic import atomic_path
from clinome.loaders.files.spreadsheet_csv import write_csv
from clinome.models.evaluation.study_ranks import LEAST
from clinome.reports.format import metric_label
from clinome.reports.html import svg, write_page
from clinome.run_folder.run import versions

if TYPE_CHECKING:
    import pandas as pd

    from clinome.reports.comparison.benchmark.scoreboard import Scoreboard


@dataclass(frozen=True)
class Benchmark:
    """Benchmark: every learner on every study of a folder.

    board: the comparison; None where no study could be run. failed: study -> why, in plain words; left_out: study ->
    one's own learner -> why it cannot run there. page, csv: where they were written. exit_code: 0, or the worst failure's.
    """

    board: Scoreboard | None
    failed: Mapping[str, str]
    left_out: Mapping[str, Mapping[str, str]]
    page: Path
    csv: Path
    exit_code: int = 0

    @property
    def table(self) -> pd.DataFrame:
        """A row a study and learner (benchmark.csv): metric, mean, rank, difference from the reference with its interval."""
        return self.frame.to_pandas()

    @property
    def frame(self) -> pl.DataFrame:
        """The same in polars."""
        return pl.DataFrame() if self.board is None else self.board.table

    def summary(self) -> dict[str, object]:
        """What `--json` ends with."""
        board = self.board
        return {"benchmark": str(self.page), "table": str(self.csv), "studies": board.studies if board else [],
                "reference": board.reference if board else None, "learners": board.rows if board else [],
                "failed": dict(self.failed)}  # fmt: skip


def write_benchmark(found: Benchmark, folder: Path, command: str) -> None:
    """Both files; the page also where nothing but failures came of it."""
    board = found.board
    with atomic_path(found.csv) as fresh:
        write_csv(found.frame, fresh)
    write_page(
        "benchmark.html.jinja",
        found.page,
        title=folder.resolve().name,
        board=board,
        failed=found.failed,
        left_out=found.left_out,
        command=command,
        versions=versions(),
        **(_tables(board, folder) if board else {}),
    )


def _tables(board: Scoreboard, folder: Path) -> dict[str, Any]:
    from clinome import plots

    order = [row["learner"] for row in board.rows]
    paired = [row["learner"] for row in board.rows if row["difference"] is not None]
    ranked = len(board.ranked) > 1 and len(board.studies) >= LEAST
    return {
        "order": order,
        "grid": [_line(board, study, order, folder) for study in board.studies],
        "cd_svg": svg(plots.critical_difference(board.table)) if ranked else "",
        "differences_svg": svg(plots.study_differences(board.table, order=paired)) if paired else "",
    }


def _line(board: Scoreboard, study: str, order: list[str], folder: Path) -> dict[str, Any]:
    """One study's row of the grid: a cell a learner, the best of the ranked ones marked."""
    mine = {row["learner"]: row for row in board.table.filter(pl.col("study") == study).iter_rows(named=True)}
    best = max((row["mean"] for row in mine.values() if row["mean"] is not None), default=None)
    report = board.runs[study].path("report.html")
    return {
        "study": study,
        "metric": metric_label(next(iter(mine.values()))["metric"]),
        "report": Path(os.path.relpath(report, folder.resolve())).as_posix() if report.exists() else None,
        "cells": [{**mine[name], "best": mine[name]["mean"] == best} if name in mine else None for name in order],
    }
