"""Patient–feature edges of one modality: which columns, their entity in the graph, and their weights."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
from scipy import sparse

from ..base.snapshot import Snapshot
from .blocks import restored_block, saved_block
from .fold import FoldPreprocessing
from .omics_layer import DenseBlock
from .records.event_times import KNOTS, times_of
from .records.records_block import RECORDS, RecordsBlock

FLOOR = 0.01  # added to a column's variance, so that the rarest edges do not shout


class GraphEdges:
    """A modality's edges, fitted once: the values of its fitted block, weighted so that each column varies alike.

    names: what contributions are given for. columns: the CURIE behind each column, None where it is no entity.
    timed: whether edges of records say when, too: behind the columns come those of `times_of`, for each knot and token.
    """

    def __init__(self, name: str, timed: bool = False) -> None:
        self.name, self.timed = name, timed and name == RECORDS
        self.names: list[str] = []
        self.columns: list[str | None] = []
        self.genes: dict[str, str] = {}

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> GraphEdges:
        """Columns and scales of these rows; a column without variance sends no messages and is dropped."""
        self.block = block = FoldPreprocessing.fit(snapshot, rows, [self.name]).graph_block(self.name)
        self.names = block.names
        self.columns = block.entities()
        if self.name in snapshot.layers:
            var = snapshot.layers[self.name].var.drop_nulls("gene")
            known = zip(var["feature"].to_list(), var["gene"].to_list(), strict=True)
            self.genes = {feature: gene for feature, gene in known if feature != gene}
        here = rows[block.present(snapshot, rows)]
        total, squares, width = np.zeros(0), np.zeros(0), 0
        for part in np.array_split(here, max(1, len(here) // 4096)):
            x = self._values(snapshot, part).astype(np.float64)
            width = x.shape[1]
            total = x.sum(0) + (total if len(total) else 0)
            squares = (x**2).sum(0) + (squares if len(squares) else 0)
        n = max(1, len(here))
        variance = squares / n - (total / n) ** 2 if width else np.zeros(0)
        self.scale = np.where(variance > 1e-9, 1 / np.sqrt(variance + FLOOR), 0.0).astype(np.float32)
        return self

    def serving(self, snapshot: Snapshot, rows: np.ndarray) -> GraphEdges:
        """The same, for rows that are asked for in parts (`DenseBlock.serving`)."""
        if not isinstance(self.block, DenseBlock):
            return self
        made = copy(self)
        made.block = self.block.serving(snapshot, rows)
        return made

    def take(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n, columns and times) float32 edge values; zero throughout where the row lacks the modality."""
        return np.asarray(self._values(snapshot, rows) * self.scale, dtype=np.float32)

    @property
    def tokens(self) -> list[str]:
        """What each time is of; none where edges do not say when."""
        return self.block.tokens if self.timed and isinstance(self.block, RecordsBlock) else []

    def _values(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        values = _dense(self.block.transform(snapshot, rows))
        if not self.timed:
            return values
        return np.hstack([values, times_of(snapshot, rows, self.tokens).toarray()])

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return self.block.present(snapshot, rows)

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        """(n, columns and times) -> (n, names)."""
        own = contributions[:, : len(self.columns)].copy()
        if self.timed:  # the columns of tokens come first
            times = contributions[:, len(self.columns) :].reshape(len(own), len(KNOTS), -1)
            own[:, : len(self.tokens)] += times.sum(1)
        return self.block.gather(own)

    def state(self) -> dict[str, Any]:
        return {"block": saved_block(self.block), "scale": self.scale, "timed": self.timed}

    def restore(self, state: Mapping[str, Any]) -> GraphEdges:
        self.timed = state["timed"]
        self.block = restored_block(state["block"])
        self.names, self.columns, self.scale = self.block.names, self.block.entities(), state["scale"]
        return self


def _dense(x: np.ndarray | sparse.csr_matrix) -> np.ndarray:
    return x if isinstance(x, np.ndarray) else np.asarray(x.toarray())
