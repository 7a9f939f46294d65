"""Fold scores: every metric of every fold's held-out predictions, and what it would be of patients drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..base.folds import strata
from ..base.snapshot import Snapshot
from ..base.splits import groups_of
from ..metrics.metric import SurvivalCurves
from ..metrics.task_metrics import evaluate, measures, metrics_of
from .bootstrap import Resamples, quotient
from .intervals import summary


class Inner(NamedTuple):
    """Training rows of a fold, their targets, and their scores by models that had not seen them."""

    rows: np.ndarray
    y: np.ndarray
    score: np.ndarray


@dataclass(frozen=True)
class FoldScores:
    """One learner on the held-out rows of one fold. y: their targets; followed: survival, what is scored over time.

    inner: what a threshold may be set on.
    """

    learner: str
    repeat: int
    fold: int
    rows: np.ndarray
    y: np.ndarray
    score: np.ndarray
    followed: SurvivalCurves | None = None
    inner: Inner | None = None

    @property
    def place(self) -> tuple[int, int]:
        return self.repeat, self.fold


@dataclass(frozen=True)
class LearnerScores:
    """One learner. places: (repeat, fold) of each part. values: metric -> one a part. drawn: metric -> (parts, resamples)."""

    places: list[tuple[int, int]]
    values: dict[str, list[float | None]]
    drawn: dict[str, np.ndarray]
    task: str
    cases: int

    def table(self) -> dict[str, dict[str, Any]]:
        """metric -> mean, sd, low, high, folds; `why` stands where a metric has no value at all."""
        known = metrics_of(self.task)
        out: dict[str, dict[str, Any]] = {}
        for metric, values in self.values.items():
            out[metric] = summary(values, self.drawn[metric], known[metric].limits, self.cases)
            if out[metric]["mean"] is None:
                out[metric]["why"] = known[metric].why_null
        return out


def draw(snapshot: Snapshot, rows: Sequence[np.ndarray], seed: int) -> Resamples:
    """Resamples of the patients (or groups of them) that these held-out parts hold: the same for every learner, so that
    pairs are paired."""
    group = groups_of(snapshot.rows)
    held_out = np.unique(np.concatenate(rows)) if rows else np.zeros(0, dtype=np.int64)
    return Resamples.of(group, held_out, seed)


def judge(snapshot: Snapshot, parts: Sequence[FoldScores], resamples: Resamples) -> LearnerScores:
    """All parts of one learner (or of one control), in their order."""
    values: dict[str, list[float | None]] = {}
    drawn: dict[str, list[np.ndarray]] = {}
    classes = len(snapshot.classes)
    each = [evaluate(snapshot.task, one.y, one.score, snapshot.classes, one.followed) for one in parts]
    named = [metric for metric in metrics_of(snapshot.task) if any(metric in found for found in each)]
    for one, found in zip(parts, each, strict=True):
        scored = resamples.score(one.rows, measures(snapshot.task, one.y, one.score, classes, one.followed))
        nothing = np.full(len(resamples.weights), np.nan)
        for metric in named:
            values.setdefault(metric, []).append(found.get(metric))
            up, down = scored.get(metric, (nothing, nothing))
            drawn.setdefault(metric, []).append(quotient(up, down))
    stacked = {metric: np.stack(rows) for metric, rows in drawn.items()}
    return LearnerScores([one.place for one in parts], values, stacked, snapshot.task, _cases(snapshot, parts))


def _cases(snapshot: Snapshot, parts: Sequence[FoldScores]) -> int:
    """Patients (or groups of them) with the rarest outcome among the held-out rows."""
    rows = np.unique(np.concatenate([one.rows for one in parts]))
    outcome = strata(snapshot.rows, snapshot.task)[rows]
    group = groups_of(snapshot.rows)[rows]
    return min((len(np.unique(group[outcome == k])) for k in np.unique(outcome)), default=0)
