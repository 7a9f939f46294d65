"""Health records as a block of counts, last values and amounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from scipy import sparse

from ...base.snapshot import Snapshot
from ..scaling import Scale
from .code_values import CodeValues, measurements
from .event_counts import counts, frequent, pick, rows_are_visits

RECORDS = "records"


class RecordsBlock:
    """Records for linear models: log1p counts of frequent tokens, in all and in the current visit; last values; amounts.

    A token is frequent if max(2, 20 or 0.2 % of the training rows, whichever is fewer) rows hold it.
    """

    kind: str = RECORDS
    name = RECORDS

    def __init__(self) -> None:
        self.names: list[str] = []

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        c = counts(snapshot)
        least = self.least(rows)
        self.tokens = frequent(c.total, rows, least, c.tokens)
        self.split = rows_are_visits(snapshot, rows)
        self.current = [] if c.current is None or not self.split else frequent(c.current, rows, least, c.tokens)
        self.numeric = frequent(c.measured, rows, least, c.numeric)
        self.values = CodeValues.fit(snapshot, rows)
        self.amount = Scale.fit(self._amount(c.amount[rows]))
        code = dict(zip(c.tokens, c.code, strict=True))
        self._owned([code[t] for t in self.tokens] + [code[t] for t in self.current] + self.numeric)
        return self

    def _owned(self, owners: list[str]) -> None:
        """The code of each column but the last ones, which say how much there is."""
        self.names = sorted(set(owners))
        place = {name: i for i, name in enumerate(self.names)}
        self.owner = np.array([place[o] for o in owners], dtype=np.int64)

    def least(self, rows: np.ndarray) -> float:
        """How many of these rows make a column worth it."""
        return max(2.0, min(20.0, 0.002 * len(rows)))

    def _amount(self, amount: np.ndarray) -> np.ndarray:
        """(n, 3) log1p; what was before the current visit only counts where rows are visits."""
        return np.asarray(np.log1p(amount) * np.array([1, 1, self.split]))

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> sparse.csr_matrix:
        amount = self.amount.filled(self._amount(counts(snapshot).amount[rows]))
        parts = [*self._columns(snapshot, rows), sparse.csr_matrix(amount)]
        return sparse.hstack(parts, format="csr").astype(np.float32)

    def _columns(self, snapshot: Snapshot, rows: np.ndarray) -> list[sparse.csr_matrix]:
        """The columns that codes own."""
        c = counts(snapshot)
        parts = [pick(c.total, rows, c.tokens, self.tokens).log1p()]
        if self.current:
            now = c.total if c.current is None else c.current
            parts.append(pick(now, rows, c.tokens, self.current).log1p())
        row, column, number = measurements(c, rows, self.numeric)
        place = {code: j for j, code in enumerate(self.values.codes)}
        scale = np.array([place[code] for code in self.numeric], dtype=np.int64)
        z = self.values.z(scale[column], number)
        parts.append(sparse.csr_matrix((z, (row, column)), shape=(len(rows), len(self.numeric))))
        return parts

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return np.asarray(counts(snapshot).amount[rows, 0] > 0)

    def entities(self) -> list[str | None]:
        return [*(self.names[i] for i in self.owner), None, None, None]

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        out = np.zeros((len(contributions), len(self.names)))
        np.add.at(out.T, self.owner, contributions[:, : len(self.owner)].T)  # what follows is how much there is
        return out

    def state(self) -> dict[str, Any]:
        return {"names": self.names, "tokens": self.tokens, "current": self.current, "numeric": self.numeric,
                "split": self.split, "values": self.values.state(), "amount": self.amount.state(),
                "owner": self.owner}  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> Self:
        for name in ("names", "tokens", "current", "numeric", "split", "owner"):
            setattr(self, name, state[name])
        self.values, self.amount = CodeValues.restored(state["values"]), Scale(**state["amount"])
        return self
