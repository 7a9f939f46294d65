"""Patient network: a patient, and the training patients it is like, modality by modality."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...training.batch import Batch, Neighbours
from ..message_encoder import MessageEncoder

with warnings.catch_warnings():  # torch_geometric announces to everybody that torch.jit will go
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.nn import GraphConv


class NeighbourEncoder(nn.Module):
    """Encode one modality of each patient by its own values and by what its neighbours send.

    h_i = W_1 x_i + W_2 Σ_j e_ji s_j by PyG's `GraphConv`; the answer is M(x_i) + A h_i + B GELU(h_i), M a `MessageEncoder`. A
    neighbour j sends s_j, its values and its outcome (`models.learners.graph.patient_gnn`), with weights e_ji that sum to 1. It
    goes one step: so no outcome comes back to whom it is of. A and B start close to zero: as the linear readout alone.
    Args:
        name: modality. linear: leading columns of x that hold a readout. own: columns of x. sent: columns of s. dim: of the
            answer.
        edge_dropout: share of the neighbours left out in each training step, the others weighted up.
    Input: batch.layers[name] (n, own) float32, batch.neighbours[name].
    Returns: (n, dim), zero where absent; the (n,) bool mask.
    Source: Morris 2019, arXiv:1810.02244, Eq. 4; Hamilton 2017, arXiv:1706.02216 (inductive).
    """

    def __init__(
        self, name: str, linear: int, own: int, sent: int, dim: int = 16, *, width: int = 16, dropout: float = 0.2,
        edge_dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name, self.edge_dropout = name, edge_dropout
        self.alone = MessageEncoder(name, linear, own, dim, dropout=dropout)
        self.conv = GraphConv((sent, own), width)
        self.dropout = nn.Dropout(dropout)
        self.straight, self.bent = (nn.Linear(width, dim, bias=False) for _ in range(2))
        for one in (self.straight, self.bent):
            nn.init.normal_(one.weight, std=0.01)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        own, present = self.alone(batch)
        h = self.heard(batch.layers[self.name], batch.neighbours[self.name])
        return own + (self.straight(h) + self.bent(functional.gelu(h))) * present[:, None], present

    def heard(self, x: Tensor, near: Neighbours) -> Tensor:
        """(n, width): each row's own values and what it hears."""
        n, k = near.weight.shape
        sender = torch.arange(n * k, device=x.device)
        edge_index = torch.stack([sender, sender // max(1, k)])
        weight = functional.dropout(near.weight.flatten(), self.edge_dropout, self.training)
        found: Tensor = self.conv((near.sent.flatten(0, 1), self.dropout(x)), edge_index, weight, size=(n * k, n))
        return torch.as_tensor(self.dropout(found))
