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
from .genes.gene_network import NO_MASKS
from .relational_graph import RelationalGraph

with warnings.catch_warnings():  # torch_geometric announces to everybody that torch.jit will go
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.nn import RGCNConv

EDGES = "edges"
"""The mask of all relations."""
SMALL = 0.05
"""Standard deviation of knowledge's vectors at the start; features and codes start at zero, as what they are linked to."""


class HeteroNetwork(nn.Module):
    """Encode each patient by what its features and codes hear of each other and of knowledge.

    h = e, then `depth` times h ← h + RGCN(h): a mean over each relation, with weights of that relation. A patient hears
    m_k = Σ_f x_f h_f / √columns from each modality k that it has, x its edge values; from records also Σ_f Σ_k t_fk g_k ⊙ h_f / √columns, t how much of the edge lies about knot k of
    the time before the prediction, g learned: what is long past may count for less, or for something else. z = Σ_k W_k m_k, and the answer is
    V(z + MLP(z)). Features and codes start as nothing but what they are linked to. Patients hear and send nothing: nobody's vector depends on another's.
    Args:
        graph: topology over all columns (`models.encoders.relational_graph`). columns: modality -> how many it has, in the
            order of the graph's nodes. times: modality -> how many of its first columns say when, and at how many knots.
    Input: batch.layers[name] (n, columns + knots × timed columns) float32, 0 the training mean.
    Returns: (n, dim) float32, and (n,) bool: whether the row has any modality.
    Source: Schlichtkrull 2018, arXiv:1703.06103.
    """

    def __init__(
        self, graph: RelationalGraph, columns: Mapping[str, int], dim: int = 16, *, width: int = 16, depth: int = 2,
        dropout: float = 0.1, times: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.columns, self.times = dict(columns), dict(times or {})
        self.node = nn.Embedding(graph.nodes, width)
        nn.init.normal_(self.node.weight, std=SMALL)
        with torch.no_grad():
            self.node.weight[: sum(columns.values())] = 0
        for name, array in (("edge_index", graph.edge_index), ("edge_type", graph.edge_type)):
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        relations = max(1, len(graph.relations))
        self.convs = nn.ModuleList(RGCNConv(width, width, relations) for _ in range(depth))
        self.relation = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in columns)
        self.when = nn.ParameterDict(
            {name: SMALL * torch.randn(knots, width) for name, (_, knots) in self.times.items()}
        )
        self.dropout = nn.Dropout(dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        last = self.mlp[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)  # it starts as a sum, and leaves that for a reason
        nn.init.zeros_(last.bias)
        self.out = nn.Linear(width, dim)

    def forward(self, batch: Batch, masks: Mapping[str, Tensor] = NO_MASKS) -> tuple[Tensor, Tensor]:
        """masks: `EDGES` -> (edges,) what each message is multiplied by (`models.learners.graph.edge_gradients`)."""
        if not self.columns:  # nothing was measured in the rows that it was fitted on
            return self.out.bias.expand(batch.size, -1), self.out.bias.new_zeros(batch.size, dtype=torch.bool)
        places = self.nodes(masks.get(EDGES))[: sum(self.columns.values())].split([*self.columns.values()])
        z = torch.zeros(batch.size, self.node.embedding_dim, device=places[0].device)
        for (name, columns), h, relation in zip(self.columns.items(), places, self.relation, strict=True):
            heard = batch.layers[name][:, :columns] @ h
            if name in self.times:
                heard = heard + self._when(name, batch.layers[name][:, columns:], h)
            z = z + relation(heard / math.sqrt(columns)) * batch.present[name][:, None]
        z = self.dropout(z)
        present = torch.stack([batch.present[name] for name in self.columns]).any(0)
        return self.out(z + self.mlp(z)) * present[:, None], present

    def _when(self, name: str, times: Tensor, h: Tensor) -> Tensor:
        """(n, width): what the times of the edges say."""
        tokens, knots = self.times[name]
        return torch.einsum("nkt,tw,kw->nw", times.view(len(times), knots, tokens), h[:tokens], self.when[name])

    def nodes(self, mask: Tensor | None = None) -> Tensor:
        """(nodes, width): what each node is, once it has heard its neighbours."""
        h: Tensor = self.node.weight
        edge_index, edge_type = self.get_buffer("edge_index"), self.get_buffer("edge_type")
        for conv in self.convs:
            h = h + (conv(h, edge_index, edge_type) if mask is None else masked(conv, h, edge_index, edge_type, mask))
        return h


def masked(conv: RGCNConv, h: Tensor, edge_index: Tensor, edge_type: Tensor, mask: Tensor) -> Tensor:
    """What PyG's `RGCNConv` makes, each edge's message times its mask: its own masks (`torch_geometric.explain`) are of one
    relation."""
    (sender, receiver), n = edge_index, len(h)
    kind = receiver * conv.num_relations + edge_type
    size = torch.bincount(kind, minlength=n * conv.num_relations)
    share = mask / size[kind]
    found: Tensor = h @ conv.root + conv.bias
    for relation in range(conv.num_relations):
        of = edge_type == relation
        message = share[of, None] * (h[sender[of]] @ conv.weight[relation])
        found = found.index_add(0, receiver[of], message)
    return found
