"""Logistic hazard head: discrete-time survival, a hazard for each of a few bins of time, and the curve that they make."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..training.batch import Target
from .head import Head, finite

BINS = 10
"""Bins of time: a tenth of the training part's events in each."""


class LogisticHazardHead(Head):
    """Log cumulative hazard until the last training event, (n,): higher = sooner. Loss: cross-entropy of hazards.

    The hazard of bin j is h_j = sigmoid(raw_j), the probability of the event in it for who came so far. Hazards need not
    be proportional, so a row has a curve of its own: S(end of bin j) = (1 - h_1) ... (1 - h_j) (`survival`). It is scored by
    log(-log S) at the end of the last bin, which under proportional hazards is Cox's log relative hazard plus a constant.

    It holds the bins' ends, days, as a buffer (`start`). Where events share times, bins may have no length: they learn no hazard.
    Source: Gensheimer & Narasimhan 2019, doi:10.7717/peerj.6257; quantiles as ends: Kvamme & Borgan 2021,
        doi:10.1007/s10985-021-09532-6.
    Example:
        >>> head = LogisticHazardHead(4, bins=2)
        >>> head.start(Target(duration_days=torch.tensor([1.0, 2.0, 3.0, 4.0]), event=torch.tensor([True] * 4)))
        >>> head.ends.tolist()
        [2.5, 4.0]
    """

    exclusive = False
    ends: Tensor

    def __init__(self, dim: int, bins: int = BINS) -> None:
        super().__init__(dim, bins)
        with torch.no_grad():
            self.linear.weight.copy_(
                self.linear.weight[:1].expand(bins, dim)
            )  # proportional, until the data say otherwise
        self.register_buffer("ends", torch.arange(1, bins + 1, dtype=torch.float64))

    def start(self, target: Target) -> None:
        """Ends at quantiles of the times of events, and the hazards of Kaplan and Meier: the same curve for every row."""
        days, event = outcome(target)
        at = torch.linspace(0, 1, len(self.ends) + 1, dtype=torch.float64)[1:]
        if bool(event.any()):
            self.ends.copy_(torch.quantile(days[event], at))
        lived, died = self._counted(days, event)
        share = (died.sum(0) + 0.5) / ((lived + died).sum(0) + 1.0)
        with torch.no_grad():
            self.linear.bias.copy_(torch.logit(share))

    def read(self, slope: float) -> None:
        """All hazards start from the same readout, the encoder's first column: proportional odds."""
        with torch.no_grad():
            self.linear.weight.zero_()
            self.linear.weight[:, 0] = slope

    def told(self, raw: Tensor) -> Tensor:
        return torch.zeros(len(raw), dtype=torch.int64, device=raw.device)

    def shown(self, raw: Tensor) -> Tensor:
        return self.score(raw)[:, None]

    def loss(self, raw: Tensor, target: Target) -> Tensor | None:
        lived, died = (one.to(raw.dtype) for one in self._counted(*outcome(target)))
        return finite((lived * F.softplus(raw) + died * F.softplus(-raw)).sum(1).mean())

    def score(self, raw: Tensor) -> Tensor:
        return F.softplus(raw).sum(1).log()

    def survival(self, raw: Tensor, days: Tensor) -> Tensor:
        """S(t), the probability of no event until each of these days.

        Within a bin the hazard is constant, after the last one there is none.
        Args:
            raw: (n, bins). days: (t,) from 0.
        Returns: (n, t), never rising from one day to a later one.
        """
        ends = F.pad(self.ends, (1, 0)).to(raw.device)
        hazard = F.pad(F.softplus(raw.double()).cumsum(1), (1, 0))
        days = days.to(ends).clamp(max=ends[-1])
        right = torch.searchsorted(ends, days, right=True).clamp(1, len(ends) - 1)
        length = ends[right] - ends[right - 1]
        share = torch.where(length > 0, (days - ends[right - 1]) / length.clamp(min=1e-9), 1.0)
        return torch.exp(-torch.lerp(hazard[:, right - 1], hazard[:, right], share))

    def _counted(self, days: Tensor, event: Tensor) -> tuple[Tensor, Tensor]:
        """(n, bins) 0 and 1 each: which bins a row came through, and in which it had its event.

        Who is censored came through a bin if the middle of it was reached.
        """
        ends = self.ends.to(days.device)
        middle = (F.pad(ends, (1, 0))[:-1] + ends) / 2
        own = torch.searchsorted(ends, days.contiguous()).clamp(max=len(ends) - 1)
        died = F.one_hot(own, len(ends)).bool() & (event & (days <= ends[-1]))[:, None]
        before = torch.arange(len(ends), device=days.device) < own[:, None]
        return (
            torch.where(event[:, None] & (days <= ends[-1])[:, None], before, days[:, None] >= middle)
        ).double(), died.double()


def outcome(target: Target) -> tuple[Tensor, Tensor]:
    """(n,) days as float64, and (n,) bool."""
    if target.duration_days is None or target.event is None:
        raise ValueError("survival head: got a target without duration_days and event")
    return target.duration_days.double(), target.event
