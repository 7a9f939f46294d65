"""report.html of a clustering study: one self-contained page, made from the run folder and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from clinome.loaders.files.spreadsheet_csv import read_csv
from clinome.reports.html import write_page
from clinome.reports.publication.documents import write_documents
from clinome.reports.publication.shelf import Shelf
from clinome.reports.table_one import table_ones
from clinome.reports.tasks.clusters import sentences

SHOWN, SETS = 8, 5
"""Markers and pathways of a subtype that the page shows."""


def write_clusters_report(run: Path, title: str, out: Path) -> Path:
    """One page from the run folder of a clustering study.

    Args:
        run: the folder; results.json is needed, the rest may be missing.
        out: the file to write; replaced at once.
    Returns: out.
    """
    results, summary = _json(run / "results.json"), _json(run / "summary.json")
    verdict, claim = sentences.claim(results)
    numbers = {name: one["number"] for name, one in results["learners"].items() if one.get("number")}
    stable = {name: table for name, table in numbers.items() if "stability" in table[0]}
    shelf = Shelf()
    figures = {"number_svg": _numbers(stable, results, shelf), "consensus_svg": _consensus(results, shelf),
               "survival_svg": _survival(run, shelf)}  # fmt: skip
    for path, name in (
        (run / "table1.csv", ""),
        (run / "biomarkers.csv", "markers"),
        (run / "enrichment.csv", "pathway_enrichment"),
    ):
        shelf.csv(path, name)
    shelf.table("number_of_clusters", [{"learner": name, **row} for name, table in numbers.items() for row in table])
    shelf.table("known_groups", results["groups"])
    shelf.table("layers", summary.get("layers", []))
    shelf.write(out.parent)
    claims = [claim, sentences.known(results)]
    texts = write_documents(run, title, out.parent, claims, summary.get("warnings", []), shelf.files["tables"])
    return write_page(
        "clusters.html.jinja", out, title=title, results=results, verdict=verdict, claim=claim, known=sentences.known(results),
        warnings=summary.get("warnings", []), commands=summary.get("commands", []), versions=summary.get("versions", {}),
        layers=summary.get("layers", []), words=sentences.CAPTION, controls=sentences.controls(results), stable=stable,
        likely={name: table for name, table in numbers.items() if name not in stable},
        files=shelf.files, texts=texts, **figures, groups=_groups(results), markers=_by_subtype(run / "biomarkers.csv", SHOWN),
        pathways=_by_subtype(run / "enrichment.csv", SETS), table1=table_ones(run),
    )  # fmt: skip


def _numbers(stable: Mapping[str, Any], results: Mapping[str, Any], shelf: Shelf) -> str:
    from clinome import plots

    rows = [
        {"learner": name, **row, "chosen": row["k"] == results["learners"][name]["clusters_of_all"]}
        for name, table in stable.items()
        for row in table
    ]
    if not rows:
        return ""
    return shelf.figure("number_of_clusters", partial(plots.cluster_numbers, pl.DataFrame(rows)))


def _consensus(results: Mapping[str, Any], shelf: Shelf) -> str:
    from clinome import plots

    cells = [
        {"row": i, "column": j, "consensus": value}
        for i, line in enumerate(results["consensus"])
        for j, value in enumerate(line)
    ]
    if not cells:
        return ""
    draw = partial(plots.consensus_matrix, pl.DataFrame(cells), sizes=results["consensus_sizes"])
    return shelf.figure("consensus", draw)


def _survival(run: Path, shelf: Shelf) -> str:
    """Kaplan–Meier curves of held-out patients by subtype; nothing where the cohort has no follow-up."""
    from clinome import plots

    cohort = run / "cohort.parquet"
    if not cohort.exists():
        return ""
    rows = pl.read_parquet(cohort)
    if not {"duration_days", "event"} <= set(rows.columns):
        return ""
    held = pl.read_parquet(run / "predictions.parquet").filter(
        (pl.col("learner") == "chosen") & (pl.col("repeat") == 0)
    )
    keys = ["subject_id", "prediction_time"]
    table = held.select(*keys, "subtype").join(rows.select(*keys, "duration_days", "event"), on=keys, nulls_equal=True)
    table = table.drop_nulls(["duration_days", "event"]).filter(pl.col("duration_days") > 0)
    if table["subtype"].n_unique() < 2:
        return ""
    named = table.with_columns(subtype=pl.format("subtype {}", "subtype"))
    return shelf.figure("survival_by_subtype", partial(plots.kaplan_meier, named, by="subtype"))


def _groups(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a known group: its name and the patients of each subtype."""
    out: dict[str, list[int]] = {}
    for one in results["groups"]:
        out.setdefault(one["group"], [0] * results["clusters"])[one["subtype"] - 1] = one["patients"]
    return [{"group": name, "patients": counts} for name, counts in out.items()]


def _by_subtype(path: Path, most: int) -> dict[int, list[dict[str, Any]]]:
    if not path.exists():
        return {}
    table = read_csv(path, infer_schema_length=None)
    if table.is_empty():
        return {}
    return {int(one): part.head(most).to_dicts() for (one,), part in table.group_by("subtype", maintain_order=True)}


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
