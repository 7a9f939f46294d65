"""Differential features: which features differ between two groups of patients, by how much, and how sure that is over
all that were tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse, stats

from ..base.snapshot import Layer, Snapshot
from ..preprocessing.omics_layer import is_mutation, mutation_values, not_called
from ..preprocessing.records.code_hierarchy import CodeHierarchy
from ..preprocessing.records.event_counts import EventCounts, counts
from ..statistics.differential import cliffs_delta, odds_ratio
from ..statistics.rank_tests import benjamini_hochberg, kruskal

LEAST = 5
"""A mutation or code that fewer hold is not tested: no such table could be told from chance among hundreds."""
_CELLS = 4_000_000
SCHEMA = {
    "block": pl.String, "feature": pl.String, "symbol": pl.String, "measure": pl.String, "n_a": pl.Int64,
    "n_b": pl.Int64, "a": pl.Float64, "b": pl.Float64, "effect": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "p": pl.Float64, "q": pl.Float64,
}  # fmt: skip
VALUE, SHARE = "value", "share"


def contrast(snapshot: Snapshot, group: np.ndarray) -> pl.DataFrame:
    """Every feature of every layer, and every code before the fence, between two groups; the surest first. What lies
    above a code is in it where more rows hold it than that code.

    Args:
        snapshot: one row a patient. group: (rows,) bool, True for A, False for B.
    Returns: block, feature, symbol; measure `value`: a, b are medians, effect is Cliff's delta (−1 to 1, above 0: higher
        in A), p Mann–Whitney's; measure `share`: a, b are shares that hold it, effect the odds ratio A to B, p Fisher's
        exact; low, high: 95 %; n_a, n_b: who was measured; q: Benjamini and Hochberg over the whole table.
    """
    parts = [pl.DataFrame(schema=SCHEMA)]
    for name, layer in snapshot.layers.items():
        symbols = layer.var["symbol"].to_list() if "symbol" in layer.var.columns else [None] * layer.var.height
        parts += _of_layer(name, layer, symbols, group)
    if snapshot.events is not None:
        found = counts(snapshot)
        everyone = np.ones(len(group), dtype=bool)
        own = _telling(found, CodeHierarchy.of(snapshot.links))
        names = [found.tokens[i] for i in own]
        parts.append(_shares("records", names, [None] * len(names), found.total[:, own], everyone, group))
        last = _gaps(found.values, found.measured)
        parts.append(_values("records", found.numeric, [None] * len(found.numeric), last, group))
    table = pl.concat(parts)
    q = benjamini_hochberg(table["p"].fill_null(float("nan")).to_numpy())
    return table.with_columns(q=pl.Series(q).fill_nan(None)).sort("p", "block", "feature", nulls_last=True)


def _telling(found: EventCounts, tree: CodeHierarchy) -> np.ndarray:
    """Indices of the tokens that say something of their own: what lies above a code, and is held by just the same rows,
    says it once more, and would be one more test."""
    held = sparse.csc_matrix(found.total)
    held.eliminate_zeros()
    held.sort_indices()
    rows = [held.indices[a:b].tobytes() for a, b in pairwise(held.indptr)]
    place = {token: i for i, token in enumerate(found.tokens)}
    twice = {place[above] for token, i in place.items() for above in tree.ancestors(token)
             if above in place and rows[place[above]] == rows[i]}  # fmt: skip
    return np.array([i for i in range(len(rows)) if i not in twice], dtype=np.int64)


def _of_layer(name: str, layer: Layer, symbols: list[Any], group: np.ndarray) -> Iterator[pl.DataFrame]:
    features = layer.var["feature"].to_list()
    if is_mutation(layer):
        rows = np.arange(len(layer.profiled))
        held, unknown = mutation_values(layer, rows), not_called(layer, rows)
        yield _shares(name, features, symbols, held, layer.profiled, group, unknown)
    else:
        yield _values(name, features, symbols, np.asarray(layer.values, dtype=np.float64), group)


def _gaps(values: sparse.csr_matrix, measured: sparse.csr_matrix) -> np.ndarray:
    return np.where(measured.toarray() > 0, values.toarray(), np.nan)


def _values(block: str, features: list[str], symbols: list[Any], x: np.ndarray, group: np.ndarray) -> pl.DataFrame:
    """Dense columns (n, p), NaN is missing."""
    out = []
    size = max(1, _CELLS // max(len(group), 1))
    for start in range(0, len(features), size):
        part = x[:, start : start + size]
        n_a, n_b = ((~np.isnan(part[side])).sum(axis=0) for side in (group, ~group))
        delta, low, high = cliffs_delta(part, group)
        p = kruskal(part, np.where(group, "a", "b"))
        a, b = (_medians(part[side]) for side in (group, ~group))
        out.append(_table(block, features[start : start + size], symbols[start : start + size], VALUE, n_a, n_b, a, b, delta, low, high, p))  # fmt: skip
    return pl.concat(out) if out else pl.DataFrame(schema=SCHEMA)


def _medians(x: np.ndarray) -> np.ndarray:
    some = (~np.isnan(x)).any(axis=0)
    out = np.full(x.shape[1], np.nan)
    out[some] = np.nanmedian(x[:, some], axis=0)
    return out


def _shares(
    block: str, features: list[str], symbols: list[Any], held: sparse.csr_matrix, known: np.ndarray, group: np.ndarray,
    unknown: sparse.csr_matrix | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Columns that a row holds or not, among the rows that were looked at; those that fewer than LEAST hold have no p.

    Args: unknown: (n, p) 1 where nobody knows, though the row was looked at: it is in no denominator.
    """
    some = (sparse.csr_matrix(held) != 0).astype(np.int64)
    n_a, n_b = (np.full(len(features), int((side & known).sum())) for side in (group, ~group))
    if unknown is not None and unknown.nnz:
        n_a, n_b = (
            n - np.asarray(unknown[side & known].sum(axis=0)).ravel().astype(int)
            for n, side in ((n_a, group), (n_b, ~group))
        )
    a, b = (np.asarray(some[side & known].sum(axis=0)).ravel() for side in (group, ~group))
    tested = (a + b >= LEAST) & (n_a > 0) & (n_b > 0) & (a + b < n_a + n_b)
    p = np.full(len(features), np.nan)
    known_p: dict[tuple[int, int, int, int], float] = {}
    for i in np.flatnonzero(tested):
        key = int(a[i]), int(b[i]), int(n_a[i]), int(n_b[i])
        if key not in known_p:
            known_p[key] = float(stats.fisher_exact([[key[0], key[2] - key[0]], [key[1], key[3] - key[1]]]).pvalue)
        p[i] = known_p[key]
    odds, low, high = odds_ratio(a, n_a, b, n_b)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(n_a > 0, a / n_a, np.nan), np.where(n_b > 0, b / n_b, np.nan)
    return _table(block, features, symbols, SHARE, n_a, n_b, *shares, odds, low, high, p)


def _table(block: str, features: list[str], symbols: list[Any], measure: str, *columns: np.ndarray) -> pl.DataFrame:
    names = [name for name in SCHEMA if name not in ("block", "feature", "symbol", "measure", "q")]
    data: dict[str, Any] = {
        "block": [block] * len(features),
        "feature": features,
        "symbol": symbols,
        "measure": [measure] * len(features),
    }
    data |= dict(zip(names, columns, strict=True))
    table = pl.DataFrame({**data, "q": [None] * len(features)}, schema_overrides={"symbol": pl.String, "q": pl.Float64})
    return table.cast(SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None)).select(list(SCHEMA))  # type: ignore[arg-type]
