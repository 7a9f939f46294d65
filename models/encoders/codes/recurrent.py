"""Recurrent encoder over code sequences (GRU, LSTM): one event after the other, oldest first, and what is left at the end."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ...training.batch import Batch, Tokens
from ..relational_graph import RelationalGraph
from .token_embedding import TokenEmbedding

CELLS: dict[str, type[nn.GRU | nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


@dataclass(frozen=True)
class Recurrence:
    """cell: "gru" or "lstm". dim: of the tokens and of the state. depth: layers, one above the other."""

    cell: str
    dim: int = 32
    depth: int = 1
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ValueError(f"cell: got {self.cell!r}; expected one of {', '.join(CELLS)}")


class RecurrentEncoder(nn.Module):
    """Encode each row's tokens into one vector: the last state beside the mean of all states.

    The tokens are those of the transformer (`TokenEmbedding`), and each is told how long after the one before it came, as
    log(1 + days): a state cannot look back to measure it. Rows are packed: padding is neither read nor paid for.
    Args:
        ancestors, timed, graph: of the `TokenEmbedding`. shape: of the network. out: width of the answer.
        quiet: whether it starts by saying next to nothing, beside others that know something already.
    Returns: (batch, out) float32, zero for a row without tokens; (batch,) bool, whether it has some.
    Source: Cho 2014, arXiv:1406.1078; Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; of records Choi 2016,
        arXiv:1511.05942.
    """

    def __init__(
        self, ancestors: Tensor, shape: Recurrence, *, timed: bool = True, out: int | None = None, quiet: bool = False,
        graph: RelationalGraph | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.timed = timed
        self.embed = TokenEmbedding(ancestors, shape.dim, timed, graph)
        self.gap = nn.Linear(2, shape.dim, bias=False) if timed else None
        between = shape.dropout if shape.depth > 1 else 0.0
        self.recurrence = CELLS[shape.cell](shape.dim, shape.dim, shape.depth, batch_first=True, dropout=between)
        self.norm, self.drop = nn.LayerNorm(2 * shape.dim), nn.Dropout(shape.dropout)
        self.out = nn.Linear(2 * shape.dim, out or shape.dim)
        if quiet:
            nn.init.normal_(self.out.weight, std=0.01)
            nn.init.zeros_(self.out.bias)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if batch.tokens is None:
            raise ValueError("recurrent encoder: got a batch without tokens")
        tokens = batch.tokens
        present = tokens.mask.any(1)
        x = self.embed(tokens)
        if self.gap is not None:
            x = x + self.gap(gaps(tokens))
        h = self._encode(x, tokens.mask.sum(1))
        return h * present[:, None], present

    def _encode(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(b, l, dim) token vectors, (b,) how many of each row are tokens -> (b, out)."""
        lengths = lengths.clamp(min=1)  # a row of padding is read as one token, and hidden afterwards
        with torch.autocast(x.device.type, enabled=False):  # packed sequences are float32
            packed = pack_padded_sequence(self.drop(x).float(), lengths.cpu(), batch_first=True, enforce_sorted=False)
            states, _ = pad_packed_sequence(self.recurrence(packed)[0], batch_first=True)
        last = states[torch.arange(len(states), device=x.device), lengths - 1]
        mean = states.sum(1) / lengths[:, None]  # what is beyond a row's end is zero
        return torch.as_tensor(self.out(self.drop(self.norm(torch.cat([last, mean], 1)))))


def gaps(tokens: Tokens) -> Tensor:
    """(b, l, 2): log1p of the days since the token before, a quarter of it; and whether both have a date.

    Example:
        >>> flags = torch.tensor([[False, True, True]])
        >>> days, none = torch.tensor([[0.0, 9.0, 2.0]]), torch.zeros(1, 3, dtype=torch.int64)
        >>> (4 * gaps(Tokens(none, days, flags, days, flags, days, none))[0, :, 0]).expm1().round().tolist()
        [0.0, 0.0, 7.0]
    """
    both, days = torch.zeros_like(tokens.dated), torch.zeros_like(tokens.days)
    both[:, 1:] = tokens.dated[:, 1:] & tokens.dated[:, :-1]
    days[:, 1:] = (tokens.days[:, :-1] - tokens.days[:, 1:]).clamp(min=0)
    return torch.stack([torch.log1p(days) * both / 4, both.float()], -1)
