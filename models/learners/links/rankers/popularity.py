"""Popularity: candidates by how many known links they have. The floor; what every ranking is first compared with."""

from __future__ import annotations

import numpy as np

from ..graph import LinkGraph
from ..learner import BaseLinkLearner


class Popularity(BaseLinkLearner):
    """Degree in the known links; among equal ones, and for candidates without any, all other edges: study bias alone."""

    name = "popularity"

    def fit(self, graph: LinkGraph) -> None:
        other = np.zeros(graph.shape[1])
        for one in graph.of(graph.candidate):
            other += np.bincount(one.pairs[:, 0], minlength=graph.shape[1])
        self.degree = graph.degree() + other / (1 + other.max(initial=0.0))

    def score(self, queries: np.ndarray) -> np.ndarray:
        return np.tile(self.degree, (len(queries), 1))
