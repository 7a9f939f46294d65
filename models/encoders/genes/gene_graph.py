"""Gene graph: interactions among a study's genes, and the pathways that they are in, as arrays for message passing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl

INTERACTS, PATHWAY = "INTERACTS_WITH", "IN_PATHWAY"
MEMBERS = (3, 300)
"""A pathway with fewer measured genes says no more than they do; one with more is nearly all genes."""


@dataclass(frozen=True)
class GeneGraph:
    """Who hears whom. Genes and pathways are known by their place.

    edge_index: (2, edges) int64, sender and receiver; every interaction goes both ways. weight: (edges,) float32; those of
    one receiver sum to 1, so that a hub hears a mean and not a shout. members: (2, memberships) int64, gene and pathway.
    """

    genes: int
    edge_index: np.ndarray
    weight: np.ndarray
    members: np.ndarray
    pathways: int

    def state(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> GeneGraph:
        return cls(**state)


def interactions(links: pl.DataFrame) -> pl.DataFrame:
    """subject, object, weight: each pair of different genes once, whichever way it was written; by its best score."""
    ends = links.filter((pl.col("predicate") == INTERACTS) & (pl.col("subject") != pl.col("object")))
    return (
        ends.select(
            subject=pl.min_horizontal("subject", "object"),
            object=pl.max_horizontal("subject", "object"),
            weight=pl.col("score").cast(pl.Float64).fill_null(1.0).fill_nan(1.0).clip(1e-6),
        )
        .group_by("subject", "object")
        .agg(pl.col("weight").max())
        .sort("subject", "object")
    )


def gene_graph(
    genes: Sequence[str], links: pl.DataFrame, edges: str = "true", rng: np.random.Generator | None = None
) -> GeneGraph:
    """The graph among these genes.

    Args:
        links: a snapshot's links; of interactions the score is the weight of an edge, 1 where there is none.
        edges: "true"; "shuffled" (genes change places in the graph by `rng`: every degree stays, every meaning goes); or
            "none" (no interaction, no pathway).
    Example:
        >>> links = pl.DataFrame({"subject": ["a", "b"], "predicate": ["INTERACTS_WITH"] * 2, "object": ["b", "c"],
        ...                       "score": [None, 3.0]})
        >>> graph = gene_graph(["a", "b", "c"], links)
        >>> graph.edge_index.tolist(), graph.weight.tolist()
        ([[1, 0, 2, 1], [0, 1, 1, 2]], [1.0, 0.25, 0.75, 1.0])
    """
    if edges not in ("true", "shuffled", "none"):
        raise ValueError(f"edges: got {edges!r}; expected true, shuffled or none")
    n = len(genes)
    if edges == "none":
        empty = np.zeros((2, 0), dtype=np.int64)
        return GeneGraph(n, empty, np.zeros(0, dtype=np.float32), empty, 0)
    order = np.arange(n)
    if edges == "shuffled":
        order = (rng or np.random.default_rng(0)).permutation(n)
    place = pl.DataFrame({"id": list(genes), "at": order}, schema={"id": pl.String, "at": pl.Int64})
    found = interactions(links)
    found = found.join(place.rename({"id": "subject", "at": "one"}), on="subject", how="inner")
    found = found.join(place.rename({"id": "object", "at": "other"}), on="object", how="inner")
    one, other, score = (found[name].to_numpy() for name in ("one", "other", "weight"))
    edge_index, weight = np.array([np.r_[one, other], np.r_[other, one]], dtype=np.int64), np.r_[score, score]
    by_receiver = np.lexsort((edge_index[0], edge_index[1]))
    edge_index, weight = edge_index[:, by_receiver], weight[by_receiver]
    total = np.bincount(edge_index[1], weight, minlength=n)
    members, pathways = _members(place, links)
    return GeneGraph(n, edge_index, (weight / total[edge_index[1]]).astype(np.float32), members, len(pathways))


def pathway_ids(genes: Sequence[str], links: pl.DataFrame) -> list[str]:
    """CURIEs of the pathways of `gene_graph` over these genes, in their order."""
    place = pl.DataFrame({"id": list(genes), "at": range(len(genes))}, schema={"id": pl.String, "at": pl.Int64})
    return _members(place, links)[1]


def _members(place: pl.DataFrame, links: pl.DataFrame) -> tuple[np.ndarray, list[str]]:
    """(2, memberships) gene and pathway, sorted by pathway and gene, and the pathways; those of the same genes are one."""
    found = links.filter(pl.col("predicate") == PATHWAY).select("subject", "object").unique()
    found = found.join(place.rename({"id": "subject"}), on="subject", how="inner").sort("object", "at")
    size = pl.len().over("object")
    found = found.filter((size >= MEMBERS[0]) & (size <= MEMBERS[1]))
    alike = found.group_by("object").agg(pl.col("at")).sort("object").unique("at", keep="first", maintain_order=True)
    at = [one.to_numpy() for one in alike["at"]]
    pathway = np.repeat(np.arange(len(at)), [len(one) for one in at])
    return np.array([np.concatenate([np.zeros(0, np.int64), *at]), pathway], dtype=np.int64), alike["object"].to_list()
