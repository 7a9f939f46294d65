"""Values of codes: the numbers of laboratory tests and vital signs, each code's on its own scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ...base.snapshot import Snapshot
from ..scaling import Scale, log1p
from .event_counts import EventCounts, counts, frequent, pick


@dataclass(frozen=True)
class CodeValues:
    """Fitted once, on each training row's last number of each code, so that nobody counts more for being measured more.

    codes: those with a number in a training row. logged: (codes,) bool, whether log1p comes first: numbers that are never
    negative are skewed.
    """

    codes: list[str]
    logged: np.ndarray
    scale: Scale

    @classmethod
    def fit(cls, snapshot: Snapshot, rows: np.ndarray) -> CodeValues:
        c = counts(snapshot)
        codes = frequent(c.measured, rows, 1, c.numeric)
        _, column, number = measurements(c, rows, codes)
        return cls(codes, *column_scales(column, number, len(codes)))

    def z(self, column: np.ndarray, number: np.ndarray) -> np.ndarray:
        """(m,) z-score of each number on the scale of `codes[column]`."""
        return z_scores(self.logged, self.scale, column, number)

    def scaled(self, codes: pl.Series, numbers: np.ndarray) -> np.ndarray:
        """(m,) float32 z-score of each number on its code's scale; NaN without a number, or a scale of its code."""
        place = {code: j for j, code in enumerate(self.codes)}
        column = codes.replace_strict(place, default=-1, return_dtype=pl.Int64).to_numpy()
        out = np.full(len(numbers), np.nan, dtype=np.float32)
        known = (column >= 0) & np.isfinite(numbers)
        out[known] = self.z(column[known], numbers[known])
        return out

    def state(self) -> dict[str, Any]:
        return {"codes": self.codes, "logged": self.logged, "scale": self.scale.state()}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> CodeValues:
        return cls(state["codes"], state["logged"], Scale(**state["scale"]))


def column_scales(column: np.ndarray, number: np.ndarray, columns: int) -> tuple[np.ndarray, Scale]:
    """Of numbers that are there (m,) and the column of each: whether log1p comes first, (columns,) bool, and the scale."""
    order = np.argsort(column, kind="stable")
    parts = np.split(number[order], np.cumsum(np.bincount(column, minlength=columns))[:-1]) if columns else []
    logged = np.array([len(part) > 0 and part.min() >= 0 for part in parts], dtype=bool)
    logs = (log1p(part) if log else part for part, log in zip(parts, logged, strict=True))
    return logged, Scale.joined([Scale.fit(part[:, None]) for part in logs])


def z_scores(logged: np.ndarray, scale: Scale, column: np.ndarray, number: np.ndarray) -> np.ndarray:
    """(m,) z-score of each number by the scale of its column, as `column_scales` made it."""
    number = np.where(logged[column], log1p(number), number)
    return np.asarray(scale.take(column).z(number[None])[0])


def measurements(c: EventCounts, rows: np.ndarray, codes: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(place among rows, place among codes, number): every last number there is, zeros too."""
    measured = pick(c.measured, rows, c.numeric, codes).tocoo()
    values = pick(c.values, rows, c.numeric, codes).tocsr()
    number = np.asarray(values[measured.row, measured.col]).ravel() if measured.nnz else np.zeros(0)
    return measured.row.astype(np.int64), measured.col.astype(np.int64), number
