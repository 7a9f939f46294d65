"""Contrastive alignment (InfoNCE, CLIP): a warm start of the encoders of omics, records, notes and images without any label."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..training.batch import Batch
from ..training.course import Network
from .masked_fusion import MaskedFusion

WIDTH = 16
LEAST = 2
"""Patients with both sources below which a batch says nothing."""


class ContrastiveAlignment(Network):
    """A loss for `models.training.trainer.fit`: which records belong to which omics, and the other way round.

    Each source of a patient is the sum of its modalities' vectors, through a linear map and onto the unit sphere. Of every
    two sources a, b: L = -1/2 mean_i [log softmax_j(a_i . b_j / t)_i + log softmax_j(b_i . a_j / t)_i], over the patients of
    the batch that have both; the temperature t is learned. What both sources tell of a patient helps, what one has to itself
    does not. No label enters.
    Args:
        fusion: whose encoders are trained, in place. sources: modality -> the source that it is of.
        shuffled: pairs each patient with another one's sources, as a control: nothing can be learned but what all share.
    Source: van den Oord 2018, arXiv:1807.03748; of two sources Radford 2021, arXiv:2103.00020.
    """

    def __init__(self, fusion: MaskedFusion, sources: Mapping[str, str], shuffled: bool = False) -> None:
        nn.Module.__init__(self)
        self.encoder: nn.Module = fusion
        self.fusion, self.shuffled = fusion, shuffled
        self.source = {name: sources[name] for name in fusion.names}
        self.sources = sorted(set(self.source.values()))
        self.pairs = [*combinations(self.sources, 2)]
        dim = len(fusion.nothing)
        self.maps = nn.ModuleList(nn.Linear(dim, WIDTH) for _ in self.sources)
        self.sharpness = nn.Parameter(torch.tensor(2.0))

    def loss(self, batch: Batch, mixed: bool = False) -> Tensor | None:
        """None where no two sources share LEAST patients."""
        with torch.autocast(self.device.type, torch.bfloat16) if mixed else nullcontext():
            h, mask = self.fusion.answers(batch)
        vectors, here = self._of_sources(h.float(), mask)
        found = []
        for a, b in self.pairs:
            both = here[a] & here[b]
            if int(both.sum()) >= LEAST:
                found.append(self._told_apart(vectors[a][both], vectors[b][both]))
        return torch.stack(found).mean() if found else None

    def _of_sources(self, h: Tensor, mask: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Source -> (n, WIDTH) vectors of length 1, and (n,) bool: who has something of it."""
        vectors, here = {}, {}
        for source, one in zip(self.sources, self.maps, strict=True):
            own = torch.tensor([self.source[name] == source for name in self.fusion.names], device=h.device)
            seen = mask & own
            vectors[source] = functional.normalize(one((h * seen[..., None]).sum(1)), dim=1)
            here[source] = seen.any(1)
        return vectors, here

    def _told_apart(self, a: Tensor, b: Tensor) -> Tensor:
        if self.shuffled:
            b = b.roll(1, 0)
        scores = a @ b.T * self.sharpness.clamp(max=4.6).exp()
        own = torch.arange(len(a), device=a.device)
        return (functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)) / 2
