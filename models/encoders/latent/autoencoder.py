"""Autoencoder: a layer through a few hidden numbers and back; what passes is what its features share."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from ...training.batch import Batch
from ...training.course import Network

HIDDEN = 128


def perceptron(*widths: int) -> nn.Sequential:
    """Linear layers of these widths with GELU between them."""
    parts: list[nn.Module] = []
    for a, b in pairwise(widths):
        parts += [nn.Linear(a, b), nn.GELU()]
    return nn.Sequential(*parts[:-1])


class Encoder(nn.Module):
    """What `models.training.trainer.encode` asks: (n, width) of a batch, and which rows could be served."""

    def __init__(self, name: str, columns: int, width: int) -> None:
        super().__init__()
        self.name, self.body = name, perceptron(columns, HIDDEN, width)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return self.body(batch.layers[self.name]), batch.present[self.name]


class Autoencoder(Network):
    """A loss for `models.training.trainer.fit`: mean of |d(e(x + noise)) - x|² / 2 over the rows that have the layer.

    x: (n, columns) scaled values; e and d: perceptrons with one hidden layer; noise: normal, `noise` standard deviations
    of a column, in training alone, so that what is learnt is no copy. No label enters.

    Args: name: the layer's in the batches.
    Source: Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647; denoising: Vincent 2010, JMLR 11:3371.
    Example:
        >>> network = Autoencoder("rna", 20, 2)
        >>> x = torch.zeros(3, 20)
        >>> batch = Batch(3, {"rna": x}, {"rna": torch.ones(3, dtype=torch.bool)})
        >>> tuple(network.encoder(batch)[0].shape), tuple(network.decoder(network.encoder(batch)[0]).shape)
        ((3, 2), (3, 20))
    """

    def __init__(self, name: str, columns: int, width: int, noise: float = 0.5) -> None:
        nn.Module.__init__(self)
        self.name, self.noise = name, noise
        self.encoder: nn.Module = Encoder(name, columns, width)
        self.decoder = perceptron(width, HIDDEN, columns)

    def loss(self, batch: Batch, mixed: bool = False) -> Tensor | None:
        here = batch.present[self.name]
        if not here.any():
            return None
        x = batch.layers[self.name][here]
        seen = x + self.noise * torch.randn_like(x) if self.training else x
        shown = Batch(len(x), {self.name: seen}, {self.name: here[here]})
        back: Tensor = self.decoder(self.encoder(shown)[0])
        return (back - x).square().sum(dim=1).mean() / 2
