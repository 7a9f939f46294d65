"""A snapshot's blocks as matrices for models on counts and values; every scale, median and vocabulary is of the fold.

A block is one omics layer, the covariates, or the records. It is fitted on training rows, and turns any rows into a
matrix whose columns it can map back to what the study calls a feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

import numpy as np
import polars as pl
from scipy import sparse

from ..base.fitted import Fitted
from ..base.snapshot import Snapshot
from ..estimators.univariate import Matrix
from .covariates import column, frequent_words, word_index
from .omics_layer import by_name, dense_values, is_mutation, mutation_values
from .records import RecordsBlock

CLIP = 5.0
COVARIATES, RECORDS = "covariates", "records"


class Block(Protocol):
    """One block, fitted once."""

    kind: str
    name: str
    names: list[str]
    """What `gather` returns contributions of: the layer's features, covariate columns, or codes."""

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self: ...
    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> Matrix:
        """(n, columns) float32; rows where the block is missing are zero."""

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n,) bool: whether the block was measured."""

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        """(n, columns) -> (n, names): what each feature contributed, over all columns made of it."""

    def state(self) -> dict[str, Any]: ...
    def restore(self, state: Mapping[str, Any]) -> Self: ...


def make_blocks(snapshot: Snapshot) -> list[Block]:
    """The snapshot's blocks, unfitted: its layers, then covariates and records where there are any."""
    blocks: list[Block] = []
    for name, layer in snapshot.layers.items():
        blocks.append(MutationBlock(name) if is_mutation(layer) else DenseBlock(name))
    if snapshot.covariates.width:
        blocks.append(CovariateBlock())
    if snapshot.events is not None:
        blocks.append(RecordsBlock())
    return blocks


class DenseBlock(Fitted):
    """A dense layer: winsorised at 1 and 99 %, z-scaled, median-imputed, clipped at 5 standard deviations.

    Features without variance in the training rows are dropped. A row without the layer is zero throughout.
    """

    kind = "dense"
    fitted = ("names", "kept", "low", "high", "mean", "sd", "median")

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: list[str] = []

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        layer = snapshot.layers[self.name]
        self.names = layer.var["feature"].to_list()
        x = dense_values(layer, rows[layer.profiled[rows]])
        low, median, high = _quantiles(x, (0.01, 0.5, 0.99))
        flat = low >= high  # rare calls: winsorising would erase them
        low, high = np.where(flat, -np.inf, low), np.where(flat, np.inf, high)
        x = np.clip(x, low, high)
        known = np.isfinite(x)
        n = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, x, 0).sum(axis=0, dtype=np.float64) / n
        sd = np.sqrt(np.where(known, (x - mean) ** 2, 0).sum(axis=0, dtype=np.float64) / n)
        self.kept = np.flatnonzero(sd > 1e-6 * np.maximum(np.abs(mean), 1e-3))
        self.low, self.high, self.mean, self.sd = (a[self.kept].astype(np.float32) for a in (low, high, mean, sd))
        self.median = ((median[self.kept] - self.mean) / self.sd).astype(np.float32)
        return self

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> Matrix:
        layer = by_name(snapshot, self.name, self.names)
        x = (np.clip(dense_values(layer, rows)[:, self.kept], self.low, self.high) - self.mean) / self.sd
        x = np.clip(np.where(np.isfinite(x), x, self.median), -CLIP, CLIP)
        x[~layer.profiled[rows]] = 0.0
        return x.astype(np.float32)

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return np.asarray(by_name(snapshot, self.name, self.names).profiled[rows])

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        out = np.zeros((len(contributions), len(self.names)))
        out[:, self.kept] = contributions
        return out


class MutationBlock(Fitted):
    """A mutation layer: genes hit in at least max(2, 1 %) of the profiled training rows, and the log burden of all."""

    kind = "mutation"
    fitted = ("names", "kept", "mean", "sd")

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: list[str] = []

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        layer = snapshot.layers[self.name]
        self.names = layer.var["feature"].to_list()
        x = mutation_values(layer, rows[layer.profiled[rows]])
        hits = np.asarray((x != 0).sum(axis=0)).ravel()
        self.kept = np.flatnonzero((hits >= max(2, 0.01 * x.shape[0])) & (hits < x.shape[0]))
        burden = np.log1p(np.asarray((x != 0).sum(axis=1)).ravel())
        self.mean, self.sd = (float(burden.mean()), float(burden.std())) if len(burden) else (0.0, 0.0)
        return self

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> Matrix:
        layer = by_name(snapshot, self.name, self.names)
        x = mutation_values(layer, rows)
        burden = np.log1p(np.asarray((x != 0).sum(axis=1)).ravel())
        z = np.clip((burden - self.mean) / self.sd, -CLIP, CLIP) if self.sd > 0 else np.zeros(len(rows))
        z = np.where(layer.profiled[rows], z, 0.0).astype(np.float32)
        return np.hstack([x[:, self.kept].toarray(), z[:, None]])

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return np.asarray(by_name(snapshot, self.name, self.names).profiled[rows])

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        out = np.zeros((len(contributions), len(self.names)))
        out[:, self.kept] = contributions[:, :-1]  # the burden is no gene's
        return out


class CovariateBlock(Fitted):
    """Covariates: numbers z-scaled with median and a flag for missing, text one-hot; rare and new words are one."""

    kind = name = COVARIATES
    fitted = ("names", "numbers", "words", "columns")

    def __init__(self) -> None:
        self.names: list[str] = []

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        table = snapshot.covariates[rows]
        self.names = table.columns
        self.numbers: dict[str, list[float]] = {}  # column -> low, high, median, mean, sd, whether missing is flagged
        self.words: dict[str, list[str | None]] = {}
        for name in table.columns:
            if table[name].dtype.is_numeric() or table[name].dtype == pl.Boolean:
                self.numbers[name] = _number_scale(table[name].cast(pl.Float64).to_numpy())
            else:
                self.words[name] = frequent_words(table[name])
        self.columns = [i for i, name in enumerate(self.names) for _ in range(self._width(name))]
        return self

    def _width(self, name: str) -> int:
        return 1 + int(self.numbers[name][5]) if name in self.numbers else len(self.words[name]) + 1

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> Matrix:
        table = snapshot.covariates[rows]
        out: list[np.ndarray] = [np.zeros((len(rows), 0), dtype=np.float32)]
        for name in self.names:
            if name in self.numbers:
                low, high, median, mean, sd, flag = self.numbers[name]
                x = column(table, name).cast(pl.Float64).to_numpy()
                missing = ~np.isfinite(x)
                z = (np.clip(np.where(missing, median, x), low, high) - mean) / sd
                out.append(np.clip(z, -CLIP, CLIP)[:, None])
                if flag:
                    out.append(missing[:, None])
            else:
                index = word_index(column(table, name), self.words[name])
                out.append(np.eye(len(self.words[name]) + 1)[index])
        return np.hstack(out).astype(np.float32)

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return np.ones(len(rows), dtype=bool)

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        out = np.zeros((len(contributions), len(self.names)))
        np.add.at(out.T, np.array(self.columns, dtype=np.int64), contributions.T)
        return out


def _number_scale(x: np.ndarray) -> list[float]:
    known = x[np.isfinite(x)]
    flag = 0.001 <= 1 - len(known) / max(len(x), 1) <= 0.999
    if not len(known):
        return [0.0, 0.0, 0.0, 0.0, 1.0, float(flag)]
    low, median, high = np.quantile(known, (0.01, 0.5, 0.99))
    if low >= high:
        low, high = known.min(), known.max()
    filled = np.clip(np.where(np.isfinite(x), x, median), low, high)
    return [float(v) for v in (low, high, median, filled.mean(), filled.std() or 1.0, flag)]


def _quantiles(x: np.ndarray, at: tuple[float, ...]) -> list[np.ndarray]:
    """Column quantiles that skip NaN; one sort instead of numpy's loop over columns. NaN where nothing is known."""
    if not len(x):
        return [np.full(x.shape[1], np.nan) for _ in at]
    ordered, n = np.sort(x, axis=0), np.isfinite(x).sum(axis=0)
    column = np.arange(x.shape[1])
    return [ordered[np.clip(np.round(q * (n - 1)).astype(np.int64), 0, None), column] for q in at]


class JoinedBlocks:
    """All blocks side by side, each scaled to a mean squared row norm of one, with a flag for each that can be missing."""

    kind = name = "joined"

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks
        self.names: list[str] = []

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        self.unit, self.width, self.flagged = [], [], []
        for block in self.blocks:
            here = block.present(snapshot, rows)
            x = block.fit(snapshot, rows).transform(snapshot, rows[here])
            squares = x.multiply(x).sum() if sparse.issparse(x) else float(np.einsum("ij,ij->", x, x, dtype=float))
            self.unit.append(
                float(np.sqrt(squares / max(len(x.indptr) - 1 if sparse.issparse(x) else len(x), 1))) or 1.0
            )
            self.width.append(x.shape[1])
            self.flagged.append(bool(0.01 < here.mean() < 0.99))
        return self

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> Matrix:
        parts: list[Matrix] = [np.zeros((len(rows), 0), dtype=np.float32)]
        for block, unit, flagged in zip(self.blocks, self.unit, self.flagged, strict=True):
            parts.append(block.transform(snapshot, rows) * np.float32(1 / unit))
            if flagged:
                parts.append(block.present(snapshot, rows).astype(np.float32)[:, None])
        if any(sparse.issparse(p) for p in parts):
            return sparse.hstack([sparse.csr_matrix(p) for p in parts], format="csr")
        return np.hstack(parts)

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return np.ones(len(rows), dtype=bool)

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        return contributions

    def state(self) -> dict[str, Any]:
        blocks = [saved_block(block) for block in self.blocks]
        return {"unit": self.unit, "width": self.width, "flagged": self.flagged, "blocks": blocks}

    def restore(self, state: Mapping[str, Any]) -> Self:
        self.unit, self.width, self.flagged = state["unit"], state["width"], state["flagged"]
        self.blocks = [restored_block(saved) for saved in state["blocks"]]
        return self


def saved_block(block: Block | JoinedBlocks) -> dict[str, Any]:
    """A fitted block as plain values: its kind, its name, and its state."""
    return {"kind": block.kind, "name": block.name, "state": block.state()}


def restored_block(saved: Mapping[str, Any]) -> Any:
    """The block that `saved_block` was given. Raises: ValueError for a kind that there is not."""
    name, state = saved["name"], saved["state"]
    match saved["kind"]:
        case "dense":
            return DenseBlock(name).restore(state)
        case "mutation":
            return MutationBlock(name).restore(state)
        case "covariates":
            return CovariateBlock().restore(state)
        case "records":
            return RecordsBlock().restore(state)
        case "joined":
            return JoinedBlocks([]).restore(state)
    raise ValueError(
        f"saved block: got kind {saved['kind']!r}; expected dense, mutation, covariates, records or joined"
    )


def pieces(block: Block | JoinedBlocks, contributions: np.ndarray) -> dict[str, np.ndarray]:
    """(n, columns) of a block, or of joined ones, as {block: (n, its names)}."""
    if not isinstance(block, JoinedBlocks):
        return {block.name: block.gather(contributions)}
    out, at = {}, 0
    for one, width, flagged in zip(block.blocks, block.width, block.flagged, strict=True):
        out[one.name] = one.gather(contributions[:, at : at + width])
        at += width + int(flagged)
    return out
