"""Kernel ridge regression of the known links on the similarity of queries: a collaborative filter in closed form."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve

from ..graph import LinkGraph
from ..learner import BaseLinkLearner
from ..profiles import query_profiles


class KernelRidge(BaseLinkLearner):
    """K (K + lambda I)^-1 Y: K the linear kernel of queries' profiles, Y the known links.

    Source: Saunders, Gammerman & Vovk 1998; for gene–disease links as in Zakeri et al. 2018, doi:10.1093/bioinformatics/bty289.
    """

    name = "kernel_ridge"
    grid = ({}, {"ridge": 0.3}, {"ridge": 3.0})

    def reason(self, graph: LinkGraph) -> str | None:
        if graph.hold_out == "candidates":
            return f"a {graph.candidate} without a known link gets no score from other queries"
        return None

    def fit(self, graph: LinkGraph) -> None:
        self.profiles = query_profiles(graph)
        kernel = np.asarray((self.profiles @ self.profiles.T).todense(), dtype=np.float32)
        kernel[np.diag_indices_from(kernel)] += self.setting.get("ridge", 1.0)
        self.dual = solve(kernel, graph.matrix().toarray(), assume_a="pos", overwrite_a=True, overwrite_b=True)

    def score(self, queries: np.ndarray) -> np.ndarray:
        return np.asarray(self.profiles[queries] @ (self.profiles.T @ self.dual))
