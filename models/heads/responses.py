"""Responses head: several numbers, each in its own unit, of which a row may lack some."""

from __future__ import annotations

import torch
from torch import Tensor

from ..training.batch import Target
from .head import Head, finite, labels


class ResponsesHead(Head):
    """Numbers in the units of the training rows' endpoints, (n, endpoints). Loss: squared error of the known ones, in units of
    their variance, a mean over them.

    It holds each endpoint's mean and standard deviation as buffers (`start`), as the regression head does for one.
    Example:
        >>> head = ResponsesHead(4, 2)
        >>> head.start(Target(y=torch.tensor([[10.0, float("nan")], [20.0, 1.0], [30.0, 3.0]])))
        >>> head.centre.tolist(), [round(one, 2) for one in head.spread.tolist()]
        ([20.0, 2.0], [8.16, 1.0])
    """

    exclusive = False
    centre: Tensor
    spread: Tensor

    def __init__(self, dim: int, endpoints: int) -> None:
        super().__init__(dim, endpoints)
        self.register_buffer("centre", torch.zeros(endpoints))
        self.register_buffer("spread", torch.ones(endpoints))

    def raw(self, h: Tensor) -> Tensor:
        return self.centre + self.spread * super().raw(h)

    def start(self, target: Target) -> None:
        y = labels(target).double()
        known = torch.isfinite(y)
        count = known.sum(0).clamp(min=1)
        centre = torch.where(known, y, 0.0).sum(0) / count
        spread = (torch.where(known, y - centre, 0.0).square().sum(0) / count).sqrt()
        self.centre.copy_(centre)
        self.spread.copy_(torch.where(spread > 0, spread, 1.0))

    def told(self, raw: Tensor) -> Tensor:
        """(n,) the endpoint by which a row stands out most from the training rows."""
        return ((raw - self.centre) / self.spread).abs().argmax(1)

    def loss(self, raw: Tensor, target: Target) -> Tensor | None:
        y = labels(target)
        known = torch.isfinite(y)
        if not bool(known.any()):
            return None
        gap = torch.where(known, (raw - torch.where(known, y, 0.0)) / self.spread, 0.0)
        return finite(gap.square().sum() / known.sum())

    def score(self, raw: Tensor) -> Tensor:
        return raw
