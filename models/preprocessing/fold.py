"""Fold preprocessing: every block of a snapshot, fitted once on a fold's training rows, for all learners alike."""

from __future__ import annotations

import hashlib
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ..base.snapshot import Snapshot
from .activity.activity_block import ActivityBlock
from .blocks import Block, JoinedBlocks, block_names, make_block, restored_block, saved_block
from .covariates import COVARIATES, CovariateBlock
from .omics_layer import DenseBlock, MutationBlock
from .records.records_block import RECORDS, RecordsBlock
from .selection.registry import NONE, method_of, selected

REMEMBERED = 32
"""Fitted blocks kept for whoever asks for the same rows of the same snapshot."""


@dataclass(frozen=True)
class LayerInputs:
    """A layer's scaled values over a snapshot's rows.

    features: CURIEs of the columns. values: (rows, features) float32, as in `DenseBlock.transform`; csr of mutations.
    measured: (rows, features) bool, False where a value was filled in; None where absent means negative (mutations).
    """

    features: list[str]
    values: np.ndarray | sparse.csr_matrix
    measured: np.ndarray | None


@dataclass(frozen=True)
class GraphInputs:
    """What `graphs.snapshot.hetero_data` is given: all rows of a snapshot, scaled as every other learner sees them.

    covariates: (rows, columns) float32, their names in covariate_names.
    event_values: (events,) float32, the z-score of each event's number; 0 where there is none. None without records.
    """

    layers: Mapping[str, LayerInputs]
    covariates: np.ndarray
    covariate_names: list[str]
    event_values: np.ndarray | None


@dataclass(frozen=True)
class FoldPreprocessing:
    """The fitted blocks of one fold by name: the omics layers, `covariates`, `records`.

    The one place where a fold's values are made. A step before scaling (imputation, batch correction) belongs into the
    blocks' `fit` and `transform`, which nobody calls but through here: then every learner, the saved model and
    `snapshot.hetero` have it. What a study asks of a dense layer is in `models.preprocessing.steps.layer_steps`.
    """

    blocks: Mapping[str, Block]

    @classmethod
    def fit(cls, snapshot: Snapshot, rows: np.ndarray, names: Sequence[str] | None = None) -> FoldPreprocessing:
        """Fitted on these rows and no others; on the same rows of the same snapshot it is fitted once.

        names: the blocks to fit; all where left out.
        Example:
            blocks = FoldPreprocessing.fit(snapshot, train).blocks
            blocks["rna"].transform(snapshot, held_out)
        """
        names = block_names(snapshot) if names is None else names
        return cls({name: _fitted(snapshot, rows, name) for name in names})

    def joined(self, snapshot: Snapshot, rows: np.ndarray) -> JoinedBlocks:
        """All blocks as one matrix; `rows` as in `fit`."""
        return JoinedBlocks([*self.blocks.values()]).fit(snapshot, rows)

    def serving(self, snapshot: Snapshot, *parts: np.ndarray) -> FoldPreprocessing:
        """The same, with batches that training did not see estimated from these rows, an earlier part before a later one.

        For who asks for rows in another order than they are predicted in: tuning rows may not know of held-out ones.
        """
        blocks = dict(self.blocks)
        for rows in parts:
            blocks = {
                n: b.serving(snapshot, rows) if isinstance(b, DenseBlock | ActivityBlock) else b
                for n, b in blocks.items()
            }
        return FoldPreprocessing(blocks)

    def graph_block(self, name: str) -> Block:
        """The block as a graph has it: of mutations every gene hit in a training row."""
        block = self.blocks[name]
        return block.with_rare() if isinstance(block, MutationBlock) else block

    def graph_inputs(self, snapshot: Snapshot) -> GraphInputs:
        """All rows of a snapshot for `graphs.snapshot.hetero_data`."""
        rows = np.arange(snapshot.rows.height)
        layers = {}
        for name in self.blocks:
            block = self.graph_block(name)
            features = [one for one in block.entities() if one is not None]
            if isinstance(block, DenseBlock):
                values = np.asarray(block.transform(snapshot, rows))
                layers[name] = LayerInputs(features, values, block.measured(snapshot, rows))
            elif isinstance(block, MutationBlock):
                layers[name] = LayerInputs(features, block.entries(snapshot, rows), None)
        covariates, records = self.blocks.get(COVARIATES), self.blocks.get(RECORDS)
        matrix, names = np.zeros((len(rows), 0), dtype=np.float32), list[str]()
        if isinstance(covariates, CovariateBlock):
            matrix, names = np.asarray(covariates.transform(snapshot, rows)), covariates.labels()
        events = None
        if isinstance(records, RecordsBlock) and snapshot.events is not None:
            numbers = snapshot.events["numeric_value"].cast(float).to_numpy()
            events = np.nan_to_num(records.values.scaled(snapshot.events["code"], numbers))
        return GraphInputs(layers, matrix, names, events)

    def dense(self) -> FoldPreprocessing:
        """The blocks of dense layers alone."""
        return FoldPreprocessing({name: block for name, block in self.blocks.items() if isinstance(block, DenseBlock)})

    def others(self) -> FoldPreprocessing:
        """All the other blocks."""
        return FoldPreprocessing(
            {name: block for name, block in self.blocks.items() if not isinstance(block, DenseBlock)}
        )

    def state(self) -> dict[str, Any]:
        return {name: saved_block(block) for name, block in self.blocks.items()}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> FoldPreprocessing:
        return cls({name: restored_block(saved) for name, saved in state.items()})


_FITTED: OrderedDict[tuple[int, bytes, str], tuple[weakref.ref[Any], Block]] = OrderedDict()


def _fitted(snapshot: Snapshot, rows: np.ndarray, name: str) -> Block:
    """The block, fitted; the settings of a learner and the learners of a fold share it. Nobody changes a fitted block."""
    key = (id(snapshot), hashlib.sha256(rows.tobytes()).digest(), name)
    if key in _FITTED and _FITTED[key][0]() is snapshot:
        _FITTED.move_to_end(key)
        return _FITTED[key][1]
    block = make_block(snapshot, name).fit(snapshot, rows)
    select = method_of(snapshot.layers.get(name))
    if select != NONE and isinstance(block, DenseBlock):
        block = selected(block, snapshot, rows, select)[0]
    _FITTED[key] = weakref.ref(snapshot), block
    while len(_FITTED) > REMEMBERED:
        _FITTED.popitem(last=False)
    return block
