"""Code sequences: a small transformer whose attention sees how far apart two events are, and which came first.

Positions counted from the start say little about records; the gap between two events says much. So attention scores
carry a learned bias for each log-bucketed gap in days and in events, signed, a head each (as T5's relative bias,
Raffel 2020, arXiv:1910.10683, but over time). Half of the heads look back only, which makes "A before B" easy to see.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..batch import Batch, Tokens

GAPS = 16  # buckets of one sign: 0, then half-octaves of 1 + days, up to some 180 days and beyond
VISITS = 32


def gap_bucket(gap: Tensor) -> Tensor:
    """Signed log bucket of a gap: 0 .. 2 * GAPS, GAPS for no gap; positive where the other lies earlier."""
    size = torch.clamp(torch.ceil(2 * torch.log2(1 + gap.abs())), max=GAPS).long()
    return GAPS + torch.sign(gap).long() * size


class Attention(nn.Module):
    """Self-attention with a bias by gap in days and in events; the first half of the heads looks back only."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.bias = nn.Parameter(torch.zeros(3, 2 * GAPS + 1, heads))

    def forward(self, x: Tensor, gaps: Tensor, blocked: Tensor) -> Tensor:
        """x: (b, l, dim); gaps: (2, b, l, l) int64; blocked: (b, heads, l, l) bool. Returns (b, l, dim)."""
        b, length, dim = x.shape
        q, k, v = self.qkv(x).view(b, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        bias = functional.embedding(gaps[0], self.bias[0]) + functional.embedding(gaps[1], self.bias[1])
        score = q @ k.transpose(-1, -2) / math.sqrt(dim // self.heads) + bias.permute(0, 3, 1, 2)
        weight = torch.softmax(score.masked_fill(blocked, -1e9), -1)
        mixed = functional.dropout(weight, self.dropout, self.training) @ v
        return torch.as_tensor(self.out(mixed.transpose(1, 2).reshape(b, length, dim)))


class Block(nn.Module):
    """Pre-norm: attention, then a two-layer perceptron, each added to its input."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(dim, heads, dropout)
        self.first, self.second = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * dim, dim))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, gaps: Tensor, blocked: Tensor) -> Tensor:
        x = x + self.drop(self.attention(self.first(x), gaps, blocked))
        return x + torch.as_tensor(self.drop(self.mlp(self.second(x))))


class TokenEmbedding(nn.Module):
    """Each token as one vector: its code, value, age, time before prediction, place and visit from the end.

    Args:
        ancestors: (entries, width) int64, each entry and its ancestors, 0 pads (`Vocabulary.ancestor_table`): an
            entry's embedding is the mean of theirs, so that rare leaves share strength.
        timed: False where only the order is known.
    Returns: (batch, length, dim).
    """

    def __init__(self, ancestors: Tensor, dim: int, timed: bool = True) -> None:
        super().__init__()
        self.timed = timed
        self.register_buffer("ancestors", ancestors)
        self.code = nn.EmbeddingBag(len(ancestors), dim, mode="mean", padding_idx=0)
        nn.init.normal_(self.code.weight, std=0.5)
        self.visit = nn.Embedding(VISITS + 1, dim, padding_idx=0)
        nn.init.normal_(self.visit.weight, std=0.02)
        self.numbers = nn.Linear(6, dim)

    def forward(self, tokens: Tokens) -> Tensor:
        table = self.code(self.ancestors)
        return functional.embedding(tokens.code, table) + self._rest(tokens, tokens.value)

    def neutral(self, tokens: Tokens) -> Tensor:
        """The same tokens with the vocabulary's mean code and the mean value: what an attribution starts from."""
        mean = torch.as_tensor(self.code(self.ancestors))[2:].mean(0)
        return mean + self._rest(tokens, torch.zeros_like(tokens.value))

    def _rest(self, tokens: Tokens, value: Tensor) -> Tensor:
        # the latest token is at place 0, so that nothing depends on the padding
        left = tokens.mask.flip(1).cumsum(1).flip(1).float() - tokens.mask.float()
        days = torch.log1p(tokens.days) if self.timed else torch.zeros_like(tokens.days)
        parts = [value, tokens.measured.float(), tokens.age, days / 4, tokens.dated.float(), torch.log1p(left) / 4]
        return torch.as_tensor(self.numbers(torch.stack(parts, -1)) + self.visit(tokens.visit.clamp(max=VISITS)))


class SequenceEncoder(nn.Module):
    """Encode each row's tokens into one vector.

    Args:
        ancestors, timed: of the `TokenEmbedding`. dim, heads, depth: of the transformer. out: width of the answer.
        quiet: whether it starts by saying next to nothing, beside others that know something already.
    Returns: (batch, out) float32, and (batch,) bool: False where the row holds no token.
    """

    def __init__(
        self,
        ancestors: Tensor,
        dim: int = 32,
        *,
        heads: int = 4,
        depth: int = 2,
        dropout: float = 0.1,
        timed: bool = True,
        out: int | None = None,
        quiet: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.timed = heads, timed
        self.embed = TokenEmbedding(ancestors, dim, timed)
        self.blocks = nn.ModuleList(Block(dim, heads, dropout) for _ in range(depth))
        self.norm, self.drop = nn.LayerNorm(dim), nn.Dropout(dropout)
        self.query = nn.Linear(dim, heads)
        self.out = nn.Linear(2 * dim, out or dim)
        if quiet:
            nn.init.normal_(self.out.weight, std=0.01)
            nn.init.zeros_(self.out.bias)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if batch.tokens is None:
            raise ValueError("sequence encoder: got a batch without tokens")
        h = self.encode(self.embed(batch.tokens), batch.tokens)
        present = batch.tokens.mask.any(1)
        return h * present[:, None], present

    def encode(self, x: Tensor, tokens: Tokens) -> Tensor:
        """(b, l, dim) token vectors -> (b, dim)."""
        mask = tokens.mask
        gaps, blocked = self._relations(tokens)
        x = self.drop(x)
        for block in self.blocks:
            x = block(x, gaps, blocked)
        x = self.norm(x)
        score = self.query(x).masked_fill(~mask[..., None], -1e9)
        b, length, dim = x.shape
        parts = x.view(b, length, self.heads, dim // self.heads)
        attended = (torch.softmax(score, 1)[..., None] * parts).sum(1).reshape(b, dim)
        highest = x.masked_fill(~mask[..., None], -1e9).amax(1)
        highest = torch.where(mask.any(1)[:, None], highest, torch.zeros_like(highest))
        return torch.as_tensor(self.out(torch.cat([attended, highest], 1)))

    def _relations(self, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """Bucketed gaps in days and in events (2, b, l, l), and which pairs each head must not see (b, h, l, l)."""
        place = torch.arange(tokens.code.shape[1], device=tokens.code.device, dtype=torch.float32)
        step = (place[:, None] - place[None, :]).expand(len(tokens.code), -1, -1)
        both = tokens.dated[:, :, None] & tokens.dated[:, None, :]
        days = (tokens.days[:, None, :] - tokens.days[:, :, None]) * both if self.timed else torch.zeros_like(step)
        gaps = torch.stack([gap_bucket(step), gap_bucket(days)])
        absent = ~tokens.mask[:, None, None, :]
        later = torch.zeros(1, self.heads, 1, 1, dtype=torch.bool, device=absent.device)
        later[:, : self.heads // 2] = True
        return gaps, absent | (later & (step < 0)[:, None])
