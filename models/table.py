"""A snapshot as one numeric table for trees: missing stays NaN, words are numbered, counts are counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from scipy import sparse

from .data import Snapshot
from .features import (
    COVARIATES,
    RECORDS,
    DenseBlock,
    MutationBlock,
    dense_values,
    frequent_words,
    is_mutation,
    mutation_values,
    word_index,
)
from .records import Counts, counts, frequent, pick, rows_are_visits
from .univariate import association

WIDE = 400
"""A layer with more features than this enters with its BEST ones, ranked on the training rows alone."""
BEST = 200
TOKENS = 300
WORDS = 200


@dataclass
class Part:
    """The columns of one block. index: the block's feature of each column; -1 for one that is no feature."""

    name: str
    names: list[str]
    index: np.ndarray


class Table:
    """Fitted on training rows: which features, words and codes there are."""

    def fit(self, snapshot: Snapshot, rows: np.ndarray, target: np.ndarray) -> Self:
        """target: (n, k) from `univariate.regression_target`; it ranks the features of wide layers."""
        self.parts: list[Part] = []
        for name, layer in snapshot.layers.items():
            block = (MutationBlock(name) if is_mutation(layer) else DenseBlock(name)).fit(snapshot, rows)
            kept, here = block.kept, block.present(snapshot, rows)
            if len(kept) > WIDE and here.any():
                x = block.transform(snapshot, rows[here])[:, : len(kept)]
                kept = np.sort(kept[np.argsort(-association(x, target[here]), kind="stable")[:BEST]])
            extra = [-1] if is_mutation(layer) else []
            self.parts.append(Part(name, block.names, np.r_[kept, extra].astype(np.int64)))
        self.words: dict[str, list[str | None]] = {}
        if snapshot.covariates.width:
            for name in snapshot.covariates.columns:
                if not _is_number(snapshot.covariates[name]):
                    self.words[name] = frequent_words(snapshot.covariates[name][rows])[:WORDS]
            self.parts.append(Part(COVARIATES, snapshot.covariates.columns, np.arange(snapshot.covariates.width)))
        if snapshot.events is not None:
            self.parts.append(self._fit_records(snapshot, rows))
        self.categorical = np.concatenate(
            [[p.name == COVARIATES and p.names[i] in self.words for i in p.index] for p in self.parts]
        ).astype(bool)  # fmt: skip
        return self

    def _fit_records(self, snapshot: Snapshot, rows: np.ndarray) -> Part:
        c = counts(snapshot)
        self.split = c.current is not None and rows_are_visits(snapshot, rows)
        least = max(2.0, 0.005 * len(rows))
        now, before = self._tokens(c)
        self.now = frequent(now, rows, least, c.tokens, TOKENS)
        self.before = frequent(before, rows, least, c.tokens, TOKENS) if self.split else []
        self.numeric = frequent(c.measured, rows, least, c.numeric, TOKENS)
        code = dict(zip(c.tokens, c.code, strict=True))
        owners = [code[t] for t in self.now + self.before] + self.numeric * (1 + self.split)
        names = sorted(set(owners))
        place = {name: i for i, name in enumerate(names)}
        return Part(RECORDS, names, np.array([place[o] for o in owners] + [-1] * c.amount.shape[1], dtype=np.int64))

    def _tokens(self, c: Counts) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """What counts now, and what was before: all in one where rows are no visits."""
        return (c.current, c.total - c.current) if self.split and c.current is not None else (c.total, c.total)

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n, columns) float32 with NaN."""
        out = []
        for part in self.parts:
            if part.name == COVARIATES:
                out.append(self._covariates(snapshot.covariates[rows]))
            elif part.name == RECORDS:
                out.append(self._records(snapshot, rows))
            else:
                layer = snapshot.layers[part.name]
                if is_mutation(layer):
                    x = mutation_values(layer, rows)
                    burden = np.asarray((x != 0).sum(axis=1))
                    values = np.hstack([x[:, part.index[:-1]].toarray(), burden]).astype(np.float32)
                else:
                    values = dense_values(layer, rows)[:, part.index]
                values[~layer.profiled[rows]] = np.nan
                out.append(values)
        return np.hstack(out).astype(np.float32)

    def _covariates(self, table: pl.DataFrame) -> np.ndarray:
        out = np.full(table.shape, np.nan, dtype=np.float32)
        for j, name in enumerate(table.columns):
            if name in self.words:
                index = word_index(table[name], self.words[name]).astype(np.float32)
                out[:, j] = np.where(index < len(self.words[name]), index, np.nan)
            else:
                out[:, j] = table[name].cast(pl.Float64).to_numpy()
        return out

    def _records(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        c = counts(snapshot)
        now, before = self._tokens(c)
        parts = [pick(now, rows, c.tokens, self.now).toarray()]
        if self.split:
            parts.append(pick(before, rows, c.tokens, self.before).toarray())
        values = pick(c.values, rows, c.numeric, self.numeric).toarray()
        parts.append(np.where(pick(c.measured, rows, c.numeric, self.numeric).toarray() > 0, values, np.nan))
        if self.split:
            parts.append(pick(c.earlier, rows, c.numeric, self.numeric).toarray())
        parts.append(c.amount[rows])
        return np.hstack(parts)

    def gather(self, contributions: np.ndarray) -> dict[str, np.ndarray]:
        """(n, columns) -> {block: (n, features)}."""
        out, at = {}, 0
        for part in self.parts:
            whole, feature = np.zeros((len(contributions), len(part.names))), part.index >= 0
            np.add.at(whole.T, part.index[feature], contributions[:, at : at + len(part.index)][:, feature].T)
            out[part.name], at = whole, at + len(part.index)
        return out

    def codes(self) -> list[str]:
        return next((p.names for p in self.parts if p.name == RECORDS), [])

    def state(self) -> dict[str, Any]:
        words = {name: ["" if w is None else w for w in known] for name, known in self.words.items()}
        kept = {p.name: {"names": p.names, "index": p.index} for p in self.parts}
        records = {k: getattr(self, k) for k in ("split", "now", "before", "numeric") if hasattr(self, k)}
        return {"parts": kept, "words": words, "records": records}


def _is_number(column: pl.Series) -> bool:
    return column.dtype.is_numeric() or column.dtype == pl.Boolean
