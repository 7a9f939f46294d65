"""Subgroups: `chosen` by sex, age, race, site and what was measured: each group, and its gap to everybody else.

Only rows of the same fold are ranked against each other, as scores of different folds come from different models; pairs
are added up over folds. Groups of fewer than HIDDEN patients are named without figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from ..base.snapshot import Snapshot
from ..base.task import task_of
from ..metrics.metric import Drawn
from ..metrics.task_metrics import main_metric, measures, metrics_of
from .bootstrap import Resamples, quotient
from .fold_scores import FoldScores
from .intervals import FOLDS, SPLIT, holm, spread

HIDDEN = 10
"""Groups, and counts of outcomes, below this are not shown."""
MOST = 12
"""Of a column with more values the largest are shown."""
AGES = (18, 40, 60, 75)
NAMES = {
    "sex": ("sex", "gender"),
    "age": ("age", "age_years", "age_at_index", "age_at_diagnosis", "age_at_prediction", "anchor_age"),
    "race": ("race", "ethnicity", "race_ethnicity"),
    "site": ("site", "hospital", "hospital_id", "center", "centre", "institution"),
}
"""What each grouping may be called; the first column that is there is taken, whatever its case."""


def groupings(tables: Sequence[pl.DataFrame], wanted: Sequence[str] = ()) -> pl.DataFrame:
    """One column of text a grouping that is there: sex, age band, race, site; null where unknown.

    Args:
        tables: of one row a row of the snapshot; the first that holds a column gives it.
        wanted: columns to group by instead; numbers of many values become thirds, an age bands.
    """
    held = {column.lower(): table[column] for table in reversed(tables) for column in reversed(table.columns)}
    if wanted:
        return pl.DataFrame({name: _grouped(name, held[name.lower()]) for name in wanted if name.lower() in held})
    found = {kind: next((held[name] for name in names if name in held), None) for kind, names in NAMES.items()}
    return pl.DataFrame({kind: bands(values) if kind == "age" else values.cast(pl.String)
                         for kind, values in found.items() if values is not None})  # fmt: skip


MEASURED = "measured"
RARE = 0.05
"""What a smaller share of the rows has is not a group of its own: of a few patients nothing is told."""


def measured(snapshot: Snapshot) -> pl.Series | None:
    """Which omics layers, notes and images each row has, as text: "all", "all but rna", "only rna", "other"; None where all
    rows have the same."""
    parts = {**snapshot.layers, **snapshot.views}
    if not parts:
        return None
    has = np.stack([part.profiled for part in parts.values()], 1)
    found, at, count = np.unique(has, axis=0, return_inverse=True, return_counts=True)
    if len(found) == 1:
        return None
    names = [_called(row, [*parts]) if n >= RARE * len(has) else "other" for row, n in zip(found, count, strict=True)]
    return pl.Series(MEASURED, [names[k] for k in at.ravel()], pl.String)


def _called(has: np.ndarray, names: Sequence[str]) -> str:
    """In as few words as tell it."""
    there, gone = ([name for name, one in zip(names, has, strict=True) if one == side] for side in (True, False))
    if not there or not gone:
        return "all" if there else "none"
    return f"only {', '.join(there)}" if len(there) < len(gone) else f"all but {', '.join(gone)}"


def _grouped(name: str, values: pl.Series) -> pl.Series:
    if not values.dtype.is_numeric() or values.n_unique() <= MOST:
        return values.cast(pl.String)
    return bands(values) if name.lower() in NAMES["age"] else thirds(values)


def thirds(values: pl.Series) -> pl.Series:
    """A number of many values as thirds of the cohort, as text."""
    labels = ["1: lowest third", "2: middle third", "3: highest third"]
    return values.cast(pl.Float64).fill_nan(None).qcut(3, labels=labels, allow_duplicates=True).cast(pl.String)


def bands(age: pl.Series) -> pl.Series:
    """Years as bands; text (bands already) stays."""
    if not age.dtype.is_numeric():
        return age.cast(pl.String)
    labels = [
        f"under {AGES[0]}",
        *(f"{a} to {b - 1}" for a, b in pairwise(AGES)),
        f"{AGES[-1]} or more",
    ]
    years = age.cast(pl.Float64).fill_nan(None)
    at = np.digitize(years.fill_null(0.0).to_numpy(), AGES)
    return pl.Series(
        age.name, [labels[k] if known else None for k, known in zip(at, years.is_not_null(), strict=True)], pl.String
    )


def subgroups(
    snapshot: Snapshot, parts: Sequence[FoldScores], groups: pl.DataFrame, resamples: Resamples, metric: str = ""
) -> list[dict[str, Any]]:
    """A row a group: by, group, patients, the main metric with interval, and its gap to the others with interval.

    For a binary outcome also predicted (mean risk) and observed (share of events). p_holm: over all gaps of the table.

    Args:
        parts: of one learner. groups: from `groupings`, one row a row of the snapshot.
        metric: by which they are scored; "": the task's own.
    """
    metric, several = main_metric(snapshot.task, metric), len({one.place for one in parts}) > 1
    out: list[dict[str, Any]] = []
    subject = snapshot.rows["subject_id"].rank("dense").to_numpy()
    rows = np.unique(np.concatenate([one.rows for one in parts])) if parts else np.zeros(0, dtype=np.int64)
    for by in groups.columns:
        value = groups[by].to_numpy()
        counts = {
            group: len(np.unique(subject[rows[value[rows] == group]])) for group in groups[by].drop_nulls().unique()
        }
        shown = sorted(counts, key=lambda group: (-counts[group], group))[:MOST]
        for group in sorted(shown, key=str) if len(shown) > 1 else []:
            row: dict[str, Any] = {"by": by, "group": group, "metric": metric, "method": FOLDS if several else SPLIT}
            if counts[group] < HIDDEN:
                out.append({**row, "patients": None, "why": f"fewer than {HIDDEN} patients"})
                continue
            inside = [_within(one, value[one.rows] == group) for one in parts]
            outside = [_within(one, (value[one.rows] != group) & ~_null(value[one.rows])) for one in parts]
            out.append(
                {**row, "patients": counts[group], **_scored(snapshot, inside, outside, resamples, metric, several)}
            )
    for row, p in zip(out, holm([row.get("p") for row in out]), strict=True):
        row["p_holm"] = p
    return out


def _null(value: np.ndarray) -> np.ndarray:
    return np.array([v is None for v in value])


def _within(one: FoldScores, kept: np.ndarray) -> FoldScores:
    return FoldScores(one.learner, one.repeat, one.fold, one.rows[kept], one.y[kept], one.score[kept])


def _scored(
    snapshot: Snapshot,
    inside: list[FoldScores],
    outside: list[FoldScores],
    resamples: Resamples,
    metric: str,
    several: bool,
) -> dict[str, Any]:
    limits = metrics_of(snapshot.task)[metric].limits
    mine, own = _added(snapshot, inside, resamples, metric)
    other, others = _added(snapshot, outside, resamples, metric)
    found: dict[str, Any] = _shares(snapshot.task, inside)
    if mine is None:
        return {**found, "mean": None, "why": metrics_of(snapshot.task)[metric].why_null}
    low, high, _ = spread(mine, own, several)
    found |= {"mean": mine, "low": max(low, limits[0]), "high": min(high, limits[1])}
    if other is not None:
        low, high, p = spread(mine - other, own - others, several)
        found |= {"gap": mine - other, "gap_low": low, "gap_high": high, "p": p}
    return found


def _added(
    snapshot: Snapshot, parts: list[FoldScores], resamples: Resamples, metric: str
) -> tuple[float | None, np.ndarray]:
    """The metric over all folds, their numerators and denominators added up; and the same of patients drawn anew."""
    once, drawn = np.zeros(2), np.zeros((2, len(resamples.weights)))
    for one in parts:
        if not len(one.rows):
            continue
        measure = measures(snapshot.task, one.y, one.score, len(snapshot.classes))[metric]
        whole: Drawn = measure(np.ones((1, len(one.rows))))
        once += [side[0] for side in whole]
        drawn += resamples.score(one.rows, {metric: measure})[metric]
    value = float(once[0] / once[1]) if once[1] > 0 else None
    return value, quotient(*drawn)


def _shares(task: str, parts: list[FoldScores]) -> dict[str, float]:
    """Binary: mean risk and share of events, where neither outcome is rarer than HIDDEN."""
    if task_of(task).label_type != "boolean":
        return {}
    y, p = (np.concatenate([getattr(one, side) for one in parts]) for side in ("y", "score"))
    repeats = max(1, len({one.repeat for one in parts}))
    few = min(y.sum(), len(y) - y.sum()) / repeats < HIDDEN
    return {} if few else {"predicted": float(p.mean()), "observed": float(y.mean())}
