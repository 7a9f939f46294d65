"""Heterogeneous graph network: patient <- feature and code <- gene, pathway, disease, by typed relations.

Every node has a learned vector; what a node hears depends on the relation by which it hears it (R-GCN). So a rare code or
a rare mutation is known by what it is linked to, and how, before enough patients have it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..training.batch import Batch
from .relational_graph import RelationalGraph

with warnings.catch_warnings():  # torch_geometric announces to everybody that torch.jit will go
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.nn import RGCNConv

SMALL = 0.05
"""Standard deviation of knowledge's vectors at the start; features and codes start at zero, as what they are linked to."""


class HeteroNetwork(nn.Module):
    """Encode each patient by what its features and codes hear of each other and of knowledge.

    h = e, then `depth` times h ← h + RGCN(h): a mean over each relation, with weights of that relation. A patient hears
    m_k = Σ_f x_f h_f / √columns from each modality k that it has, x its edge values; z = Σ_k W_k m_k, and the answer is
    V(z + MLP(z)). Features and codes start as nothing but what they are linked to. Patients hear and send nothing: nobody's vector depends on another's.
    Args:
        graph: topology over all columns (`models.encoders.relational_graph`). columns: modality -> how many it has, in the
            order of the graph's nodes.
    Input: batch.layers[name] (n, columns) float32, 0 the training mean.
    Returns: (n, dim) float32, and (n,) bool: whether the row has any modality.
    Source: Schlichtkrull 2018, arXiv:1703.06103.
    """

    def __init__(
        self, graph: RelationalGraph, columns: Mapping[str, int], dim: int = 16, *, width: int = 16, depth: int = 2,
        dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.columns = dict(columns)
        self.node = nn.Embedding(graph.nodes, width)
        nn.init.normal_(self.node.weight, std=SMALL)
        with torch.no_grad():
            self.node.weight[: sum(columns.values())] = 0
        for name, array in (("edge_index", graph.edge_index), ("edge_type", graph.edge_type)):
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        relations = max(1, len(graph.relations))
        self.convs = nn.ModuleList(RGCNConv(width, width, relations) for _ in range(depth))
        self.relation = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in columns)
        self.dropout = nn.Dropout(dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        last = self.mlp[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)  # it starts as a sum, and leaves that for a reason
        nn.init.zeros_(last.bias)
        self.out = nn.Linear(width, dim)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if not self.columns:  # nothing was measured in the rows that it was fitted on
            return self.out.bias.expand(batch.size, -1), self.out.bias.new_zeros(batch.size, dtype=torch.bool)
        places = self.nodes()[: sum(self.columns.values())].split([*self.columns.values()])
        z = torch.zeros(batch.size, self.node.embedding_dim, device=places[0].device)
        for (name, columns), h, relation in zip(self.columns.items(), places, self.relation, strict=True):
            heard = batch.layers[name] @ h / math.sqrt(columns)
            z = z + relation(heard) * batch.present[name][:, None]
        z = self.dropout(z)
        present = torch.stack([batch.present[name] for name in self.columns]).any(0)
        return self.out(z + self.mlp(z)) * present[:, None], present

    def nodes(self) -> Tensor:
        """(nodes, width): what each node is, once it has heard its neighbours."""
        h: Tensor = self.node.weight
        edge_index, edge_type = self.get_buffer("edge_index"), self.get_buffer("edge_type")
        for conv in self.convs:
            h = h + conv(h, edge_index, edge_type)
        return h
