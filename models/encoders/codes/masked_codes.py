"""Masked codes: a warm start of a sequence encoder without any label: hidden codes are guessed from those around them."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...training.batch import Batch, Tokens
from ...training.course import Network
from .transformer import SequenceEncoder

SHARE = 0.2
"""Of the events whose codes are hidden in a pass."""
EACH = 5
"""Judged are the guesses of every fifth event, always the same."""
UNKNOWN = 1
"""The entry that stands for a code that is not known."""


class MaskedCodes(Network):
    """A loss for `models.training.trainer.fit`: cross-entropy of the hidden codes, p = softmax(E s + b).

    s is what the encoder makes of a token whose code, value and whether there is one are hidden, its time and place are
    not; E are the codes' own vectors. No label enters: any rows of the training side will do.
    Source: Devlin 2019, arXiv:1810.04805; of records Li 2020, doi:10.1038/s41598-020-62922-y.
    """

    def __init__(self, encoder: SequenceEncoder) -> None:
        nn.Module.__init__(self)
        self.encoder: nn.Module = encoder
        self.sequences = encoder
        self.often = nn.Parameter(torch.zeros(len(encoder.embed.table())))

    def loss(self, batch: Batch, mixed: bool = False) -> Tensor | None:
        """None where nothing was hidden."""
        if batch.tokens is None:
            raise ValueError("masked codes: got a batch without tokens")
        tokens = batch.tokens
        known = tokens.code > UNKNOWN
        hidden = self._hidden(tokens) & known
        if not hidden.any():
            return None
        with torch.autocast(self.device.type, torch.bfloat16) if mixed else nullcontext():
            state = self.sequences.states(self.sequences.embed(masked(tokens, hidden)), tokens)[hidden]
        score = state.float() @ self.sequences.embed.table().T + self.often
        return functional.cross_entropy(score, tokens.code[hidden])

    def _hidden(self, tokens: Tokens) -> Tensor:
        if self.training:
            return torch.rand(tokens.code.shape, device=tokens.code.device) < SHARE
        return (torch.arange(tokens.code.shape[1], device=tokens.code.device) % EACH == 0).expand_as(tokens.code)


def masked(tokens: Tokens, hidden: Tensor) -> Tokens:
    """The tokens without what these say: (b, l) bool."""
    return replace(
        tokens,
        code=tokens.code.masked_fill(hidden, UNKNOWN),
        value=tokens.value.masked_fill(hidden, 0.0),
        measured=tokens.measured & ~hidden,
    )
