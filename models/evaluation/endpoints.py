"""Endpoints: each of several by itself: how well every learner tells it, and what that is beyond a reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from ..base.snapshot import Snapshot
from ..metrics.several.responses import LEAST, spearman
from .fold_scores import FoldScores
from .predictions import parts_of

SCHEMA = {
    "learner": pl.String, "endpoint": pl.String, "n": pl.Int64, "spearman": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "r2": pl.Float64, "mae": pl.Float64, "difference": pl.Float64,
}  # fmt: skip
_Z = 1.959963984540054
_FIELLER = 1.06
DRAWS = 2000


def endpoint_table(snapshot: Snapshot, predictions: pl.DataFrame, reference: str) -> pl.DataFrame:
    """Per-endpoint performance: a row a learner and endpoint, in the snapshot's order.

    spearman, r2, mae: means over the folds in which the endpoint can be judged (LEAST rows, not all the same). low, high: 95 %
    interval of that mean, by Fisher's transformation with Fieller's variance; of R² and MAE none.
    difference: Spearman less the reference's on the same endpoint; null of the reference itself, or where there is none.
    Args:
        predictions: as `Results.predictions`. reference: a learner's name.
    Source: Fieller, Hartley & Pearson 1957, doi:10.1093/biomet/44.3-4.470.
    """
    names = predictions["learner"].unique(maintain_order=True).to_list()
    each = {name: [_one(snapshot, parts_of(predictions, snapshot, name), k) for k in range(len(snapshot.classes))]
            for name in names}  # fmt: skip
    rows = []
    for name in names:
        for k, endpoint in enumerate(snapshot.classes):
            found = each[name][k]
            other = each[reference][k]["spearman"] if reference in each and name != reference else None
            both = found["spearman"] is not None and other is not None
            rows.append({"learner": name, "endpoint": endpoint, **found,
                         "difference": found["spearman"] - other if both else None})  # fmt: skip
    return pl.DataFrame(rows, SCHEMA)


def endpoint_comparisons(table: pl.DataFrame, a: str, seed: int) -> list[dict[str, Any]]:
    """a less each other learner in Spearman, mean over endpoints, with a 95 % interval by resampling endpoints.

    Such an interval is about other endpoints of this kind on these same patients; that over patients is in `comparisons`.
    Args:
        table: from `endpoint_table`.
    Returns: a, b, difference, low, high, better (endpoints on which a is better), endpoints.
    """
    wide = table.pivot("learner", index="endpoint", values="spearman")
    rng = np.random.default_rng(seed)
    out = []
    for b in (name for name in wide.columns[1:] if name != a and a in wide.columns):
        gap = wide.select(pl.col(a) - pl.col(b)).to_series().drop_nulls().to_numpy()
        if not len(gap):
            continue
        drawn = gap[rng.integers(0, len(gap), (DRAWS, len(gap)))].mean(axis=1)
        low, high = (float(edge) for edge in np.quantile(drawn, (0.025, 0.975)))
        out.append({"a": a, "b": b, "difference": float(gap.mean()), "low": low, "high": high,
                    "better": int((gap > 0).sum()), "endpoints": len(gap)})  # fmt: skip
    return out


def _one(snapshot: Snapshot, parts: Sequence[FoldScores], k: int) -> dict[str, Any]:
    """n, spearman, low, high, r2, mae of one learner and endpoint."""
    values, n, free = [], 0, 0
    for part in parts:
        known = np.isfinite(part.y[:, k])
        y, score = part.y[known, k], part.score[known, k]
        if len(y) < LEAST or (found := spearman(y, score)) is None:
            continue
        error = y - score
        values.append((found, 1 - float((error**2).sum() / ((y - y.mean()) ** 2).sum()), float(np.abs(error).mean())))
        n, free = n + len(y), free + len(y) - 3
    if not values:
        return {"n": 0, **dict.fromkeys(("spearman", "low", "high", "r2", "mae"))}
    rho, r2, mae = (float(one) for one in np.mean(values, axis=0))
    repeats = len({part.repeat for part in parts})
    low = high = None
    if free:
        at, wide = np.arctanh(np.clip(rho, -0.999999, 0.999999)), _Z * np.sqrt(_FIELLER * repeats / free)
        low, high = float(np.tanh(at - wide)), float(np.tanh(at + wide))
    return {"n": n // repeats, "spearman": rho, "low": low, "high": high, "r2": r2, "mae": mae}
