"""Blocks of a snapshot as matrices; every scale, median and vocabulary is of the fold's training rows.

A block is one omics layer, the covariates, the records, or a view (notes, images). It is fitted on training rows, and turns any rows into a
matrix whose columns it can map back to what the study calls a feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self

import numpy as np
from scipy import sparse

from ..base.snapshot import Snapshot
from ..estimators.univariate import Matrix
from .activity.activity_block import ActivityBlock, activity_names, activity_of
from .covariates import COVARIATES, CovariateBlock
from .notes_block import NOTES, NotesBlock
from .omics_layer import DenseBlock, MutationBlock, is_mutation
from .records.records_block import RECORDS, RecordsBlock
from .records.windowed_block import WindowedRecordsBlock


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

    def entities(self) -> list[str | None]:
        """The CURIE behind each column; None where it is no entity of the graph."""

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        """(n, columns) -> (n, names): what each feature contributed, over all columns made of it."""

    def state(self) -> dict[str, Any]: ...
    def restore(self, state: Mapping[str, Any]) -> Self: ...


def make_block(snapshot: Snapshot, name: str) -> Block:
    """The block of this name, unfitted: a layer's, a view's, of activities, or `covariates`, `records`, `windowed_records`."""
    match name:
        case "covariates":
            return CovariateBlock()
        case "records":
            return RecordsBlock()
        case "windowed_records":
            return WindowedRecordsBlock()
    if name not in snapshot.layers and name in (found := activity_names(snapshot)):
        return ActivityBlock(name, *found[name])
    if name in snapshot.views:
        return NotesBlock(name) if snapshot.views[name].kind == NOTES else DenseBlock(name)
    return MutationBlock(name) if is_mutation(snapshot.layers[name]) else DenseBlock(name)


def block_names(snapshot: Snapshot) -> list[str]:
    """The snapshot's layers, then covariates, records and views (notes, images) where there are any."""
    covariates = [COVARIATES] if snapshot.covariates.width else []
    return [*snapshot.layers, *covariates, *([] if snapshot.events is None else [RECORDS]), *snapshot.views]


def column_names(snapshot: Snapshot) -> list[str]:
    """The blocks of a learner that reads columns: as `block_names`, with activities behind their layer, or in its place.

    What learns on a graph of genes reads the layers themselves.
    """
    activities = activity_names(snapshot)
    out = []
    for name in block_names(snapshot):
        asked = activity_of(snapshot.layers.get(name))
        out += [name] if asked is None or asked.keep_genes else []
        out += [block for block, (layer, _) in activities.items() if layer == name]
    return out


def make_blocks(snapshot: Snapshot) -> list[Block]:
    """The snapshot's blocks, unfitted."""
    return [make_block(snapshot, name) for name in block_names(snapshot)]


class JoinedBlocks:
    """Fitted blocks side by side, each at a mean squared row norm of one, with a flag for each that can be missing."""

    kind = name = "joined"

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = blocks
        self.names: list[str] = []

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        self.unit, self.width, self.flagged = [], [], []
        for block in self.blocks:
            here = block.present(snapshot, rows)
            x = block.transform(snapshot, rows[here])
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
        case "activity":
            return ActivityBlock(name).restore(state)
        case "mutation":
            return MutationBlock(name).restore(state)
        case "notes":
            return NotesBlock(name).restore(state)
        case "covariates":
            return CovariateBlock().restore(state)
        case "records":
            return RecordsBlock().restore(state)
        case "windowed_records":
            return WindowedRecordsBlock().restore(state)
        case "joined":
            return JoinedBlocks([]).restore(state)
    raise ValueError(
        f"saved block: got kind {saved['kind']!r}; expected dense, activity, mutation, notes, covariates, records or joined"
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
