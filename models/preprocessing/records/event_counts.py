"""Event counts: health records as codes, ancestors, last values, how much there is. No order, no recency; unfitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from ...base.per_table import PerTable
from ...base.snapshot import Snapshot
from .code_hierarchy import CodeHierarchy


@dataclass(frozen=True)
class EventCounts:
    """What each row's records hold, unfitted: how often each token occurs, and the last number of each code.

    Tokens are codes, their ancestors, and `code=text` where an event has a text value. current is the last visit's part
    of total; None where events have no visits.
    values: (n, codes with numbers) csr of the last number; measured tells a 0 from nothing.
    earlier: (n, codes with numbers) csr, the sum of the numbers before the current visit.
    amount: (n, 3) events, visits, events before the current visit.
    """

    tokens: list[str]
    code: list[str]
    total: sparse.csr_matrix
    current: sparse.csr_matrix | None
    numeric: list[str]
    values: sparse.csr_matrix
    measured: sparse.csr_matrix
    earlier: sparse.csr_matrix
    amount: np.ndarray


ROLLING = 4
"""Rows a subject has on the mean where one question is asked over and over."""

_COUNTS = PerTable[PerTable[EventCounts]]()


def counts(snapshot: Snapshot) -> EventCounts:
    """The counts of all rows, made once for each table of events and of links: nothing in them is fitted."""
    events = snapshot.events
    if events is None:
        raise ValueError("this study has no records")
    return _COUNTS.of(events, PerTable[EventCounts]).of(snapshot.links, lambda: _count(snapshot, events))


def _count(snapshot: Snapshot, events: pl.DataFrame) -> EventCounts:
    n = snapshot.rows.height
    by_visit = bool(events["visit"].is_not_null().any())
    last = pl.col("visit") == pl.col("visit").max().over("row") if by_visit else pl.lit(False)
    now = events.select("row", "code", "text_value", "visit", number=pl.col("numeric_value"), now=last.fill_null(False))
    long = by_token(now.select("row", "now", "code", "text_value"), CodeHierarchy.of(snapshot.links))
    names = long.group_by("token").agg(pl.col("code").min()).sort("token")
    tokens = names["token"].to_list()
    long = long.join(names.select("token", column=pl.int_range(pl.len(), dtype=pl.Int64)), on="token")
    total = _matrix(long, n, len(tokens))
    past = pl.col("number").filter(~pl.col("now") & by_visit).sum().alias("past")
    numbers = now.filter(pl.col("number").is_finite()).group_by("row", "code").agg(pl.col("number").last(), past)
    numeric = numbers["code"].unique().sort().to_list()
    place = pl.DataFrame(
        {"code": numeric, "column": np.arange(len(numeric))}, schema={"code": pl.String, "column": pl.Int64}
    )
    numbers = numbers.join(place, on="code")
    at = (numbers["row"].to_numpy(), numbers["column"].to_numpy())
    values = sparse.csr_matrix((numbers["number"].to_numpy(), at), shape=(n, len(numeric)))
    measured = sparse.csr_matrix((np.ones(len(at[0]), np.float32), at), shape=values.shape)
    earlier = sparse.csr_matrix((numbers["past"].to_numpy(), at), shape=values.shape)
    return EventCounts(tokens, names["code"].to_list(), total, _matrix(long.filter("now"), n, len(tokens)) if by_visit else None,
                  numeric, values, measured, earlier, _amounts(now, n))  # fmt: skip


def by_token(events: pl.DataFrame, tree: CodeHierarchy) -> pl.DataFrame:
    """Events (code, text_value, …), each once for its code, once for its text, and once for all that lies above: `token`."""
    up = pl.DataFrame(
        [(code, above) for code in events["code"].unique() for above in tree.ancestors(code)],
        schema={"code": pl.String, "above": pl.String}, orient="row",
    )  # fmt: skip
    text = events.filter(pl.col("text_value").is_not_null())
    rest = pl.exclude("token", "text_value", "above")
    return pl.concat(
        [
            events.with_columns(token="code").select("token", rest),
            text.with_columns(token=pl.col("code") + "=" + pl.col("text_value")).select("token", rest),
            events.join(up, on="code").with_columns(token="above").select("token", rest),
        ]
    )


def _matrix(long: pl.DataFrame, n: int, width: int) -> sparse.csr_matrix:
    cells = long.group_by("row", "column").len()
    at = (cells["row"].to_numpy(), cells["column"].to_numpy())
    return sparse.csr_matrix((cells["len"].to_numpy().astype(np.float32), at), shape=(n, width))


def _amounts(now: pl.DataFrame, n: int) -> np.ndarray:
    """(n, 3) events, visits, events before the current visit; 0 for rows without any."""
    found = now.group_by("row").agg(
        events=pl.len(),
        visits=pl.col("visit").n_unique() - pl.col("visit").is_null().any(),
        current=pl.col("now").sum(),
    )
    out = np.zeros((n, 3), dtype=np.float32)
    earlier = pl.when(pl.col("current") > 0).then(pl.col("events") - pl.col("current")).otherwise(0).alias("earlier")
    out[found["row"].to_numpy()] = found.select("events", "visits", earlier).to_numpy()
    return out


def rows_are_visits(snapshot: Snapshot, rows: np.ndarray) -> bool:
    """Whether subjects come several times: a row then stands for its last visit, and what came before is its past."""
    return bool(snapshot.rows["subject_id"][rows].is_duplicated().any())


def asked_again(snapshot: Snapshot, rows: np.ndarray) -> bool:
    """Whether subjects are asked over and over, as every hour of a stay: ROLLING rows each or more, on the mean.

    Rows of a subject then share most of their history, and learners meet each subject many times.
    """
    subjects = snapshot.rows["subject_id"][rows]
    return len(subjects) >= ROLLING * max(subjects.n_unique(), 1)


def code_counts(snapshot: Snapshot, rows: np.ndarray, codes: list[str]) -> np.ndarray:
    """(n, codes) log1p of how often each code (or anything below it) occurs; 0 for codes nobody has."""
    c = counts(snapshot)
    return np.asarray(pick(c.total, rows, c.tokens, codes).log1p().toarray())


def last_values(snapshot: Snapshot, rows: np.ndarray, codes: list[str]) -> np.ndarray:
    """(n, codes) the last number of each code; NaN where there is none."""
    c = counts(snapshot)
    values = pick(c.values, rows, c.numeric, codes).toarray()
    return np.where(pick(c.measured, rows, c.numeric, codes).toarray() > 0, values, np.nan)


def frequent(matrix: sparse.csr_matrix, rows: np.ndarray, least: float, names: list[str], most: int = 0) -> list[str]:
    """Names of the columns that at least `least` of the rows hold; of more than `most`, those that most rows hold."""
    held = np.asarray((matrix[rows] != 0).sum(axis=0)).ravel()
    chosen = np.flatnonzero(held >= least)
    if most and len(chosen) > most:
        chosen = np.sort(chosen[np.argsort(-held[chosen], kind="stable")[:most]])
    return [names[j] for j in chosen]


def pick(matrix: sparse.csr_matrix, rows: np.ndarray, names: list[str], wanted: list[str]) -> sparse.csr_matrix:
    """Columns of `matrix` by name; a name that it does not hold is a column of zeros (unseen in this snapshot)."""
    index = {name: j for j, name in enumerate(names)}
    known = [(k, index[name]) for k, name in enumerate(wanted) if name in index]
    to, at = (np.array(v, dtype=np.int64) for v in zip(*known, strict=True)) if known else (np.zeros(0, int),) * 2
    part = matrix[rows][:, at].tocoo()
    return sparse.csr_matrix((part.data, (part.row, to[part.col])), shape=(len(rows), len(wanted)))
