"""The report's section on modules: one row a module, and a sentence that says how many pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from clinome.loaders.files.spreadsheet_csv import read_csv
from clinome.reports import sentences
from clinome.reports.format import metric_label

_GENES, _MOST, _LEVEL = 10, 12, 0.05


def module_section(run: Path) -> dict[str, Any]:
    """modules: rows of the table; modules_said: what is said of them, empty where none were looked for."""
    path = run / "modules.csv"
    if not path.exists():
        return {"modules": [], "modules_said": ""}
    table = read_csv(path, infer_schema_length=None)
    if table.is_empty():
        return {"modules": [], "modules_said": sentences.modules(0, 0)}
    shown = pl.coalesce(pl.col("symbol").cast(pl.String), "gene")
    rows = (
        table.with_columns(shown=pl.when(pl.col("joined_as") == "bridge").then(pl.format("({})", shown)).otherwise(shown))
        .group_by("module", maintain_order=True)
        .agg(pl.first("layer", "class", "direction", "genes", "p", "q", "measure"),
             pl.first("held_out", "held_out_low", "held_out_high"), pl.col("shown").head(_GENES).str.join(", ").alias("first"))
        .with_columns(first=pl.when(pl.col("genes") > _GENES).then(pl.format("{}, …", "first")).otherwise("first"))
    )  # fmt: skip
    measured = metric_label(rows["measure"][0])
    return {
        "modules": [{**row, "measured": measured} for row in rows.head(_MOST).to_dicts()],
        "modules_said": sentences.modules(rows.height, int((rows["q"] <= _LEVEL).sum())),
    }
