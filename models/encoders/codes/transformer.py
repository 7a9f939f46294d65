"""Transformer over code sequences: its attention sees how far apart two events are, and which came first.

Positions counted from the start say little about records; the gap between two events says much. So attention scores
carry a learned bias, a head and a block each: piecewise linear in the signed log of the gap in days, and a number for
each bucket of the gap in events (as T5's relative bias, Raffel 2020, arXiv:1910.10683, but over time). Half of the
heads look back only, which makes "A before B" easy to see. They start with near events first, each head with another reach
(ALiBi, Press 2022, arXiv:2108.12409): spread evenly over a record, attention holds too little of any one event to learn from.

Of a long sequence some events at a time attend to all, and what they attended by is made again for the gradient: memory
grows with the number of events, not with that of their pairs (the kernels of PyTorch that do so give a learned bias no gradient
on a processor).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from ...training.batch import Batch, Tokens
from ..relational_graph import RelationalGraph
from .token_embedding import TokenEmbedding

GAPS = 16  # buckets of one sign of the gap in events: 0, then half-octaves of 1 + events
KNOTS = (-8.0, -5.0, -2.0, 0.0, 2.0, 5.0, 8.0)  # of the gap in days, as signed log2(1 + days): 3, 31, 255 days
FAR = -1e9
FINE = 16  # bins of the gap a factor of two: what attention reads of a gap is looked up, not computed for each pair
LONGEST = 15  # of the gap, as log2(1 + days): 90 years
PAIRS = 1 << 17  # of tokens, attended to at a time: what is read and written of so many fits a processor's cache
ALL = slice(None)
Bias = Callable[[slice], Tensor]
"""What the attention scores of these places start from: (heads, b, places, l), FAR where a token must not be seen."""


def gap_bucket(gap: Tensor) -> Tensor:
    """Signed log bucket of a gap: 0 .. 2 * GAPS, GAPS for no gap; positive where the other lies earlier."""
    size = torch.clamp(torch.ceil(2 * torch.log2(1 + gap.abs())), max=GAPS).long()
    return GAPS + torch.sign(gap).long() * size


def gap_hats(gap: Tensor) -> Tensor:
    """(b, l, l) gaps in days -> (b, knots, l, l): hat functions at the knots, which sum to one for any gap."""
    place = torch.sign(gap) * torch.log2(1 + gap.abs())
    hats = []
    for i, knot in enumerate(KNOTS):
        up = (place - KNOTS[i - 1]) / (knot - KNOTS[i - 1]) if i else torch.ones_like(place)
        down = (KNOTS[i + 1] - place) / (KNOTS[i + 1] - knot) if i + 1 < len(KNOTS) else torch.ones_like(place)
        hats.append(torch.minimum(up, down).clamp(0, 1))
    return torch.stack(hats, 1)


def gap_bins(tokens: Tokens, rows: slice = ALL) -> Tensor:
    """(b, l, l) int32: the bin of the gap in days between two events, a row of `hat_table`; `rows`: only from these places."""
    gap = tokens.days[:, None, :] - tokens.days[:, rows, None]
    place = gap.abs().log1p_().mul_(FINE / math.log(2)).clamp_(max=FINE * LONGEST).copysign_(gap)
    bins = place.round_().add_(FINE * LONGEST).int()
    bins.masked_fill_(~(tokens.dated[:, rows, None] & tokens.dated[:, None, :]), 2 * FINE * LONGEST + 1)
    return bins.masked_fill_(~tokens.mask[:, None, :], 2 * FINE * LONGEST + 2)


def hat_table() -> Tensor:
    """(bins, knots + 1): each bin's hats; of two events of which one has no date, none; last, whether it is padding."""
    place = torch.arange(-FINE * LONGEST, FINE * LONGEST + 1) / FINE
    table = torch.zeros(len(place) + 2, len(KNOTS) + 1)
    table[: len(place), :-1] = gap_hats((torch.sign(place) * (2 ** place.abs() - 1))[None, None])[0, :, 0].T
    table[-1, -1] = 1
    return table


def near_first(heads: int) -> Tensor:
    """(2 * GAPS + 1, heads): what each bucket of the gap in events starts from, falling with the gap as ALiBi's penalty does.

    The slopes are 1/4, 1/16, … of the heads that look back, and again of those that look both ways.
    """
    gap = 2 ** ((torch.arange(2 * GAPS + 1) - GAPS).abs() / 2) - 1
    return -gap[:, None] * 0.25 ** (1 + torch.arange(heads) % max(1, heads // 2))


class Attention(nn.Module):
    """Self-attention whose scores start from a bias."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor, bias: Bias) -> Tensor:
        """(b, l, dim) -> (b, l, dim). Places attend together as long as they have at most PAIRS with all."""
        b, length, dim = x.shape
        parts = self.qkv(x).view(b, length, 3, self.heads, dim // self.heads).permute(2, 3, 0, 1, 4)
        q, k, v = parts.reshape(3, self.heads * b, length, dim // self.heads)
        most = max(1, PAIRS // length)
        if most >= length:
            mixed = _attended(q, k, v, bias, ALL)
        else:
            places = [slice(at, at + most) for at in range(0, length, most)]
            again = partial(checkpoint, _attended, use_reentrant=False, preserve_rng_state=False)
            mixed = torch.cat([again(q, k, v, bias, one) for one in places], 1)
        mixed = mixed.view(self.heads, b, length, -1)
        return torch.as_tensor(self.out(mixed.permute(1, 2, 0, 3).reshape(b, length, dim)))


def _attended(q: Tensor, k: Tensor, v: Tensor, bias: Bias, places: slice) -> Tensor:
    """(heads * b, l, d) each -> (heads * b, places, d)."""
    q = q[:, places]
    start = bias(places).reshape(len(q), q.shape[1], k.shape[1])
    score = torch.baddbmm(start, q, k.transpose(1, 2), alpha=1 / math.sqrt(q.shape[2]))
    return torch.bmm(torch.softmax(score, -1), v)


class TransformerBlock(nn.Module):
    """Pre-norm: attention, then a two-layer perceptron, each added to its input."""

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(dim, heads)
        self.first, self.second = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Bias) -> Tensor:
        x = x + self.drop(self.attention(self.first(x), bias))
        return x + torch.as_tensor(self.drop(self.mlp(self.second(x))))


def _parts(lengths: list[int]) -> list[slice]:
    """Neighbouring rows together as long as they are few enough, or one row, padded to the longest: at most PAIRS."""
    cuts, most = [0], 0
    for at, length in enumerate(lengths):
        most = max(most, length)
        if at > cuts[-1] and (at + 1 - cuts[-1]) * most**2 > PAIRS:
            cuts.append(at)
            most = length
    return [slice(a, b) for a, b in zip(cuts, [*cuts[1:], len(lengths)], strict=True)]


def _made(bias: Tensor, places: slice) -> Tensor:
    """A bias that is there already, whole: its places are all."""
    return bias[:, :, places]


class SequenceEncoder(nn.Module):
    """Encode each row's tokens into one vector.

    Args:
        ancestors, timed, graph: of the `TokenEmbedding`. dim, heads, depth: of the transformer. out: width of the answer.
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
        graph: RelationalGraph | None = None,
    ) -> None:
        super().__init__()
        self.heads, self.timed = heads, timed
        self.embed = TokenEmbedding(ancestors, dim, timed, graph)
        self.blocks = nn.ModuleList(TransformerBlock(dim, heads, dropout) for _ in range(depth))
        self.steps = nn.Parameter(near_first(heads).repeat(1, depth))
        self.days = nn.Parameter(torch.zeros(depth * heads, len(KNOTS)))
        self.register_buffer("hats", hat_table(), persistent=False)
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
        """(b, l, dim) token vectors -> (b, dim). On a processor few rows at a time, each part as long as it must be."""
        x = self.drop(x)
        if x.device.type != "cpu" or not len(x):
            return self._encode(x, tokens)
        longest = (tokens.mask * torch.arange(1, 1 + x.shape[1])).amax(1).clamp(min=1).tolist()
        made = []
        for rows in _parts(longest):
            length = max(longest[rows])
            part = {one.name: getattr(tokens, one.name)[rows, :length] for one in fields(Tokens)}
            made.append(self._encode(x[rows, :length], Tokens(**part)))
        return torch.cat(made)

    def states(self, x: Tensor, tokens: Tokens) -> Tensor:
        """(b, l, dim) token vectors -> (b, l, dim): each token among the others."""
        for block, bias in zip(self.blocks, self._biases(tokens), strict=True):
            x = block(x, bias)
        return torch.as_tensor(self.norm(x))

    def _encode(self, x: Tensor, tokens: Tokens) -> Tensor:
        mask = tokens.mask
        x = self.states(x, tokens)
        score = self.query(x).masked_fill(~mask[..., None], -1e9)
        b, length, dim = x.shape
        parts = x.view(b, length, self.heads, dim // self.heads)
        attended = (torch.softmax(score, 1)[..., None] * parts).sum(1).reshape(b, dim)
        highest = x.masked_fill(~mask[..., None], -1e9).amax(1)
        highest = torch.where(mask.any(1)[:, None], highest, torch.zeros_like(highest))
        return torch.as_tensor(self.out(torch.cat([attended, highest], 1)))

    def _biases(self, tokens: Tokens) -> Sequence[Bias]:
        """What each block's attention scores start from: of short sequences made once for all blocks."""
        if tokens.code.shape[1] ** 2 <= PAIRS:
            return [partial(_made, one) for one in torch.split(self._bias(tokens, ALL, ALL), self.heads)]
        of = [slice(i * self.heads, (i + 1) * self.heads) for i in range(len(self.blocks))]
        return [partial(self._bias, tokens, heads) for heads in of]

    def _bias(self, tokens: Tokens, heads: slice, places: slice) -> Tensor:
        """(heads, b, places, l), of these heads of all blocks'."""
        b, length = tokens.code.shape
        place = torch.arange(length, device=tokens.code.device, dtype=torch.float32)
        step = place[places, None] - place[None, :]
        bias = functional.embedding(gap_bucket(step), self.steps[:, heads]).permute(2, 0, 1)
        # the first half of each block's heads looks back only
        head = torch.arange(len(bias), device=step.device) % self.heads
        later = (head < self.heads // 2)[:, None, None] & (step < 0)
        bias = bias.masked_fill(later, FAR)[:, None]
        if self.timed:
            seen = functional.embedding(gap_bins(tokens, places), torch.as_tensor(self.hats)).flatten(0, 2).T
            days = self.days[heads]
            weight = torch.cat([days, torch.full_like(days[:, :1], FAR)], 1)
            return (weight @ seen).view(-1, b, *step.shape) + bias
        return bias + FAR * (~tokens.mask)[None, :, None, :]
