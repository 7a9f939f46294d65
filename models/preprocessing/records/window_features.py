"""Window features: what each code's events and numbers were over spans of time before the prediction; unfitted, sparse.

Counts and the last event's recency of every code, text and ancestor; first, least, greatest, mean and slope of every code's
numbers. Nothing beyond the time fence is in a snapshot's events, so nothing beyond it is in here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from ...base.per_table import PerTable
from ...base.snapshot import Snapshot
from .code_hierarchy import CodeHierarchy

SPANS = (0.25, 1.0, 7.0, 30.0, 90.0, 365.0)
"""Days that a window may hold: six hours, a day, a week, a month, a quarter, a year. Beside them there is always `EVER`."""
EVER = float("inf")
OCCURRENCE = ("count", "recency")
"""Of the events of a code; recency: 1 / (1 + days since the last one), so that never is 0, as it is in a sparse matrix."""
STATISTICS = ("first", "min", "max", "mean", "slope")
"""Of the numbers of a code; slope: least squares, a day. (The last number is in `EventCounts`.)"""
FEWEST, MOST = 0.1, 0.9
"""A window is worth having if it holds so much of all events: fewer are noise, more are what `EVER` holds."""
BLOCK = 1 << 19
"""Events at a time: what is made on the way stays small."""
_SAME = 1e-9
"""Squared days: times that differ by less have no slope."""


@dataclass(frozen=True)
class WindowFeatures:
    """One window, over all rows of a snapshot.

    span: days before the prediction that it holds, `EVER` for all. Undated events are in none.
    tokens: as in `EventCounts`: codes, `code=text`, ancestors. count, recency: (n, tokens) csr, as in OCCURRENCE.
    numbers: of STATISTICS -> (n, codes) csr; what is stored was measured, zeros too; NaN is a slope of numbers that were all
        taken at one time.
    """

    span: float
    tokens: list[str]
    count: sparse.csr_matrix
    recency: sparse.csr_matrix
    codes: list[str]
    numbers: dict[str, sparse.csr_matrix]


_WINDOWS = PerTable[PerTable[dict[float, WindowFeatures]]]()


def window_features(snapshot: Snapshot, spans: Sequence[float]) -> list[WindowFeatures]:
    """The features of these windows; each is made once for each table of events and of links.

    Raises: ValueError for a snapshot without records.
    """
    events = snapshot.events
    if events is None:
        raise ValueError("this study has no records")
    made = _WINDOWS.of(events, PerTable[dict[float, WindowFeatures]]).of(snapshot.links, dict)
    missing = [span for span in spans if span not in made]
    if missing:
        made |= {one.span: one for one in windows(events, snapshot.rows.height, snapshot.links, missing)}
    return [made[span] for span in spans]


def choose_spans(snapshot: Snapshot, rows: np.ndarray) -> tuple[float, ...]:
    """The windows that suit how fast things happen to these rows: `EVER`, and of SPANS the shortest and the longest that hold
    between FEWEST and MOST of their dated events.

    Two days of an intensive care unit get a day and six hours; years of visits get a year and, say, a month. Under an
    order clock, where days are ranks, `EVER` alone.
    """
    if snapshot.events is None or snapshot.clock == "order":
        return (EVER,)
    mine = np.isin(snapshot.events["row"].to_numpy(), rows)
    days = snapshot.events["days"].filter(mine).drop_nulls().to_numpy()
    if not len(days):
        return (EVER,)
    kept = [span for span in SPANS if FEWEST <= (days <= span).mean() <= MOST]
    return (EVER, *dict.fromkeys([kept[-1], kept[0]] if kept else []))


def windows(events: pl.DataFrame, rows: int, links: pl.DataFrame, spans: Sequence[float]) -> list[WindowFeatures]:
    """As `window_features`, of a table of events (sorted by row and time) and of links. Time and memory are linear in events.

    Args:
        rows: how many rows there are. spans: days, in any order.
    """
    dated = events.filter(pl.col("days").is_not_null()) if events["days"].has_nulls() else events
    worded = dated.filter(pl.col("text_value").is_not_null())
    texts = worded.select(pl.concat_str("code", pl.lit("="), "text_value"))[:, 0]
    by_code, by_text = _Facts.of(dated, dated["code"]), _Facts.of(worded, texts)
    tokens, up = _above(by_code.names, by_text.names, CodeHierarchy.of(links))
    out = []
    for span, code, text in zip(spans, _cells(by_code, rows, spans), _cells(by_text, rows, spans), strict=True):
        count, recency = code["count"], code["recency"]
        if tokens != by_code.names:  # there are texts, or something lies above a code
            count, recency = (sparse.hstack([code[name], text[name]], format="csr") for name in OCCURRENCE)
            count, recency = count @ up, _highest(recency, up)
        out.append(
            WindowFeatures(span, tokens, count, recency, by_code.names, {name: code[name] for name in STATISTICS})
        )
    return out


@dataclass(frozen=True)
class _Facts:
    """Events as arrays, by row and time: each has a row, the place of its name, days before the prediction, and a number."""

    names: list[str]
    row: np.ndarray
    name: np.ndarray
    days: np.ndarray
    number: np.ndarray

    @classmethod
    def of(cls, events: pl.DataFrame, names: pl.Series) -> _Facts:
        known = names.unique().sort()
        place = names.cast(pl.Enum(known)).to_physical().to_numpy()
        number = events["numeric_value"].cast(pl.Float64).to_numpy()
        return cls(known.to_list(), events["row"].to_numpy(), place, events["days"].to_numpy(), number)

    def blocks(self) -> Iterator[_Facts]:
        """Some rows at a time, their events by row, then name, then time: two counting sorts, so linear."""
        a = 0
        while a < len(self.row):
            last = self.row[min(a + BLOCK, len(self.row)) - 1]
            b = int(np.searchsorted(self.row, last, "right"))
            by_name = _counting_sort(self.name[a:b], len(self.names))
            row = self.row[a:b][by_name] - self.row[a]
            yield self.at(a + by_name[_counting_sort(row, int(last - self.row[a]) + 1)])
            a = b

    def at(self, place: np.ndarray) -> _Facts:
        return _Facts(self.names, self.row[place], self.name[place], self.days[place], self.number[place])

    def where(self, kept: np.ndarray) -> _Facts:
        return self if kept.all() else self.at(np.flatnonzero(kept))

    def starts(self) -> np.ndarray:
        """Where the events of each row and name begin."""
        new = (self.row[1:] != self.row[:-1]) | (self.name[1:] != self.name[:-1])
        return np.concatenate([[0], 1 + np.flatnonzero(new)])


def _counting_sort(key: np.ndarray, keys: int) -> np.ndarray:
    """The stable order of small integers."""
    n = len(key)
    one_each = sparse.csr_matrix((np.arange(n, dtype=np.int32), key, np.arange(n + 1)), shape=(n, keys))
    return np.asarray(one_each.tocsc().data)


def _cells(facts: _Facts, rows: int, spans: Sequence[float]) -> list[dict[str, sparse.csr_matrix]]:
    """For each span: OCCURRENCE and STATISTICS -> (rows, names) csr."""
    parts = [(_Columns(OCCURRENCE), _Columns(STATISTICS)) for _ in spans]
    for block in facts.blocks():
        for span, (occurred, measured) in zip(spans, parts, strict=True):
            inside = block.where(block.days <= span)
            occurred.add(inside, _occurrence)
            measured.add(inside.where(np.isfinite(inside.number)), _distribution)
    shape = rows, len(facts.names)
    return [occurred.matrices(shape) | measured.matrices(shape) for occurred, measured in parts]


class _Columns:
    """Aggregates of cells (a row and a name), block after block; their rows and names ascend, as csr has them."""

    def __init__(self, names: Sequence[str]) -> None:
        self.row, self.name = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
        self.values = {name: [np.zeros(0, np.float32)] for name in names}

    def add(self, facts: _Facts, aggregate: Callable[[_Facts, np.ndarray], Iterator[np.ndarray]]) -> None:
        """aggregate: facts, and where each cell begins -> an array a statistic."""
        if len(facts.row):
            start = facts.starts()
            self.row.append(facts.row[start])
            self.name.append(facts.name[start])
            for parts, made in zip(self.values.values(), aggregate(facts, start), strict=True):
                parts.append(made.astype(np.float32))

    def matrices(self, shape: tuple[int, int]) -> dict[str, sparse.csr_matrix]:
        """All share where their cells are."""
        column, start = np.concatenate(self.name), np.zeros(shape[0] + 1, np.int64)
        np.cumsum(np.bincount(np.concatenate(self.row), minlength=shape[0]), out=start[1:])
        cells = {name: (np.concatenate(parts), column, start) for name, parts in self.values.items()}
        return {name: sparse.csr_matrix(one, shape=shape) for name, one in cells.items()}


def _occurrence(facts: _Facts, start: np.ndarray) -> Iterator[np.ndarray]:
    """OCCURRENCE."""
    end = np.append(start[1:], len(facts.row))
    yield end - start
    yield 1 / (1 + facts.days[end - 1])


def _distribution(facts: _Facts, start: np.ndarray) -> Iterator[np.ndarray]:
    """STATISTICS."""
    number, count = facts.number, np.diff(start, append=len(facts.row))
    yield number[start]
    yield np.minimum.reduceat(number, start)
    yield np.maximum.reduceat(number, start)
    yield np.add.reduceat(number, start) / count
    back = facts.days - np.repeat(np.add.reduceat(facts.days, start) / count, count)
    square = np.add.reduceat(back * back, start)
    with np.errstate(invalid="ignore", divide="ignore"):
        yield np.where(square > _SAME, -np.add.reduceat(back * number, start) / square, np.nan)


def _above(codes: list[str], words: list[str], tree: CodeHierarchy) -> tuple[list[str], sparse.csr_matrix]:
    """The tokens, and (codes and words, tokens) csr: 1 where an event of the one is an event of the other."""
    above = [(code, *tree.ancestors(code)) for code in codes] + [(word,) for word in words]
    tokens = sorted({token for one in above for token in one})
    place = {token: j for j, token in enumerate(tokens)}
    column = np.array([place[token] for one in above for token in one], dtype=np.int64)
    start = np.cumsum([0, *(len(one) for one in above)])
    shape = len(above), len(tokens)
    return tokens, sparse.csr_matrix((np.ones(len(column), np.float32), column, start), shape=shape)


def _highest(values: sparse.csr_matrix, up: sparse.csr_matrix) -> sparse.csr_matrix:
    """As values @ up, the greatest instead of the sum."""
    cells, width = values.tocoo(), np.diff(up.indptr)[values.indices]
    first = np.repeat(up.indptr[values.indices] - np.cumsum(width) + width, width)
    column = up.indices[first + np.arange(len(first))]
    row, data = np.repeat(cells.row, width), np.repeat(cells.data, width)
    order = np.lexsort((column, row))
    row, column, data = row[order], column[order], data[order]
    new = (row[1:] != row[:-1]) | (column[1:] != column[:-1])
    start = np.concatenate([[0], 1 + np.flatnonzero(new)]) if len(row) else np.zeros(0, np.int64)
    highest = np.maximum.reduceat(data, start) if len(row) else data
    return sparse.csr_matrix((highest, (row[start], column[start])), shape=(values.shape[0], up.shape[1]))
