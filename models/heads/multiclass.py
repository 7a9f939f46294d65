"""Multiclass head: the probabilities of classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..training.batch import Target
from .head import Head, finite, labels


class MulticlassHead(Head):
    """Probabilities of the classes, (n, classes); each row sums to 1. Loss: cross-entropy."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__(dim, classes)

    def start(self, target: Target) -> None:
        count = torch.bincount(labels(target).long(), minlength=self.linear.out_features).float() + 0.5
        self.linear.bias.data.copy_(torch.log(count / count.sum()))

    def loss(self, raw: Tensor, target: Target) -> Tensor:
        return finite(functional.cross_entropy(raw, labels(target).long()))

    def score(self, raw: Tensor) -> Tensor:
        return torch.softmax(raw, 1)
