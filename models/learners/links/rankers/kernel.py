"""Kernel over what candidates share (gene–pathway kernel): the best simple ranking of candidates without a known link."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ..graph import LinkGraph
from ..learner import BaseLinkLearner
from ..profiles import informative, memberships, query_profiles, seeds, unit


class Kernel(BaseLinkLearner):
    """S Y K: S similarity of queries, Y known links, K the cosine of two candidates' sets, weighted by information.

    Without weights it is the gene–pathway kernel as it is usually meant.
    """

    name = "kernel"
    grid = ({}, {"weighted": False})

    def reason(self, graph: LinkGraph) -> str | None:
        return f"no relation says what two of {graph.candidate} share" if memberships(graph) is None else None

    def fit(self, graph: LinkGraph) -> None:
        self.graph, self.profiles = graph, query_profiles(graph)
        member = memberships(graph)
        none = sp.csr_matrix((graph.shape[1], 1), dtype=np.float32)
        self.member = (
            none if member is None else unit(informative(member) if self.setting.get("weighted", True) else member)
        )

    def score(self, queries: np.ndarray) -> np.ndarray:
        start = seeds(self.graph, self.profiles, queries)
        return np.asarray((self.member @ (self.member.T @ start)).T)
