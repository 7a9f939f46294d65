"""Event times: how long before the prediction each code was recorded, as weights over a few spans of time; unfitted."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from ...base.per_table import PerTable
from ...base.snapshot import Snapshot
from .code_hierarchy import CodeHierarchy
from .event_counts import by_token, counts

KNOTS = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)
"""Of the time before the prediction, as log2(1 + days): 0, 3, 15, 63, 255 and 1,023 days."""

_TIMES = PerTable[PerTable[dict[str, sparse.csr_matrix]]]()


def event_times(snapshot: Snapshot) -> sparse.csr_matrix:
    """(rows, knots × tokens), tokens as in `counts`, one knot after the other: events of a token that lie about so long back.

    An event counts for the two knots that it lies between, by how near it is (hat functions): over all knots it counts
    once. Undated events count for none. Under an order clock there are no durations: events are counted back instead.
    Made once for each table of events and of links.
    """
    events = snapshot.events
    if events is None:
        raise ValueError("this study has no records")
    made = _TIMES.of(events, PerTable[dict[str, sparse.csr_matrix]]).of(snapshot.links, dict)
    if snapshot.clock not in made:
        made[snapshot.clock] = _times(snapshot, events)
    return made[snapshot.clock]


def hats(days: np.ndarray) -> np.ndarray:
    """(n,) -> (n, knots), each row summing to one.

    Example:
        >>> hats(np.array([0.0, 7.0, 1e5])).round(2).tolist()
        [[1.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]
    """
    place = np.log2(1 + np.clip(days, 0, None))
    return np.stack([np.interp(place, KNOTS, one) for one in np.eye(len(KNOTS))], axis=1)


def _times(snapshot: Snapshot, events: pl.DataFrame) -> sparse.csr_matrix:
    dated = events.filter(pl.col("days").is_not_null())
    if snapshot.clock == "order":
        back = pl.len() - 1 - pl.int_range(pl.len())  # events stand in their order, the latest last
        dated = dated.with_columns(days=back.over("row").cast(pl.Float64))
    tokens = counts(snapshot).tokens
    place = pl.DataFrame(
        {"token": tokens, "column": range(len(tokens))}, schema={"token": pl.String, "column": pl.Int64}
    )
    long = by_token(dated.select("row", "code", "text_value", "days"), CodeHierarchy.of(snapshot.links))
    long = long.join(place, on="token")
    weight = hats(long["days"].to_numpy())
    row, knot = weight.nonzero()
    at = (long["row"].to_numpy()[row], knot * len(tokens) + long["column"].to_numpy()[row])
    shape = (snapshot.rows.height, len(KNOTS) * len(tokens))
    return sparse.csr_matrix((weight[row, knot].astype(np.float32), at), shape=shape)


def times_of(snapshot: Snapshot, rows: np.ndarray, tokens: list[str]) -> sparse.csr_matrix:
    """(n, knots × tokens): log1p of `event_times` of these tokens; zeros of those that this snapshot does not hold."""
    known = {token: j for j, token in enumerate(counts(snapshot).tokens)}
    at = np.array([known.get(token, -1) for token in tokens], dtype=np.int64)
    knot, here = np.arange(len(KNOTS))[:, None], np.flatnonzero(at >= 0)
    part = event_times(snapshot)[rows][:, (knot * len(known) + at[here]).ravel()].tocoo()
    to = (knot * len(tokens) + here).ravel()
    shape = (len(rows), len(KNOTS) * len(tokens))
    return sparse.csr_matrix((np.log1p(part.data), (part.row, to[part.col])), shape=shape)
