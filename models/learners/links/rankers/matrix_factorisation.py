"""Matrix factorisation of implicit feedback by alternating least squares: links alone, no graph."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ..graph import LinkGraph
from ..learner import BaseLinkLearner

ROUNDS, CONFIDENCE = 12, 20.0


class MatrixFactorisation(BaseLinkLearner):
    """U V' that is near 1 at known links and, with less confidence, near 0 elsewhere.

    Source: Hu, Koren & Volinsky 2008, doi:10.1109/ICDM.2008.22, Eq. 4 and 5.
    """

    name = "matrix_factorisation"
    grid = ({}, {"ridge": 20.0}, {"rank": 16})

    def reason(self, graph: LinkGraph) -> str | None:
        match graph.hold_out:
            case "candidates":
                return f"a {graph.candidate} without a known link has no factors"
            case "queries":
                return f"a {graph.query} without a known link has no factors"
        return None

    def fit(self, graph: LinkGraph) -> None:
        rng = np.random.default_rng(self.seed)
        linked = graph.matrix()
        rank, ridge = min(self.setting.get("rank", 64), *graph.shape), self.setting.get("ridge", 5.0)
        v = rng.normal(scale=rank**-0.5, size=(graph.shape[1], rank))
        for _ in range(ROUNDS):
            u = _solved(linked, v, ridge)
            v = _solved(linked.T.tocsr(), u, ridge)
        self.u, self.v = u, v

    def score(self, queries: np.ndarray) -> np.ndarray:
        return np.asarray(self.u[queries] @ self.v.T)


def _solved(linked: sp.csr_matrix, other: np.ndarray, ridge: float) -> np.ndarray:
    """Factors of one side, given those of the other. (n, m), (m, rank) -> (n, rank)."""
    out = np.zeros((linked.shape[0], other.shape[1]))
    common = other.T @ other + ridge * np.eye(other.shape[1])
    for i in np.flatnonzero(np.diff(linked.indptr)):
        mine = other[linked.indices[linked.indptr[i] : linked.indptr[i + 1]]]
        out[i] = np.linalg.solve(common + CONFIDENCE * mine.T @ mine, (1 + CONFIDENCE) * mine.sum(axis=0))
    return out
