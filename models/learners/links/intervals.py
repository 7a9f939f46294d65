"""Intervals over queries: a bootstrap that draws whole queries, with all their folds and repeats, for means and paired
differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import polars as pl
from scipy.stats import norm

from ...evaluation.intervals import holm
from .ranks import METRICS

DRAWS = 1000
_AT_ONCE = 50
METHOD = "95% intervals: bootstrap over queries (1,000 resamples)"


@dataclass(frozen=True)
class Difference:
    """a − b of one metric over the same queries. p: two-sided, of the bootstrap's normal; p_holm: over its family."""

    a: str
    b: str
    metric: str
    difference: float
    low: float
    high: float
    p: float
    method: str = METHOD
    p_holm: float | None = None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def means(table: pl.DataFrame, seed: int) -> dict[str, dict[str, object]]:
    """Each metric of one learner: mean over queries, sd over folds, low and high (95 %), folds, queries.

    table: of `ranks.per_query`.
    """
    if table.is_empty():
        return {}
    found = _resampled(table, METRICS, seed)
    folds = table.group_by("repeat", "fold").agg(pl.col(*METRICS).mean()).sort("repeat", "fold")
    out: dict[str, dict[str, object]] = {}
    for metric in METRICS:
        each = folds[metric].to_list()
        low, high = np.quantile(found[metric], [0.025, 0.975])
        out[metric] = {
            "mean": float(table[metric].mean()), "sd": float(np.std(each, ddof=1)) if len(each) > 1 else None,  # type: ignore[arg-type]
            "low": float(low), "high": float(high), "folds": each, "queries": table["query"].n_unique(),
        }  # fmt: skip
    return out


def difference(a: str, b: str, tables: Mapping[str, pl.DataFrame], metric: str, seed: int) -> Difference:
    """Paired difference of two learners over the queries and folds that both were judged on."""
    by = ["repeat", "fold", "query"]
    both = tables[a].select(*by, pl.col(metric)).join(tables[b].select(*by, other=metric), on=by)
    both = both.with_columns(pl.col(metric) - pl.col("other"))
    drawn = _resampled(both, (metric,), seed)[metric]
    mean, spread = float(both[metric].mean()), float(np.std(drawn, ddof=1))  # type: ignore[arg-type]
    low, high = np.quantile(drawn, [0.025, 0.975])
    p = float(2 * norm.sf(abs(mean) / spread)) if spread > 0 else 1.0
    return Difference(a, b, metric, mean, float(low), float(high), p)


def corrected(family: Sequence[Difference]) -> list[Difference]:
    """The same with p corrected for all of them (Holm 1979)."""
    found = holm([one.p for one in family])
    return [replace(one, p_holm=p) for one, p in zip(family, found, strict=True)]


def _resampled(table: pl.DataFrame, metrics: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    """(DRAWS,) means of each metric over queries drawn with replacement."""
    each = table.group_by("query").agg(pl.col(*metrics).sum(), n=pl.len()).sort("query")
    total, count = each.select(*metrics).to_numpy(), each["n"].to_numpy()
    rng = np.random.default_rng([seed, 11])
    drawn = []
    for _ in range(DRAWS // _AT_ONCE):
        weight = rng.multinomial(len(count), np.full(len(count), 1 / len(count)), size=_AT_ONCE).astype(np.float64)
        drawn.append(weight @ total / (weight @ count)[:, None])
    found = np.concatenate(drawn)
    return {metric: found[:, i] for i, metric in enumerate(metrics)}
