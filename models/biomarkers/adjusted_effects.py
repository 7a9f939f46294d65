"""Adjusted effects: odds ratio, hazard ratio or difference of a ranked feature, adjusted for the study's covariates and site.

What a clinician reads beside a model's effect: one regression a feature, over the whole cohort. It describes, and predicts
nobody; errors count rows of one patient together. Where it cannot be told it is missing, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ..base.snapshot import Snapshot
from ..base.splits import groups_of
from ..base.task import task_of
from ..preprocessing.covariates import COVARIATES, is_number
from ..preprocessing.omics_layer import is_mutation
from ..preprocessing.records.records_block import RECORDS
from ..statistics.odds_ratios import FEW, levels, ratios
from .feature_effects import feature_values

FIRST = 20
"""Features of the ranking that are adjusted: those that the report shows."""
SCHEMA = {
    "prevalence": pl.Float64, "adjusted": pl.Float64, "adjusted_low": pl.Float64, "adjusted_high": pl.Float64,
    "adjusted_measure": pl.String, "adjusted_per": pl.String, "adjusted_why": pl.String,
}  # fmt: skip
"""Columns that biomarkers.csv has at its end (docs/results.md)."""
_WIDEST = 1e6
_Z = 1.959963984540054
HOLD, SD = "with against without", "standard deviation"
WORDS = "a column of words: its levels are in odds_ratios"
UNKNOWN, RARE, SAME = "no values", "fewer than five rows hold it, or do not", "it does not vary"
APART, DETERMINED = "nobody with it, or without it, has or lacks the outcome", "the covariates determine it"
SEVERAL = "the outcome has several columns"
NOT_FITTED, NO_OUTCOME = "the model cannot be fitted", "fewer than five rows have, or lack, the outcome"


@dataclass(frozen=True)
class _Told:
    """An effect with its 95 % interval; or why there is none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    why: str | None = None


def adjusted_effects(
    snapshot: Snapshot, ranked: pl.DataFrame, *, site: str | None = None, first: int = FIRST
) -> pl.DataFrame:
    """The ranking with each of its first features' adjusted effect; missing beyond them.

    Args:
        ranked: layer, feature, rank (`ranking.biomarkers`).
        site: a column of the snapshot's rows, adjusted for beside the covariates.
        first: features by rank; 0: none.
    Returns: ranked and, at its end, prevalence (of what a row holds or not, among rows where it is known), adjusted with
        its 95 % interval, adjusted_measure (odds ratio, hazard ratio, difference; missing where the task has several columns of outcome: `by_class`),
        adjusted_per (with against without, or a standard deviation), adjusted_why (why it is missing).
    """
    task = task_of(snapshot.task)
    measure = _measure(snapshot)
    y = np.asarray(task.targets(snapshot.rows, snapshot.classes), dtype=np.float64)
    found = {}
    for layer, feature, x, per, unknown in _features(snapshot, ranked, first):
        prevalence = float(np.nanmean(x)) if per == HOLD and np.isfinite(x).any() else None
        told = (
            _Told(why=unknown or SEVERAL)
            if unknown or measure is None
            else _fit(snapshot, layer, feature, x, per, y, measure, site)
        )
        found[layer, feature] = [prevalence, told.value, told.low, told.high, measure, per, told.why]
    empty = [None] * len(SCHEMA)
    rows = [found.get(key, empty) for key in ranked.select("layer", "feature").iter_rows()]
    return pl.concat([ranked, pl.DataFrame(rows, schema=SCHEMA, orient="row")], how="horizontal")


def by_class(snapshot: Snapshot, ranked: pl.DataFrame, *, site: str | None = None, first: int = FIRST) -> pl.DataFrame:
    """Effects by class, where there are several classes or labels: each against all others, adjusted alike.

    Returns: layer, feature, symbol, class, and the columns of `adjusted_effects`; no rows for other outcomes.
    """
    schema = {"layer": pl.String, "feature": pl.String, "symbol": pl.String, "class": pl.String, **SCHEMA}
    task, rows = task_of(snapshot.task), []
    if task.label_type not in ("categorical", "booleans"):
        return pl.DataFrame(schema=schema)
    y = task.working_response(task.targets(snapshot.rows, snapshot.classes), len(snapshot.classes))
    called = dict(zip(ranked["feature"], ranked["symbol"], strict=True))
    for layer, feature, x, per, unknown in _features(snapshot, ranked, first):
        for k, name in enumerate(snapshot.classes):
            told = (
                _Told(why=unknown) if unknown else _fit(snapshot, layer, feature, x, per, y[:, k], "odds ratio", site)
            )
            held = x[y[:, k] > 0.5]
            prevalence = float(np.nanmean(held)) if per == HOLD and np.isfinite(held).any() else None
            rows.append([layer, feature, called[feature], name, prevalence, told.value, told.low, told.high, "odds ratio", per, told.why])  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _measure(snapshot: Snapshot) -> str | None:
    task = task_of(snapshot.task)
    if task.over_time:
        return "hazard ratio"
    return {"boolean": "odds ratio", "numeric": "difference"}.get(task.label_type)


def _features(
    snapshot: Snapshot, ranked: pl.DataFrame, first: int
) -> Iterator[tuple[str, str, np.ndarray, str | None, str | None]]:
    """layer, feature, (rows,) values, per what, and why there are none, of the first features."""
    everyone = np.arange(snapshot.rows.height)
    for (layer,), part in ranked.filter(pl.col("rank") <= first).group_by("layer", maintain_order=True):
        names = part["feature"].to_list()
        values = feature_values(snapshot, str(layer), names, everyone)
        for name, column in zip(names, values.T, strict=True):
            x = _level(snapshot, name) if layer == COVARIATES and "=" in name else column
            if not np.isfinite(x).any():
                words = layer == COVARIATES and name in snapshot.covariates.columns
                yield str(layer), name, x, None, WORDS if words else UNKNOWN
                continue
            held = _is_held(snapshot, str(layer), x)
            x = np.where(np.isfinite(x), (x > 0).astype(np.float64), np.nan) if held else x
            yield str(layer), name, x, HOLD if held else SD, None


def _level(snapshot: Snapshot, name: str) -> np.ndarray:
    """`column=value` as 0/1; a missing word is in no level."""
    column, _, value = name.partition("=")
    if column not in snapshot.covariates.columns:
        return np.full(snapshot.rows.height, np.nan)
    return (snapshot.covariates[column].cast(pl.String) == value).cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _is_held(snapshot: Snapshot, layer: str, x: np.ndarray) -> bool:
    """Whether a row holds it or not: a mutation, a code without numbers, anything of 0 and 1."""
    known = x[np.isfinite(x)]
    if layer in snapshot.layers and is_mutation(snapshot.layers[layer]):
        return True
    return bool(np.isin(known, (0.0, 1.0)).all()) or (layer == RECORDS and len(known) == len(x) and known.min() == 0)


def _fit(
    snapshot: Snapshot, layer: str, feature: str, x: np.ndarray, per: str | None, y: np.ndarray, measure: str, site: str | None
) -> _Told:  # fmt: skip
    """One regression of the outcome on a feature and what is adjusted for."""
    own = feature.partition("=")[0] if layer == COVARIATES else ""
    beside, known = _beside(snapshot, own, site)
    kept = known & np.isfinite(x) & np.isfinite(y if y.ndim == 1 else y.sum(axis=1))
    x, y, beside = x[kept], y[kept], [column[kept] for column in beside]
    why = _why_not(x, per, y, measure)
    if why:
        return _Told(why=why)
    x = x if per == HOLD else x / x.std()
    beside = _independent(beside)
    if measure == "difference":
        return _difference([x, *beside], y, groups_of(snapshot.rows)[kept])
    told = ratios([x, *beside], y, groups_of(snapshot.rows)[kept])[0]
    if told is None:
        determined = np.linalg.matrix_rank(np.column_stack([np.ones(len(x)), x, *beside])) < 2 + len(beside)
        return _Told(why=DETERMINED if determined else NOT_FITTED)
    if told["high"] / max(told["low"], 1e-300) > _WIDEST:
        return _Told(why=NOT_FITTED)
    return _Told(told["mean"], told["low"], told["high"])


def _why_not(x: np.ndarray, per: str | None, y: np.ndarray, measure: str) -> str | None:
    """What can be seen before anything is fitted."""
    if len(x) < 2 * FEW or np.ptp(x) == 0:
        return SAME if len(x) and np.ptp(x) == 0 else UNKNOWN
    if per == HOLD and min((x > 0).sum(), (x == 0).sum()) < FEW:
        return RARE
    if measure == "difference":
        return None if np.ptp(y) > 0 else NO_OUTCOME
    event = (y[:, 1] if y.ndim == 2 else y) > 0.5
    if event.sum() < FEW or (y.ndim == 1 and (~event).sum() < FEW):
        return NO_OUTCOME
    if per != HOLD:
        apart = x[event].min() > x[~event].max() or x[event].max() < x[~event].min() if y.ndim == 1 else False
        return APART if apart else None
    cells = [event[x > 0].sum(), event[x == 0].sum()]
    cells += [(~event[x > 0]).sum(), (~event[x == 0]).sum()] if y.ndim == 1 else []
    return APART if min(cells) == 0 else None


def _beside(snapshot: Snapshot, own: str, site: str | None) -> tuple[list[np.ndarray], np.ndarray]:
    """Columns of the covariates and the site; and the rows in which every number of them is known."""
    tables = [snapshot.covariates] if snapshot.covariates.width else []
    if site and site in snapshot.rows.columns and site not in snapshot.covariates.columns:
        tables.append(snapshot.rows.select(site))
    columns, known = [], np.ones(snapshot.rows.height, dtype=bool)
    for series in (column for table in tables for column in table if column.name != own):
        if is_number(series):
            values = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
            known &= np.isfinite(values)
            columns.append(values)
        else:
            columns += [level for level, _, _ in levels(series)]
    return columns, known


def _independent(columns: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Without those that do not vary here, are held by fewer than FEW, or are told by the others."""
    kept: list[np.ndarray] = []
    for column in columns:
        rare = np.isin(column, (0.0, 1.0)).all() and min(column.sum(), len(column) - column.sum()) < FEW
        if np.ptp(column) > 0 and not rare:
            scaled = (column - column.mean()) / column.std()
            if np.linalg.matrix_rank(np.column_stack([np.ones(len(column)), *kept, scaled])) == 2 + len(kept):
                kept.append(scaled)
    return kept


def _difference(columns: Sequence[np.ndarray], y: np.ndarray, cluster: np.ndarray) -> _Told:
    """The first coefficient of a least-squares model, its error by the sandwich of Liang and Zeger."""
    x = np.column_stack([np.ones(len(y)), *columns])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return _Told(why=DETERMINED)
    inverse = np.linalg.inv(x.T @ x)
    weights = inverse @ x.T @ y
    index = np.unique(cluster, return_inverse=True)[1]
    each = np.column_stack([np.bincount(index, weights=one) for one in (x * (y - x @ weights)[:, None]).T])
    error = float(np.sqrt((inverse @ (each.T @ each) @ inverse)[1, 1]))
    return _Told(float(weights[1]), float(weights[1] - _Z * error), float(weights[1] + _Z * error))
