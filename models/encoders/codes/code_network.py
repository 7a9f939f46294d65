"""Code network: what the codes of a vocabulary hear along IS_A, MAPS_TO and other knowledge (R-GCN)."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from ..relational_graph import RelationalGraph

with warnings.catch_warnings():  # torch_geometric announces to everybody that torch.jit will go
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.nn import RGCNConv

SMALL = 0.02
"""Standard deviation of the messages' weights at the start: a code begins as what it and its ancestors are."""


class CodeNetwork(nn.Module):
    """h ← h + Σ_r mean_r(h) W_r, `depth` times, over all nodes; the entries' part is what the tokens are.

    A mean along each relation and direction, so that a hub is no louder than a leaf: a code is known by what lies above
    it, by what it maps to, and by what shares these with it, before enough patients have it.
    Args:
        graph: the entries in front, then what lies around them (`models.encoders.codes.code_graph`). dim: width of a vector.
    Source: Schlichtkrull 2018, arXiv:1703.06103.
    """

    def __init__(self, graph: RelationalGraph, dim: int, depth: int = 2) -> None:
        super().__init__()
        for name, array in (("edge_index", graph.edge_index), ("edge_type", graph.edge_type)):
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        relations = len(graph.relations)
        convs = [RGCNConv(dim, dim, relations, root_weight=False, bias=False) for _ in range(depth)]
        for conv in convs:
            nn.init.normal_(conv.weight, std=SMALL)
        self.convs = nn.ModuleList(convs)

    def forward(self, h: Tensor) -> Tensor:
        """(nodes, dim) -> (nodes, dim)."""
        edge_index, edge_type = self.get_buffer("edge_index"), self.get_buffer("edge_type")
        for conv in self.convs:
            h = h + conv(h, edge_index, edge_type)
        return h
