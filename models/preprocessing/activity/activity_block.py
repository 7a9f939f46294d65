"""Activity block: a layer's genes, standardised in the fold, as activities of gene sets."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, Self

import numpy as np

from ....loaders.specs import Activity
from ...base.snapshot import Snapshot
from ..omics_layer import DenseBlock, is_mutation
from ..scaling import Scale
from .gene_sets import GeneSets
from .registry import activity


def activity_of(layer: Any) -> Activity | None:
    """What activity is asked of a layer; None where it is none."""
    found: Activity | None = getattr(layer, "activity", None)
    return None if found is None or is_mutation(layer) else found


def activity_names(snapshot: Snapshot) -> dict[str, tuple[str, str]]:
    """Name of each block of activities, `LAYER.KNOWLEDGE` -> its layer, and its source of sets."""
    asked = ((name, activity_of(layer)) for name, layer in snapshot.layers.items())
    return {f"{name}.{one}": (name, one) for name, spec in asked if spec is not None for one in spec.pathways}


class ActivityBlock:
    """Activities of the gene sets of one source of knowledge, one column a set.

    A layer's genes are corrected, imputed and standardised as `DenseBlock` does on the fold's training rows; each row is
    scored by itself (`registry.activity`), and the scores are standardised on the training rows. Genes that do not vary
    there count as not measured. A row without the layer is zero throughout.

    Args:
        name: of the block.
        layer: whose genes.
        source: the knowledge, without `knowledge.`.
    """

    kind = "activity"

    def __init__(self, name: str, layer: str = "", source: str = "") -> None:
        self.name, self.layer, self.source = name, layer, source
        self.names: list[str] = []

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        layer = snapshot.layers[self.layer]
        asked = activity_of(layer)
        assert asked is not None, self.name
        self.method = asked.method
        self.genes = DenseBlock(self.layer).fit(snapshot, rows)
        sets = GeneSets.known(snapshot.links, f"knowledge.{self.source}", layer.var, self.genes.kept, asked.least_genes)
        here = rows[self.genes.present(snapshot, rows)]
        scale = Scale.fit(activity(np.asarray(self.genes.transform(snapshot, here)), sets, self.method))
        self.sets, self.scale = sets, scale
        return self.keeping(np.flatnonzero(scale.varies))

    def keeping(self, columns: np.ndarray) -> Self:
        """The same fitted block with these columns alone."""
        block = copy(self)
        block.sets, block.scale = self.sets.take(columns), self.scale.take(columns)
        block.names = block.sets.names
        return block

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n, sets) float32 z-scores."""
        here = self.genes.present(snapshot, rows)
        out = np.zeros((len(rows), len(self.names)), dtype=np.float32)
        x = np.asarray(self.genes.transform(snapshot, rows[here]))
        out[here] = self.scale.filled(activity(x, self.sets, self.method))
        return out

    def serving(self, snapshot: Snapshot, rows: np.ndarray) -> ActivityBlock:
        """The same fitted block, with new batches settled (`DenseBlock.serving`)."""
        block = copy(self)
        block.genes = self.genes.serving(snapshot, rows)
        return block

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        return self.genes.present(snapshot, rows)

    def entities(self) -> list[str | None]:
        return [*self.names]

    def gather(self, contributions: np.ndarray) -> np.ndarray:
        return contributions

    def state(self) -> dict[str, Any]:
        return {
            "layer": self.layer, "method": self.method, "genes": self.genes.state(), "names": self.names,
            "sets": self.sets.state(), "scale": self.scale.state(),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> Self:
        self.layer, self.method, self.names = state["layer"], state["method"], state["names"]
        self.genes = DenseBlock(self.layer).restore(state["genes"])
        self.sets = GeneSets.restored(self.names, state["sets"])
        self.scale = Scale(**state["scale"])
        return self
