"""Token embedding: each event of a row as one vector, of its code, value, age, time and visit. What sequence encoders read."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...training.batch import Tokens
from ..relational_graph import RelationalGraph

VISITS = 32


class EventVectors(nn.Module):
    """What a sequence encoder makes of each token by itself, (batch, length, dim): what an attribution goes along.

    `neutral(tokens)` is where it starts from: the same tokens, saying nothing.
    """

    def neutral(self, tokens: Tokens) -> Tensor:
        raise NotImplementedError


class TokenEmbedding(EventVectors):
    """Each token as one vector: its code, value, age, time before prediction, place and visit from the end.

    Args:
        ancestors: (entries, width) int64, each entry and its ancestors, 0 pads (`Vocabulary.ancestor_table`): an
            entry's embedding is the mean of theirs, so that rare leaves share strength.
        timed: False where only the order is known.
        graph: knowledge around the entries (`models.encoders.codes.code_graph`): what they hear of it is added. Entries that lie
            under others then start with nothing of their own.
    Returns: (batch, length, dim).
    """

    def __init__(self, ancestors: Tensor, dim: int, timed: bool = True, graph: RelationalGraph | None = None) -> None:
        super().__init__()
        self.timed = timed
        self.register_buffer("ancestors", ancestors)
        nodes = len(ancestors) if graph is None else graph.nodes
        self.code = nn.EmbeddingBag(nodes, dim, mode="mean", padding_idx=0)
        nn.init.normal_(self.code.weight, std=0.5)
        self.network: nn.Module | None = None
        if graph is not None:
            from .code_network import CodeNetwork  # torch_geometric takes a while to load

            self.network = CodeNetwork(graph, dim)
            with torch.no_grad():
                self.code.weight[: len(ancestors)][(ancestors > 0).sum(1) > 1] = 0
        self.visit = nn.Embedding(VISITS + 1, dim, padding_idx=0)
        nn.init.normal_(self.visit.weight, std=0.02)
        self.numbers = nn.Linear(6, dim)

    def forward(self, tokens: Tokens) -> Tensor:
        return functional.embedding(tokens.code, self.table()) + self._rest(tokens, tokens.value)

    def table(self) -> Tensor:
        """(entries, dim): the vector of each entry's code."""
        return self.nodes()[: len(torch.as_tensor(self.ancestors))]

    def nodes(self) -> Tensor:
        """(nodes, dim): of the entries, and of what lies around them."""
        h = torch.as_tensor(self.code(self.ancestors))
        if self.network is None:
            return h
        return torch.as_tensor(self.network(torch.cat([h, self.code.weight[len(h) :]])))

    def neutral(self, tokens: Tokens) -> Tensor:
        """The same tokens with the vocabulary's mean code and the mean value: what an attribution starts from."""
        mean = self.table()[2:].mean(0)
        return mean + self._rest(tokens, torch.zeros_like(tokens.value))

    def _rest(self, tokens: Tokens, value: Tensor) -> Tensor:
        # the latest token is at place 0, so that nothing depends on the padding
        left = tokens.mask.flip(1).cumsum(1).flip(1).float() - tokens.mask.float()
        days = torch.log1p(tokens.days) if self.timed else torch.zeros_like(tokens.days)
        parts = [value, tokens.measured.float(), tokens.age, days / 4, tokens.dated.float(), torch.log1p(left) / 4]
        return torch.as_tensor(self.numbers(torch.stack(parts, -1)) + self.visit(tokens.visit.clamp(max=VISITS)))
