"""Figures of held-out predictions: which of them a report shows under which heading, and what stands below them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from clinome.reports import sentences
from clinome.reports.captions import CAPTION
from clinome.reports.findings import SIMPLE, incidence, ranked
from clinome.reports.html import svg


def held_out_figures(
    predictions: Path, results: Mapping[str, Any], called: Mapping[str, str]
) -> dict[str, list[dict[str, str]]]:
    """{discrimination, regression, calibration, decision: [{svg, caption}]} of `chosen`, in places of the best simple baseline too.

    called: names of labels that are codes.
    """
    found: dict[str, list[dict[str, str]]] = {"discrimination": [], "regression": [], "calibration": []}
    found["decision"] = _decision(results)
    names = [row["learner"] for row in ranked(results, str(results.get("metric", "")))]
    if not predictions.exists() or not names:
        return found
    table = pl.read_parquet(predictions)
    first = "chosen" if "chosen" in names else names[0]
    simple = [name for name in names if name in SIMPLE and name != "majority"][:1]
    mine = table.filter(pl.col("learner") == first)
    if mine.is_empty():
        return found
    match str(results.get("task", "")):
        case "binary":
            other = table.filter(pl.col("learner").is_in(simple) & (pl.col("learner") != first))
            return {**found, **_binary(mine, other)}
        case "multilabel":
            return {**found, "discrimination": _labels(_once(mine), called)}
        case "responses":  # `reports.endpoints` has a section of its own
            return found
        case "regression":
            return {**found, "regression": _numbers(_once(mine))}
        case "survival":
            rival = _competing(predictions.with_name("cohort.parquet"))
            return {**found, **_survival(_once(mine), results.get("horizon_days"), rival)}
        case _:
            return {**found, "discrimination": _classes(_once(mine))}


def _binary(mine: pl.DataFrame, other: pl.DataFrame) -> dict[str, list[dict[str, str]]]:
    from clinome import plots

    return {
        "discrimination": [_figure(plots.discrimination(pl.concat([mine, other])), "discrimination")],
        "calibration": [_figure(plots.calibration(_once(mine)), "calibration")],
    }


def _competing(cohort: Path) -> pl.DataFrame | None:
    """subject_id, prediction_time, competing of the cohort; None where no competing event is stated."""
    if not cohort.exists() or "competing" not in pl.read_parquet_schema(cohort):
        return None
    return pl.read_parquet(cohort, columns=["subject_id", "prediction_time", "competing"])


def _survival(once: pl.DataFrame, days: float | None, rival: pl.DataFrame | None) -> dict[str, list[dict[str, str]]]:
    from clinome import plots
    from clinome.plots.predictions import log_rank, risk_groups

    p = log_rank(risk_groups(once))
    picture = {"svg": svg(plots.survival_by_risk(once)), "caption": sentences.risk_groups(p)}
    found = {"discrimination": [picture]}
    calibrated, caption = once, "survival_calibration"
    if rival is not None and rival["competing"].sum():
        keys = ["subject_id", "prediction_time"]
        ended = once.join(rival, on=keys, how="left", nulls_equal=True)
        calibrated, caption = ended, "competing_calibration"
        found["discrimination"] = [
            {"svg": svg(plots.cumulative_incidence(ended)), "caption": incidence(ended)},
            {"svg": svg(plots.incidence_by_risk(ended)), "caption": sentences.incidence_groups(p)},
        ]
    if days and "survival" in once.columns and not once["survival"].null_count():
        found["calibration"] = [_figure(plots.survival_calibration(calibrated, days), caption)]
    return found


def _classes(once: pl.DataFrame) -> list[dict[str, str]]:
    from clinome import plots

    if not any(column.startswith("score_") for column in once.columns):
        return []
    return [_figure(plots.one_vs_rest(once), "classes")]


def _labels(once: pl.DataFrame, called: Mapping[str, str]) -> list[dict[str, str]]:
    from clinome import plots

    return [_figure(plots.label_curves(once, called=called), "labels")]


def _numbers(once: pl.DataFrame) -> list[dict[str, str]]:
    from clinome import plots

    return [_figure(plots.predicted_observed(once), "regression")]


def _decision(results: Mapping[str, Any]) -> list[dict[str, str]]:
    from clinome import plots

    found = results.get("decision") or {}
    if "chosen" not in found.get("curves", {}):
        return []
    table = pl.DataFrame({"threshold": found["thresholds"], **found["curves"]})
    return [_figure(plots.decision_curve(table), "decision")]


def _figure(figure: Any, caption: str) -> dict[str, str]:
    return {"svg": svg(figure), "caption": CAPTION[caption]}


def _once(frame: pl.DataFrame) -> pl.DataFrame:
    """The first repeat, in which each held-out row is once."""
    return frame.filter(pl.col("repeat") == frame["repeat"].min())
