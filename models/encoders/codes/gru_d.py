"""GRU-D: recurrent encoder in continuous time: what was measured, and how long ago, are inputs beside the values.

A state that is told of nothing forgets, and the longer the wait the more; so does the last value of each measurement, on its
way back to the mean. Whether somebody took a measurement says something by itself, and so does for how long nobody has.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...training.batch import Batch, Tokens
from .token_embedding import EventVectors

STEPS = 64
"""Of a row with more moments, neighbouring ones share a step."""
HOURS = 24.0
LONG = 4.0
"""log(1 + hours) is divided by it: some two days are 1."""


class Readings(EventVectors):
    """(b, l, 2): each token's value, and 1 for that it is there."""

    def forward(self, tokens: Tokens) -> Tensor:
        return torch.stack([tokens.value, tokens.mask.float()], -1)

    def neutral(self, tokens: Tokens) -> Tensor:
        """As if nothing had been measured."""
        return torch.zeros(*tokens.code.shape, 2, device=tokens.code.device)


@dataclass(frozen=True)
class Timeline:
    """A row's moments as steps, the prediction the last of them; rows with fewer begin later.

    value: (b, steps, channels) float32, mean of the step's values. seen: (b, steps, channels) float32, 0 to 1.
    waited: (b, steps, channels) float32, log(1 + hours) since the channel was last seen, or since the row began, over `LONG`.
    carried: (b, steps, channels) float32, the value seen before; 0, the mean, where there is none.
    valid: (b, steps) bool: the row has begun.
    """

    value: Tensor
    seen: Tensor
    waited: Tensor
    carried: Tensor
    valid: Tensor


def steps(tokens: Tokens, most: int = STEPS) -> tuple[Tensor, Tensor]:
    """(b, l) int64, the step of each token, undated ones in the first; (b,), how many steps each row has.

    Every moment is a step. Of more than `most` neighbours share one.
    Example:
        >>> flags, none = torch.tensor([[True, True, True, True]]), torch.zeros(1, 4, dtype=torch.int64)
        >>> tokens = Tokens(none + 2, torch.zeros(1, 4), flags, torch.tensor([[9.0, 9.0, 4.0, 1.0]]), flags, torch.zeros(1, 4), none)
        >>> steps(tokens)[0].tolist(), steps(tokens, 2)[0].tolist()
        ([[0, 0, 1, 2]], [[0, 0, 0, 1]])
    """
    new = tokens.dated & tokens.mask
    new[:, 1:] &= ~(tokens.dated[:, :-1] & (tokens.days[:, 1:] == tokens.days[:, :-1]))
    step = (new.cumsum(1) - 1).clamp(min=0)
    count = torch.where(tokens.mask.any(1), step.amax(1) + 1, 0)
    wide = (count > most)[:, None]
    return torch.where(wide, step * most // count.clamp(min=1)[:, None], step), count.clamp(max=most)


def timeline(readings: Tensor, tokens: Tokens, channel: Tensor, channels: int) -> Timeline:
    """Tokens as steps of one another's channels.

    Args:
        readings: (b, l, 2), of `Readings`. channel: (b, l) int64, 0 for a token that has none, else its place + 1.
    """
    b, device = len(tokens.code), tokens.code.device
    step, count = steps(tokens)
    longest = int(count.max()) if b else 0
    place = step + (longest - count)[:, None]
    shape = (b, longest + 1, channels + 1)
    at = ((torch.arange(b, device=device)[:, None] * shape[1] + place) * shape[2] + channel * tokens.mask).view(-1)
    cells = torch.zeros(b * shape[1] * shape[2], 3, device=device)
    there = tokens.mask.float()[..., None]
    cells = cells.index_add(0, at, (torch.cat([readings, there], -1) * there).view(-1, 3))
    value, seen, number = (cells / cells[:, 2:].clamp(min=1)).view(*shape, 3)[:, :, 1:].unbind(-1)

    far = torch.full((b, shape[1]), torch.inf, device=device)
    hours = HOURS * torch.where(tokens.dated & tokens.mask, tokens.days, torch.inf)
    before = far.scatter_reduce(1, place, hours, "amin")
    begun = torch.arange(shape[1], device=device) >= (longest - count)[:, None]
    before[:, -1] = 0  # the prediction
    before = before.masked_fill(before.isinf(), 0).masked_fill(~begun, 0)
    before = torch.where(begun, before, before.gather(1, (longest - count)[:, None]))

    index = torch.arange(shape[1], device=device)[:, None].expand(shape[1], channels)
    last = torch.where(number > 0, index, -1).cummax(1).values
    last = torch.cat([torch.full_like(last[:, :1], -1), last[:, :-1]], 1)
    known, last = last >= 0, last.clamp(min=0)
    since = torch.where(known, before[:, :, None].expand(-1, -1, channels).gather(1, last), before[:, :1, None])
    waited = torch.log1p((since - before[:, :, None]).clamp(min=0)) / LONG
    return Timeline(value, seen, waited, value.gather(1, last) * known, begun & (count > 0)[:, None])


class GRUDEncoder(nn.Module):
    """Encode each row's measurements into one vector: the state at the prediction beside the mean of all states.

    In each step a channel's input is x̂ = m x + (1 - m) γ x', with x' what it was last and γ = exp(-max(0, w δ)); beside
    it are m, whether it was seen, and δ, for how long it had not been. The state begins each step as γ' h with
    γ' = exp(-max(0, W δ)). δ is log(1 + hours), so what is forgotten goes by a power of the time: hours and years are both
    within reach. (Che has δ itself.)
    Args:
        channel: (entries,) int64, for each entry of the vocabulary its place among the channels + 1, or 0: it is not read.
        dim: of the state. out: width of the answer. quiet: whether it starts by saying next to nothing.
    Returns: (batch, out) float32, zero for a row without tokens; (batch,) bool, whether it has some.
    Source: Che 2018, doi:10.1038/s41598-018-24271-9.
    """

    def __init__(
        self, channel: Tensor, dim: int = 32, *, dropout: float = 0.1, out: int | None = None, quiet: bool = False
    ) -> None:
        super().__init__()
        self.register_buffer("channel", channel, persistent=False)
        self.channels = max(1, int(channel.max()))
        self.readings = Readings()
        self.fade = nn.Parameter(torch.full((self.channels,), 0.1))
        self.forget = nn.Linear(self.channels, dim, bias=False)
        self.cell = nn.GRUCell(3 * self.channels, dim)
        self.norm, self.drop = nn.LayerNorm(2 * dim), nn.Dropout(dropout)
        self.out = nn.Linear(2 * dim, out or dim)
        if quiet:
            nn.init.normal_(self.out.weight, std=0.01)
            nn.init.zeros_(self.out.bias)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if batch.tokens is None:
            raise ValueError("GRU-D: got a batch without tokens")
        tokens = batch.tokens
        present = tokens.mask.any(1)
        channel = torch.as_tensor(self.channel)[tokens.code]
        with torch.autocast(tokens.code.device.type, enabled=False):
            states, valid = self._states(timeline(self.readings(tokens), tokens, channel, self.channels))
        mean = states.sum(1) / valid.sum(1).clamp(min=1)[:, None]
        h = self.out(self.drop(self.norm(torch.cat([states[:, -1], mean], 1))))
        return h * present[:, None], present

    def _states(self, line: Timeline) -> tuple[Tensor, Tensor]:
        """(b, steps, dim), zero where a row has not begun; (b, steps) bool."""
        faded = torch.exp(-torch.relu(self.fade * line.waited)) * line.carried
        x = torch.cat([line.value + (1 - line.seen) * faded, line.seen, line.waited], -1)
        keep = torch.exp(-torch.relu(self.forget(line.waited)))
        x, valid = self.drop(x).unbind(1), line.valid[..., None].float().unbind(1)
        h, states = keep.new_zeros(len(keep), keep.shape[-1]), list[Tensor]()
        for now, kept, here in zip(x, keep.unbind(1), valid, strict=True):
            h = self.cell(now, kept * h) * here
            states.append(h)
        return torch.stack(states, 1), line.valid
