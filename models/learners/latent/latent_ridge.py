"""Latent-variable learners: layers through an autoencoder, a variational one, or a factor model, then the ridge of `ridge_late`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, cast

import numpy as np

from ...base.embedding import Embeddings
from ...base.learner import Setting
from ...base.snapshot import Snapshot
from ...preprocessing.blocks import Block, JoinedBlocks
from ..baselines.ridge_late import RidgeLate
from .factor_block import FactorBlock
from .latent_block import LatentBlock

FEW = 20
"""Training rows with a layer below which none is learnt from it."""


class LatentRidge(RidgeLate):
    """Omics layers become latent variables (`latent_block.LatentBlock`); all other blocks stay as they are, fused late.

    together: one set of them behind all layers, not one a layer.
    """

    on_torch = True
    together: ClassVar[bool] = False

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if snapshot.layers else f"{self.name} needs an omics layer"

    def aside(self, snapshot: Snapshot) -> str | None:
        return "it is taken where it is named"

    def fused(self, fusion: str) -> Self:
        return self

    def idle(self, setting: Setting, snapshot: Snapshot) -> bool:
        return False

    def blocks(self, snapshot: Snapshot, rows: np.ndarray) -> list[Any]:
        found = super().blocks(snapshot, rows)
        layers = [cast(Block, one) for one in found if one.name in snapshot.layers and _learnable(one, snapshot, rows)]
        groups = [layers] if self.together and layers else [[one] for one in layers]
        latent = [self._encoded(one).fit(snapshot, rows) for one in groups]
        return [*latent, *(one for one in found if one.name not in snapshot.layers)]

    def _encoded(self, layers: list[Block]) -> LatentBlock | FactorBlock:
        """The block of their latent variables, not fitted."""
        return LatentBlock(layers, self.together, self.setting, self.seed)

    def _restored(self, saved: Mapping[str, Any]) -> Any:
        for kind in (LatentBlock, FactorBlock):
            if saved["kind"] == kind.kind:
                return kind.restored(saved["state"])
        return super()._restored(saved)

    def _told(
        self, block: Any, snapshot: Snapshot, rows: np.ndarray, coef: np.ndarray, mean: np.ndarray
    ) -> dict[str, tuple[list[str], np.ndarray]]:
        if isinstance(block, LatentBlock | FactorBlock):
            return block.contributions(snapshot, rows, coef)
        return super()._told(block, snapshot, rows, coef, mean)

    def embeddings(self, snapshot: Snapshot, rows: np.ndarray) -> Embeddings | None:
        """The latent variables of these rows, of one layer after the other; 0 where a row lacks them."""
        found = [
            block.latent(snapshot, rows) for block, _, _ in self.members if isinstance(block, LatentBlock | FactorBlock)
        ]
        return Embeddings(np.hstack(found)) if found else None


class AutoencoderRidge(LatentRidge):
    """`autoencoder`: a denoising autoencoder a layer (`models.encoders.latent.autoencoder`), ridge on what passes it, late fusion.

    Settings: width, the latent variables (8); noise (0.5).
    """

    name = "autoencoder"
    grid: tuple[Setting, ...] = ({}, {"width": 2}, {"width": 32}, {"width": 32, "noise": 1.0})

    def space(self) -> Mapping[str, Any]:
        return {"width": [2, 4, 8, 16, 32, 64], "noise": [0.2, 0.5, 1.0, 2.0]}


class VAERidge(LatentRidge):
    """`vae`: one variational autoencoder of all layers (`models.encoders.latent.multimodal_vae`), ridge on its mean.

    A patient with one layer of five is served: the others are left out of the product. Settings: width (8); beta (1).
    """

    name = "vae"
    together = True
    grid: tuple[Setting, ...] = ({}, {"width": 2}, {"width": 32}, {"width": 32, "beta": 0.1})

    def space(self) -> Mapping[str, Any]:
        return {"width": [2, 4, 8, 16, 32, 64], "beta": [0.03, 0.1, 0.3, 1.0, 3.0]}


class PCARidge(LatentRidge):
    """`pca`: principal components of each layer (probabilistic PCA), ridge on them, late fusion.

    Settings: width, the components (8).
    """

    name = "pca"
    on_torch = False
    grid: tuple[Setting, ...] = ({}, {"width": 2}, {"width": 32}, {"width": 64})

    def space(self) -> Mapping[str, Any]:
        return {"width": [2, 3, 4, 6, 12, 16, 24, 32, 48, 64, 96]}

    def _encoded(self, layers: list[Block]) -> FactorBlock:
        return FactorBlock(layers, self.setting.get("width", FactorBlock.WIDTH), self.seed)


class FactorRidge(PCARidge):
    """`factor`: one factor model of all layers (`models.encoders.latent.factor_model`), ridge on the factors.

    A patient with one layer of five is served: factors are told by the layers that there are. Settings: width (8).
    """

    name = "factor"
    together = True


def _learnable(block: Block | JoinedBlocks, snapshot: Snapshot, rows: np.ndarray) -> bool:
    here = block.present(snapshot, rows)
    return bool(here.sum() >= FEW and block.transform(snapshot, rows[here][:1]).shape[1] > 1)
