"""Paired differences between learners on the same held-out rows, each with an interval and the name of its method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from ..learners.registry import CHOSEN, SIMPLE
from .fold_scores import LearnerScores
from .intervals import FOLDS, SPLIT, holm, mean_over_folds, spread


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


def comparisons(judged: Mapping[str, LearnerScores], metric: str) -> list[Comparison]:
    """`chosen` less each learner, and each other learner less the best simple one.

    The best simple learner is picked by these same held-out folds, so a difference from it is on the strict side.
    """
    means = _means(judged, metric)
    best = best_simple(judged, metric)
    pairs = [(CHOSEN, name) for name in means if name != CHOSEN and CHOSEN in means]
    rivals = [(name, best) for name in means if best and name not in (best, CHOSEN)]
    out: list[Comparison] = []
    for family in (pairs, rivals):
        found = [compare(a, judged[a], b, judged[b], metric) for a, b in family]
        corrected = holm([c.p for c in found])
        out += [replace(c, p_holm=p) for c, p in zip(found, corrected, strict=True)]
    return out


def best_simple(judged: Mapping[str, LearnerScores], metric: str) -> str:
    """The plain learner with the best mean; "" where none ran."""
    means = _means(judged, metric)
    return max((name for name in (*SIMPLE, "cox_pca") if name in means), key=lambda name: means[name], default="")


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
