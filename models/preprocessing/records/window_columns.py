"""Window columns: which windows, codes and tokens a fold's training rows ask for, and their features of any rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from ...base.snapshot import Snapshot
from .event_counts import asked_again, counts, frequent, pick
from .window_features import EVER, STATISTICS, choose_spans, window_features

RECENT, MEASURED = 100, 60
"""At most so many tokens, and so many codes with numbers: those that most rows have."""
LATER = ("min", "max", "mean", "slope")
"""Of STATISTICS those of a window that is shorter than `EVER`: of its first number the others know enough."""
AGAIN = ("min", "max", "mean")
"""Of STATISTICS those where subjects are asked over and over."""


@dataclass(frozen=True)
class WindowColumns:
    """Fitted on training rows: `choose_spans`, and whose features are worth a column.

    Where subjects are asked over and over (`asked_again`), the one shorter window is the shortest, of which AGAIN is told,
    and nothing of the numbers over all time, nor slopes, nor counts in the window: with those, trees did worse on
    subjects that they had not seen (docs/honesty.md), likely because what hardly moves tells who the subject is.
    tokens: their last event's recency, and how many there are in each shorter window. owners: the code of each token.
    codes: whose numbers are described. timed: False under an order clock: neither recency nor slopes.
    recent, measured: which of these columns are kept: those of which enough training rows have something.
    """

    spans: tuple[float, ...]
    tokens: list[str]
    owners: list[str]
    codes: list[str]
    timed: bool
    recent: np.ndarray
    measured: np.ndarray

    @classmethod
    def fit(cls, snapshot: Snapshot, rows: np.ndarray, least: float) -> WindowColumns:
        """least: how many rows must have something."""
        c, timed, none = counts(snapshot), snapshot.clock != "order", np.zeros(0, np.int64)
        chosen = frequent(c.total, rows, least, c.tokens, RECENT) if timed else []
        code = dict(zip(c.tokens, c.code, strict=True))
        numeric = frequent(c.measured, rows, least, c.numeric, MEASURED)
        spans, again = choose_spans(snapshot, rows), asked_again(snapshot, rows)
        spans = tuple(dict.fromkeys((EVER, spans[-1]))) if again else spans
        whole = cls(spans, chosen, [code[t] for t in chosen], numeric, timed, none, none)
        recent, measured = (
            _held(x) >= least for x in (whole._occurrence(snapshot, rows), whole._numbers(snapshot, rows))
        )
        if again:
            recent[len(chosen) :] = False
            measured &= whole._moving()
        return replace(whole, recent=np.flatnonzero(recent), measured=np.flatnonzero(measured))

    def occurrence(self, snapshot: Snapshot, rows: np.ndarray) -> sparse.csr_matrix:
        """(n, recent) recency of each token over all time, then its count in each shorter window; 0 where there is none."""
        return self._occurrence(snapshot, rows)[:, self.recent]

    def numbers(self, snapshot: Snapshot, rows: np.ndarray) -> sparse.csr_matrix:
        """(n, measured) statistics of each code's numbers; stored where there are some, zeros too."""
        return self._numbers(snapshot, rows)[:, self.measured]

    @property
    def code_of_recent(self) -> list[str]:
        return [self.owners[j % len(self.tokens)] for j in self.recent]

    @property
    def code_of_measured(self) -> list[str]:
        return [self.codes[j % len(self.codes)] for j in self.measured]

    @property
    def statistics(self) -> list[str]:
        """(measured,) of STATISTICS."""
        names = [name for span in self.spans for name in self._statistics(span)]
        return [names[j // len(self.codes)] for j in self.measured]

    def _moving(self) -> np.ndarray:
        """Which columns of `_numbers` are AGAIN of the shortest window."""
        told = [span == self.spans[-1] and one in AGAIN for span in self.spans for one in self._statistics(span)]
        return np.repeat(told, len(self.codes))

    def _statistics(self, span: float) -> list[str]:
        return [one for one in (STATISTICS if span == EVER else LATER) if self.timed or one != "slope"]

    def _occurrence(self, snapshot: Snapshot, rows: np.ndarray) -> sparse.csr_matrix:
        made = window_features(snapshot, self.spans) if self.timed else []
        found = [pick(w.recency if w.span == EVER else w.count, rows, w.tokens, self.tokens) for w in made]
        return sparse.hstack([sparse.csr_matrix((len(rows), 0), dtype=np.float32), *found], format="csr")

    def _numbers(self, snapshot: Snapshot, rows: np.ndarray) -> sparse.csr_matrix:
        made = window_features(snapshot, self.spans)
        return sparse.hstack(
            [pick(w.numbers[one], rows, w.codes, self.codes) for w in made for one in self._statistics(w.span)],
            format="csr",
        )

    def state(self) -> dict[str, Any]:
        return {**vars(self), "spans": [span for span in self.spans if span != EVER]}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> WindowColumns:
        return cls(**{**state, "spans": (EVER, *state["spans"])})


def _held(x: sparse.csr_matrix) -> np.ndarray:
    """(columns,) in how many rows something is stored that is a number."""
    return np.bincount(x.indices[np.isfinite(x.data)], minlength=x.shape[1])
