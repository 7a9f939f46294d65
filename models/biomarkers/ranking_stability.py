"""Stability of a ranking: how far folds agree on the order of all features, and on the first ones.

Folds share patients, so they agree more than rankings of new cohorts would.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from .ranking import FoldAttribution, aligned

PERSISTENCE, DEPTH, PAIRS = 0.9, 100, 100
"""Of the rank-biased overlap: the chance to look one place further, and places looked at; pairs of folds at the most."""


def ranking_stability(attributions: Sequence[FoldAttribution]) -> tuple[dict[str, Any], pl.DataFrame]:
    """How far folds, and repeats of them, agree.

    Returns: folds, features, pairs, kendall_tau (tau-b of the importances of all features: 1 the same order, 0 chance)
        and rank_biased_overlap (of the order from the first place on, 1 the same), each with mean, lowest and highest
        over pairs of folds; {} with fewer than two folds. And of every feature layer, feature, percentile_low,
        percentile_high: its lowest and highest percentile among all features over folds, 100 is the first place.
    Source: Kendall 1945, doi:10.1093/biomet/33.3.239; Webber, Moffat & Zobel 2010, doi:10.1145/1852102.1852106.
    """
    schema = {"layer": pl.String, "feature": pl.String, "percentile_low": pl.Float64, "percentile_high": pl.Float64}
    names, importance, _ = aligned(attributions) if attributions else ([], np.empty((0, 0)), None)
    if not names:
        return {}, pl.DataFrame(schema=schema)
    place = stats.rankdata(-importance, axis=1, method="average")
    percentile = 100 * (1 - (place - 1) / max(len(names) - 1, 1))
    spread = pl.DataFrame(
        {
            "layer": [layer for layer, _ in names],
            "feature": [feature for _, feature in names],
            "percentile_low": percentile.min(axis=0),
            "percentile_high": percentile.max(axis=0),
        },
        schema=schema,
    )
    pairs = list(combinations(range(len(importance)), 2))
    pairs = pairs[:: -(-len(pairs) // PAIRS) or 1]
    if not pairs:
        return {}, spread
    order = np.argsort(-importance, axis=1, kind="stable")[:, :DEPTH]
    tau = [float(stats.kendalltau(importance[a], importance[b]).statistic) for a, b in pairs]
    overlap = [rank_biased_overlap(order[a].tolist(), order[b].tolist()) for a, b in pairs]
    summary = {"folds": len(importance), "features": len(names), "pairs": len(pairs)}
    return {**summary, "kendall_tau": _over(tau), "rank_biased_overlap": _over(overlap)}, spread


def rank_biased_overlap(first: Sequence[object], second: Sequence[object], persistence: float = PERSISTENCE) -> float:
    """Rank-biased overlap of two lists of one length, extrapolated beyond what is seen of them.

    Example:
        >>> rank_biased_overlap("abc", "abc"), rank_biased_overlap("abc", "xyz")
        (1.0, 0.0)
    """
    depth = min(len(first), len(second))
    if not depth:
        return float("nan")
    seen: tuple[set[object], set[object]] = (set(), set())
    shared, total = 0, 0.0
    for k in range(depth):
        a, b = first[k], second[k]
        shared += (a == b) + (a in seen[1]) + (b in seen[0])
        seen[0].add(a)
        seen[1].add(b)
        total += shared / (k + 1) * persistence ** (k + 1)
    return float(shared / depth * persistence**depth + (1 - persistence) / persistence * total)


def _over(values: Sequence[float]) -> dict[str, float | None]:
    known = [value for value in values if np.isfinite(value)]
    if not known:
        return {"mean": None, "lowest": None, "highest": None}
    return {"mean": float(np.mean(known)), "lowest": min(known), "highest": max(known)}
