"""Table 1 on a page: the files table1*.csv as groups and lines, without what says the same as the grouping."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from clinome.loaders.files.spreadsheet_csv import read_csv
from clinome.reports import sentences

_LINES = 80
"""Of Table 1 on the page; the file has all."""


def table_ones(folder: Path) -> list[dict[str, Any]]:
    """Each table1*.csv as groups and lines, for `macros.jinja`: a variable is named in its first line alone.

    A variable that says the same as the grouping (the outcome, by outcome) is left out and named.
    """
    out = []
    for path in sorted(folder.glob("table1*.csv")):
        table = read_csv(path, infer_schema=False).with_columns(pl.col("smd", "p").cast(pl.Float64))
        groups = [name for name in table.columns if name not in ("variable", "level", "smd", "p")]
        left_out = _same_as_grouping(table, groups[1:])
        table = table.filter(~pl.col("variable").is_in(left_out))
        first = table["variable"].is_first_distinct()
        lines = [{**row, "first": new, "cells": [row[name] for name in groups]}
                 for row, new in zip(table.iter_rows(named=True), first, strict=True)]  # fmt: skip
        out.append({"file": path.name, "groups": groups, "lines": lines[:_LINES], "more": max(0, len(lines) - _LINES),
                    "left_out": sentences.left_out_of_table(left_out)})  # fmt: skip
    return out


def _same_as_grouping(table: pl.DataFrame, groups: Sequence[str]) -> list[str]:
    """Variables of which each group has one level, and no two groups the same."""
    found = []
    for (name,), lines in table.group_by("variable", maintain_order=True):
        whole = [[str(level) for level, cell in lines.select("level", group).iter_rows()
                  if str(cell).endswith("(100.0%)")] for group in groups]  # fmt: skip
        if (
            len(groups) > 1
            and all(len(levels) == 1 for levels in whole)
            and len({levels[0] for levels in whole}) == len(groups)
        ):
            found.append(str(name))
    return found
