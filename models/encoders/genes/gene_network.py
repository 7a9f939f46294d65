"""Gene network: a patient's values on the genes, messages over their interactions, read out by attention.

All weights are shared by all genes, so that what is learned of one gene serves every other: an effect of which each gene
gives too few examples is learned where all of them together give enough. What a gene keeps for itself is how much it is
listened to. Patients share the topology and exchange nothing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...training.batch import Batch
from .gene_graph import INTERACTS, PATHWAY, GeneGraph

with warnings.catch_warnings():  # torch_geometric announces to everybody that torch.jit will go
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.nn import GraphConv, JumpingKnowledge


NO_MASKS: Mapping[str, Tensor] = {}
"""Every message as it is."""


class SharedConv(GraphConv):  # type: ignore[misc]  # torch_geometric publishes no types
    """PyG's `GraphConv` for many patients on one topology, in which what is heard also modulates what one has.

    x'_i = W_1 x_i + W_2 a_i + (W_3 x_i) ⊙ (W_4 a_i), a_i = Σ_j e_ji x_j, with e_ji summing to 1 over the neighbours j:
    GraphSAGE's mean, weighted, and NGCF's product of receiver and message. One sparse product sends the messages of all
    patients.
    Args: as `GraphConv`.
    Input: x (genes, patients, channels); edges, a sparse CSR (receivers, senders) of the e_ji.
    Returns: (genes, patients, out_channels).
    Source: Morris 2019, arXiv:1810.02244, Eq. 4; Hamilton 2017, arXiv:1706.02216; Wang 2019, arXiv:1905.08108, Eq. 3.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, 2 * out_channels, aggr="add", node_dim=0)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        heard, by = self.lin_rel(self.propagate(edge_index, x=(x, x), edge_weight=None)).chunk(2, -1)
        own, modulated = self.lin_root(x).chunk(2, -1)
        return torch.addcmul(heard + own, modulated, by)

    def message_and_aggregate(self, edge_index: Tensor, x: tuple[Tensor, Tensor], edge_weight: None) -> Tensor:
        return multiply(edge_index, x[0])


def multiply(matrix: Tensor, x: Tensor) -> Tensor:
    """Sparse (p, q) times (q, patients, channels) -> (p, patients, channels), float32: in fewer bits not everywhere."""
    with torch.autocast(x.device.type, enabled=False):
        return (matrix @ x.flatten(1).float()).view(matrix.shape[0], *x.shape[1:])


def channels(layers: Mapping[str, Tensor], names: Sequence[str], masked: Sequence[str]) -> Tensor:
    """(genes, n, channels) of a batch's layers: the values, the masks of those in `masked`, products of two layers' values."""
    parts = {name: layers[name].transpose(0, 1) for name in names}
    values = [parts[name][..., 0] for name in names]
    masks = [parts[name][..., 1] for name in masked]
    return torch.stack([*values, *masks, *(a * b for a, b in combinations(values, 2))], -1)


def channels_of(layers: int, masked: int) -> int:
    """How many channels so many layers make."""
    return layers + masked + math.comb(layers, 2)


class GeneNetwork(nn.Module):
    """Encode each patient's values on the genes into one vector.

    Channels of a gene are each layer's value v and mask m (1 where it was measured), and the products of two layers'
    values, as in FM and DCN: x = (v_1, m_1, …, v_1 v_2, …). `depth` layers h ← h + ReLU(conv(h)), their outputs side by
    side (jumping knowledge); then per patient Σ_g σ(a·h_g + b_g) h_g / √genes for each of `heads`, and over pathways
    Σ_p softmax_p(c·h_p + d_p) h_p, h_p = mean of its members. It starts as zero: without a reason it says nothing.
    Args:
        graph: the topology (`models.encoders.genes.gene_graph`); without edges it is the same network without messages.
        layers: names, in the order of the channels. masked: those whose mask is a channel; the others are measured always.
        edge_dropout: share of the edges left out in each training step, the others weighted up.
    Input: batch.layers[name] (n, genes, 2) float32, values and masks; both 0 where a row lacks the layer.
    Returns: (n, dim) float32, and (n,) bool: whether the row has any layer.
    Source: Hamilton 2017, arXiv:1706.02216 (convolution); Xu 2018, arXiv:1806.03536 (jumping knowledge); Li 2016,
        arXiv:1511.05493 (gated sum).
    """

    sparse = True
    """It multiplies by sparse CSR matrices, which Apple's GPUs do not."""

    def __init__(
        self, graph: GeneGraph, layers: Sequence[str], masked: Sequence[str], dim: int = 16, *, width: int = 16,
        depth: int = 2, heads: int = 4, dropout: float = 0.1, edge_dropout: float = 0.1,
    ) -> None:  # fmt: skip
        super().__init__()
        self.names, self.masked, self.genes = list(layers), [name for name in layers if name in masked], graph.genes
        self.edge_dropout = edge_dropout
        self._sparse("edges", graph.edge_index[::-1], graph.weight, graph.genes)
        size = np.bincount(graph.members[1], minlength=graph.pathways)
        self._sparse("pool", graph.members[::-1], 1 / size[graph.members[1]].astype(np.float32), graph.pathways)
        sizes = [channels_of(len(layers), len(self.masked)), *[width] * (depth - 1)] if layers else []
        self.convs = nn.ModuleList(SharedConv(size, width) for size in sizes)
        self.jump = JumpingKnowledge("cat")
        self.gate, self.own_gate = nn.Linear(width * depth, heads), nn.Parameter(torch.zeros(graph.genes, 1, heads))
        self.pathways = graph.pathways
        self.attend = nn.Linear(width * depth, 1)
        self.own_attend = nn.Parameter(torch.zeros(graph.pathways, 1, 1))
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width * depth * (heads + bool(graph.pathways)), dim)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def _sparse(self, name: str, place: np.ndarray, value: np.ndarray, rows: int) -> None:
        """A (rows, genes) CSR matrix as buffers, which move between devices; the topology is saved elsewhere.

        place: (2, values) row and column, sorted by row.
        """
        start = np.r_[0, np.cumsum(np.bincount(place[0], minlength=rows))]
        for part, array in (("start", start), ("column", place[1])):
            self.register_buffer(f"{name}_{part}", torch.from_numpy(array.astype(np.int32)), persistent=False)
        self.register_buffer(f"{name}_value", torch.from_numpy(np.ascontiguousarray(value)), persistent=False)

    def matrix(self, name: str, rows: int, drop: float = 0.0, mask: Tensor | None = None) -> Tensor:
        """The (rows, genes) CSR matrix of `edges` or `pool`, times a mask of its values; in training a share `drop` of it left
        out, the rest weighted up."""
        start, column, value = (self.get_buffer(f"{name}_{part}") for part in ("start", "column", "value"))
        value = value if mask is None else value * mask
        if drop > 0 and self.training:
            value = functional.dropout(value, drop)
        with warnings.catch_warnings():  # torch calls all of CSR a beta
            warnings.simplefilter("ignore", UserWarning)
            return torch.sparse_csr_tensor(start, column, value, (rows, self.genes), check_invariants=False)

    def forward(self, batch: Batch, masks: Mapping[str, Tensor] = NO_MASKS) -> tuple[Tensor, Tensor]:
        """masks: relation -> (edges,) what each message is multiplied by (`models.learners.graph.edge_gradients`)."""
        if not self.names:  # nothing was measured in the rows that it was fitted on
            return self.out.bias.expand(batch.size, -1), self.out.bias.new_zeros(batch.size, dtype=torch.bool)
        present = torch.stack([batch.present[name] for name in self.names]).any(0)
        every = self.heard(batch, masks)
        gate = torch.sigmoid(self.gate(every) + self.own_gate)
        read = torch.einsum("gnk,gnd->nkd", gate, every).flatten(1) / math.sqrt(max(1, self.genes))
        if self.pathways:
            pooled, weight = self.pool(every, masks)
            read = torch.cat([read, (weight * pooled).sum(0)], 1)
        return self.out(self.dropout(read)) * present[:, None], present

    def heard(self, batch: Batch, masks: Mapping[str, Tensor] = NO_MASKS) -> Tensor:
        """(genes, n, width * depth) what each gene is, once it has heard its neighbours."""
        edges = self.matrix("edges", self.genes, self.edge_dropout, masks.get(INTERACTS))
        h, outputs = channels(batch.layers, self.names, self.masked), []
        for k, conv in enumerate(self.convs):
            step = functional.relu(conv(h, edges))
            h = step if k == 0 else h + step
            outputs.append(h)
        return torch.as_tensor(self.jump(outputs))

    def pool(self, every: Tensor, masks: Mapping[str, Tensor] = NO_MASKS) -> tuple[Tensor, Tensor]:
        """(pathways, n, width * depth) means of their members, and (pathways, n, 1) the attention that each gets."""
        pooled = multiply(self.matrix("pool", self.pathways, mask=masks.get(PATHWAY)), every)
        return pooled, torch.softmax(self.attend(pooled) + self.own_attend, 0)
