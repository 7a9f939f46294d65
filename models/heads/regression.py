"""Regression head: a number in the outcome's own unit."""

from __future__ import annotations

import torch
from torch import Tensor

from ..training.batch import Target
from .head import Head, finite, labels


class RegressionHead(Head):
    """A number in the unit of the training rows' outcome, (n,). Loss: squared error in units of their variance.

    It holds their mean and standard deviation as buffers (`start`): the layers below see an outcome of mean 0 and variance 1,
    whatever its unit, and what comes out, `raw` too, is in the unit.
    Example:
        >>> head = RegressionHead(4)
        >>> head.start(Target(y=torch.tensor([10.0, 20.0, 30.0])))
        >>> float(head.centre), round(float(head.spread), 2)
        (20.0, 8.16)
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__(dim, 1)
        self.register_buffer("centre", torch.zeros(1))
        self.register_buffer("spread", torch.ones(1))

    def raw(self, h: Tensor) -> Tensor:
        return self.centre + self.spread * super().raw(h)

    def start(self, target: Target) -> None:
        y = labels(target).double()
        spread = float(y.std(correction=0))
        self.centre.fill_(float(y.mean()))
        self.spread.fill_(spread if spread > 0 else 1.0)

    def loss(self, raw: Tensor, target: Target) -> Tensor:
        return finite((((raw[:, 0] - labels(target)) / self.spread) ** 2).mean())

    def score(self, raw: Tensor) -> Tensor:
        return raw[:, 0]
