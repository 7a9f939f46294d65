"""What a run of learners over folds found: predictions, metrics, comparisons; and results.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from .catalogue import CHOSEN, SIMPLE
from .compare import BOOTSTRAP, NADEAU_BENGIO, Comparison, bootstrap, corrected_t, holm
from .data import Snapshot
from .metrics import PRIMARY, as_columns, evaluate, summary, targets, why_none


@dataclass(frozen=True)
class FoldScores:
    """One learner on the held-out rows of one fold."""

    learner: str
    repeat: int
    fold: int
    rows: np.ndarray
    score: np.ndarray
    n_train: int


@dataclass(frozen=True)
class Results:
    """All that a run found.

    predictions: learner, repeat, fold, row, subject_id, prediction_time, y_true (survival: duration_days, event),
        score or score_CLASS; each held-out row once a repeat.
    metrics: learner -> metric -> mean, sd, low, high, folds. chosen: what it was in each fold, and by which scores.
    attributions: repeat, fold, block, feature, importance, slope, of `chosen` on held-out rows.
    controls: permuted labels (and a shuffled graph): metric, mean, sd, low, high, folds.
    seconds, peak_mb, settings: by learner. cut: what the time limit left out.
    """

    task: str
    metric: str
    predictions: pl.DataFrame
    metrics: dict[str, dict[str, dict[str, Any]]]
    chosen: list[dict[str, Any]]
    comparisons: list[Comparison]
    controls: dict[str, dict[str, Any]]
    attributions: pl.DataFrame
    seconds: dict[str, float]
    peak_mb: dict[str, float | None]
    settings: dict[str, list[dict[str, Any]]]
    cut: list[dict[str, Any]] = field(default_factory=list)
    total_seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """results.json, as STUDY.md says; `metric` is what learners are compared by."""
        peaks = [v for v in self.peak_mb.values() if v is not None]
        return {
            "task": self.task,
            "metric": self.metric,
            "chosen": self.chosen,
            "learners": {
                name: {"metrics": found, "seconds": self.seconds.get(name, 0.0), "peak_mb": self.peak_mb.get(name),
                       "settings": self.settings.get(name, [])}
                for name, found in self.metrics.items()
            },
            "comparisons": [c.as_json() for c in self.comparisons],
            "controls": self.controls,
            "seconds": self.total_seconds,
            "peak_mb": max(peaks, default=None),
            "cut": self.cut,
        }  # fmt: skip


def prediction_table(snapshot: Snapshot, scores: Sequence[FoldScores]) -> pl.DataFrame:
    """One row a learner, repeat, fold and held-out row."""
    survival = snapshot.task == "survival"
    truth = ["duration_days", "event"] if survival else ["label"]
    known = snapshot.rows.select("subject_id", "prediction_time", *truth)
    nobody = np.zeros((0, len(snapshot.classes)) if snapshot.task == "multiclass" else 0)
    out = []
    for one in scores or [FoldScores("", 0, 0, np.zeros(0, dtype=np.int64), nobody, 0)]:
        head = {"learner": one.learner, "repeat": one.repeat, "fold": one.fold, "row": one.rows}
        frame = pl.DataFrame(head).with_columns(pl.col("row").cast(pl.Int64))
        columns = pl.DataFrame(dict(as_columns(snapshot.task, snapshot.classes, one.score)))
        out.append(pl.concat([frame, known[one.rows], columns], how="horizontal"))
    return pl.concat(out).rename({} if survival else {"label": "y_true"})


def fold_metrics(snapshot: Snapshot, scores: Sequence[FoldScores]) -> dict[str, dict[str, dict[str, Any]]]:
    """learner -> metric -> summary over its folds; `why` stands where a metric has no value at all."""
    y = targets(snapshot.rows, snapshot.task, snapshot.classes)
    found: dict[str, dict[str, list[float | None]]] = {}
    for one in scores:
        for metric, value in evaluate(snapshot.task, y[one.rows], one.score, snapshot.classes).items():
            found.setdefault(one.learner, {}).setdefault(metric, []).append(value)
    out: dict[str, dict[str, dict[str, Any]]] = {}
    for name, metrics in found.items():
        out[name] = {metric: summary(values) for metric, values in metrics.items()}
        for one_metric in out[name].values():
            if one_metric["mean"] is None:
                one_metric["why"] = why_none(snapshot.task)
    return out


def comparisons(snapshot: Snapshot, scores: Sequence[FoldScores], seed: int) -> list[Comparison]:
    """`chosen` less each learner, and each other learner less the best simple one; primary metric.

    The best simple learner is picked by these same held-out folds, so a difference from it is on the strict side.
    """
    metric = PRIMARY[snapshot.task]
    metrics = fold_metrics(snapshot, scores)
    means = {name: m[metric]["mean"] for name, m in metrics.items() if m[metric]["mean"] is not None}
    simple = [name for name in (*SIMPLE, "cox_pca") if name in means]
    best = max(simple, key=lambda name: means[name], default=None)
    pairs = [(CHOSEN, name) for name in means if name != CHOSEN and CHOSEN in means]
    rivals = [(name, best) for name in means if best is not None and name not in (best, CHOSEN)]
    out: list[Comparison] = []
    for family in (pairs, rivals):
        found = [_compare(snapshot, scores, a, b or "", metric=metric, seed=seed) for a, b in family]
        corrected = holm([c.p for c in found])
        out += [Comparison(**{**vars(c), "p_holm": p}) for c, p in zip(found, corrected, strict=True)]
    return out


def _compare(snapshot: Snapshot, scores: Sequence[FoldScores], a: str, b: str, *, metric: str, seed: int) -> Comparison:
    """Several folds: the corrected t over them. One: the patient bootstrap."""
    y = targets(snapshot.rows, snapshot.task, snapshot.classes)
    right = {(s.repeat, s.fold): s for s in scores if s.learner == b}
    both = [(s, right[s.repeat, s.fold]) for s in scores if s.learner == a and (s.repeat, s.fold) in right]
    if len(both) == 1:
        one, other = both[0]
        subject = snapshot.rows["subject_id"].rank("dense").to_numpy()[one.rows]
        if evaluate(snapshot.task, y[one.rows], one.score, snapshot.classes)[metric] is None:
            return Comparison(a, b, metric, None, None, None, None, BOOTSTRAP)
        found = bootstrap(snapshot.task, metric, y[one.rows], a=one.score, b=other.score, subject=subject, seed=seed)
        return Comparison(a, b, metric, *found, BOOTSTRAP)
    differences, n_train, n_held = [], [], []
    for one, other in both:
        left = evaluate(snapshot.task, y[one.rows], one.score, snapshot.classes)[metric]
        less = evaluate(snapshot.task, y[other.rows], other.score, snapshot.classes)[metric]
        if left is not None and less is not None:
            differences.append(left - less)
            n_train.append(one.n_train)
            n_held.append(len(one.rows))
    if len(differences) < 2:
        return Comparison(a, b, metric, differences[0] if differences else None, None, None, None, NADEAU_BENGIO)
    found = corrected_t(np.array(differences), float(np.mean(n_train)), float(np.mean(n_held)))
    return Comparison(a, b, metric, *found, NADEAU_BENGIO)
