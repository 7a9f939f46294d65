"""Two-tower network: one vector of what is known of a query, one of a candidate, and their product; no messages."""

from __future__ import annotations

import numpy as np
import torch

from ..graph import LinkGraph
from ..learner import BaseLinkLearner
from ..profiles import memberships
from .towers import GRID, Tower, candidate_inputs, device, query_inputs, sparse_tensor, train


class TwoTower(BaseLinkLearner):
    """f(query) · g(candidate), trained by a softmax over candidates.

    Source: Yi et al. 2019, doi:10.1145/3298689.3346996.
    """

    name = "two_tower"
    grid = GRID

    def fit(self, graph: LinkGraph) -> None:
        torch.manual_seed(self.seed)
        at = device()
        left = sparse_tensor(query_inputs(graph), at)
        right = sparse_tensor(candidate_inputs(graph, memberships(graph)), at)
        towers = torch.nn.ModuleList([Tower(left.shape[1]), Tower(right.shape[1])]).to(at)
        train(towers, lambda: (towers[0](left), towers[1](right)), graph, self.seed, **self.setting)
        with torch.no_grad():
            self.left, self.right = towers[0](left).cpu().numpy(), towers[1](right).cpu().numpy()

    def score(self, queries: np.ndarray) -> np.ndarray:
        return np.asarray(self.left[queries] @ self.right.T)
