"""Latent block: what an autoencoder's few numbers say of a patient's layers, as columns that a linear model can read.

The outcome need not be linear in them (a ring is not), so the columns are the numbers, and their likeness to some centres of the training rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ...base.snapshot import Snapshot
from ...estimators.principal_components import Projection, dense
from ...preprocessing.blocks import Block, restored_block, saved_block

if TYPE_CHECKING:
    import torch

    from ...training.batch import Batch
    from ...training.course import Network

COMPONENTS = 256
"""Principal components of a layer that the network sees: its first layer is linear, and then a few hundred weights wide."""
LANDMARKS, EACH = 100, 5
"""Centres of training rows, at the most, and rows to each on the mean: no centre shall be a patient."""
STOPPED_BY = 8
"""Every so many-th row judges when training stops."""
BATCH, STEPS_AT_MOST = 64, 4000
"""Rows of a step of training, and about how many steps there are at the most."""
STEPS = 16
"""Points on the way from the training mean at which the gradient is taken."""


@dataclass(frozen=True)
class LayerRows:
    """Rows of some layers as a network's batches. layers: name -> (n, r) float32; present: name -> (n,) bool."""

    layers: Mapping[str, np.ndarray]
    present: Mapping[str, np.ndarray]
    lengths: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Batch:
        import torch

        from ...training.batch import Batch

        layers = {name: torch.from_numpy(x[rows]) for name, x in self.layers.items()}
        return Batch(len(rows), layers, {name: torch.from_numpy(here[rows]) for name, here in self.present.items()})


class LatentBlock:
    """A block whose columns are latent variables of other blocks, learnt on the training rows without their outcome.

    Columns: z / sqrt(width), z standardised, then exp(-|z - l|² / width) for up to LANDMARKS centres l of k-means,
    whitened (Nystroem's method: Williams and Seeger 2000, NeurIPS 13:682; centres: Zhang 2008, ICML, 1232).

    Args:
        blocks: fitted, of omics layers. variational: one `MultimodalVAE` of all; else an `Autoencoder` of the first alone.
        setting: of the learner: width, noise or beta, plan. seed: of everything that is drawn.
    """

    kind = "latent"
    WIDTH = 8

    def __init__(self, blocks: Sequence[Block], variational: bool, setting: Mapping[str, Any], seed: int) -> None:
        self.blocks, self.variational, self.setting, self.seed = [*blocks], variational, dict(setting), seed
        self.name = "latent" if variational else blocks[0].name
        self.width: int = self.setting.get("width", self.WIDTH)

    def fit(self, snapshot: Snapshot, rows: np.ndarray) -> Self:
        from ...training import trainer as training

        self.projections = [
            Projection.fit(dense(block.transform(snapshot, rows[block.present(snapshot, rows)])), COMPONENTS, self.seed)
            for block in self.blocks
        ]
        source, here = self._rows(snapshot, rows), np.flatnonzero(self.present(snapshot, rows))
        order, judging = np.random.default_rng([self.seed, 11]).permutation(here), len(here) // STOPPED_BY
        plan = self._plan(len(here))
        with training.reproducible(plan.seed):
            self.network = self._network()
        training.fit(self.network, source, np.sort(order[judging:]), np.sort(order[:judging]), plan)
        z = training.encode(self.network, source, here)
        self.centre, self.spread = z.mean(axis=0), np.maximum(z.std(axis=0), 1e-6)
        self._set_landmarks((z - self.centre) / self.spread)
        return self

    def _plan(self, rows: int) -> Any:
        from ...training.trainer import TrainingPlan

        epochs = int(np.clip(STEPS_AT_MOST * BATCH // max(rows, 1), 20, 200))
        plan = {
            "epochs": epochs,
            "patience": 20,
            "lr": 2e-3,
            "batch_size": BATCH,
            "weight_decay": 1e-4,
            "seed": self.seed,
        }
        return TrainingPlan(**{**plan, **self.setting.get("plan", {})})

    def _network(self) -> Network:
        from ...encoders.latent.autoencoder import Autoencoder
        from ...encoders.latent.multimodal_vae import MultimodalVAE

        columns = {b.name: one.axes.shape[1] for b, one in zip(self.blocks, self.projections, strict=True)}
        if self.variational:
            return MultimodalVAE(columns, self.width, self.setting.get("beta", 1.0))
        return Autoencoder(self.name, columns[self.name], self.width, self.setting.get("noise", 0.5))

    def _set_landmarks(self, z: np.ndarray) -> None:
        from sklearn.cluster import KMeans

        many = max(2, min(LANDMARKS, len(np.unique(z, axis=0)) // EACH))
        self.landmarks = landmarks = KMeans(many, n_init=1, random_state=self.seed).fit(z).cluster_centers_
        near = np.exp(-((landmarks[:, None] - landmarks) ** 2).sum(axis=2) / self.width)
        values, u = np.linalg.eigh(near)
        self.whitening = (u / np.sqrt(np.maximum(values, 1e-6))) @ u.T

    def _rows(self, snapshot: Snapshot, rows: np.ndarray) -> LayerRows:
        layers, present = {}, {}
        for block, one in zip(self.blocks, self.projections, strict=True):
            here = block.present(snapshot, rows)
            x = one.coordinates(dense(block.transform(snapshot, rows)))
            layers[block.name] = (x * here[:, None]).astype(np.float32)
            present[block.name] = here
        return LayerRows(layers, present)

    def present(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n,) bool: rows with any of the layers."""
        return np.asarray(np.any([block.present(snapshot, rows) for block in self.blocks], axis=0))

    def foretell(self, snapshot: Snapshot, rows: np.ndarray, name: str) -> np.ndarray:
        """(n, columns) what the other layers of a variational block say of this one, in the columns of its own block."""
        import torch

        given = self._rows(snapshot, rows)
        layers = {one: x * (one != name) for one, x in given.layers.items()}
        hidden = LayerRows(layers, {one: here & (one != name) for one, here in given.present.items()})
        network: Any = self.network
        with torch.no_grad():
            told = network.eval().foretell(hidden.take(np.arange(len(rows))))[name].double().numpy()
        own = self.projections[[block.name for block in self.blocks].index(name)]
        return np.asarray(own.mean + told * own.unit @ own.axes.T)

    def latent(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n, width) the standardised latent variables; 0 without any of the layers."""
        from ...training import trainer as training

        z = training.encode(self.network, self._rows(snapshot, rows), np.arange(len(rows))).reshape(-1, self.width)
        return np.asarray((z - self.centre) / self.spread * self.present(snapshot, rows)[:, None])

    def transform(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n, width + landmarks) float32; 0 without any of the layers."""
        import torch

        from ...training import trainer as training

        z = training.encode(self.network, self._rows(snapshot, rows), np.arange(len(rows))).reshape(-1, self.width)
        columns = self._columns(torch.from_numpy(z.astype(np.float32))).numpy()
        return np.asarray(columns * self.present(snapshot, rows)[:, None], dtype=np.float32)

    def contributions(
        self, snapshot: Snapshot, rows: np.ndarray, coef: np.ndarray
    ) -> dict[str, tuple[list[str], np.ndarray]]:
        """Integrated gradients of a score that is linear in the columns, from the training mean to each row.

        Args: coef: (n, columns), each row's own.
        Returns: layer -> its features, and (n, features); of a layer that a row lacks 0.
        Source: Sundararajan 2017, arXiv:1703.01365.
        """
        import torch

        source = self._rows(snapshot, rows)
        batch = source.take(np.arange(len(rows)))
        weight = torch.from_numpy(coef.astype(np.float32))
        slopes = {name: np.zeros(x.shape, dtype=np.float64) for name, x in source.layers.items()}
        for step in range(STEPS):
            at = {name: (x * ((step + 0.5) / STEPS)).requires_grad_() for name, x in batch.layers.items()}
            score = (self._columns(self.network.encoder(type(batch)(batch.size, at, batch.present))[0]) * weight).sum()
            found = torch.autograd.grad(score, [*at.values()])
            for name, slope in zip(at, found, strict=True):
                slopes[name] += slope.numpy() / STEPS
        out = {}
        for block, one in zip(self.blocks, self.projections, strict=True):
            whole = (dense(block.transform(snapshot, rows)) - one.mean) * one.back(slopes[block.name])
            out[block.name] = block.names, block.gather(whole * source.present[block.name][:, None])
        return out

    def _columns(self, z: torch.Tensor) -> torch.Tensor:
        """The columns of latent variables as the encoder gives them."""
        import torch

        centre, spread, landmarks, whitening = (
            torch.from_numpy(x.astype(np.float32)) for x in (self.centre, self.spread, self.landmarks, self.whitening)
        )
        z = (z - centre) / spread
        near = torch.exp(-(z[:, None] - landmarks).square().sum(dim=2) / self.width) @ whitening
        return torch.hstack([z / self.width**0.5, near])

    def state(self) -> dict[str, Any]:
        return {
            "blocks": [saved_block(block) for block in self.blocks], "variational": self.variational,
            "setting": self.setting, "seed": self.seed, "centre": self.centre, "spread": self.spread,
            "landmarks": self.landmarks, "whitening": self.whitening,
            "projections": [vars(one) for one in self.projections],
            "weights": {name: value.numpy() for name, value in self.network.state_dict().items()},
        }  # fmt: skip

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> LatentBlock:
        from ...training import trainer as training

        made = cls(
            [restored_block(one) for one in state["blocks"]], state["variational"], state["setting"], state["seed"]
        )
        made.projections = [Projection(**one) for one in state["projections"]]
        made.centre, made.spread = state["centre"], state["spread"]
        made.landmarks, made.whitening = state["landmarks"], state["whitening"]
        made.network = made._network()
        training.set_weights(made.network, state["weights"])
        return made
