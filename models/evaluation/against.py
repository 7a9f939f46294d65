"""A run's learners, each less one reference, on the same held-out rows: read back from its table of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from ..base.snapshot import Snapshot
from ..experiment.results import parts_of
from ..metrics.task_metrics import PRIMARY
from .bootstrap import Resamples, measures
from .comparison import Comparison, compare
from .fold_scores import FoldScores, LearnerScores, draw
from .intervals import holm


def against(snapshot: Snapshot, predictions: pl.DataFrame, reference: str, seed: int) -> list[Comparison]:
    """Every other learner less the reference, by the task's primary metric, with the intervals of `models.evaluation.comparison`.

    Args:
        snapshot: rows, task and classes are looked at, nothing else.
        predictions: as `Results.predictions`. seed: of the resamples; the run's own gives the run's own intervals.
    Returns: one a learner, p_holm over all of them; [] where the reference did not run.
    """
    names = predictions["learner"].unique(maintain_order=True).to_list()
    if reference not in names:
        return []
    parts = {name: parts_of(predictions, snapshot, name) for name in names}
    resamples = draw(snapshot, [one.rows for its in parts.values() for one in its], seed)
    judged = {name: judge_primary(snapshot, its, resamples) for name, its in parts.items()}
    metric = PRIMARY[snapshot.task]
    found = [compare(name, judged[name], reference, judged[reference], metric) for name in names if name != reference]
    corrected = holm([one.p for one in found])
    return [replace(one, p_holm=p) for one, p in zip(found, corrected, strict=True)]


def judge_primary(snapshot: Snapshot, parts: Sequence[FoldScores], resamples: Resamples) -> LearnerScores:
    """The primary metric alone."""
    metric = PRIMARY[snapshot.task]
    values, drawn = [], []
    for one in parts:
        measure = measures(snapshot.task, one.y, one.score, len(snapshot.classes))[metric]
        up, down = measure(np.ones((1, len(one.rows))))
        values.append(float(up[0] / down[0]) if down[0] > 0 else None)
        up, down = resamples.score(one.rows, {metric: measure})[metric]
        drawn.append(np.divide(up, down, out=np.full(len(up), np.nan), where=down > 0))
    return LearnerScores([one.place for one in parts], {metric: values}, {metric: np.stack(drawn)}, snapshot.task, 0)
