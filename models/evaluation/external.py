"""External validation: a frozen model on another cohort: every metric once, with bootstrap intervals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from ..base.snapshot import DerivedSnapshot
from ..base.task import Task, task_of
from ..metrics.several.responses import judged
from ..metrics.task_metrics import main_metric
from .comparison import compare
from .fold_scores import FoldScores, draw, judge

CURVES = ("ibs", "td_auc", "incidence_auc")
"""Scores of survival curves: a model that was kept gives risks, whose curves would have to be fitted on new patients."""


def judge_external(
    served: DerivedSnapshot, score: np.ndarray, seed: int = 1
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Metrics of the rows that have an outcome; {} where none has.

    Args:
        served: in the model's shape (`models.inference.input_schema`): its classes are the model's. score: of all its rows.
    Returns: metric -> {mean, sd, low, high, folds} with one part, as in results.json; and what was left out, in words.
    """
    task = task_of(served.task)
    labelled, rows, said = with_outcome(served)
    if labelled is None:
        return {}, said
    y, every = task.targets(labelled.rows, served.classes), np.arange(len(rows))
    part = FoldScores("model", 0, 0, every, y, score[rows])
    said += _one_outcome(task, y, len(rows))
    found = judge(labelled, [part], draw(labelled, [every], seed)).table()
    return {metric: one for metric, one in found.items() if metric not in CURVES}, said


def compare_external(
    served: DerivedSnapshot, a: np.ndarray, b: np.ndarray, metric: str = "", seed: int = 1
) -> dict[str, Any] | None:
    """Two models' scores of the same rows, paired: metric, a, b and a − b with its interval; None where no row has an outcome.

    Args:
        served: as in `judge_external`. a, b: scores of all its rows. metric: "": the task's own.
    """
    task = task_of(served.task)
    labelled, rows, _ = with_outcome(served)
    if labelled is None:
        return None
    metric = main_metric(served.task, metric)
    y, every = task.targets(labelled.rows, served.classes), np.arange(len(rows))
    resamples = draw(labelled, [every], seed)
    one, other = (judge(labelled, [FoldScores("model", 0, 0, every, y, s[rows])], resamples) for s in (a, b))
    pair = compare("a", one, "b", other, metric)
    return {"metric": metric, "a": one.table()[metric]["mean"], "b": other.table()[metric]["mean"],
            "difference": pair.difference, "low": pair.low, "high": pair.high}  # fmt: skip


def with_outcome(served: DerivedSnapshot) -> tuple[DerivedSnapshot | None, np.ndarray, list[str]]:
    """The rows that have an outcome which the model knows, where they stand, and what was left out."""
    task = task_of(served.task)
    known = list(task.outcome)
    if not set(known) <= set(served.rows.columns):
        return None, np.zeros(0, dtype=np.int64), []
    rows = np.flatnonzero(served.rows.select(pl.all_horizontal(pl.col(known).is_not_null())).to_series().to_numpy())
    said = []
    if task.label_type == "categorical" and len(rows):
        label = served.rows["label"].cast(pl.String)[rows]
        strange = ~label.is_in(list(served.classes))
        if strange.any():
            said.append(f"{int(strange.sum()):,} rows have a class that the model does not know: they are not judged")
            rows = rows[~strange.to_numpy()]
    return (replace(served, rows=served.rows[rows]) if len(rows) else None), rows, said


def _one_outcome(task: Task, y: np.ndarray, rows: int) -> list[str]:
    """Where there is nothing to tell apart: what the metrics then are worth. The outcome itself is not said."""
    if task.over_time:
        if y[:, 1].any():
            return []
        return [
            f"none of the {rows:,} rows with an outcome has the event: no metric can say whether risks are ranked well"
        ]
    if task.own_units:
        few = y.shape[1] - len(judged(y))
        return [
            f"{few:,} of {y.shape[1]:,} endpoints are not judged: too few rows have them, or all the same value"
        ] * bool(few)
    if len(np.unique(y, axis=0)) > 1:
        return []
    if not task.supervised:
        return [
            f"all {rows:,} rows with a known group have the same one: nothing can be said of how well groups are told apart"
        ]
    if task.numeric:
        return [
            f"all {rows:,} rows with an outcome have the same one: R² and Spearman's correlation cannot be computed"
        ]
    if not task.exclusive:
        said = (
            f"all {rows:,} rows with an outcome have the same labels: the Brier score says how well their probabilities were "
            "told, not whether patients are told apart; macro AUROC and macro AUPRC cannot be computed"
        )
        return [said]
    said = (
        f"all {rows:,} rows with an outcome have the same one: accuracy, macro F1 and the Brier score say how often that one "
        "was predicted, not whether patients are told apart; AUROC cannot be computed"
    )
    return [said]
