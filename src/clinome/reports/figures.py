"""Which pictures of held-out predictions a report shows, and what stands below them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from clinome.reports import format as numbers
from clinome.reports import headline as words


def held_out_figures(predictions: Path, results: Mapping[str, Any]) -> list[dict[str, str]]:
    """[{svg, caption}] of `chosen`, and where it helps of the best simple baseline; none without predictions."""
    names = [row["name"] for row in words.ranked(results, str(results.get("metric", "")))]
    if not predictions.exists() or not names:
        return []
    table = pl.read_parquet(predictions)
    first = "chosen" if "chosen" in names else names[0]
    simple = [name for name in names if name in words.SIMPLE and name != "majority"][:1]
    of = {name: table.filter(pl.col("learner") == name) for name in [first, *simple]}
    of = {name: frame for name, frame in of.items() if not frame.is_empty()}
    if first not in of:
        return []
    match str(results.get("task", "")):
        case "binary":
            return [*_binary(of, first), *_decision(results)]
        case "survival":
            return [*_survival(of[first], results), *_decision(results)]
        case _:
            return _classes(_once(of[first]))


def p_text(value: float | None) -> str:
    """A p-value as people write it: 0.03, 2×10⁻⁵."""
    if value is None or math.isnan(value):
        return "–"
    if value >= 0.001:
        return f"{value:.2g}" if value >= 0.01 else f"{value:.3f}"
    if value < 1e-300:
        return "< 10⁻³⁰⁰"
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}×10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _binary(of: Mapping[str, pl.DataFrame], first: str) -> list[dict[str, str]]:
    from clinome.plots import curves

    caption = "Groups of equal size with 95% intervals. On the diagonal, of a hundred patients given 30% thirty have the outcome."
    return [
        {"svg": curves.discrimination(of), "caption": "Held-out predictions, pooled over folds; pale lines: guessing."},
        {"svg": curves.calibration(_once(of[first])), "caption": caption},
    ]


def _survival(frame: pl.DataFrame, results: Mapping[str, Any]) -> list[dict[str, str]]:
    from clinome.plots import curves

    once = _once(frame)
    picture, p = curves.kaplan_meier(once)
    caption = f"Held-out rows by third of predicted risk within their fold. Log-rank test between the thirds: p = {p_text(p)}."
    found = [{"svg": picture, "caption": caption}]
    days = results.get("horizon_days")
    if days and "survival" in once.columns and not once["survival"].null_count():
        caption = (
            "Groups of equal size; observed shares by Kaplan–Meier with 95% intervals. Risks become probabilities by a "
            "Cox model of one covariate, fitted on training rows."
        )
        found.append({"svg": curves.survival_calibration(once, float(days)), "caption": caption})
    return found


def _decision(results: Mapping[str, Any]) -> list[dict[str, str]]:
    from clinome.plots import curves

    said = numbers.decision_in_words(results)
    return [{"svg": curves.decision(results["decision"]), "caption": said}] if said else []


def _classes(once: pl.DataFrame) -> list[dict[str, str]]:
    from clinome.plots import curves

    classes = [column.removeprefix("score_") for column in once.columns if column.startswith("score_")]
    return (
        [{"svg": curves.one_vs_rest(once, classes), "caption": "Held-out predictions, each row once."}]
        if classes
        else []
    )


def _once(frame: pl.DataFrame) -> pl.DataFrame:
    """The first repeat, in which each held-out row is once."""
    return frame.filter(pl.col("repeat") == frame["repeat"].min())
