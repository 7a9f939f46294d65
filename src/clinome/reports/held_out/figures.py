"""Figures of held-out predictions: which of them a report shows under which heading, and what stands below them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.reports import sentences
from clinome.reports.captions import CAPTION
from clinome.reports.findings import SIMPLE, incidence, ranked
from clinome.reports.publication.shelf import Shelf

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def held_out_figures(
    predictions: Path, results: Mapping[str, Any], called: Mapping[str, str], shelf: Shelf
) -> dict[str, list[dict[str, str]]]:
    """{discrimination, regression, calibration, decision: [{svg, caption}]} of `chosen`, in places of the best simple baseline too.

    called: names of labels that are codes. shelf: keeps the figures as files.
    """
    found: dict[str, list[dict[str, str]]] = {"discrimination": [], "regression": [], "calibration": []}
    found["decision"] = _decision(results, shelf)
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
            return {**found, **_binary(mine, other, shelf)}
        case "multilabel":
            return {**found, "discrimination": _labels(_once(mine), called, shelf)}
        case "responses":  # `reports.endpoints` has a section of its own
            return found
        case "regression":
            return {**found, "regression": _numbers(_once(mine), shelf)}
        case "survival":
            rival = _competing(predictions.with_name("cohort.parquet"))
            return {**found, **_survival(_once(mine), results.get("horizon_days"), rival, shelf)}
        case _:
            return {**found, "discrimination": _classes(_once(mine), shelf)}


def _binary(mine: pl.DataFrame, other: pl.DataFrame, shelf: Shelf) -> dict[str, list[dict[str, str]]]:
    from clinome import plots

    both, once = pl.concat([mine, other]), _once(mine)
    return {
        "discrimination": [_figure(shelf, "discrimination", partial(plots.discrimination, both))],
        "calibration": [_figure(shelf, "calibration", partial(plots.calibration, once))],
    }


def _competing(cohort: Path) -> pl.DataFrame | None:
    """subject_id, prediction_time, competing of the cohort; None where no competing event is stated."""
    if not cohort.exists() or "competing" not in pl.read_parquet_schema(cohort):
        return None
    return pl.read_parquet(cohort, columns=["subject_id", "prediction_time", "competing"])


def _survival(
    once: pl.DataFrame, days: float | None, rival: pl.DataFrame | None, shelf: Shelf
) -> dict[str, list[dict[str, str]]]:
    from clinome import plots
    from clinome.plots.predictions import log_rank, risk_groups

    p = log_rank(risk_groups(once))
    found: dict[str, list[dict[str, str]]] = {}
    calibrated, caption = once, "survival_calibration"
    if rival is not None and rival["competing"].sum():
        keys = ["subject_id", "prediction_time"]
        ended = once.join(rival, on=keys, how="left", nulls_equal=True)
        calibrated, caption = ended, "competing_calibration"
        found["discrimination"] = [
            _figure(shelf, "cumulative_incidence", partial(plots.cumulative_incidence, ended), incidence(ended)),
            _figure(shelf, "incidence_by_risk", partial(plots.incidence_by_risk, ended), sentences.incidence_groups(p)),
        ]
    else:
        draw = partial(plots.survival_by_risk, once)
        found["discrimination"] = [_figure(shelf, "survival_by_risk", draw, sentences.risk_groups(p))]
    if days and "survival" in once.columns and not once["survival"].null_count():
        draw = partial(plots.survival_calibration, calibrated, days)
        found["calibration"] = [_figure(shelf, "calibration", draw, CAPTION[caption])]
    return found


def _classes(once: pl.DataFrame, shelf: Shelf) -> list[dict[str, str]]:
    from clinome import plots

    if not any(column.startswith("score_") for column in once.columns):
        return []
    return [_figure(shelf, "discrimination", partial(plots.one_vs_rest, once), CAPTION["classes"])]


def _labels(once: pl.DataFrame, called: Mapping[str, str], shelf: Shelf) -> list[dict[str, str]]:
    from clinome import plots

    return [_figure(shelf, "discrimination", partial(plots.label_curves, once, called=called), CAPTION["labels"])]


def _numbers(once: pl.DataFrame, shelf: Shelf) -> list[dict[str, str]]:
    from clinome import plots

    return [_figure(shelf, "predicted_observed", partial(plots.predicted_observed, once), CAPTION["regression"])]


def _decision(results: Mapping[str, Any], shelf: Shelf) -> list[dict[str, str]]:
    from clinome import plots

    found = results.get("decision") or {}
    if "chosen" not in found.get("curves", {}):
        return []
    table = pl.DataFrame({"threshold": found["thresholds"], **found["curves"]})
    shelf.table("decision_curve", table)
    return [_figure(shelf, "decision_curve", partial(plots.decision_curve, table), CAPTION["decision"])]


def _figure(shelf: Shelf, name: str, draw: Callable[[], Figure], caption: str = "") -> dict[str, str]:
    """caption: where it is not that of the figure's name."""
    return {"svg": shelf.figure(name, draw), "caption": caption or CAPTION[name]}


def _once(frame: pl.DataFrame) -> pl.DataFrame:
    """The first repeat, in which each held-out row is once."""
    return frame.filter(pl.col("repeat") == frame["repeat"].min())
