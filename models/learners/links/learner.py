"""Link learner: the protocol of everything that ranks links, and the base that ours share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from .graph import LinkGraph


@runtime_checkable
class LinkLearner(Protocol):
    """What ranks links: an object with `fit(graph)` and `score(queries)` is enough.

        class Degree:
            def fit(self, graph):
                self.degree = graph.degree()

            def score(self, queries):
                return np.tile(self.degree, (len(queries), 1))

        clinome.run(study, learners={"degree": Degree()})

    The graph holds no held-out link, nor anything derived from one. Each fit works on a fresh copy.
    """

    def fit(self, graph: LinkGraph) -> object: ...
    def score(self, queries: np.ndarray) -> np.ndarray: ...


class BaseLinkLearner:
    """A seed, a setting, and whether this graph is one that it can rank.

    grid: settings to try, the plain one first.
    """

    name: ClassVar[str] = ""
    grid: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)

    def __init__(self, seed: int = 0, setting: Mapping[str, Any] | None = None) -> None:
        self.seed, self.setting = seed, dict(setting or {})

    def fresh(self, seed: int, setting: Mapping[str, Any] | None = None) -> Self:
        """An unfitted learner of this kind."""
        return type(self)(seed, setting)

    def reason(self, graph: LinkGraph) -> str | None:
        """Why it cannot rank the links of this graph, in plain words; None where it can."""
        return None

    def fit(self, graph: LinkGraph) -> None:
        """Learn from this graph."""
        raise NotImplementedError

    def score(self, queries: np.ndarray) -> np.ndarray:
        """(n,) positions of queries -> (n, candidates) finite scores; higher is likelier."""
        raise NotImplementedError

    def weights(self) -> dict[str, Any]:
        """What was learned, where it can be read; else nothing."""
        return {}
