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


def inner_score(task: str, y: np.ndarray, score: np.ndarray) -> float:
    """By what settings and learners are chosen inside the training part; higher is better (`Task.inner_score`)."""
    return task_of(task).inner_score(y, score)


def metrics_of(task: str) -> dict[str, Metric]:
    """The metrics of a task, by their key.

    Example:
        >>> list(metrics_of("survival"))
        ['c_index', 'td_auc', 'ibs']
    """
    return {METRICS[name].key: METRICS[name] for name in task_of(task).metrics}


def evaluate(
    task: str, y: np.ndarray, score: np.ndarray, classes: Sequence[str] = (), curves: SurvivalCurves | None = None
) -> dict[str, float | None]:
    """Every metric of a task.

    Args:
        y: from `targets`. score: (n,) probability or risk (higher = sooner); multiclass (n, classes).
        curves: survival: what scores over time need; without it `ibs` and `td_auc` are None.
    Returns: key -> value, or None where it is not defined (`Metric.why_null` says why).
    """
    part = Scored(y, score, len(classes), curves)
    return {key: metric.value(part) for key, metric in metrics_of(task).items()}


def measures(
    task: str, y: np.ndarray, score: np.ndarray, classes: int = 0, curves: SurvivalCurves | None = None
) -> dict[str, Measure]:
    """Every metric of `evaluate` as a function of weights (with weights of one the same number, tested).

    Bins of the calibration error and censoring weights stay those of the whole part.
    """
    part = Scored(y, score, classes, curves)
    found = {key: metric.measure(part) for key, metric in metrics_of(task).items()}
    return {key: measure for key, measure in found.items() if measure is not None}
