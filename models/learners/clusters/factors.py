"""Factors: the first principal components of each block of inputs, one block weighing as much as another.

Multiple factor analysis: each block is divided by the spread of its first component, so that a layer of twenty thousand
features does not outvote one of two hundred.
Source: Escofier & Pagès 1994, doi:10.1016/0167-9473(94)90135-X.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ...base.snapshot import Snapshot
from ...estimators.principal_components import Projection, dense
from ...preprocessing.blocks import Block, block_names, restored_block, saved_block
from ...preprocessing.covariates import COVARIATES
from ...preprocessing.fold import FoldPreprocessing

WIDTH = 10
"""Components of a block."""
FEW = 20
"""Training rows with a block below which it tells nothing."""


@dataclass(frozen=True)
class Factors:
    """The blocks of a snapshot, each with its projection, fitted on training rows."""

    blocks: Sequence[Block]
    projections: Sequence[Projection]

    @classmethod
    def fit(cls, snapshot: Snapshot, rows: np.ndarray, seed: int) -> Self:
        """Omics layers, notes, images and records; no covariates. A block that fewer than FEW rows have is left out."""
        names = [name for name in block_names(snapshot) if name != COVARIATES]
        blocks, projections = [], []
        for block in FoldPreprocessing.fit(snapshot, rows, names).blocks.values():
            here = rows[block.present(snapshot, rows)]
            if len(here) < FEW:
                continue
            x = dense(block.transform(snapshot, here))
            if x.shape[1] > 1 and float(np.ptp(x, axis=0).max()) > 0:
                blocks.append(block)
                projections.append(Projection.fit(x, WIDTH, seed, "first"))
        return cls(blocks, projections)

    def parts(self, snapshot: Snapshot, rows: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """Each block's (n, d) coordinates, 0 where a row lacks the block; and (n, blocks) bool, which it has."""
        present = np.zeros((len(rows), len(self.blocks)), dtype=bool)
        out = []
        for j, (block, projection) in enumerate(zip(self.blocks, self.projections, strict=True)):
            present[:, j] = block.present(snapshot, rows)
            x = projection.coordinates(dense(block.transform(snapshot, rows)))
            out.append(x * present[:, j : j + 1])
        return out, present

    def state(self) -> dict[str, Any]:
        return {
            "blocks": [saved_block(block) for block in self.blocks],
            "projections": [vars(one) for one in self.projections],
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Self:
        blocks = [restored_block(one) for one in state["blocks"]]
        return cls(blocks, [Projection(**one) for one in state["projections"]])


def filled_in(parts: Sequence[np.ndarray], present: np.ndarray) -> list[np.ndarray]:
    """Factors without gaps: what a patient lacks is taken from the one who is nearest in what both have, and has it.

    Zeros or means in their place would be a cluster of their own: of those who miss the same layer. For dividing the
    training part alone; whoever is assigned is judged by what there is.
    Source: nearest-neighbour hot deck, Andridge & Little 2010, doi:10.1111/j.1751-5823.2010.00103.x.
    Args: parts: each block's (n, d) factors. present: (n, blocks) bool; every row has one block or more.
    """
    out = [part.copy() for part in parts]
    for row in np.flatnonzero(~present.all(axis=1)):
        shared = present & present[row]
        far = np.sum([((x - x[row]) ** 2).sum(axis=1) * both for x, both in zip(parts, shared.T, strict=True)], axis=0)
        far = np.where(shared.any(axis=1), far / np.maximum(shared.sum(axis=1), 1), np.inf)
        far[row] = np.inf
        for block in map(int, np.flatnonzero(~present[row])):
            donors = np.where(present[:, block], far, np.inf)
            if np.isfinite(donors).any():
                out[block][row] = parts[block][int(donors.argmin())]
    return out
