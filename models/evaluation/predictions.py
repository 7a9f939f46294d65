"""Table of held-out predictions: one row a learner, repeat, fold and row; and read back from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from ..base.snapshot import Snapshot
from ..base.task import task_of
from .calibration import at_horizon
from .conformal import conformal_sets
from .fold_scores import FoldScores


def prediction_table(snapshot: Snapshot, scores: Sequence[FoldScores]) -> pl.DataFrame:
    """One row a learner, repeat, fold and held-out row; survival: with the probability of no event until the horizon.

    set: of scores that hold their `inner`, the outcomes that they cannot rule out (`models.evaluation.conformal`).
    """
    task = task_of(snapshot.task)
    known = snapshot.rows.select("subject_id", "prediction_time", *task.outcome)
    nobody = task.from_columns(np.zeros((0, len(task.score_columns(snapshot.classes)))))
    out = []
    for one in scores or [FoldScores("", 0, 0, np.zeros(0, dtype=np.int64), nobody, nobody)]:
        head = {"learner": one.learner, "repeat": one.repeat, "fold": one.fold, "row": one.rows}
        frame = pl.DataFrame(head).with_columns(pl.col("row").cast(pl.Int64))
        columns = pl.DataFrame(dict(task.as_columns(snapshot.classes, one.score)))
        if task.over_time:
            columns = columns.with_columns(survival=pl.Series(1 - at_horizon(one), dtype=pl.Float64).fill_nan(None))
        if (inside := conformal_sets(snapshot.task, one)) is not None:
            columns = columns.with_columns(set=_named(inside, snapshot.classes))
        out.append(pl.concat([frame, known[one.rows], columns], how="horizontal"))
    return pl.concat(out, how="diagonal").rename({"label": "y_true"}, strict=False)


def _named(inside: np.ndarray, classes: Sequence[str]) -> pl.Series:
    """(rows, classes) bool -> each row's classes by name."""
    return pl.Series(
        [[str(c) for c, held in zip(classes, row, strict=True) if held] for row in inside], dtype=pl.List(pl.String)
    )


def parts_of(predictions: pl.DataFrame, snapshot: Snapshot, learner: str) -> list[FoldScores]:
    """One learner's held-out parts, read back from the table of predictions."""
    task = task_of(snapshot.task)
    y, columns = task.targets(snapshot.rows, snapshot.classes), task.score_columns(snapshot.classes)
    out = []
    mine = predictions.filter(pl.col("learner") == learner)
    for (repeat, fold), part in mine.group_by("repeat", "fold", maintain_order=True):
        rows, score = part["row"].to_numpy(), task.from_columns(part.select(columns).to_numpy())
        out.append(FoldScores(learner, int(repeat), int(fold), rows, y[rows], score))
    return out
