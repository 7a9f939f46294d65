"""Embeddings: the vectors that a fitted network has of patients, and of the graph's nodes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Embeddings:
    """Vectors of one fitted learner.

    rows: (n, width) of the rows asked for; what the head reads. nodes: CURIEs of features, codes and knowledge, each once;
    vectors: (nodes, width of nodes).
    """

    rows: np.ndarray
    nodes: tuple[str, ...] = ()
    vectors: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
