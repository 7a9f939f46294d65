"""Covariates as a block: numbers scaled, words one-hot; a column that a snapshot lacks is missing throughout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import polars as pl

from ..base.snapshot import Snapshot
from ..estimators.univariate import Matrix
from .scaling import Scale

COVARIATES = "covariates"


def is_number(column: pl.Series) -> bool:
    """Whether a covariate is a number (a boolean is); the others are words."""
    return column.dtype.is_numeric() or column.dtype == pl.Boolean


def column(table: pl.DataFrame, name: str) -> pl.Series:
    """The column of this name; missing throughout where the table has none."""
    return table[name] if name in table.columns else pl.Series(name, [None] * table.height)


def frequent_words(column: pl.Series) -> list[str | None]:
    """The words (null too) seen in at least max(2, 10 or 1 % of the rows, whichever is fewer), sorted."""
    least = max(2.0, min(10.0, 0.01 * len(column)))
    counts = column.cast(pl.String).value_counts(name="n").filter(pl.col("n") >= least)
    return sorted(counts[column.name].to_list(), key=lambda w: (w is None, w or ""))


def word_index(column: pl.Series, words: list[str | None]) -> np.ndarray:
    """(n,) int64 index into words; len(words) for a word that is not among them."""
    index = {word: i for i, word in enumerate(words)}
    return np.array([index.get(word, len(words)) for word in column.cast(pl.String)], dtype=np.int64)


class CovariateBlock:
    """Covariates: numbers by `models.preprocessing.scaling.Scale`, with a flag where they miss; text one-hot.

    Rare and new words are one; a missing word is a word.
    """

    kind = name = COVARIATES

    def __init__(self) -> None:
        self.names: list[str] = []

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        table = snapshot.covariates[rows]
        self.names = table.columns
        self.numbers = [name for name in table.columns if is_number(table[name])]
        self.words = {name: frequent_words(table[name]) for name in table.columns if name not in self.numbers}
        x = self._values(table)
        self.scale = Scale.fit(x)
        missing = (~np.isfinite(x)).sum(axis=0) / max(len(x), 1)
        self.flagged = [bool(0.001 <= share <= 0.999) for share in missing]
        self.columns = [i for i, name in enumerate(self.names) for _ in self._labels(name)]
        return self

    def _values(self, table: pl.DataFrame) -> np.ndarray:
        """(n, numbers) float64, NaN where missing."""
        found = [column(table, name).cast(pl.Float64).to_numpy() for name in self.numbers]
        return np.stack(found, axis=1) if found else np.zeros((table.height, 0))

    def _labels(self, name: str) -> list[str]:
        if name in self.words:
            return [f"{name} missing" if w is None else f"{name}={w}" for w in self.words[name]] + [f"{name} other"]
        return [name, f"{name} missing"] if self.flagged[self.numbers.index(name)] else [name]

    def labels(self) -> list[str]:
        """What each column of `transform` is called: `age`, `age missing`, `sex=F`, `sex other`."""
        return [label for name in self.names for label in self._labels(name)]

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> Matrix:
        table = snapshot.covariates[rows]
        x = self._values(table)
        z, missing = self.scale.filled(x), ~np.isfinite(x)
        out: list[np.ndarray] = [np.zeros((len(rows), 0), dtype=np.float32)]
        for name in self.names:
            if name in self.words:
                index = word_index(column(table, name), self.words[name])
                out.append(np.eye(len(self.words[name]) + 1)[index])
            else:
                j = self.numbers.index(name)
                out.extend([z[:, [j]], missing[:, [j]]] if self.flagged[j] else [z[:, [j]]])
        return np.hstack(out).astype(np.float32)

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return np.ones(len(rows), dtype=bool)

    def entities(self) -> list[str | None]:
        return [None] * len(self.columns)

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        out = np.zeros((len(contributions), len(self.names)))
        np.add.at(out.T, np.array(self.columns, dtype=np.int64), contributions.T)
        return out

    def state(self) -> dict[str, Any]:
        return {"names": self.names, "numbers": self.numbers, "flagged": self.flagged, "words": self.words,
                "columns": self.columns, "scale": self.scale.state()}  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> Self:
        self.names, self.numbers, self.flagged = state["names"], state["numbers"], state["flagged"]
        self.words, self.columns, self.scale = state["words"], state["columns"], Scale(**state["scale"])
        return self
