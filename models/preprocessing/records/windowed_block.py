"""Health records as a block of counts, last values, amounts, and what was in windows of time: for linear models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from scipy import sparse

from ...base.snapshot import Snapshot
from ..scaling import Scale
from .code_values import column_scales, z_scores
from .records_block import RecordsBlock
from .window_columns import WindowColumns

WINDOWED = "windowed_records"


class WindowedRecordsBlock(RecordsBlock):
    """`RecordsBlock`, and of each code what `WindowColumns` say: recency, log1p counts, and z-scores of what its numbers were.

    Each column has a scale of its own, of the training rows that have something in it; a row that has nothing has 0, the
    mean of those, and says by the counts that there was nothing.
    """

    kind = WINDOWED

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        super().fit(snapshot, rows)
        self.windows = WindowColumns.fit(snapshot, rows, self.least(rows))
        cells = _known(self.windows.numbers(snapshot, rows))
        self.logged, self.scale = column_scales(cells.col, cells.data, len(self.windows.measured))
        owners = [self.names[i] for i in self.owner]
        self._owned(owners + self.windows.code_of_recent + self.windows.code_of_measured)
        return self

    def _columns(self, snapshot: Snapshot, rows: np.ndarray) -> list[sparse.csr_matrix]:
        cells = _known(self.windows.numbers(snapshot, rows))
        z = z_scores(self.logged, self.scale, cells.col, cells.data)
        described = sparse.csr_matrix((z, (cells.row, cells.col)), shape=cells.shape)
        return [*super()._columns(snapshot, rows), self.windows.occurrence(snapshot, rows).log1p(), described]

    def state(self) -> dict[str, Any]:
        scale = {"logged": self.logged, "scale": self.scale.state()}
        return {**super().state(), "windows": self.windows.state(), **scale}

    def restore(self, state: Mapping[str, Any]) -> Self:
        super().restore(state)
        self.windows = WindowColumns.restored(state["windows"])
        self.logged, self.scale = state["logged"], Scale(**state["scale"])
        return self


def _known(x: sparse.csr_matrix) -> sparse.coo_matrix:
    """The cells that hold a number."""
    cells = x.tocoo()
    known = np.isfinite(cells.data)
    at = (cells.row[known], cells.col[known])
    return sparse.coo_matrix((cells.data[known].astype(np.float64), at), shape=x.shape)
