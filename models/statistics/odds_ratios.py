"""Odds ratios of the covariates (hazard ratios where the outcome is a time), each alone and adjusted for the others.

What a clinician reads beside a black box: by how much do the odds rise per unit, or against the commonest group. It
describes the whole cohort and predicts nobody. Errors count rows of one patient together (sandwich).
Source: logistic: Liang & Zeger 1986, doi:10.1093/biomet/73.1.13; Cox: Lin & Wei 1989, doi:10.1080/01621459.1989.10478874.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from ..base.task import task_of
from ..evaluation.calibration import logistic
from ..preprocessing.covariates import is_number

LEVELS = 8
"""Of a column of words the commonest; the rest is one level, `others`."""
FEW = 5
"""Rows with, and without, the outcome below which a level's ratio is not told."""
_Z = 1.959963984540054


def odds_ratios(covariates: pl.DataFrame, y: np.ndarray, cluster: np.ndarray, task: str) -> dict[str, Any]:
    """Ratios per unit of each number and for each level of each column of words, unadjusted and adjusted.

    Args:
        covariates: (n rows) numbers, booleans, words. A missing word is a level; rows without a number are left out.
        y: (n,) 0/1, or (n, 2) duration_days and event. cluster: (n,) ids: rows of one count together.
    Returns: ratio ("odds" or "hazard"), rows, left_out, and lines: covariate, level ("" of a number: per unit),
        reference, rows, events, unadjusted and adjusted (each ratio, low, high, p, or None where it cannot be told);
        {} for other tasks, without covariates, and where fewer than FEW rows have either outcome.
    """
    kind = task_of(task)
    if not covariates.width or not (kind.label_type == "boolean" or kind.over_time):
        return {}
    numbers = [name for name in covariates.columns if is_number(covariates[name])]
    values = {name: covariates[name].cast(pl.Float64).fill_nan(None).to_numpy() for name in numbers}
    kept = np.all([np.isfinite(v) for v in values.values()], axis=0) if values else np.ones(len(cluster), dtype=bool)
    y, cluster = y[kept], cluster[kept]
    event = y[:, 1] if kind.over_time else y
    if min(event.sum(), len(event) - event.sum()) < FEW:
        return {}
    lines: list[dict[str, Any]] = []
    columns: list[np.ndarray] = []
    for name in covariates.columns:
        found = [(values[name][kept], "", "")] if name in values else levels(covariates[name].filter(kept))
        for column, level, reference in found:
            of = event if name in values else event[column > 0]
            told = np.ptp(column) > 0 and (name in values or min(of.sum(), len(of) - of.sum()) >= FEW)
            lines.append({"covariate": name, "level": level, "reference": reference, "rows": len(of),
                          "events": int(of.sum()), "told": bool(told)})  # fmt: skip
            if told:
                columns.append(column.astype(np.float64))
    told_lines = [line for line in lines if line.pop("told")]
    for line in lines:
        line |= {"unadjusted": None, "adjusted": None}
    groups = _by_covariate(told_lines)
    for at in groups:  # the levels of one covariate stand together
        for i, ratio in zip(at, ratios([columns[i] for i in at], y, cluster), strict=True):
            told_lines[i]["unadjusted"] = ratio
    for line, ratio in zip(told_lines, ratios(columns, y, cluster), strict=True):
        line["adjusted"] = ratio if len(groups) > 1 else line["unadjusted"]
    return {
        "ratio": "hazard" if kind.over_time else "odds",
        "rows": len(y),
        "left_out": int((~kept).sum()),
        "lines": lines,
    }


def levels(words: pl.Series) -> list[tuple[np.ndarray, str, str]]:
    """0/1 of each level but the commonest, which is the reference."""
    text = words.cast(pl.String).fill_null("missing")
    counts = text.value_counts(sort=True, name="n").sort(["n", text.name], descending=[True, False])
    shown = counts[text.name].head(LEVELS).to_list()
    values = text.to_numpy()
    found = [((values == level).astype(np.float64), str(level), str(shown[0])) for level in shown[1:]]
    rest = ~np.isin(values.astype(str), shown)
    return [*found, (rest.astype(np.float64), "others", str(shown[0]))] if rest.any() else found


def _by_covariate(lines: Sequence[dict[str, Any]]) -> list[list[int]]:
    names = dict.fromkeys(line["covariate"] for line in lines)
    return [[i for i, line in enumerate(lines) if line["covariate"] == name] for name in names]


def ratios(columns: Sequence[np.ndarray], y: np.ndarray, cluster: np.ndarray) -> list[dict[str, float] | None]:
    """One model of these columns; None throughout where it cannot be fitted, and for a column that others determine."""
    if not columns:
        return []
    x = np.column_stack(columns)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / spread
    if np.linalg.matrix_rank(x) < x.shape[1]:
        return [None] * len(columns)
    if y.ndim == 2:
        found = _cox(x, y, cluster)
    else:
        weights, errors = logistic(np.column_stack([np.ones(len(x)), x]), y, np.zeros(len(x)), cluster)
        found = weights[1:], errors[1:]
    if found is None:
        return [None] * len(columns)
    return [_ratio(w / s, e / s) for w, e, s in zip(*found, spread, strict=True)]


def _ratio(weight: float, error: float) -> dict[str, float] | None:
    if not np.isfinite(error) or error <= 0 or abs(weight) > 20:
        return None
    low, high = weight - _Z * error, weight + _Z * error
    p = 2 * float(stats.norm.sf(abs(weight) / error))
    return {"mean": float(np.exp(weight)), "low": float(np.exp(low)), "high": float(np.exp(min(high, 50.0))), "p": p}


def _cox(x: np.ndarray, y: np.ndarray, cluster: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError

    names = [f"x{i}" for i in range(x.shape[1])]
    table = pd.DataFrame(x, columns=names).assign(days=y[:, 0], event=y[:, 1])
    table["cluster"] = np.unique(cluster, return_inverse=True)[1]
    fitter = CoxPHFitter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitter.fit(table, "days", "event", cluster_col="cluster", robust=True)
    except (ConvergenceError, np.linalg.LinAlgError):
        return None
    return fitter.params_[names].to_numpy(), fitter.standard_errors_[names].to_numpy()
