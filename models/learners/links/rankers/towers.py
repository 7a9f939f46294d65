"""Two towers, what they share: sparse inputs to vectors, and training by a softmax over candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from ..graph import LinkGraph
from ..profiles import informative, query_profiles, unit

WIDTH, STEPS, BATCH, RATE, DECAY, DROPOUT = 32, 150, 512, 1e-2, 1e-4, 0.2
GRID: tuple[Mapping[str, Any], ...] = ({}, {"steps": 450}, {"decay": 1e-2})
"""Settings of the networks of links."""
CUDA = "cuda"


class Tower(nn.Module):
    """Sparse rows (n, k) -> (n, width): an embedding a column, added up, then one hidden layer."""

    def __init__(self, inputs: int, width: int = WIDTH) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(inputs, width) * width**-0.5)
        self.after = nn.Sequential(nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(width, width))

    def forward(self, rows: Tensor) -> Tensor:
        added = torch.sparse.mm(rows, self.embedding)
        return torch.add(added, self.after(added))


def query_inputs(graph: LinkGraph) -> sp.csr_matrix:
    """(queries, k) what is known of a query beside its links; where that is nothing, or queries are seen again, itself."""
    profiles = query_profiles(graph, links=False)
    if graph.hold_out == "edges" or not profiles.nnz:
        profiles = unit(sp.hstack([profiles, sp.identity(graph.shape[0])], format="csr"))
    return profiles


def candidate_inputs(graph: LinkGraph, member: sp.csr_matrix | None) -> sp.csr_matrix:
    """(candidates, k) what is known of a candidate beside its links; where candidates are seen again, itself too."""
    blocks = [] if member is None else [unit(informative(member))]
    if graph.hold_out != "candidates" or not blocks:
        blocks.append(sp.identity(graph.shape[1], format="csr"))
    return unit(sp.hstack(blocks, format="csr"))


def sparse_tensor(rows: sp.csr_matrix, device: str) -> Tensor:
    """A scipy matrix as a torch one."""
    coo = rows.tocoo()
    place = torch.from_numpy(np.stack([coo.row, coo.col]).astype(np.int64))
    values = torch.from_numpy(coo.data.astype(np.float32))
    return torch.sparse_coo_tensor(place, values, coo.shape, check_invariants=True).coalesce().to(device)


def device() -> str:
    """A GPU where there is one."""
    return CUDA if torch.cuda.is_available() else "cpu"


def train(
    module: nn.Module, vectors: Callable[[], tuple[Tensor, Tensor]], graph: LinkGraph, seed: int,
    steps: int = STEPS, decay: float = DECAY,
) -> None:  # fmt: skip
    """Adam on a softmax of each link over candidates: over all, or over those with links where candidates are held out,
    since one without any is then no negative but unknown.

    vectors: gives (queries, width) and (candidates, width), whose products are scores.
    """
    at = device()
    links = torch.from_numpy(graph.links)
    several = graph.degree() > 0 if graph.hold_out == "candidates" else np.ones(graph.shape[1], dtype=bool)
    among = torch.from_numpy(np.flatnonzero(several))
    place = torch.full((graph.shape[1],), -1, dtype=torch.int64)
    place[among] = torch.arange(len(among))
    linked = graph.matrix()[:, several].tocsr()
    optimiser = torch.optim.Adam(module.parameters(), lr=RATE, weight_decay=decay)
    rng = np.random.default_rng([seed, 5])
    module.train()
    for _ in range(steps):
        drawn = rng.choice(len(links), min(BATCH, len(links)), replace=False)
        q, c = links[drawn].T
        queries, candidates = vectors()
        score = queries[q.to(at)] @ candidates[among.to(at)].T
        others = torch.from_numpy(linked[q.numpy()].toarray() > 0)
        others[torch.arange(len(q)), place[c]] = False  # the query's other links are no negatives
        loss = nn.functional.cross_entropy(score.masked_fill(others.to(at), -1e9), place[c].to(at))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    module.eval()
