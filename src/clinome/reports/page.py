"""report.html: one self-contained page that one would show a colleague, made from the run folder and nothing else.

What a run did not leave is left out of the page. No patient identifier is ever written into it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from clinome.loaders.files.spreadsheet_csv import read_csv
from clinome.models.base.task import TASKS, task_of
from clinome.reports import findings, sentences
from clinome.reports.captions import CONTROL
from clinome.reports.format import chance_of, metric_label
from clinome.reports.headline import Headline, headline, warnings
from clinome.reports.held_out.endpoints import endpoint_section
from clinome.reports.held_out.figures import held_out_figures
from clinome.reports.held_out.modules import module_section
from clinome.reports.held_out.ranking import ranking_section
from clinome.reports.html import write_page
from clinome.reports.publication.documents import write_documents
from clinome.reports.publication.network_figure import NetworkFigure
from clinome.reports.publication.shelf import Shelf
from clinome.reports.publication.tables import keep_tables
from clinome.reports.table_one import table_ones

_TOP = 20
_SEARCHED = 100
"""Features that the page's table holds: the first are shown, the others are found by its search."""
_PATTERNS = 6
"""Patterns of layers that a narrow page has room for."""


def write_report(run: Path, study_name: str, out: Path, network: NetworkFigure | None = None) -> Path:
    """One page from one run folder (docs/results.md, "The folders", and summary.json beside them).

    Args:
        run: the folder. cohort.parquet and results.json are needed, everything else may be missing.
        study_name: the title.
        out: the file to write; replaced at once, never half written.
        network: of the biomarkers, which the graph knows and the folder does not.
    Returns: out.
    Raises: InputError if the folder holds no results.
    """
    from clinome.loaders.errors import InputError

    results = _json(run / "results.json")
    if not results:
        raise InputError(
            "no results to report", run.name, "no results.json", "a trained run", "run `clinome train` first"
        )
    shelf = Shelf()
    given = _page(run, results, shelf)
    given["network"] = network and shelf.figure("biomarker_network", network.wide, network.narrow)
    given["network_html"] = network.html if network else ""
    keep_tables(shelf, run, given)
    shelf.write(out.parent)
    said: Headline = given["headline"]
    claims = [said.question, said.claim, *said.sentences]
    texts = write_documents(run, study_name, out.parent, claims, given["warnings"], shelf.files["tables"])
    return write_page("report.html.jinja", out, title=study_name, files=shelf.files, texts=texts, **given)


def _page(run: Path, results: Mapping[str, Any], shelf: Shelf) -> dict[str, Any]:
    """Everything that the template names. Figures are put on the shelf."""
    summary = _json(run / "summary.json")
    manifest = _json(run / "snapshot" / "manifest.json")
    cohort = pl.read_parquet(run / "cohort.parquet")
    task = str(results.get("task", ""))
    metric = str(results.get("metric", ""))
    layers = summary.get("layers", [])
    events = _events(cohort, task)
    features = {str(layer["name"]): int(layer["features"]) for layer in layers}
    noted = [*findings.outcome_copies(results), *findings.failed(results), *summary.get("warnings", [])]
    said = warnings(cohort["subject_id"].n_unique(), events, features, noted)
    biomarkers, enrichment = _ranked(run), _csv(run / "enrichment.csv")
    return {
        "headline": headline(results, _who(cohort, task, summary)),
        "metric": metric_label(metric, bool(results.get("competing"))),
        "warnings": said,
        "attrition": _attrition(run, shelf),
        "tables_one": table_ones(run),
        "balance": _csv(run / "balance.csv").to_dicts(),
        "odds_ratios": results.get("odds_ratios") or {},
        "several_rows": cohort["subject_id"].n_unique() < cohort.height,
        "layers": layers,
        "records": _records(summary),
        "missing_data": _missing_data(summary, shelf),
        **_comparison(results, metric, shelf),
        "figures": held_out_figures(run / "predictions.parquet", results, summary.get("called", {}), shelf),
        "endpoints": endpoint_section(run, results, shelf),
        "decision_said": findings.decision(results),
        "operating": (results.get("operating") or {}).get("points", []),
        "operating_said": findings.operating(results),
        "conformal": results.get("conformal") or {},
        "conformal_said": findings.coverage(results),
        **_calibration(results, metric),
        **_subgroups(results, metric, shelf),
        **_learning_curve(results, metric, shelf),
        **_selection(run),
        "biomarkers": biomarkers.head(_SEARCHED).to_dicts(),
        "first": _TOP,
        "signed": not biomarkers.is_empty() and not biomarkers["effect"].is_null().all(),
        "unattributed": (run / "biomarkers.csv").exists() and biomarkers.is_empty(),
        "ranked_features": biomarkers.height,
        "biomarkers_svg": _biomarkers(biomarkers, shelf),
        **ranking_section(run, biomarkers, results),
        **module_section(run),
        "pathways": enrichment.head(15).to_dicts(),
        "tested_pathways": enrichment.height,
        **_controls(results, metric, shelf),
        "sources": summary.get("sources", []),
        "quality": _json(run / "quality.json"),
        "study": summary.get("study", {}),
        "model": _model(run, results),
        "commands": summary.get("commands", []),
        "versions": summary.get("versions", {}),
        "device": summary.get("device"),
        "graph": summary.get("graph", {}),
        "manifest": manifest,
    }


def _selection(run: Path) -> dict[str, Any]:
    """The features that most folds selected; and empty where the study asked for none."""
    if not (run / "selection.csv").exists():
        return {"selected": [], "selected_features": 0, "selected_said": ""}
    table = _csv(run / "selection.csv")
    layers = dict(table["layer"].value_counts(sort=True).iter_rows()) if table.height else {}
    said = sentences.selected(layers, table.filter(pl.col("folds") == pl.col("of")).height if layers else 0)
    first = table.sort("stability", descending=True, maintain_order=True).head(_TOP) if layers else table
    return {"selected": first.to_dicts(), "selected_features": table.height, "selected_said": said}


def _model(run: Path, results: Mapping[str, Any]) -> dict[str, Any]:
    """What the run leaves for new patients; {} where there is none."""
    from clinome.run_folder.model import in_words

    found = dict(results.get("model") or {})
    return {**found, "run": run.name, "words": in_words(found["weights"])} if found.get("name") else {}


def _who(cohort: pl.DataFrame, task: str, summary: Mapping[str, Any]) -> str:
    n = cohort.height
    who = sentences.people(n, cohort["subject_id"].n_unique())
    label = (summary.get("study") or {}).get("task")
    label = label.get("label") if isinstance(label, Mapping) else None
    kind = task_of(task) if task in TASKS else None  # an old run may not say
    if kind and kind.over_time:
        events = int(cohort["event"].cast(pl.Int64).sum())
        median = float(cohort["duration_days"].cast(pl.Float64).quantile(0.5) or 0.0)
        return sentences.survival_task(who, events, n, median)
    if kind and kind.label_type == "boolean":
        return sentences.binary_task(who, label, _events(cohort, task, smallest=False) or 0, n)
    if kind and kind.numeric:
        number = cohort["label"].cast(pl.Float64)
        return sentences.regression_task(who, label, [number.quantile(at, "linear") or 0.0 for at in (0.25, 0.5, 0.75)])
    if kind and kind.own_units:
        held = [[one is not None for one in row] for row in cohort["label"]]
        width = len(held[0]) if held else 0
        return sentences.responses_task(who, width, sum(map(sum, held)) / max(width * n, 1))
    if kind and not kind.exclusive:
        counts = cohort["label"].explode().drop_nulls().value_counts(sort=True)
        return sentences.multilabel_task(who, _named(counts, summary), n)
    if "label" in cohort.columns:
        counts = cohort["label"].cast(pl.String).value_counts(sort=True)
        return sentences.class_task(who, _named(counts, summary))
    return sentences.other_task(who)


def _named(counts: pl.DataFrame, summary: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Labels and how many have them; one that is a code by its name too, where a source gives one."""
    called = summary.get("called", {})
    return [(sentences.coded(label, called.get(label)), count) for label, count in counts.iter_rows()]


def _records(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What entered without a date is counted by source; the page says how much that is in all."""
    if not (records := dict(summary.get("records") or {})):
        return {}
    static = records.get("static") or {}
    return {**records, "static": sum(static.values()) if isinstance(static, Mapping) else static}


def _events(cohort: pl.DataFrame, task: str, *, smallest: bool = True) -> int | None:
    """Rows with the event; for classes, and for a binary outcome that is the rule, those of the smallest class, or with the rarest label; None of a
    number."""
    kind = task_of(task) if task in TASKS else None  # an old run may not say
    if kind and kind.over_time:
        return int(cohort["event"].cast(pl.Int64).sum())
    if "label" not in cohort.columns or not cohort.height or (kind and (kind.numeric or kind.own_units)):
        return None
    if kind and not kind.exclusive:
        counts = cohort["label"].explode().drop_nulls().value_counts()["count"]
        return int(counts.cast(pl.Int64).to_numpy().min()) if len(counts) else 0
    if kind and kind.label_type == "boolean" and not smallest:
        return int(cohort["label"].cast(pl.Float64).sum())
    return int(cohort["label"].value_counts()["count"].cast(pl.Int64).to_numpy().min())


def _attrition(run: Path, shelf: Shelf) -> str:
    from clinome import plots

    table = _csv(run / "attrition.csv")
    if table.is_empty() or table.width < 2:
        return ""
    shelf.table("cohort_selection", table)
    return shelf.figure("cohort_selection", partial(plots.attrition, table))


def _missing_data(summary: Mapping[str, Any], shelf: Shelf) -> str:
    from clinome import plots

    patterns: Sequence[Mapping[str, Any]] = summary.get("presence", [])
    names = [str(layer["name"]) for layer in summary.get("layers", [])]
    names += [n for n in dict.fromkeys(n for p in patterns for n in p["has"]) if n not in names]
    rows = [{**{name: name in p["has"] for name in names}, "count": int(p["count"])} for p in patterns]
    if not (rows and names):
        return ""
    table = pl.DataFrame(rows)
    shelf.table("missing_data", table)
    return shelf.figure(
        "missing_data", partial(plots.missing_data, table), partial(plots.missing_data, table, _PATTERNS)
    )


def _comparison(results: Mapping[str, Any], metric: str, shelf: Shelf) -> dict[str, Any]:
    from clinome import plots

    table, pairs = findings.ranked(results, metric), findings.differences(results, metric)
    label = partial(metric_label, competing=bool(results.get("competing")))
    found = results.get("learners", {}).values()
    named = dict.fromkeys(m for r in found for m in r.get("metrics", {}))  # as the task lists them
    hidden = {metric}
    if any(r.get("calibration") for r in found):
        hidden |= {"ece"}  # of one fold it is mostly noise: the table of calibration has that of all folds together
    picture = ""
    if table:
        differences = (
            _frame([{**pair, "learner": name} for name, pair in pairs.items()], "difference") if pairs else None
        )
        rows = _frame(table, "mean")
        draw = partial(plots.model_comparison, rows, differences, metric=label(metric), chance=chance_of(metric))
        picture = shelf.figure("model_comparison", draw)
    return {
        "learners": results.get("learners", {}),
        "order": [row["learner"] for row in table],
        "metrics": [metric, *(m for m in named if m not in hidden)][:7],
        "metric_label": label,
        "differences": list(pairs.values()),
        "learners_svg": picture,
        "chosen": " ".join(filter(None, (findings.picked(results), findings.optimism(results)))),
        "intervals": findings.intervals(results),
    }


def _calibration(results: Mapping[str, Any], metric: str) -> dict[str, Any]:
    order = [row["learner"] for row in findings.ranked(results, metric)]
    return {
        "calibrations": findings.calibration_rows(results, order),
        "calibrated": findings.calibration(results),
    }


def _subgroups(results: Mapping[str, Any], metric: str, shelf: Shelf) -> dict[str, Any]:
    from clinome import plots

    rows = findings.subgroup_rows(results)
    drawn = [{**row, **_gap(row["gap"])} for row in rows if row["mean"] is not None]
    picture = ""
    if drawn:
        draw = partial(plots.subgroups, _frame(drawn, "gap"), metric=metric_label(metric))
        picture = shelf.figure("subgroups", draw)
    return {
        "subgroups": rows,
        "subgroups_said": findings.subgroups(results),
        "subgroups_svg": picture,
    }


def _gap(gap: Mapping[str, float] | None) -> dict[str, float | None]:
    known = gap or {}
    return {"gap": known.get("mean"), "gap_low": known.get("low"), "gap_high": known.get("high")}


def _learning_curve(results: Mapping[str, Any], metric: str, shelf: Shelf) -> dict[str, str]:
    """Where the study asks for one."""
    from clinome import plots

    found = (results.get("learning_curve") or {}).get("learners") or {}
    points = [{**point, "learner": name} for name, each in found.items() for point in each]
    picture = ""
    if points:
        shelf.table("learning_curve", points)
        draw = partial(plots.learning_curve, _frame(points, "rows"), metric=metric_label(metric))
        picture = shelf.figure("learning_curve", draw)
    return {"learning_svg": picture, "learning_said": findings.learning_curve(results)}


def _ranked(run: Path) -> pl.DataFrame:
    """biomarkers.csv; of one that an older version wrote without importances and names."""
    table = _csv(run / "biomarkers.csv")
    if table.is_empty():
        return table
    absent = {"importance": pl.lit(None, pl.Float64), "name": pl.col("symbol"), "adjusted": pl.lit(None, pl.Float64), "adjusted_why": pl.lit(None, pl.String),
              "known": pl.lit(None, pl.String)}  # fmt: skip
    return table.with_columns(value.alias(name) for name, value in absent.items() if name not in table.columns)


def _biomarkers(table: pl.DataFrame, shelf: Shelf) -> str:
    from clinome import plots

    first = table if table.is_empty() else table.sort("rank").head(_TOP)
    if first.is_empty() or first.select(pl.col("effect", "importance").is_null().all()).row(0) == (True, True):
        return ""
    return shelf.figure("biomarkers", partial(plots.biomarkers, table, _TOP))


def _controls(results: Mapping[str, Any], metric: str, shelf: Shelf) -> dict[str, Any]:
    """The controls beside `chosen` and the learners that they are of: a control is compared with its own learner."""
    from clinome import plots

    controls = {n: c for n, c in (results.get("controls") or {}).items() if c and c.get("mean") is not None}
    own = {c.get("learner") for c in controls.values()}
    real = [row for row in findings.ranked(results, metric) if row["learner"] in {"chosen", *own}]
    rows = [{**row, "control": row["learner"]} for row in real]
    for name, control in controls.items():
        if control.get("metric") == metric:
            of = f" ({control['learner']})" if control.get("learner") else ""
            rows.append({**control, "control": name.partition(":")[0] + of})
    picture = ""
    if len(rows) > 1:
        shown = _frame(rows, "mean")
        draw = partial(plots.controls, shown, metric=metric_label(metric), chance=chance_of(metric))
        picture = shelf.figure("controls", draw)
    found = {row["learner"]: row["mean"] for row in real}
    return {"controls": controls, "controls_svg": picture, "control_words": CONTROL, "control_real": found}


def _frame(rows: Sequence[Mapping[str, Any]], value: str) -> pl.DataFrame:
    """Rows of results.json as the table that a figure takes: `value` and what is drawn around it."""
    numbers = ("low", "high", "gap_low", "gap_high")
    schema: dict[str, Any] = {name: pl.String for name in ("learner", "control", "by", "group")}
    schema |= dict.fromkeys(("mean", value, *numbers), pl.Float64) | {"folds": pl.List(pl.Float64)}
    present = {name: kind for name, kind in schema.items() if any(name in row for row in rows)}
    return pl.DataFrame([{name: row.get(name) for name in present} for row in rows], schema=present, strict=False)


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _csv(path: Path) -> pl.DataFrame:
    """Numbers as numbers, the rest as text; nothing where the file is missing or empty."""
    if not path.exists() or not path.stat().st_size:
        return pl.DataFrame()
    return read_csv(path, infer_schema_length=None)
