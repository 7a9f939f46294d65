"""Relational graph: the columns of every modality and the knowledge behind them, as typed edges for message passing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from .knowledge_graph import subgraph


@dataclass(frozen=True)
class RelationalGraph:
    """Nodes are known by their place: the columns first, in their order, then what lies behind them.

    edge_index: (2, edges) int64, sender and receiver; edge_type: (edges,) int64, the place of its relation. relations: names;
    each comes with its reverse, `rev_…`, as what is above and what is below are not heard alike. ids: CURIE of each node; ""
    for a column that is no entity.
    """

    ids: tuple[str, ...]
    edge_index: np.ndarray
    edge_type: np.ndarray
    relations: tuple[str, ...]

    @property
    def nodes(self) -> int:
        """How many there are."""
        return len(self.ids)

    def state(self) -> dict[str, Any]:
        return {
            "ids": [*self.ids],
            "edge_index": self.edge_index,
            "edge_type": self.edge_type,
            "relations": [*self.relations],
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> RelationalGraph:
        return cls(**{**state, "ids": tuple(state["ids"]), "relations": tuple(state["relations"])})


def relational_graph(
    columns: Sequence[str | None],
    genes: Mapping[str, str],
    links: pl.DataFrame,
    edges: str = "true",
    rng: np.random.Generator | None = None,
) -> RelationalGraph:
    """The graph around these columns: two steps of knowledge, and SAME_AS between columns of one entity.

    Args:
        columns: CURIE of each column of every modality; None for one that is no entity.
        genes: feature -> its gene, where they are not the same. links: a snapshot's links.
        edges: "true"; "shuffled" (columns change places by `rng`: every degree stays, every meaning goes); or "none".
    Example:
        >>> links = pl.DataFrame({"subject": ["a"], "predicate": ["IS_A"], "object": ["b"], "score": [None]})
        >>> graph = relational_graph(["a", "a"], {}, links)
        >>> graph.relations
        ('IS_A', 'SAME_AS', 'rev_IS_A', 'rev_SAME_AS')
        >>> graph.edge_index.tolist(), graph.edge_type.tolist()
        ([[0, 1, 2, 0], [2, 0, 0, 1]], [0, 1, 2, 3])
    """
    if edges not in ("true", "shuffled", "none"):
        raise ValueError(f"edges: got {edges!r}; expected true, shuffled or none")
    around = subgraph(columns, genes, links)
    found = {} if edges == "none" else around.relations
    place = np.arange(len(around.nodes))
    if edges == "shuffled":
        place[: len(columns)] = (rng or np.random.default_rng(0)).permutation(len(columns))
    names = sorted(found)
    ends = [place[found[name][0]] for name in names]
    both = [*ends, *(one[::-1] for one in ends)]
    index = np.concatenate([np.zeros((2, 0), dtype=np.int64), *both], axis=1)
    kind = np.repeat(np.arange(len(both)), [one.shape[1] for one in both])
    ids = tuple("" if i < len(columns) and columns[i] is None else one for i, one in enumerate(around.nodes))
    return RelationalGraph(ids, index, kind, (*names, *(f"rev_{name}" for name in names)))
