"""Next visit: a warm start of a sequence encoder without any label: the codes of a visit are guessed from what came before it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn

from ...training.batch import Batch, Tokens
from ...training.course import Network
from .masked_codes import UNKNOWN
from .transformer import SequenceEncoder


class NextVisit(Network):
    """A loss for `models.training.trainer.fit`: cross-entropy of the codes of one visit a row, p = softmax(E W h + b).

    h is the row's vector of all that lies before the visit, seen from the visit's first event; E are the codes' own vectors.
    Each pass cuts every row before another visit; judged is the last one. Events of no visit that share a time are one.
    No label enters.
    Source: BEHRT's task (Li 2020, doi:10.1038/s41598-020-62922-y), there a fine-tuning.
    """

    def __init__(self, encoder: SequenceEncoder) -> None:
        nn.Module.__init__(self)
        self.encoder: nn.Module = encoder
        self.sequences = encoder
        self.read = nn.Linear(encoder.out.out_features, encoder.out.in_features // 2)
        self.often = nn.Parameter(torch.zeros(len(encoder.embed.table())))

    def loss(self, batch: Batch, mixed: bool = False) -> Tensor | None:
        """None where no row has two visits."""
        if batch.tokens is None:
            raise ValueError("next visit: got a batch without tokens")
        first = visit_starts(batch.tokens)
        some = first.any(1)
        if not some.any():
            return None
        tokens, first = _rows(batch.tokens, some), first[some]
        chance = torch.rand(first.shape, device=first.device) if self.training else first.cumsum(1).float()
        cut = (chance * first).argmax(1)
        wanted = visit_at(tokens, first, cut) & (tokens.code > UNKNOWN)
        with torch.autocast(self.device.type, torch.bfloat16) if mixed else nullcontext():
            past = before(tokens, cut)
            h = self.sequences.encode(self.sequences.embed(past), past)
        score = self.read(h.float()) @ self.sequences.embed.table().T + self.often
        guess = torch.log_softmax(score, 1).gather(1, tokens.code)
        count = wanted.sum(1)
        if not count.any():
            return None
        each = -(guess * wanted).sum(1)[count > 0] / count[count > 0]
        return each.mean()


def visit_starts(tokens: Tokens) -> Tensor:
    """(b, l) bool: the first dated event of every visit but a row's first event."""
    known = tokens.mask & tokens.dated
    earlier = torch.zeros_like(known)
    earlier[:, 1:] = tokens.mask[:, :-1]
    visit, days = tokens.visit, tokens.days
    other = torch.zeros_like(known)
    other[:, 1:] = torch.where(
        (visit[:, 1:] > 0) & (visit[:, :-1] > 0), visit[:, 1:] != visit[:, :-1], days[:, 1:] != days[:, :-1]
    )
    undated = torch.zeros_like(known)
    undated[:, 1:] = ~tokens.dated[:, :-1]
    return known & earlier & (other | undated)


def visit_at(tokens: Tokens, first: Tensor, cut: Tensor) -> Tensor:
    """(b, l) bool: the events of the visit that begins at place `cut`."""
    which = first.cumsum(1)
    return tokens.mask & (which == which.gather(1, cut[:, None]))


def before(tokens: Tokens, cut: Tensor) -> Tokens:
    """What lies before place `cut`, its times and visits counted back from there; the rest is padding."""
    seen = torch.arange(tokens.code.shape[1], device=cut.device) < cut[:, None]
    at = cut[:, None]
    days = (tokens.days - tokens.days.gather(1, at)).clamp(min=0)
    visit = (tokens.visit - tokens.visit.gather(1, at)).clamp(min=0)
    dated = tokens.dated & seen
    return Tokens(
        code=tokens.code * seen,
        value=tokens.value * seen,
        measured=tokens.measured & seen,
        days=days * dated,
        dated=dated,
        age=tokens.age * seen,
        visit=visit * seen,
    )


def _rows(tokens: Tokens, some: Tensor) -> Tokens:
    return replace(tokens, **{name: value[some] for name, value in vars(tokens).items()})
