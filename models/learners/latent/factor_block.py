"""Factor block: what the factors behind a patient's layers are, as columns that a linear model can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from ...base.snapshot import Snapshot
from ...encoders.latent.factor_model import FactorModel
from ...estimators.principal_components import dense
from ...preprocessing.blocks import Block, restored_block, saved_block


class FactorBlock:
    """A block whose columns are the factors of other blocks (`models.encoders.latent.factor_model`), fitted without outcome.

    Columns: the posterior means; what is little known lies near 0. They are linear in what was measured, so what each
    feature contributed is exact.

    Args:
        blocks: fitted, of omics layers. width: factors. seed: of the first principal components, where there are many rows.
    """

    kind = "factors"
    WIDTH = 8

    def __init__(self, blocks: Sequence[Block], width: int, seed: int) -> None:
        self.blocks, self.width, self.seed = [*blocks], width, seed
        self.name = "latent" if len(blocks) > 1 else blocks[0].name

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        rows = rows[self.present(snapshot, rows)]
        layers, present = self._layers(snapshot, rows)
        self.model = FactorModel.fit(layers, present, self.width, self.seed)
        return self

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n,) bool: rows with any of the layers."""
        return np.asarray(np.any([block.present(snapshot, rows) for block in self.blocks], axis=0))

    def latent(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n, factors); 0 without any of the layers."""
        return self.model.factors(*self._layers(snapshot, rows))

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n, factors) float32."""
        return self.latent(snapshot, rows).astype(np.float32)

    def contributions(
        self, snapshot: Snapshot, rows: np.ndarray, coef: np.ndarray
    ) -> dict[str, tuple[list[str], np.ndarray]]:
        """What each feature added to a score that is linear in the columns: exact. Of a layer that a row lacks 0.

        Args:
            coef: (n, factors), each row's own.
        Returns: layer -> its features, and (n, features).
        """
        layers, present = self._layers(snapshot, rows)
        by_factor = np.einsum("nij,nj->ni", self.model.spread(present), coef)
        out = {}
        for block, x, here, mean, w, noise in zip(
            self.blocks, layers, present, self.model.mean, self.model.weights, self.model.noise, strict=True
        ):
            part = (x - mean) * (by_factor @ w.T / noise) * here[:, None]
            out[block.name] = block.names, block.gather(part)
        return out

    def _layers(self, snapshot: Snapshot, rows: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Each layer's columns, and who has it."""
        layers = [dense(block.transform(snapshot, rows)).astype(np.float64) for block in self.blocks]
        return layers, [block.present(snapshot, rows) for block in self.blocks]

    def state(self) -> dict[str, Any]:
        return {
            "blocks": [saved_block(block) for block in self.blocks], "width": self.width, "seed": self.seed,
            "mean": [*self.model.mean], "weights": [*self.model.weights], "noise": [*self.model.noise],
        }  # fmt: skip

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> FactorBlock:
        made = cls([restored_block(one) for one in state["blocks"]], state["width"], state["seed"])
        made.model = FactorModel(tuple(state["mean"]), tuple(state["weights"]), tuple(state["noise"]))
        return made
