"""Small-cell suppression: results and tables without what fewer than ten patients stand behind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from clinome.models.inference.disclosure import FEW

COUNTS = ("patients", "rows", "events", "n", "subjects")
"""What says in a row of the results how many stand behind it."""
SECTIONS = (
    "task", "metric", "chosen", "learners", "comparisons", "controls", "optimism", "horizon_days", "competing", "model",
    "subgroups", "conformal", "odds_ratios", "operating", "endpoints",
)  # fmt: skip
"""Sections of results.json that are shared. What follows single patients (decision curves, consensus matrices) is not."""
_SHARE = re.compile(r"^([\d,]+) \(")


def is_small(count: object) -> bool:
    """Whether a count is not to be told.

    Example:
        >>> is_small(3), is_small(0), is_small(10), is_small("3")
        (True, False, False, False)
    """
    return isinstance(count, int | float) and not isinstance(count, bool) and 0 < count < FEW


def shared_results(results: Mapping[str, Any], rows: int, events: int | None) -> tuple[dict[str, Any], int]:
    """results.json as it may leave: the sections that may, without scores of single folds, without rows of few.

    Args:
        results: results.json.
        rows: of the cohort.
        events: how many of them have the outcome; None where it is no outcome of two kinds.
    Returns: what is left, and how many rows were left out.
    """
    out = 0

    def kept(value: Any) -> Any:
        nonlocal out
        if isinstance(value, Mapping):
            return {name: kept(one) for name, one in value.items() if name not in ("folds", "seconds", "peak_mb")}
        if isinstance(value, list):
            told = [one for one in value if not (isinstance(one, Mapping) and _of_few(one, rows, events))]
            out += len(value) - len(told)
            return [kept(one) for one in told]
        return value

    found = {name: kept(results[name]) for name in SECTIONS if name in results}
    for name in ("subgroups", "conformal"):
        groups = found[name]["groups"] if name == "conformal" and found.get(name) else found.get(name)
        if groups:
            out += _secondary(groups, rows)
    return found, out


def _of_few(row: Mapping[str, Any], rows: int, events: int | None) -> bool:
    """Whether few stand behind a row, or behind what is left when it is taken from the whole."""
    told = [row[name] for name in COUNTS if name in row and not isinstance(row[name], Mapping)]
    if "events" in row and "rows" in row and isinstance(row["rows"], int):
        told.append(row["rows"] - row["events"])
        told.append(rows - row["rows"])
    if "threshold" in row and events is not None:
        told += _cells(row, rows, events)
    return any(is_small(one) for one in told)


def _cells(point: Mapping[str, Any], rows: int, events: int) -> list[int]:
    """True and false, positive and negative: the four counts that an operating point's rates amount to."""
    sensitivity, specificity = (_mean(point.get(name)) for name in ("sensitivity", "specificity"))
    if sensitivity is None or specificity is None:
        return []
    hit, right = round(sensitivity * events), round(specificity * (rows - events))
    return [hit, events - hit, right, rows - events - right]


def _mean(estimate: Any) -> float | None:
    found = estimate.get("mean") if isinstance(estimate, Mapping) else None
    return float(found) if isinstance(found, int | float) else None


def _secondary(groups: list[dict[str, Any]], rows: int) -> int:
    """Take the smallest group too, where what the others leave of the whole would tell a small one."""
    out = 0
    for by in {one.get("by") for one in groups}:
        mine = [one for one in groups if one.get("by") == by and isinstance(one.get("patients"), int)]
        if mine and is_small(rows - sum(one["patients"] for one in mine)):
            groups.remove(min(mine, key=lambda one: int(one["patients"])))
            out += 1
    return out


def shared_attrition(steps: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Cohort selection without steps that fewer than ten left by: their count is blank.

    Example:
        >>> shared_attrition(pl.DataFrame({"step": ["all", "adults", "alive"], "count": [100, 97, 80]}))[0]["count"].to_list()
        [None, 97, 80]
    """
    counts = steps["count"].to_list()
    kept: list[int | None] = []
    shown: list[int] = []
    for count in reversed(counts):  # the last one is the cohort, which the results tell
        small = is_small(count) or any(is_small(count - other) for other in shown)
        kept.append(None if small else count)
        shown += [] if small else [count]
    return steps.with_columns(count=pl.Series(kept[::-1], dtype=pl.Int64)), sum(one is None for one in kept)


def shared_table_one(table: pl.DataFrame) -> tuple[pl.DataFrame | None, list[str]]:
    """Table 1 without variables that have a count from 1 to 9 anywhere; None where a group itself is as small.

    A variable goes whole: what is left of it would tell the rest.
    Returns: the table, and the variables left out.
    """
    groups = [name for name in table.columns if name not in ("variable", "level", "smd", "p")]
    size = table.filter(pl.col("variable") == "n").row(0, named=True)
    if any(is_small(int(str(size[name]).replace(",", ""))) for name in groups):
        return None, []
    small: dict[str, None] = {}
    for row in table.filter(pl.col("variable") != "n").iter_rows(named=True):
        for name in groups:
            found = _SHARE.match(str(row[name] or ""))
            count = found.group(1) if found else str(row[name] or "") if row["level"] == "missing" else ""
            rest = _rest(size[name], count)
            if count and (is_small(rest) or is_small(int(count.replace(",", "")))):
                small[row["variable"]] = None
    return table.filter(~pl.col("variable").is_in(list(small))), list(small)


def _rest(size: Any, count: str) -> int:
    return int(str(size).replace(",", "")) - int(count.replace(",", "")) if count else 0


def shared_features(table: pl.DataFrame, carriers: Mapping[tuple[str, str], int]) -> tuple[pl.DataFrame, int]:
    """Biomarkers of features that ten patients or more have; one whose patients cannot be counted goes too.

    Args:
        table: with `layer` and `feature`.
        carriers: (layer, feature) -> patients who have it.
    """
    names = table.select("layer", "feature").iter_rows()
    enough = pl.Series([carriers.get((layer, feature), 0) >= FEW for layer, feature in names], dtype=pl.Boolean)
    return table.filter(enough), int((~enough).sum())
