"""Knowledge graph around a modality's features, and personalised PageRank over it.

Messages over knowledge are personalised PageRank (APPNP, Gasteiger 2019, arXiv:1810.05997) on symmetrically
normalised edges of each relation, so that hubs do no harm and distance is a learned trade, not a number of layers.
Patients receive sums over their features, weighted by the edge values, and send nothing when they are held out.
As all of this is linear in the feature embeddings, a patient's messages are one matrix product (`models.encoders.propagation`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from ..base.per_table import PerTable

STEPS = 10
PREDICATES = (
    "INTERACTS_WITH",
    "IN_PATHWAY",
    "IS_A",
    "OF_GENE",
    "NEAR",
    "TARGETS",
    "PART_OF",
    "MAPS_TO",
    "ASSOCIATED_WITH",
)


@dataclass(frozen=True)
class Subgraph:
    """The knowledge around a modality's columns. nodes: the columns first, in their order, then what lies behind them.

    relations: predicate -> its edges, (2, edges) int64 positions among the nodes, and (edges,) float32 weights > 0.
    """

    nodes: tuple[str, ...]
    relations: Mapping[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class KnowledgeGraph:
    """How messages travel. Nodes 0 .. features - 1 are a modality's columns; the others are known by CURIE.

    adjacency: (nodes, nodes) float32: half of a message stays, half goes over the relations, each normalised.
    """

    features: int
    nodes: tuple[str, ...]
    adjacency: sparse.csr_matrix

    def propagate(self, x: np.ndarray, restart: float, steps: int = STEPS) -> np.ndarray:
        """(features, d) -> (features, d): what each feature hears of its neighbourhood; restart 1 hears only itself."""
        if restart >= 1:
            return x
        own = np.zeros((len(self.nodes), x.shape[1]), dtype=np.float32)
        own[: self.features] = x
        heard = own
        for _ in range(steps):
            heard = (1 - restart) * (self.adjacency @ heard) + restart * own
        return np.ascontiguousarray(heard[: self.features])


_SUBGRAPHS = PerTable[dict[tuple[object, ...], Subgraph]]()


def subgraph(columns: Sequence[str | None], genes: Mapping[str, str], links: pl.DataFrame) -> Subgraph:
    """The knowledge around a modality's columns.

    Args:
        columns: CURIE of each column (features first, in their order); None for one that is no entity.
        genes: feature -> its gene, where they are not the same.
        links: the snapshot's links; two steps from the columns are kept (feature - gene - pathway).
    """
    names = [c if c is not None else f"#{i}" for i, c in enumerate(columns)]
    own = pl.DataFrame(
        {"subject": list(genes), "predicate": ["OF_GENE"] * len(genes), "object": list(genes.values())},
        schema={"subject": pl.String, "predicate": pl.String, "object": pl.String},
    ).with_columns(score=pl.lit(None, pl.Float64))
    edges = pl.concat([own, links.select("subject", "predicate", "object", pl.col("score").cast(pl.Float64))])
    edges = edges.filter(pl.col("predicate").is_in(PREDICATES) & (pl.col("subject") != pl.col("object")))
    known = pl.DataFrame({"id": sorted({c for c in columns if c is not None})}, schema={"id": pl.String})
    for _ in range(2):  # an edge counts if it touches what is reached; what lies two steps away closes the walk
        out = edges.join(known, left_on="subject", right_on="id", how="semi")["object"]
        back = edges.join(known, left_on="object", right_on="id", how="semi")["subject"]
        known = pl.concat([known, out.rename("id").to_frame(), back.rename("id").to_frame()]).unique()
    for end in ("subject", "object"):
        edges = edges.join(known, left_on=end, right_on="id", how="semi")
    edges = edges.unique(["subject", "predicate", "object"], keep="first", maintain_order=True)
    edges = edges.sort("predicate", "subject", "object")
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        first.setdefault(name, i)
    nodes = names + sorted(set(known["id"]) - set(first))
    index = first | {name: i for i, name in enumerate(nodes) if name not in first}
    relations = {}
    for (predicate,), part in edges.group_by("predicate", maintain_order=True):
        ends = [[index[s] for s in part["subject"]], [index[o] for o in part["object"]]]
        weight = np.clip(part["score"].fill_null(1.0).to_numpy(), 1e-6, None).astype(np.float32)
        relations[str(predicate)] = (np.array(ends, dtype=np.int64), weight)
    twins = [(i, first[name]) for i, name in enumerate(names) if first[name] != i]  # two columns of one entity
    if twins:
        relations["SAME_AS"] = (np.array(twins, dtype=np.int64).T, np.ones(len(twins), dtype=np.float32))
    return Subgraph(tuple(nodes), relations)


def subgraph_of(columns: Sequence[str | None], genes: Mapping[str, str], links: pl.DataFrame) -> Subgraph:
    """`subgraph`, made once for each table of links and columns: nothing in it is fitted."""
    made, of = _SUBGRAPHS.of(links, dict), (tuple(columns), tuple(genes.items()))
    if of not in made:
        made[of] = subgraph(columns, genes, links)
    return made[of]


def knowledge(graph: Subgraph, features: int, shuffle: np.random.Generator | None = None) -> KnowledgeGraph | None:
    """Normalise each relation by D^-1/2 A D^-1/2 and average them; None where no edge touches a feature.

    shuffle: the control. Features change places in the graph: every degree stays, every meaning goes.
    """
    n = len(graph.nodes)
    place = np.arange(n)
    if shuffle is not None:
        place[:features] = shuffle.permutation(features)
    total = sparse.csr_matrix((n, n), dtype=np.float32)
    for index, weight in graph.relations.values():
        i, j = place[index]
        w = weight / weight.mean()
        one = sparse.csr_matrix((np.r_[w, w], (np.r_[i, j], np.r_[j, i])), shape=(n, n), dtype=np.float32)
        degree = np.asarray(one.sum(1)).ravel()
        root = sparse.diags(1 / np.sqrt(np.where(degree > 0, degree, 1)))
        total = total + root @ one @ root
    if not graph.relations or not total[:features].nnz:
        return None
    walk = (total / len(graph.relations) + sparse.identity(n)) / 2
    return KnowledgeGraph(features, graph.nodes, walk.tocsr().astype(np.float32))
