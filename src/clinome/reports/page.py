"""report.html: one self-contained page that one would show a colleague, made from the run folder and nothing else.

What a run did not leave is left out of the page. No patient identifier is ever written into it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.console import SILENT, Console
from clinome.reports import format as numbers
from clinome.reports import headline as words
from clinome.reports.figures import held_out_figures
from clinome.verbs.learning_curve import curve_in_words

if TYPE_CHECKING:
    from clinome.models.base.snapshot import Snapshot
    from clinome.run_folder import Run

_TOP = 20
_LINES = 80
"""Of Table 1 on the page; the file has all."""


def report_run(run: Run, say: Console = SILENT) -> Run:
    """Write the run's report.html and say where it is."""
    say(f"report: {write_report(run.folder, run.name, run.path('report.html'))}")
    return run


def write_report(run: Path, study_name: str, out: Path) -> Path:
    """One page from one run folder (docs/study.md, "The folders", and summary.json beside them).

    Args:
        run: the folder. cohort.parquet and results.json are needed, everything else may be missing.
        study_name: the title.
        out: the file to write; replaced at once, never half written.
    Returns: out.
    Raises: InputError if the folder holds no results.
    """
    from clinome.loaders.errors import InputError
    from clinome.reports.html import write_page

    results = _json(run / "results.json")
    if not results:
        raise InputError(
            "no results to report", run.name, "no results.json", "a trained run", "run `clinome train` first"
        )
    return write_page("report.html.jinja", out, title=study_name, **_page(run, results))


def presence(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Patterns of what rows have, for summary.json: [{"has": layer names and "records", "count": rows}], most first."""
    table = pl.DataFrame({name: layer.profiled for name, layer in snapshot.layers.items()})
    if snapshot.events is not None:
        known = snapshot.events["row"].unique().to_list()
        rows = pl.Series("records", range(snapshot.rows.height))
        table = table.with_columns(rows.is_in(known)) if table.width else rows.is_in(known).to_frame()
    if not table.width:
        return []
    counted = table.group_by(table.columns).len("rows in it").sort(["rows in it", *table.columns], descending=True)
    return [
        {"has": [name for name in table.columns if row[name]], "count": row["rows in it"]}
        for row in counted.iter_rows(named=True)
    ]


def _page(run: Path, results: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the template names."""
    summary = _json(run / "summary.json")
    manifest = _json(run / "snapshot" / "manifest.json")
    cohort = pl.read_parquet(run / "cohort.parquet")
    task = str(results.get("task", ""))
    metric = str(results.get("metric", ""))
    layers = summary.get("layers", [])
    events = _events(cohort, task)
    features = {str(layer["name"]): int(layer["features"]) for layer in layers}
    said = words.warnings(cohort["subject_id"].n_unique(), events, features, summary.get("warnings", []))
    biomarkers, enrichment = _csv(run / "biomarkers.csv"), _csv(run / "enrichment.csv")
    return {
        "headline": words.headline(results, _who(cohort, task, summary)),
        "metric": words.METRIC.get(metric, metric),
        "warnings": said,
        "attrition": _attrition(run),
        "tables_one": table_ones(run),
        "several_rows": cohort["subject_id"].n_unique() < cohort.height,
        "layers": layers,
        "records": _records(summary),
        "presence": _presence(summary),
        **_learners(results, metric),
        "curves": held_out_figures(run / "predictions.parquet", results),
        **_trust(results, metric),
        **_learning(results),
        "biomarkers": biomarkers.head(_TOP).to_dicts(),
        "unattributed": (run / "biomarkers.csv").exists() and biomarkers.is_empty(),
        "ranked_features": biomarkers.height,
        "biomarkers_svg": _biomarkers(biomarkers),
        "pathways": enrichment.head(15).to_dicts(),
        "tested_pathways": enrichment.height,
        **_controls(results, metric),
        "sources": summary.get("sources", []),
        "study": summary.get("study", {}),
        "model": _model(run, results),
        "commands": summary.get("commands", []),
        "versions": summary.get("versions", {}),
        "device": summary.get("device"),
        "graph": summary.get("graph", {}),
        "manifest": manifest,
    }


def _model(run: Path, results: Mapping[str, Any]) -> dict[str, Any]:
    """What the run leaves for new patients; {} where there is none."""
    from clinome.model_folder import in_words

    found = dict(results.get("model") or {})
    return {**found, "run": run.name, "words": in_words(found["weights"])} if found.get("name") else {}


def _who(cohort: pl.DataFrame, task: str, summary: Mapping[str, Any]) -> str:
    n, subjects = cohort.height, cohort["subject_id"].n_unique()
    people = f"{subjects:,} patients" if n == subjects else f"{n:,} prediction times of {subjects:,} patients"
    label = (summary.get("study") or {}).get("task")
    label = label.get("label") if isinstance(label, Mapping) else None
    if task == "survival":
        events = int(cohort["event"].cast(pl.Int64).sum())
        median = float(cohort["duration_days"].cast(pl.Float64).quantile(0.5) or 0.0)
        return f"Asked: how soon the event comes, for {people}; {events:,} had it, half were followed for {median:,.0f} days or more."
    if task == "binary":
        have = _events(cohort, task, smallest=False) or 0
        named = f"“{label}”" if label and label != "label" else "the outcome"
        return f"Asked: whether {named} happens, for {people}; {have:,} ({have / max(n, 1):.0%}) have it."
    if "label" in cohort.columns:
        counts = cohort["label"].cast(pl.String).value_counts(sort=True)
        each = ", ".join(f"{name} {count:,}" for name, count in counts.iter_rows())
        return f"Asked: which of {counts.height} classes, for {people}: {each}."
    return f"For {people}."


def _records(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What entered without a date is counted by source; the page says how much that is in all."""
    if not (records := dict(summary.get("records") or {})):
        return {}
    static = records.get("static") or {}
    return {**records, "static": sum(static.values()) if isinstance(static, Mapping) else static}


def _events(cohort: pl.DataFrame, task: str, *, smallest: bool = True) -> int | None:
    """Rows with the event; for classes, and for a binary outcome that is the rule, those of the smallest class."""
    if task == "survival":
        return int(cohort["event"].cast(pl.Int64).sum())
    if "label" not in cohort.columns or not cohort.height:
        return None
    if task == "binary" and not smallest:
        return int(cohort["label"].cast(pl.Float64).sum())
    return int(cohort["label"].value_counts()["count"].cast(pl.Int64).to_numpy().min())


def _attrition(run: Path) -> str:
    from clinome.plots import run as plots

    table = _csv(run / "attrition.csv")
    if table.is_empty() or table.width < 2:
        return ""
    return plots.attrition([(str(step), int(count)) for step, count in table.select("step", "count").iter_rows()])


def table_ones(folder: Path) -> list[dict[str, Any]]:
    """Each table1*.csv as groups and lines, for `macros.jinja`: a variable is named in its first line alone."""
    out = []
    for path in sorted(folder.glob("table1*.csv")):
        table = pl.read_csv(path, infer_schema=False).with_columns(pl.col("smd", "p").cast(pl.Float64))
        groups = [name for name in table.columns if name not in ("variable", "level", "smd", "p")]
        first = table["variable"].is_first_distinct()
        lines = [{**row, "first": new, "cells": [row[name] for name in groups]}
                 for row, new in zip(table.iter_rows(named=True), first, strict=True)]  # fmt: skip
        out.append({"file": path.name, "groups": groups, "lines": lines[:_LINES], "more": max(0, len(lines) - _LINES)})
    return out


def _presence(summary: Mapping[str, Any]) -> str:
    from clinome.plots import run as plots

    patterns: Sequence[Mapping[str, Any]] = summary.get("presence", [])
    names = [str(layer["name"]) for layer in summary.get("layers", [])]
    names += [n for n in dict.fromkeys(n for p in patterns for n in p["has"]) if n not in names]
    return plots.presence(patterns, names) if patterns and names else ""


def _learners(results: Mapping[str, Any], metric: str) -> dict[str, Any]:
    from clinome.plots import run as plots

    table, pairs = words.ranked(results, metric), words.differences(results, metric)
    found = results.get("learners", {}).values()
    others = {m for r in found for m in r.get("metrics", {})} - {metric}
    if any(r.get("calibration") for r in found):
        others -= {"ece"}  # of one fold it is mostly noise: the table of calibration has that of all folds together
    metrics = [metric, *sorted(others)]
    return {
        "learners": results.get("learners", {}),
        "order": [row["name"] for row in table],
        "metrics": metrics[:6],
        "metric_names": words.METRIC,
        "differences": list(pairs.values()),
        "learners_svg": plots.learners(table, pairs, words.METRIC.get(metric, metric), words.CHANCE.get(metric))
        if table
        else "",
        "chosen": " ".join(filter(None, (words.chosen_in_words(results), numbers.optimism_in_words(results)))),
        "intervals": numbers.intervals_in_words(results),
    }


def _trust(results: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """Calibration and subgroups: whether the numbers mean what they say, and for whom."""
    from clinome.plots import run as plots

    rows = numbers.subgroup_rows(results)
    order = [row["name"] for row in words.ranked(results, metric)]
    drawn = [row for row in rows if row["mean"] is not None]
    return {
        "calibrations": numbers.calibration_rows(results, order),
        "calibrated": numbers.calibration_in_words(results),
        "subgroups": rows,
        "subgroups_said": numbers.subgroups_in_words(results),
        "subgroups_svg": plots.subgroups(drawn, words.METRIC.get(metric, metric)) if drawn else "",
    }


def _learning(results: Mapping[str, Any]) -> dict[str, str]:
    """The learning curve, where the study asks for one."""
    from clinome.plots import curves

    found = results.get("learning_curve") or {}
    name = words.METRIC.get(str(results.get("metric")), "")
    return {
        "learning_svg": curves.learning(found, name) if found.get("learners") else "",
        "learning_said": curve_in_words(results),
    }


def _biomarkers(table: pl.DataFrame) -> str:
    from clinome.plots import run as plots

    if table.is_empty():
        return ""
    shown = table.sort("rank").head(_TOP).drop_nulls("effect")
    return plots.biomarkers(shown) if shown.height else ""


def _controls(results: Mapping[str, Any], metric: str) -> dict[str, Any]:
    from clinome.plots import run as plots

    controls = {n: c for n, c in (results.get("controls") or {}).items() if c and c.get("mean") is not None}
    mine = [row for row in words.ranked(results, metric) if row["name"] == "chosen"]
    rows = [{**row, "values": row["folds"]} for row in mine]
    rows += [
        {**control, "values": control.get("folds") or [], "name": name}
        for name, control in controls.items()
        if control.get("metric") == metric
    ]
    picture = plots.controls(rows, words.METRIC.get(metric, metric), words.CHANCE.get(metric)) if len(rows) > 1 else ""
    return {"controls": controls, "controls_svg": picture, "control_words": words.CONTROL}


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _csv(path: Path) -> pl.DataFrame:
    """Numbers as numbers, the rest as text; nothing where the file is missing or empty."""
    if not path.exists() or not path.stat().st_size:
        return pl.DataFrame()
    return pl.read_csv(path, infer_schema_length=None)
