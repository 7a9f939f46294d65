"""Binary head: the probability of an event."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..training.batch import Target
from .head import Head, finite, labels


class BinaryHead(Head):
    """Probability of the event, (n,). Loss: cross-entropy."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, 1)

    def start(self, target: Target) -> None:
        rate = labels(target).float().mean().clamp(1e-3, 1 - 1e-3)
        self.linear.bias.data.fill_(torch.logit(rate))

    def loss(self, raw: Tensor, target: Target) -> Tensor:
        return finite(functional.binary_cross_entropy_with_logits(raw[:, 0], labels(target).float()))

    def score(self, raw: Tensor) -> Tensor:
        return torch.sigmoid(raw[:, 0])
