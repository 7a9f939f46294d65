"""Multimodal variational autoencoder (MVAE): one latent variable behind all layers; whichever a patient has tell of it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...training.batch import Batch
from ...training.course import Network
from .autoencoder import HIDDEN, perceptron

LIMITS = (-8.0, 4.0)
"""Of the log variance that a layer may claim."""


class ProductOfExperts(nn.Module):
    """q(z | layers) = N(mean, variance), the product of N(0, 1) and of one normal for each layer that is present.

    A layer's expert is N(m, v), from a perceptron; the product's precision is 1 + sum of 1 / v, its mean is
    (sum of m / v) / precision. A row without any layer is N(0, 1).
    """

    def __init__(self, columns: Mapping[str, int], width: int) -> None:
        super().__init__()
        self.width, self.names = width, [*columns]
        self.experts = nn.ModuleList(perceptron(p, HIDDEN, 2 * width) for p in columns.values())

    def posterior(self, layers: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """(n, width) mean and variance."""
        first = next(iter(layers.values()))
        precision = first.new_ones(len(first), self.width)
        pulled = first.new_zeros(len(first), self.width)
        for name, expert in zip(self.names, self.experts, strict=True):
            mean, log_variance = expert(layers[name]).chunk(2, dim=1)
            weight = torch.exp(-log_variance.clamp(*LIMITS)) * present[name][:, None]
            precision, pulled = precision + weight, pulled + weight * mean
        return pulled / precision, 1 / precision

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        here = torch.stack([batch.present[name] for name in self.names]).any(dim=0)
        return self.posterior(batch.layers, batch.present)[0], here


class MultimodalVAE(Network):
    """A loss for `models.training.trainer.fit`: the negative evidence bound, -E log p(x | z) + beta KL(q || N(0, 1)).

    z is drawn from what a random part of a row's layers says, and every layer that the row has is told from it: so that
    few layers suffice later, and one is foretold by the others. Errors of all columns are normal with variance one, which
    their scale makes fit. With one layer it is a plain variational autoencoder. No label enters.

    Args:
        columns: layer -> columns, in the batches' order. drop: how often a layer is hidden from the encoder in training.
    Source: Kingma and Welling 2014, arXiv:1312.6114; layers: Wu and Goodman 2018, arXiv:1802.05335.
    Example:
        >>> network = MultimodalVAE({"rna": 20, "protein": 5}, 2).eval()
        >>> none = torch.zeros(3, dtype=torch.bool)
        >>> batch = Batch(3, {"rna": torch.ones(3, 20), "protein": torch.ones(3, 5)}, {"rna": ~none, "protein": none})
        >>> {name: tuple(x.shape) for name, x in network.foretell(batch).items()}
        {'rna': (3, 20), 'protein': (3, 5)}
    """

    def __init__(self, columns: Mapping[str, int], width: int, beta: float = 1.0, drop: float = 0.3) -> None:
        nn.Module.__init__(self)
        self.beta, self.drop = beta, drop if len(columns) > 1 else 0.0
        self.product = ProductOfExperts(columns, width)
        self.encoder: nn.Module = self.product
        self.names = [*columns]
        self.decoders = nn.ModuleList(perceptron(width, HIDDEN, p) for p in columns.values())

    def loss(self, batch: Batch, mixed: bool = False) -> Tensor | None:
        if not any(one.any() for one in batch.present.values()):
            return None
        mean, variance = self.product.posterior(batch.layers, self._shown(batch.present))
        z = mean + torch.randn_like(mean) * variance.sqrt() if self.training else mean
        divergence = (mean.square() + variance - 1 - variance.log()).sum(dim=1).mean() / 2
        missed = z.new_zeros(())
        for name, decoder in zip(self.names, self.decoders, strict=True):
            here = batch.present[name]
            missed = missed + (decoder(z[here]) - batch.layers[name][here]).square().sum() / (2 * batch.size)
        return missed + self.beta * divergence

    def _shown(self, present: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Which layers the encoder may see; of a row that has some at least one."""
        if not self.training or not self.drop:
            return {**present}
        shown = {
            name: here & (torch.rand(here.shape, device=here.device) >= self.drop) for name, here in present.items()
        }
        nothing = ~torch.stack([*shown.values()]).any(dim=0)
        return {name: one | (present[name] & nothing) for name, one in shown.items()}

    def foretell(self, batch: Batch) -> dict[str, Tensor]:
        """Layer -> (n, columns): what the layers that a row has say of each, the missing ones too."""
        z = self.encoder(batch)[0]
        return {name: decoder(z) for name, decoder in zip(self.names, self.decoders, strict=True)}
