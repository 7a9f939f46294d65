"""Window features: what each code's events and numbers were over spans of time before the prediction; unfitted, sparse.

Counts and the last event's recency of every code, text and ancestor; first, least, greatest, mean and slope of every code's
numbers. Nothing beyond the time fence is in a snapshot's events, so nothing beyond it is in here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from scipy import sparse

from ....loaders.files.source_folder import on_threads
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
BLOCK = 1 << 18
"""Events at a time: what is made on the way stays small, near a processor's cache."""
NUMBERED = 1 << 20
"""Names at a time."""
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
    """As `window_features`, of a table of events (sorted by row and time) and of links. Time and memory are linear in events;
    blocks of rows are counted on several threads, with the same result on any number of them.

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
    """Events as arrays, by row and time: each has a row, a number of its name, days before the prediction, and a number.

    place: of the number of a name -> where it stands among names, which ascend.
    """

    names: list[str]
    place: np.ndarray
    row: np.ndarray
    name: np.ndarray
    days: np.ndarray
    number: np.ndarray

    @classmethod
    def of(cls, events: pl.DataFrame, names: pl.Series) -> _Facts:
        numbered = list(
            on_threads(_numbered, (names[a : a + NUMBERED] for a in range(0, max(1, len(names)), NUMBERED)))
        )
        known = pl.concat([known for _, known in numbered]).unique()
        known = known.gather(known.cast(pl.String).arg_sort())
        numbers = known.to_physical().to_numpy()
        place = np.zeros(int(numbers.max(initial=0)) + 1, np.int32)
        place[numbers] = np.arange(len(numbers))
        name, number = np.concatenate([one for one, _ in numbered]), events["numeric_value"].cast(pl.Float64).to_numpy()
        return cls(
            known.cast(pl.String).to_list(), place, events["row"].to_numpy(), name, events["days"].to_numpy(), number
        )

    def parts(self) -> Iterator[slice]:
        """Some events at a time, of each row all."""
        a = 0
        while a < len(self.row):
            last = self.row[min(a + BLOCK, len(self.row)) - 1]
            b = a + int(np.searchsorted(self.row[a:], last, "right"))
            yield slice(a, b)
            a = b

    def block(self, part: slice) -> _Block:
        """Two counting sorts, by name and by row again, so linear."""
        rows = np.arange(self.row[part.start], self.row[part.stop - 1] + 1)
        begin = np.searchsorted(self.row[part], np.append(rows, rows[-1] + 1))
        place = np.arange(begin[-1], dtype=np.int32)
        by_row = sparse.csr_matrix((place, self.place[self.name[part]], begin), shape=(len(rows), len(self.names)))
        ordered = by_row.tocsc().tocsr()
        name, place = ordered.indices, ordered.data
        last = np.append(name[1:] != name[:-1], True)
        last[begin[1:] - 1] = True  # of a row without events: the end of the one before it
        end = np.flatnonzero(last) + 1
        row = np.repeat(rows, np.diff(np.searchsorted(end, begin, "right")))
        return _Block(row, name[end - 1], end, self.days[part][place], self.number[part][place])


def _numbered(names: pl.Series) -> tuple[np.ndarray, pl.Series]:
    """Of one column of texts: the number of each, and each once. A text is looked up once: an Enum has to know them before."""
    numbered = names.cast(pl.Categorical)
    return numbered.to_physical().to_numpy(), numbered.unique()


@dataclass(frozen=True)
class _Block:
    """Cells (a row and a name), ascending as csr has them, and their events by time.

    row, name, end: (cells,); end: where the events of each end. days, number: (events,).
    """

    row: np.ndarray
    name: np.ndarray
    end: np.ndarray
    days: np.ndarray
    number: np.ndarray

    def where(self, kept: np.ndarray) -> _Block:
        """These events, and the cells that have some."""
        if kept.all():
            return self
        end, place = np.cumsum(kept, dtype=np.int32)[self.end - 1], np.flatnonzero(kept)
        held = np.flatnonzero(np.diff(end, prepend=0) > 0)
        return _Block(self.row[held], self.name[held], end[held], self.days[place], self.number[place])

    @cached_property
    def count(self) -> np.ndarray:
        """(cells,) events."""
        return np.diff(self.end, prepend=0)

    @cached_property
    def cell(self) -> np.ndarray:
        """(events,) whose each is."""
        begun = np.zeros(len(self.days) + 1, np.int64)
        begun[self.end] = 1
        return np.cumsum(begun[:-1], out=begun[:-1])

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(cells,) of (events,). Most cells hold few: several times quicker than `reduceat`."""
        return np.bincount(self.cell, values, minlength=len(self.row))

    def occurrence(self) -> Iterator[np.ndarray]:
        """OCCURRENCE."""
        yield self.count
        yield 1 / (1 + self.days[self.end - 1])

    def distribution(self) -> Iterator[np.ndarray]:
        """STATISTICS."""
        first = self.number[self.end - self.count]
        yield first
        for extreme in (np.minimum, np.maximum):
            found = first.copy()
            extreme.at(found, self.cell, self.number)
            yield found
        yield self.sums(self.number) / self.count
        back = self.days - (self.sums(self.days) / self.count)[self.cell]
        square = self.sums(back * back)
        with np.errstate(invalid="ignore", divide="ignore"):
            yield np.where(square > _SAME, -self.sums(back * self.number) / square, np.nan)

    def aggregates(self, values: Iterator[np.ndarray]) -> _Aggregates:
        """Of OCCURRENCE or STATISTICS, what is kept."""
        first = int(self.row[0]) if len(self.row) else 0
        return _Aggregates(first, np.bincount(self.row - first), self.name, [one.astype(np.float32) for one in values])


@dataclass(frozen=True)
class _Aggregates:
    """Of the cells of a block: width: (rows,) how many each has, from `first` on; name: (cells,); values: (cells,) each."""

    first: int
    width: np.ndarray
    name: np.ndarray
    values: list[np.ndarray]


def _cells(facts: _Facts, rows: int, spans: Sequence[float]) -> list[dict[str, sparse.csr_matrix]]:
    """For each span: OCCURRENCE and STATISTICS -> (rows, names) csr."""
    most = [int(np.count_nonzero(facts.days <= span)) for span in spans]
    parts = [(_Columns(OCCURRENCE, n, rows), _Columns(STATISTICS, n, rows)) for n in most]
    longest_first = sorted(zip(spans, parts, strict=True), key=lambda part: -part[0])

    def aggregates(part: slice) -> list[tuple[_Aggregates, _Aggregates]]:
        inside, out = facts.block(part), []
        for span, _ in longest_first:  # each holds the next
            inside = inside.where(inside.days <= span)
            numbers = inside.where(np.isfinite(inside.number))
            out.append((inside.aggregates(inside.occurrence()), numbers.aggregates(numbers.distribution())))
        return out

    for found in on_threads(aggregates, facts.parts()):
        for (_, (occurred, measured)), (occurrence, distribution) in zip(longest_first, found, strict=True):
            occurred.add(occurrence)
            measured.add(distribution)
    return [occurred.matrices(facts.names) | measured.matrices(facts.names) for occurred, measured in parts]


class _Columns:
    """Aggregates of cells, block after block. most: as many cells at most; what is never written takes no memory."""

    def __init__(self, names: Sequence[str], most: int, rows: int) -> None:
        self.size, self.width, self.name = 0, np.zeros(rows, np.int64), np.empty(most, np.int32)
        self.values = {name: np.empty(most, np.float32) for name in names}

    def add(self, cells: _Aggregates) -> None:
        part = slice(self.size, self.size + len(cells.name))
        self.size = part.stop
        self.width[cells.first : cells.first + len(cells.width)] = cells.width
        self.name[part] = cells.name
        for values, made in zip(self.values.values(), cells.values, strict=True):
            values[part] = made

    def matrices(self, names: list[str]) -> dict[str, sparse.csr_matrix]:
        """(rows, names) of each; all share where their cells are."""
        start = np.concatenate([[0], np.cumsum(self.width)])
        first, shape = next(iter(self.values.values())), (len(self.width), len(names))
        cells = sparse.csr_matrix((first[: self.size], self.name[: self.size], start), shape=shape)
        out = {name: sparse.csr_matrix(cells) for name in self.values}
        for name, values in self.values.items():
            out[name].data = values[: self.size]
        return out


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
