"""Multilabel head: the probability of each of several events."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..training.batch import Target
from .head import Head, finite, labels


class MultilabelHead(Head):
    """Probabilities of the labels, (n, labels), each by itself. Loss: cross-entropy, a mean over rows and labels.

    It holds the logits of the training rows' rates as a buffer: a row stands out by a label beside these, whoever is asked
    about together with it.
    """

    exclusive = False
    usual: Tensor

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__(dim, classes)
        self.register_buffer("usual", torch.zeros(classes))

    def start(self, target: Target) -> None:
        self.usual.copy_(torch.logit(labels(target).float().mean(0).clamp(1e-3, 1 - 1e-3)))
        self.linear.bias.data.copy_(self.usual)

    def told(self, raw: Tensor) -> Tensor:
        """(n,) the label by which a row stands out most from the training rows."""
        return (raw - self.usual).argmax(1)

    def loss(self, raw: Tensor, target: Target) -> Tensor:
        return finite(functional.binary_cross_entropy_with_logits(raw, labels(target).float()))

    def score(self, raw: Tensor) -> Tensor:
        return torch.sigmoid(raw)
