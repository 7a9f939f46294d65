"""Feature distributions: what the values of a layer were like where a model was trained; no patient's value is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl

from ...base.snapshot import Snapshot
from ...preprocessing.omics_layer import is_mutation
from ...preprocessing.steps.layer_steps import dense_values
from ..disclosure import FEW

MOST_BINS = 100
MOST_ROWS = 2_000
"""Patients that are looked at: of more, so many at random, which is enough for a hundred bins."""
MOST_NUMBERS = 1 << 24
"""Of a layer so many means are kept at most (64 MB): of very many features fewer bins each."""
_COLUMNS = 2_000


@dataclass(frozen=True, eq=False)
class FeatureDistribution:
    """The distribution of each feature of a dense layer, on the scale of a model (behind log1p and ranks).

    bins: (features, k) float32, the means of k equally large parts of the patients' values in order, each of ten patients
        or more; NaN for a feature that too few have. mean, sd: (features,) float32.
    rows: how many patients it was told from.
    Example:
        >>> FeatureDistribution.of(np.arange(40, dtype=np.float32)[:, None]).bins.tolist()
        [[4.5, 14.5, 24.5, 34.5]]
    """

    bins: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    rows: int

    @classmethod
    def of(cls, x: np.ndarray) -> Self:
        """x: (patients, features), NaN where not measured; some columns at a time."""
        n, p = x.shape
        k = max(2, min(MOST_BINS, n // FEW, MOST_NUMBERS // max(p, 1)))
        bins = np.full((p, k), np.nan, dtype=np.float32)
        mean, sd = np.zeros(p), np.zeros(p)
        for first in range(0, p, _COLUMNS):
            part = np.sort(x[:, first : first + _COLUMNS], axis=0)  # NaN comes last
            count = np.isfinite(part).sum(axis=0)
            total, here = np.maximum(count, 1), slice(first, first + _COLUMNS)
            mean[here] = np.nansum(part, axis=0, dtype=np.float64) / total
            sd[here] = np.sqrt(np.nansum((part - mean[here]) ** 2, axis=0) / total)
            for m in np.unique(count[count >= 2 * FEW]):
                columns = np.flatnonzero(count == m)
                bins[first + columns] = _binned(part[:m, columns], k)
        enough = np.isfinite(bins[:, 0])
        told = [np.where(enough, one, np.nan).astype(np.float32) for one in (mean, sd)]
        return cls(bins, told[0], told[1], n)

    @property
    def told(self) -> np.ndarray:
        """(features,) bool: whether enough patients had the feature."""
        return np.asarray(np.isfinite(self.bins[:, 0]))

    def state(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        return cls(**state)


def _binned(ordered: np.ndarray, k: int) -> np.ndarray:
    """(columns, k) of (m, columns) sorted values: of fewer than k parts of ten those that there are, drawn out to k."""
    m = len(ordered)
    parts = min(k, m // FEW)
    edges = np.round(np.linspace(0, m, parts + 1)).astype(np.int64)
    means = np.add.reduceat(ordered, edges[:-1], axis=0, dtype=np.float64) / np.diff(edges)[:, None]
    if parts == k:
        return np.asarray(means.T)
    at, here = (np.arange(k) + 0.5) / k, (np.arange(parts) + 0.5) / parts
    return np.stack([np.interp(at, here, column) for column in means.T])


def distributions_of(
    snapshot: Snapshot, rows: np.ndarray | None = None, seed: int = 1
) -> dict[str, FeatureDistribution]:
    """Layer -> its distribution over these rows (default: all), each patient once; none of mutations, nor of a layer that
    fewer than twenty patients have."""
    every = np.arange(snapshot.rows.height) if rows is None else rows
    first = pl.DataFrame({"row": every, "subject": snapshot.rows["subject_id"][every]})
    out = {}
    for name, layer in snapshot.layers.items():
        if is_mutation(layer):
            continue
        mine = first.filter(pl.Series(layer.profiled[every]))
        mine_rows = mine.unique("subject", keep="first", maintain_order=True)["row"].to_numpy()
        if len(mine_rows) > MOST_ROWS:
            mine_rows = np.sort(np.random.default_rng(seed).choice(mine_rows, MOST_ROWS, replace=False))
        if len(mine_rows) >= 2 * FEW:
            out[name] = FeatureDistribution.of(dense_values(layer, mine_rows))
    return out
