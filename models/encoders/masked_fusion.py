"""Masked fusion: a row is served by whichever modalities it has; modality dropout teaches the network to do without."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..training.batch import Batch
from .cross_attention import CrossAttention


class MaskedFusion(nn.Module):
    """Each modality's encoder, then a weighted sum over those that the row has.

    A sum, not a mean: each modality adds its evidence, as log odds add up, and a missing one adds exactly nothing.
    A row with none gets one learned vector. In training every present modality of a row is dropped with probability
    `drop`, but never the last one.
    Args:
        encoders: modality -> module; each answers (n, dim) and an (n,) bool mask.
        weights: modality -> the weight that it starts with; 1 where none is given.
        attention: whether each hears the others before they are summed (`cross_attention`).
    Returns: (n, dim) float32, and (n,) bool: False where the row had nothing.
    Source: modality dropout after Neverova 2016, arXiv:1501.00102.
    """

    def __init__(
        self, encoders: Mapping[str, nn.Module], dim: int, drop: float = 0.2, weights: Mapping[str, float] | None = None,
        *, attention: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.names = sorted(encoders)
        self.encoders = nn.ModuleList(encoders[name] for name in self.names)
        self.weight = nn.Parameter(torch.tensor([float((weights or {}).get(name, 1.0)) for name in self.names]))
        self.nothing = nn.Parameter(torch.zeros(dim))
        self.attention = CrossAttention(len(self.names), dim) if attention and len(self.names) > 1 else None
        self.drop = drop

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if not self.names:
            return self.nothing.expand(batch.size, -1), self.nothing.new_zeros(batch.size, dtype=torch.bool)
        h, mask = self.answers(batch)
        seen = self.keep(mask)
        if self.attention is not None:
            h = self.attention(h, seen)
        return fuse(h, seen, self.weight, self.nothing), mask.any(1)

    def answers(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(n, modalities, dim), what each encoder says of each row, and (n, modalities) bool: which of them a row has."""
        answers = [encoder(batch) for encoder in self.encoders]
        return torch.stack([a[0] for a in answers], 1), torch.stack([a[1] for a in answers], 1)

    def keep(self, mask: Tensor) -> Tensor:
        """(n, modalities) bool: the mask, with modalities dropped at random in training."""
        if not self.training or self.drop <= 0:
            return mask
        # the kept one with the highest number stays, so that no row loses all it had
        chance = torch.rand(mask.shape, device=mask.device).masked_fill(~mask, -1)
        return mask & ((chance >= self.drop) | (chance == chance.amax(1, keepdim=True)))


def fuse(h: Tensor, mask: Tensor, weight: Tensor, nothing: Tensor) -> Tensor:
    """(n, m, dim), (n, m) bool, (m,), (dim,) -> (n, dim): the masked weighted sum; `nothing` where no mask is set."""
    mixed = (weight[:, None] * h.masked_fill(~mask[..., None], 0.0)).sum(1)
    return torch.where(mask.any(1)[:, None], mixed, nothing.expand_as(mixed))
