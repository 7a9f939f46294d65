"""Graph network for links: SAGE layers of PyTorch Geometric over the candidates' relations, and a DistMult decoder."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from ..graph import LinkGraph
from ..learner import BaseLinkLearner
from .towers import DROPOUT, GRID, WIDTH, Tower, device, query_inputs, sparse_tensor, train

with warnings.catch_warnings():  # it announces to everybody that torch.jit will go
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.nn import SAGEConv

Ends = tuple[str, str]


class Encoder(nn.Module):
    """Candidates' vectors out of their neighbours': two layers of h_i <- sum over relations W_r mean_j h_j (+ W h_i).

    An embedding a node is what messages begin with. Where candidates are held out, the first layer leaves out a
    candidate's own embedding: its vector is made of its neighbours' alone, so that one without a link is treated as one
    with links, and none is remembered.
    Source: Hamilton et al. 2017, arXiv:1706.02216, Eq. 1; typed as in Schlichtkrull et al. 2018, arXiv:1703.06103.
    """

    def __init__(self, sizes: Mapping[str, int], kinds: Sequence[Ends], own: bool, width: int = WIDTH) -> None:
        super().__init__()
        self.kinds = list(kinds)
        self.embeddings = nn.ParameterDict({one: torch.randn(n, width) * width**-0.5 for one, n in sizes.items()})
        self.layers = nn.ModuleList(
            nn.ModuleList(SAGEConv(width, width, root_weight=layer > 0 or own) for _ in self.kinds)
            for layer in range(2)
        )
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, edges: Sequence[Tensor]) -> dict[str, Tensor]:
        h = dict(self.embeddings.items())
        for depth, layer in enumerate(self.layers):
            told: dict[str, Tensor] = {}
            for (source, target), conv, edge_index in zip(self.kinds, cast(nn.ModuleList, layer), edges, strict=True):
                message = conv((h[source], h[target]), edge_index)
                told[target] = told[target] + message if target in told else message
            kept = h if depth else {}  # jump: both layers' outputs add up
            h = {one: self.drop(told[one].relu()) + kept.get(one, 0) if one in told else h[one] for one in h}
        return h


class LinkGNN(BaseLinkLearner):
    """q' diag(r) c: c from `Encoder`, q from what is known of the query (`two_tower`'s), r learned.

    Source: DistMult, Yang et al. 2015, arXiv:1412.6575, Eq. 2.
    """

    name = "link_gnn"
    grid = GRID

    def reason(self, graph: LinkGraph) -> str | None:
        return None if _relations(graph)[0] else f"no relation of {graph.candidate} to pass messages over"

    def fit(self, graph: LinkGraph) -> None:
        torch.manual_seed(self.seed)
        at = device()
        kinds, edges = _relations(graph)
        sizes = {
            one: len(graph.nodes[one]) for one in sorted({graph.candidate, *(one for pair in kinds for one in pair)})
        }
        left, edges = sparse_tensor(query_inputs(graph), at), [one.to(at) for one in edges]
        encoder, tower = Encoder(sizes, kinds, own=graph.hold_out != "candidates").to(at), Tower(left.shape[1]).to(at)
        scale = nn.Parameter(torch.ones(WIDTH, device=at))
        module = nn.ModuleDict({"encoder": encoder, "tower": tower})
        module.register_parameter("scale", scale)

        def vectors() -> tuple[Tensor, Tensor]:
            return tower(left) * scale, encoder(edges)[graph.candidate]

        train(module, vectors, graph, self.seed, **self.setting)
        with torch.no_grad():
            self.left, self.right = (one.cpu().numpy() for one in vectors())

    def score(self, queries: np.ndarray) -> np.ndarray:
        return np.asarray(self.left[queries] @ self.right.T)


def _relations(graph: LinkGraph) -> tuple[list[Ends], list[Tensor]]:
    """Ends and edge_index of each of the candidates' relations, both ways; none that touches queries."""
    kinds: list[Ends] = []
    edges = []
    for one in graph.of(graph.candidate):
        if one.target != graph.query and len(one.pairs):
            for way in (one, one.turned()):
                kinds.append((way.source, way.target))
                edges.append(torch.from_numpy(np.ascontiguousarray(way.pairs.T)))
    return kinds, edges
