"""Gene values: an omics layer's fitted columns brought to the genes that they are of, with what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
from scipy import sparse

from ..base.snapshot import Snapshot
from .blocks import Block, restored_block, saved_block
from .fold import FoldPreprocessing
from .omics_layer import DenseBlock, MutationBlock

FLOOR = 0.01
"""Added to the variance of mutations, so that a layer of the rarest ones does not shout."""


def genes_of(snapshot: Snapshot, name: str) -> dict[str, str]:
    """Feature -> its gene, of the features of a layer that have one."""
    var = snapshot.layers[name].var
    if "gene" not in var.columns:
        return {}
    known = var.drop_nulls("gene")
    return dict(zip(known["feature"].to_list(), known["gene"].to_list(), strict=True))


class GeneValues:
    """One layer on the genes: the values of its fitted block, 0 the training mean, and a mask of what was measured.

    Several features of a gene (probes, isoforms) are one mean of those that were measured. Mutations are centred at their
    gene's rate, and all have one unit, so that a hit means as much in a rare gene as in a frequent one.

    gene: (columns,) int64 place of each column's gene, -1 for a column that is of none. mean: (columns,) and unit: what
    is taken off, and what the rest is multiplied by. width: genes.
    Example:
        values = GeneValues("rna").fit(snapshot, train, genes)
        x, measured = values.take(snapshot, held_out)  # (n, genes) float32 and bool
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def fit(self, snapshot: Snapshot, rows: np.ndarray, genes: Sequence[str]) -> Self:
        """genes: those of the graph, in their order; columns of other genes are left out."""
        self.block: Block = FoldPreprocessing.fit(snapshot, rows, [self.name]).graph_block(self.name)
        place, owner = {gene: i for i, gene in enumerate(genes)}, genes_of(snapshot, self.name)
        entities = [one for one in self.block.entities() if one is not None]
        self.gene = np.array([place.get(owner.get(one, ""), -1) for one in entities], dtype=np.int64)
        self.width = len(genes)
        self.mean, self.unit = np.zeros(len(entities), dtype=np.float32), 1.0
        if isinstance(self.block, MutationBlock):
            here = rows[self.block.present(snapshot, rows)]
            x = self.block.entries(snapshot, here)
            self.mean = np.asarray(x.mean(axis=0) if len(here) else self.mean, dtype=np.float32).ravel()
            rate = self.mean[self.gene >= 0].astype(np.float64)
            self.unit = float(1 / np.sqrt((rate * (1 - rate)).mean() + FLOOR)) if len(rate) else 1.0
        return self

    def serving(self, snapshot: Snapshot, rows: np.ndarray) -> GeneValues:
        """The same, for rows that are asked for in parts (`DenseBlock.serving`)."""
        if not isinstance(self.block, DenseBlock):
            return self
        made = copy(self)
        made.block = self.block.serving(snapshot, rows)
        return made

    @property
    def genes(self) -> np.ndarray:
        """Places of the genes that the layer says something of, sorted."""
        return np.unique(self.gene[self.gene >= 0])

    def columns(self, snapshot: Snapshot, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, columns) float32 values, 0 where nothing was measured, and (n, columns) bool: what was."""
        if isinstance(self.block, MutationBlock):
            here = np.repeat(self.block.present(snapshot, rows)[:, None], len(self.gene), axis=1)
            x = (self.block.entries(snapshot, rows).toarray() - self.mean) * np.float32(self.unit)
            return np.asarray(np.where(here, x, 0), dtype=np.float32), here
        assert isinstance(self.block, DenseBlock)
        here = self.block.measured(snapshot, rows)
        return np.where(here, self.block.transform(snapshot, rows), np.float32(0)), here

    def take(self, snapshot: Snapshot, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, genes) float32 values, 0 where nothing was measured, and (n, genes) bool: what was."""
        x, here = self.columns(snapshot, rows)
        gather = self._gather()
        count = np.asarray((gather.T @ here.T.astype(np.float32)).T)
        total = np.asarray((gather.T @ x.T).T)
        return np.asarray(total / np.maximum(count, 1), dtype=np.float32), count > 0

    def contributions(self, snapshot: Snapshot, rows: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """(n, genes) gradient by gene -> (n, features) gradient × value of each feature of the layer, by its own name."""
        x, here = self.columns(snapshot, rows)
        gather = self._gather()
        count = np.maximum((gather.T @ here.T.astype(np.float32)).T, 1)
        own = np.asarray((gather @ (gradient / count).T).T) * x
        burden = np.zeros((len(rows), 1)) if isinstance(self.block, MutationBlock) else np.zeros((len(rows), 0))
        return self.block.gather(np.hstack([own, burden]))

    def _gather(self) -> sparse.csr_matrix:
        """(columns, genes) 1 where a column is of a gene."""
        column = np.flatnonzero(self.gene >= 0)
        one = np.ones(len(column), dtype=np.float32)
        return sparse.csr_matrix((one, (column, self.gene[column])), shape=(len(self.gene), self.width))

    def state(self) -> dict[str, Any]:
        return {"block": saved_block(self.block), "gene": self.gene, "mean": self.mean, "unit": self.unit}

    def restore(self, state: Mapping[str, Any], width: int) -> Self:
        """width: genes of the graph, as `fit` was given."""
        self.block, self.width = restored_block(state["block"]), width
        self.gene, self.mean, self.unit = state["gene"], state["mean"], state["unit"]
        return self
