"""Typed join: query and candidate meet in nodes of one label (a drug's target that is the disease's gene)."""

from __future__ import annotations

import numpy as np

from ..graph import LinkGraph
from ..learner import BaseLinkLearner
from ..profiles import joins

LITTLE = 1e-3


class TypedJoin(BaseLinkLearner):
    """Information-weighted cosine of what both are linked to; popularity decides between equals."""

    name = "typed_join"

    def reason(self, graph: LinkGraph) -> str | None:
        if joins(graph) is None:
            return f"no label lies between {graph.query} and {graph.candidate}"
        return None

    def fit(self, graph: LinkGraph) -> None:
        self.shape, self.join = graph.shape, joins(graph)
        degree = np.log1p(graph.degree())
        self.little = LITTLE * degree / max(degree.max(), 1.0)

    def score(self, queries: np.ndarray) -> np.ndarray:
        met = np.zeros((len(queries), self.shape[1])) if self.join is None else self.join[queries].toarray()
        return np.asarray(met + self.little)
