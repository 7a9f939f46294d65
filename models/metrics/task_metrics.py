"""Metrics of a task: every number that its predictions are judged by. A metric that cannot be had is None."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from ..base.task import task_of
from .metric import Measure, Metric, Scored, SurvivalCurves
from .registry import METRICS


def targets(rows: pl.DataFrame, task: str, classes: Sequence[str]) -> np.ndarray:
    """(n,) class index, or for survival (n, 2): duration_days, event (`Task.targets`)."""
    return task_of(task).targets(rows, classes)


def inner_score(task: str, y: np.ndarray, score: np.ndarray, metric: str = "") -> float:
    """By what settings and learners are chosen inside the training part; higher is better.

    Args:
        metric: a key of `choosing`; "": the task's own (`Task.inner_score`).
    Returns: chance, or the metric's lowest value, where it is not defined.
    """
    if not metric:
        return task_of(task).inner_score(y, score)
    by = metrics_of(task)[metric]
    value = by.value(Scored(y, score))
    if value is None:
        return by.low if by.chance is None else by.chance
    return value


def choosing(task: str) -> dict[str, Metric]:
    """The metrics of a task that settings and learners can be chosen by: higher is better, and a score alone is enough.

    Example:
        >>> list(choosing("binary"))
        ['auroc', 'auprc', 'accuracy', 'balanced_accuracy', 'macro_f1', 'mcc']
    """
    return {key: one for key, one in metrics_of(task).items() if one.higher_is_better and one.chooses}


def main_metric(task: str, metric: str = "") -> str:
    """What learners are compared by: `metric`, or the task's own."""
    return metric or task_of(task).primary


def metrics_of(task: str) -> dict[str, Metric]:
    """The metrics of a task, by their key.

    Example:
        >>> list(metrics_of("survival"))
        ['c_index', 'td_auc', 'incidence_auc', 'ibs']
    """
    return {METRICS[name].key: METRICS[name] for name in task_of(task).metrics}


def evaluate(
    task: str, y: np.ndarray, score: np.ndarray, classes: Sequence[str] = (), curves: SurvivalCurves | None = None
) -> dict[str, float | None]:
    """Every metric of a task that applies to such a cohort.

    Args:
        y: from `targets`. score: (n,) probability or risk (higher = sooner); multiclass (n, classes).
        curves: survival: what scores over time need; without it `ibs` and `td_auc` are None.
    Returns: key -> value, or None where it is not defined (`Metric.why_null` says why).
    """
    part = Scored(y, score, len(classes), curves)
    return {key: metric.value(part) for key, metric in metrics_of(task).items() if metric.applies(part)}


def measures(
    task: str, y: np.ndarray, score: np.ndarray, classes: int = 0, curves: SurvivalCurves | None = None
) -> dict[str, Measure]:
    """Every metric of `evaluate` as a function of weights (with weights of one the same number, tested).

    Bins of the calibration error and censoring weights stay those of the whole part.
    """
    part = Scored(y, score, classes, curves)
    found = {key: metric.measure(part) for key, metric in metrics_of(task).items() if metric.applies(part)}
    return {key: measure for key, measure in found.items() if measure is not None}
