"""Model comparison: paired differences on the same held-out rows, each with an interval and its method's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import polars as pl

from ..base.snapshot import Snapshot
from ..metrics.task_metrics import main_metric, measures
from .bootstrap import Resamples, quotient
from .fold_scores import FoldScores, LearnerScores, draw
from .intervals import FOLDS, SPLIT, holm, mean_over_folds, spread
from .predictions import parts_of


@dataclass(frozen=True)
class Comparison:
    """a − b of one metric. p_holm: p corrected for all comparisons of its family (Holm 1979)."""

    a: str
    b: str
    metric: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    method: str
    p_holm: float | None = None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def comparisons(
    judged: Mapping[str, LearnerScores], metric: str, chosen: str, baselines: Sequence[str]
) -> list[Comparison]:
    """`chosen` less each learner, and each other learner less the best baseline.

    The best baseline learner is picked by these same held-out folds, so a difference from it is on the strict side.
    """
    means = _means(judged, metric)
    best = best_baseline(judged, metric, baselines)
    pairs = [(chosen, name) for name in means if name != chosen and chosen in means]
    rivals = [(name, best) for name in means if best and name not in (best, chosen)]
    out: list[Comparison] = []
    for family in (pairs, rivals):
        found = [compare(a, judged[a], b, judged[b], metric) for a, b in family]
        corrected = holm([c.p for c in found])
        out += [replace(c, p_holm=p) for c, p in zip(found, corrected, strict=True)]
    return out


def best_baseline(judged: Mapping[str, LearnerScores], metric: str, baselines: Sequence[str]) -> str:
    """The plain learner with the best mean; "" where none ran."""
    means = _means(judged, metric)
    return max((name for name in baselines if name in means), key=lambda name: means[name], default="")


def _means(judged: Mapping[str, LearnerScores], metric: str) -> dict[str, float]:
    return {name: float(np.mean(known)) for name, one in judged.items()
            if (known := [v for v in one.values.get(metric, []) if v is not None])}  # fmt: skip


def compare(a: str, left: LearnerScores, b: str, right: LearnerScores, metric: str) -> Comparison:
    """a − b over the folds in which both were scored; without an interval where the metric is nowhere defined."""
    both = [(i, right.places.index(place)) for i, place in enumerate(left.places) if place in right.places]
    pairs = [(i, j) for i, j in both if left.values[metric][i] is not None and right.values[metric][j] is not None]
    method = SPLIT if len(both) == 1 else FOLDS
    if not pairs:
        return Comparison(a, b, metric, None, None, None, None, method)
    mine, others = (list(side) for side in zip(*pairs, strict=True))
    difference = float(np.mean([(left.values[metric][i] or 0.0) - (right.values[metric][j] or 0.0) for i, j in pairs]))
    drawn = mean_over_folds(left.drawn[metric][mine] - right.drawn[metric][others])
    return Comparison(a, b, metric, difference, *spread(difference, drawn, len(both) > 1), method)


def compare_with_reference(
    snapshot: Snapshot, predictions: pl.DataFrame, reference: str, seed: int, metric: str = ""
) -> list[Comparison]:
    """Every other learner less the reference, by the main metric, with the intervals of `comparisons`.

    Args:
        snapshot: rows, task and classes are looked at, nothing else.
        predictions: as `Results.predictions`. seed: of the resamples; the run's own gives the run's own intervals.
        metric: by which they are compared; "": the task's own.
    Returns: one a learner, p_holm over all of them; [] where the reference did not run.
    """
    names = predictions["learner"].unique(maintain_order=True).to_list()
    if reference not in names:
        return []
    parts, metric = {name: parts_of(predictions, snapshot, name) for name in names}, main_metric(snapshot.task, metric)
    resamples = draw(snapshot, [one.rows for its in parts.values() for one in its], seed)
    judged = {name: judge_main(snapshot, its, resamples, metric) for name, its in parts.items()}
    found = [compare(name, judged[name], reference, judged[reference], metric) for name in names if name != reference]
    corrected = holm([one.p for one in found])
    return [replace(one, p_holm=p) for one, p in zip(found, corrected, strict=True)]


def judge_main(snapshot: Snapshot, parts: Sequence[FoldScores], resamples: Resamples, metric: str) -> LearnerScores:
    """One metric alone."""
    values, drawn = [], []
    for one in parts:
        measure = measures(snapshot.task, one.y, one.score, len(snapshot.classes))[metric]
        up, down = measure(np.ones((1, len(one.rows))))
        values.append(float(up[0] / down[0]) if down[0] > 0 else None)
        up, down = resamples.score(one.rows, {metric: measure})[metric]
        drawn.append(quotient(up, down))
    return LearnerScores([one.place for one in parts], {metric: values}, {metric: np.stack(drawn)}, snapshot.task, 0)
