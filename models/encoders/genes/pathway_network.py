"""Pathway network: genes -> pathways -> larger pathways -> outcome, along the hierarchy that is known (P-NET's idea).

A patient's values are summed over the genes of each pathway; what a pathway makes of its sum is learned once for all
pathways, and hands it to the larger ones. What is read from a pathway is its own. So few weights say much, and each of
them is of a thing with a name.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...training.batch import Batch
from .gene_network import NO_MASKS, channels, channels_of
from .pathway_graph import PART, PATHWAY, PathwayGraph

with warnings.catch_warnings():  # torch_geometric announces to everybody that torch.jit will go
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.nn import SimpleConv


class Gathering(nn.Module):
    """What nodes hear of those below them, for many patients on one topology: y_q = Σ_p x_p / √(how many p), by PyG's `SimpleConv`.

    Independent senders of variance 1 make a sum of variance 1, whatever the size of a pathway.
    Args:
        edges: (2, edges) sender and receiver, by receiver. senders, receivers: how many there are.
    Input: x (senders, patients, channels).
    Returns: (receivers, patients, channels); 0 for a receiver that hears nothing.
    """

    def __init__(self, edges: np.ndarray, senders: int, receivers: int) -> None:
        super().__init__()
        self.shape = (receivers, senders)
        size = np.bincount(edges[1], minlength=receivers)
        value = (1 / np.sqrt(size[edges[1]])).astype(np.float32)
        start = np.r_[0, np.cumsum(size)].astype(np.int32)
        for name, array in (("start", start), ("sender", edges[0].astype(np.int32)), ("value", value)):
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        self.conv = SimpleConv(aggr="sum", node_dim=0)

    def forward(self, x: Tensor, drop: float = 0.0, mask: Tensor | None = None) -> Tensor:
        """drop: share of the edges left out in training. mask: (edges,) what each message is multiplied by."""
        value = functional.dropout(self.get_buffer("value"), drop, self.training)
        value = value if mask is None else value * mask
        with warnings.catch_warnings():  # torch calls all of CSR a beta
            warnings.simplefilter("ignore", UserWarning)
            adjacency = torch.sparse_csr_tensor(
                self.get_buffer("start"), self.get_buffer("sender"), value, self.shape, check_invariants=False
            )
        with torch.autocast(x.device.type, enabled=False):  # as `gene_network.multiply`
            heard: Tensor = self.conv((x.flatten(1).float(), None), adjacency)
        return heard.view(self.shape[0], *x.shape[1:])


class PathwayNetwork(nn.Module):
    """Encode each patient's values on the genes into one vector, along the hierarchy of pathways.

    x_g: the channels of a gene (`GeneNetwork`). A pathway sums its own genes, a_p = Σ_g (1 + w_g) ⊙ x_g / √genes, and its
    parts, b_q = Σ_p h_p / √parts; h = f(a) + b + k(b), f and k perceptrons shared by all pathways. Read are genes and
    every level: z_l = Σ_p u_p ⊙ h_p / √pathways, side by side. u and w start at zero: it starts without an opinion.
    Args:
        graph: the hierarchy (`models.encoders.genes.pathway_graph`); without pathways genes alone are read.
        layers, masked: as in `GeneNetwork`. edge_dropout: share of the memberships left out in each training step.
    Input: batch.layers[name] (n, genes, 2) float32, values and masks; both 0 where a row lacks the layer.
    Returns: (n, dim) float32, and (n,) bool: whether the row has any layer.
    Source: Elmarakeby 2021, doi:10.1038/s41586-021-03922-4 (P-NET), with weights shared between pathways; Zaheer 2017,
        arXiv:1703.06114 (sum, then a perceptron).
    """

    sparse = True
    """It multiplies by sparse CSR matrices, which Apple's GPUs do not."""

    def __init__(
        self, graph: PathwayGraph, layers: Sequence[str], masked: Sequence[str], dim: int = 16, *, width: int = 8,
        dropout: float = 0.1, edge_dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.names, self.masked = list(layers), [name for name in layers if name in masked]
        self.edge_dropout, self.width = edge_dropout, width
        size = max(1, channels_of(len(layers), len(self.masked)))
        self.own = nn.Parameter(torch.zeros(graph.genes, 1, size))
        self.gene = nn.Sequential(nn.Linear(size, width), nn.GELU(), nn.Linear(width, width))
        self.sum = nn.Sequential(nn.Linear(size, width), nn.GELU(), nn.Linear(width, width))
        self.parts = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        pathways = len(graph.level)
        self.levels = [int((graph.level == one).sum()) for one in range(int(graph.level.max(initial=-1)) + 1)]
        self.members = Gathering(graph.members, graph.genes, pathways)
        below = np.r_[0, np.cumsum(self.levels)]
        self.larger, self.parts_of_level = nn.ModuleList(), list[int]()
        for k in range(1, len(self.levels)):
            mine = graph.parts[:, (graph.parts[1] >= below[k]) & (graph.parts[1] < below[k + 1])]
            self.parts_of_level.append(mine.shape[1])
            self.larger.append(Gathering(mine - [[0], [below[k]]], int(below[k]), self.levels[k]))
        self.read = nn.ParameterList([torch.zeros(n, 1, width) for n in (graph.genes, *self.levels)])
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(width * len(self.read), dim)

    def forward(self, batch: Batch, masks: Mapping[str, Tensor] = NO_MASKS) -> tuple[Tensor, Tensor]:
        """masks: relation -> (edges,) what each message is multiplied by (`models.learners.graph.edge_gradients`)."""
        if not self.names:  # nothing was measured in the rows that it was fitted on
            return self.out.bias.expand(batch.size, -1), self.out.bias.new_zeros(batch.size, dtype=torch.bool)
        present = torch.stack([batch.present[name] for name in self.names]).any(0)
        read = [h * u for h, u in zip(self.nodes(batch, masks), self.read, strict=True)]
        z = torch.cat([h.sum(0) / math.sqrt(max(1, len(h))) for h in read], 1)
        return self.out(self.dropout(z)) * present[:, None], present

    def nodes(self, batch: Batch, masks: Mapping[str, Tensor] = NO_MASKS) -> list[Tensor]:
        """Vectors of the genes, and of the pathways of each level: (nodes, n, width) each."""
        x = channels(batch.layers, self.names, self.masked)
        found = [self.gene(x)]
        if not self.levels:
            return found
        own = self.sum(self.members(x * (1 + self.own), self.edge_dropout, masks.get(PATHWAY))).split(self.levels)
        of_level = [None] * len(self.larger) if PART not in masks else masks[PART].split(self.parts_of_level)
        every = own[0]
        found.append(every)
        for mine, larger, mask in zip(own[1:], self.larger, of_level, strict=True):
            heard = larger(every, mask=mask)
            h = mine + heard + self.parts(heard)
            every = torch.cat([every, h])
            found.append(h)
        return found
