"""A heterogeneous graph network: patient <- feature <- gene, pathway, parent code; one subgraph a modality.

Messages over knowledge are personalised PageRank (APPNP, Gasteiger 2019, arXiv:1810.05997) on symmetrically
normalised edges of each relation, so that hubs do no harm and distance is a learned trade, not a number of layers.
Patients receive sums over their features, weighted by the edge values, and send nothing when they are held out.
As all of this is linear in the feature embeddings, a patient's messages are one matrix product (`models.messages`);
what this module learns is how they are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.nn import APPNP

from ..batch import Batch

STEPS = 10
PREDICATES = ("INTERACTS_WITH", "IN_PATHWAY", "IS_A", "OF_GENE", "NEAR", "TARGETS", "PART_OF", "MAPS_TO", "ASSOCIATED_WITH")


@dataclass(frozen=True)
class Knowledge:
    """What lies behind a modality's features. Nodes 0 .. features - 1 are its columns; the others are known by CURIE.

    adjacency: (nodes, nodes) sparse CSR: half of a message stays, half goes over the relations, each normalised.
    """

    features: int
    nodes: tuple[str, ...]
    adjacency: Tensor

    def propagate(self, x: Tensor, restart: float, steps: int = STEPS) -> Tensor:
        """(features, d) -> (features, d): what each feature hears of its neighbourhood; restart 1 hears only itself."""
        if restart >= 1:
            return x
        pad = torch.zeros(len(self.nodes), x.shape[1], dtype=x.dtype)
        pad[: self.features] = x
        with torch.no_grad():
            heard = APPNP(steps, restart, normalize=False)(pad, self.adjacency)
        return torch.as_tensor(heard[: self.features])


def subgraph(columns: Sequence[str | None], genes: Mapping[str, str], links: pl.DataFrame) -> HeteroData:
    """The knowledge around a modality's columns as HeteroData: `node` with its CURIEs, one edge type a predicate.

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
    known = pl.Series(sorted({n for n in names if not n.startswith("#")}), dtype=pl.String)
    for _ in range(2):  # an edge counts if it touches what is reached; what lies two steps away closes the walk
        touching = edges.filter(pl.col("subject").is_in(known) | pl.col("object").is_in(known))
        known = pl.concat([known, touching["subject"], touching["object"]]).unique()
    edges = edges.filter(pl.col("subject").is_in(known) & pl.col("object").is_in(known))
    edges = edges.unique(["subject", "predicate", "object"]).sort("predicate", "subject", "object")
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        first.setdefault(name, i)
    nodes = names + sorted(set(known) - set(first))
    index = first | {name: i for i, name in enumerate(nodes) if name not in first}
    twins = [(i, first[name]) for i, name in enumerate(names) if first[name] != i]  # two columns of one entity
    data = HeteroData()
    data["node"].num_nodes, data["node"].names = len(nodes), nodes
    for (predicate,), part in edges.group_by("predicate", maintain_order=True):
        ends = [[index[s] for s in part["subject"]], [index[o] for o in part["object"]]]
        _put(data, str(predicate), ends, part["score"].fill_null(1.0).to_numpy())
    if twins:
        _put(data, "SAME_AS", [[i for i, _ in twins], [j for _, j in twins]], np.ones(len(twins)))
    return data


def _put(data: HeteroData, predicate: str, ends: list[list[int]], score: np.ndarray) -> None:
    store = data["node", predicate, "node"]
    store.edge_index = torch.tensor(ends, dtype=torch.int64).reshape(2, -1)
    store.edge_weight = torch.as_tensor(np.clip(score, 1e-6, None), dtype=torch.float32)


def knowledge(data: HeteroData, features: int, shuffle: np.random.Generator | None = None) -> Knowledge | None:
    """Normalise each relation by D^-1/2 A D^-1/2 and average them; None where no edge touches a feature.

    shuffle: the control. Features change places in the graph: every degree stays, every meaning goes.
    """
    from scipy import sparse

    n = int(data["node"].num_nodes)
    place = np.arange(n)
    if shuffle is not None:
        place[:features] = shuffle.permutation(features)
    total, relations = sparse.csr_matrix((n, n), dtype=np.float32), 0
    for kind in data.edge_types:
        i, j = place[data[kind].edge_index.numpy()]
        w = data[kind].edge_weight.numpy()
        one = sparse.csr_matrix((np.r_[w, w] / w.mean(), (np.r_[i, j], np.r_[j, i])), shape=(n, n), dtype=np.float32)
        degree = np.asarray(one.sum(1)).ravel()
        root = sparse.diags(1 / np.sqrt(np.where(degree > 0, degree, 1)))
        total, relations = total + root @ one @ root, relations + 1
    if not relations or not total[:features].nnz:
        return None
    walk = ((total / relations + sparse.identity(n)) / 2).astype(np.float32).tocsr()
    adjacency = torch.sparse_csr_tensor(
        torch.as_tensor(walk.indptr.astype(np.int64)), torch.as_tensor(walk.indices.astype(np.int64)),
        torch.as_tensor(walk.data), size=(n, n),
    )  # fmt: skip
    return Knowledge(features, tuple(data["node"].names), adjacency)


class MessageEncoder(nn.Module):
    """Read one modality's messages: the linear readout as it is, the rest through a small perceptron.

    Args:
        name: modality. linear: leading columns that hold the closed-form readout. width: all columns.
    Input: batch.layers[name] (n, width) float32, about unit variance.
    Returns: (n, dim), zero where absent, and the (n,) bool mask.
    """

    def __init__(self, name: str, linear: int, width: int, dim: int = 16, dropout: float = 0.2) -> None:
        super().__init__()
        self.name, self.linear = name, linear
        self.read = nn.Linear(linear, dim, bias=False)
        self.mlp = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(width, 2 * dim), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * dim, dim)
        )
        last = self.mlp[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=0.01)  # the network starts as the linear readout
        nn.init.zeros_(last.bias)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        x, present = batch.layers[self.name], batch.present[self.name]
        h = self.read(x[:, : self.linear]) + self.mlp(x)
        return h * present[:, None], present
