"""Random walk with restart from a query's candidates and those of similar queries: the plain reference on a graph."""

from __future__ import annotations

import numpy as np

from ..graph import LinkGraph
from ..learner import BaseLinkLearner
from ..profiles import interactions, query_profiles, seeds, shared_sets

STEPS = 3


class RandomWalk(BaseLinkLearner):
    """p <- r s + (1 - r) W p, from p = s, a few steps; W: mean of the symmetrically normalised hops there are.

    Source: Köhler et al. 2008, doi:10.1016/j.ajhg.2008.02.013; W as in Zhou et al. 2004 (local and global consistency).
    """

    name = "random_walk"
    grid = ({}, {"restart": 0.25}, {"restart": 0.75})

    def reason(self, graph: LinkGraph) -> str | None:
        if interactions(graph) is None and shared_sets(graph) is None:
            return f"no relation joins one {graph.candidate} with another"
        return None

    def fit(self, graph: LinkGraph) -> None:
        self.graph, self.profiles = graph, query_profiles(graph)
        self.hops = [path for path in (interactions(graph), shared_sets(graph)) if path is not None]

    def score(self, queries: np.ndarray) -> np.ndarray:
        start = seeds(self.graph, self.profiles, queries)
        at, restart = start, self.setting.get("restart", 0.5)
        for _ in range(STEPS if self.hops else 0):
            at = restart * start + (1 - restart) * sum(hop(at) for hop in self.hops) / len(self.hops)
        return np.asarray(at.T)
