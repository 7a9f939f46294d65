"""Pathway graph: genes in pathways, pathways in larger ones, as arrays for message passing from below to above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import networkx as nx
import numpy as np
import polars as pl

PATHWAY, PART = "IN_PATHWAY", "PART_OF"
FEWEST = 3
"""A pathway with fewer measured genes, its parts' genes among them, says no more than they do."""
MOST = 500
"""A pathway with more genes of its own is nearly all genes."""


@dataclass(frozen=True)
class PathwayGraph:
    """Who is part of what. Genes and pathways are known by their place; pathways stand parts first.

    members: (2, memberships) int64, gene and pathway, by pathway: genes of the pathway that none of its parts has.
    parts: (2, edges) int64, a pathway and the larger one of which it is a part, by the larger one. level: (pathways,)
    int64: 0 for a pathway without parts, else one more than the highest of its parts. ids: CURIE of each pathway.
    """

    genes: int
    members: np.ndarray
    parts: np.ndarray
    level: np.ndarray
    ids: tuple[str, ...]

    def state(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "ids"} | {"ids": [*self.ids]}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> PathwayGraph:
        return cls(**{**state, "ids": tuple(state["ids"])})


def pathway_graph(
    genes: Sequence[str], links: pl.DataFrame, edges: str = "true", rng: np.random.Generator | None = None
) -> PathwayGraph:
    """The pathways of these genes (IN_PATHWAY) and their hierarchy (PART_OF).

    A gene counts for the smallest pathways that have it: a pathway hears of the genes of its parts through them. Of
    pathways that are parts of one another in a circle the last step is left out.
    Args:
        links: a snapshot's links.
        edges: "true"; "shuffled" (genes, and pathways of one level, change places by `rng`: every size stays, every
            meaning goes); or "none" (no pathway).
    Example:
        >>> links = pl.DataFrame([("a", "IN_PATHWAY", "P"), ("b", "IN_PATHWAY", "P"), ("c", "IN_PATHWAY", "P"),
        ...                       ("P", "PART_OF", "Q"), ("d", "IN_PATHWAY", "Q"), ("a", "IN_PATHWAY", "Q")],
        ...                      schema=["subject", "predicate", "object"], orient="row")
        >>> graph = pathway_graph(["a", "b", "c", "d"], links)
        >>> graph.ids, graph.members.tolist(), graph.parts.tolist(), graph.level.tolist()
        (('P', 'Q'), [[0, 1, 2, 3], [0, 0, 0, 1]], [[0], [1]], [0, 1])
    """
    if edges not in ("true", "shuffled", "none"):
        raise ValueError(f"edges: got {edges!r}; expected true, shuffled or none")
    pairs = np.zeros((2, 0), dtype=np.int64)
    if edges == "none":
        return PathwayGraph(len(genes), pairs, pairs, np.zeros(0, dtype=np.int64), ())
    larger, own = _hierarchy(links), _members(genes, links)
    level = _levels(larger, own)
    ids = sorted(level, key=lambda pathway: (level[pathway], pathway))
    place = {pathway: i for i, pathway in enumerate(ids)}
    levels = np.array([level[pathway] for pathway in ids], dtype=np.int64)
    members = [(gene, place[pathway]) for pathway in ids for gene in sorted(own.get(pathway, ()))]
    parts = sorted((place[a], place[b]) for a, b in larger.edges if a in place and b in place)
    found = PathwayGraph(
        len(genes), _pairs(members), _pairs(sorted(parts, key=lambda one: one[::-1])), levels, tuple(ids)
    )
    return _shuffled(found, rng or np.random.default_rng(0)) if edges == "shuffled" else found


def _pairs(found: Sequence[tuple[int, int]]) -> np.ndarray:
    return np.array(found, dtype=np.int64).reshape(-1, 2).T


def _hierarchy(links: pl.DataFrame) -> nx.DiGraph[str]:
    """Part -> larger pathway, without circles."""
    edges = links.filter((pl.col("predicate") == PART) & (pl.col("subject") != pl.col("object")))
    graph: nx.DiGraph[str] = nx.DiGraph(edges.select("subject", "object").unique().sort("subject", "object").rows())
    while not nx.is_directed_acyclic_graph(graph):
        graph.remove_edge(*nx.find_cycle(graph)[-1][:2])
    return graph


def _members(genes: Sequence[str], links: pl.DataFrame) -> dict[str, set[int]]:
    place = pl.DataFrame(
        {"subject": list(genes), "at": range(len(genes))}, schema={"subject": pl.String, "at": pl.Int64}
    )
    found = links.filter(pl.col("predicate") == PATHWAY).join(place, on="subject", how="inner")
    grouped = found.group_by("object").agg(pl.col("at").unique())
    return {pathway: set(at) for pathway, at in grouped.iter_rows()}


def _levels(larger: nx.DiGraph[str], own: dict[str, set[int]]) -> dict[str, int]:
    """The level of each pathway that says enough; `own` loses the genes that parts have. Pathways of one and the same genes
    and no part are one: the first by name."""
    larger.add_nodes_from(sorted(own))
    below: dict[str, set[int]] = {}
    level: dict[str, int] = {}
    seen: set[tuple[frozenset[int], frozenset[str]]] = set()
    for pathway in nx.lexicographical_topological_sort(larger):
        parts = [part for part in larger.predecessors(pathway) if part in level]
        of_parts = set().union(*(below[part] for part in parts))
        mine = own.get(pathway, set())
        below[pathway] = of_parts | mine
        own[pathway] = mine - of_parts if len(mine - of_parts) <= MOST else set()
        kind = (frozenset(own[pathway]), frozenset(parts))
        alone = len(parts) == 1 and not own[pathway]  # it is its one part
        if len(below[pathway]) >= FEWEST and (parts or own[pathway]) and not alone and kind not in seen:
            seen.add(kind)
            level[pathway] = 1 + max((level[part] for part in parts), default=-1)
    return level


def _shuffled(graph: PathwayGraph, rng: np.random.Generator) -> PathwayGraph:
    place = np.arange(len(graph.level))
    for one in np.unique(graph.level):
        of = np.flatnonzero(graph.level == one)
        place[of] = rng.permutation(of)
    members = np.array([rng.permutation(graph.genes)[graph.members[0]], graph.members[1]])
    parts = np.array([place[graph.parts[0]], graph.parts[1]])
    return PathwayGraph(graph.genes, members, parts, graph.level, graph.ids)
