"""Patient–feature edges of one modality: which columns, their entity in the graph, and values scaled on training rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from ..base.fitted import Fitted
from ..base.snapshot import Snapshot
from .blocks import COVARIATES, RECORDS, CovariateBlock, DenseBlock
from .omics_layer import by_name, is_mutation, mutation_values
from .records import RecordsBlock

FLOOR = 0.01  # added to a column's variance, so that the rarest edges do not shout


class GraphEdges:
    """A modality's edges, fitted once.

    names: what contributions are given for. columns: the CURIE behind each column, None where it is no entity.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: list[str] = []
        self.columns: list[str | None] = []
        self.genes: dict[str, str] = {}

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> GraphEdges:
        """Columns and scales of these rows; a column without variance sends no messages and is dropped."""
        block = _block(self.name, _kind(snapshot, self.name))
        self.block = block.fit(snapshot, rows)
        self.names = block.names
        self.columns = block.entities()
        if self.name in snapshot.layers:
            var = snapshot.layers[self.name].var.drop_nulls("gene")
            known = zip(var["feature"].to_list(), var["gene"].to_list(), strict=True)
            self.genes = {feature: gene for feature, gene in known if feature != gene}
        here = rows[block.present(snapshot, rows)]
        total, squares, width = np.zeros(0), np.zeros(0), 0
        for part in np.array_split(here, max(1, len(here) // 4096)):
            x = _dense(block.transform(snapshot, part)).astype(np.float64)
            width = x.shape[1]
            total = x.sum(0) + (total if len(total) else 0)
            squares = (x**2).sum(0) + (squares if len(squares) else 0)
        n = max(1, len(here))
        variance = squares / n - (total / n) ** 2 if width else np.zeros(0)
        self.scale = np.where(variance > 1e-9, 1 / np.sqrt(variance + FLOOR), 0.0).astype(np.float32)
        return self

    def take(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n, columns) float32 edge values; zero throughout where the row lacks the modality."""
        return np.asarray(_dense(self.block.transform(snapshot, rows)) * self.scale, dtype=np.float32)

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return self.block.present(snapshot, rows)

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        """(n, columns) -> (n, names)."""
        return self.block.gather(contributions)

    def state(self) -> dict[str, Any]:
        return {"kind": self.block.kind, "block": self.block.state(), "scale": self.scale}

    def restore(self, state: Mapping[str, Any]) -> GraphEdges:
        self.block = _block(self.name, state["kind"]).restore(state["block"])
        self.names, self.columns, self.scale = self.block.names, self.block.entities(), state["scale"]
        return self


class _Dense(DenseBlock):
    def entities(self) -> list[str | None]:
        return [self.names[i] for i in self.kept]


class _Covariates(CovariateBlock):
    def entities(self) -> list[str | None]:
        return [None] * len(self.columns)


class _Records(RecordsBlock):
    def entities(self) -> list[str | None]:
        return [*(self.names[i] for i in self.owner), None, None, None]


class _Mutations(Fitted):
    """Every gene hit in a training row, however rare: the graph lets rare ones share strength. And the log burden."""

    kind = "mutation"
    fitted = ("names", "kept", "mean")

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: list[str] = []

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> _Mutations:
        layer = snapshot.layers[self.name]
        self.names = layer.var["feature"].to_list()
        hit = mutation_values(layer, rows[layer.profiled[rows]]) != 0
        self.kept = np.flatnonzero(np.asarray(hit.sum(axis=0)).ravel() > 0)
        burden = np.log1p(np.asarray(hit.sum(axis=1)).ravel())
        self.mean = float(burden.mean()) if len(burden) else 0.0
        return self

    def entities(self) -> list[str | None]:
        return [*(self.names[i] for i in self.kept), None]

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        layer = by_name(snapshot, self.name, self.names)
        hit = (mutation_values(layer, rows) != 0).astype(np.float32)
        burden = np.log1p(np.asarray(hit.sum(axis=1)).ravel()) - self.mean
        return np.hstack([hit[:, self.kept].toarray(), burden[:, None].astype(np.float32)])

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return np.asarray(by_name(snapshot, self.name, self.names).profiled[rows])

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        out = np.zeros((len(contributions), len(self.names)))
        out[:, self.kept] = contributions[:, :-1]  # the burden is no gene's
        return out


def _kind(snapshot: Snapshot, name: str) -> str:
    if name in (COVARIATES, RECORDS):
        return name
    return "mutation" if is_mutation(snapshot.layers[name]) else "dense"


def _block(name: str, kind: str) -> _Dense | _Covariates | _Records | _Mutations:
    match kind:
        case "covariates":
            return _Covariates()
        case "records":
            return _Records()
        case "mutation":
            return _Mutations(name)
        case "dense":
            return _Dense(name)
    raise ValueError(f"saved edges: got kind {kind!r}; expected dense, mutation, covariates or records")


def _dense(x: np.ndarray | sparse.csr_matrix) -> np.ndarray:
    return x if isinstance(x, np.ndarray) else np.asarray(x.toarray())
