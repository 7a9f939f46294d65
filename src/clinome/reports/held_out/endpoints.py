"""The report's section on several endpoints: their distribution, the best and the worst told, beside the covariates alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from clinome.loaders.files.spreadsheet_csv import read_csv
from clinome.reports.format import number, percent
from clinome.reports.publication.shelf import Shelf
from clinome.run_folder.endpoints import ENDPOINTS

FEW = 10
"""Endpoints that are shown at each end."""


def endpoint_section(run: Path, results: Mapping[str, Any], shelf: Shelf) -> dict[str, Any]:
    """{svg, said, reference, best, worst} of `chosen`; {} where the run has no endpoints."""
    from clinome import plots

    about = results.get("endpoints") or {}
    if not about or not (run / ENDPOINTS).exists():
        return {}
    table = read_csv(run / ENDPOINTS, infer_schema_length=None)
    reference = str(about.get("reference", ""))
    mine = table.filter(pl.col("learner") == "chosen").drop_nulls("spearman").sort("spearman", descending=True)
    if mine.is_empty():
        return {}
    other = table.filter(pl.col("learner") == reference).select("endpoint", pl.col("spearman").alias("reference"))
    rows = mine.join(other, on="endpoint", how="left", maintain_order="left").to_dicts()
    few = min(FEW, len(rows) // 2) or len(rows)
    return {
        "svg": shelf.figure("endpoints", partial(plots.endpoint_correlations, table, reference=reference)),
        "said": said(mine, about),
        "reference": reference,
        "best": rows[:few],
        "worst": rows[len(rows) - few :] if len(rows) > few else [],
    }


def said(mine: pl.DataFrame, about: Mapping[str, Any]) -> str:
    """What the endpoints are told with, and by how much better than by the reference."""
    low, middle, high = (number(float(mine["spearman"].quantile(at, "linear") or 0.0), 2) for at in (0.25, 0.5, 0.75))
    sure = float((mine["low"] > 0).mean() or 0.0)  # type: ignore[arg-type]
    text = (
        f"Spearman’s correlation of the chosen learner’s held-out predictions: median over {mine.height:,} endpoints {middle} "
        f"(quartiles {low} to {high}); above zero, by its own 95% interval, for {percent(sure)} of them."
    )
    for one in about.get("comparisons", []):
        if one["b"] == about.get("reference"):
            text += (
                f" Less {one['b']} alone: {number(one['difference'], sign=True)} on the mean endpoint (95% interval over endpoints "
                f"{number(one['low'], sign=True)} to {number(one['high'], sign=True)}), better for {one['better']:,} of {one['endpoints']:,}."
            )
    return text
