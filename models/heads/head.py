"""Task heads: each owns its loss and speaks the user's units.

`raw(h)` is what is trained on, `loss(raw, target)` is that head's loss, `forward(h)` the answer in the user's units.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..training.batch import Target


class Head(nn.Module):
    """A linear readout of (n, dim) with a loss and a unit. `outputs` numbers a row."""

    exclusive: ClassVar[bool] = True
    """Whether of several outputs one alone is true of a row (`Task.exclusive`)."""

    def __init__(self, dim: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, outputs, bias=bias)
        nn.init.normal_(self.linear.weight, std=1 / math.sqrt(dim))
        if bias:
            nn.init.zeros_(self.linear.bias)

    def raw(self, h: Tensor) -> Tensor:
        return torch.as_tensor(self.linear(h))

    def start(self, target: Target) -> None:
        """Set the intercept to what the training rows say without any input, so that no epoch is spent on it."""

    def read(self, slope: float) -> None:
        """Start as `slope` times the first `outputs` columns, for encoders that bring a readout there."""
        with torch.no_grad():
            self.linear.weight[:, : self.linear.out_features] = slope * torch.eye(self.linear.out_features)

    def shown(self, raw: Tensor) -> Tensor:
        """(n, outputs) what an attribution tells of, each column by itself: what is trained on."""
        return raw

    def told(self, raw: Tensor) -> Tensor:
        """(n,) of which column of `shown` an attribution tells (`Task.told`): the predicted class."""
        return raw.argmax(1)

    def loss(self, raw: Tensor, target: Target) -> Tensor | None:
        """The mean loss; None where the rows carry no information (survival without an event): skip them."""
        raise NotImplementedError

    def score(self, raw: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, h: Tensor) -> Tensor:
        return self.score(self.raw(h))


def finite(loss: Tensor) -> Tensor:
    """The loss itself; a loss that is not finite is an error, never a zero. On a GPU it would have to be waited for:
    there it is looked at once an epoch (`models.training.course`)."""
    if loss.is_cuda:
        return loss
    if not bool(torch.isfinite(loss)):
        raise FloatingPointError(f"the loss is {float(loss.detach())}; expected a finite number (diverged training?)")
    return loss


def labels(target: Target) -> Tensor:
    if target.y is None:
        raise ValueError("this head: got a target without y")
    return target.y
