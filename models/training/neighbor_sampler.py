"""Neighbour sampling: mini-batches of a graph that is larger than one pass, in numpy, behind PyTorch Geometric's samplers.

Around its seeds a batch holds, hop by hop, at most so many incoming edges of each relation and node. PyG's own sampler
does that with pyg-lib, which is on no package index; where it is installed, `neighbor_loader` takes it.
Source: Hamilton 2017 (GraphSAGE), doi:10.48550/arXiv.1706.02216; without replacement: Floyd's algorithm, Bentley and
Floyd 1987, doi:10.1145/30401.315746, for all nodes at once.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from ...loaders.errors import InputError

with warnings.catch_warnings():  # torch_geometric announces to everybody that torch.jit will go
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.data import Data, HeteroData
    from torch_geometric.loader import NodeLoader
    from torch_geometric.sampler import (
        BaseSampler,
        EdgeSamplerInput,
        HeteroSamplerOutput,
        NegativeSampling,
        NodeSamplerInput,
        SamplerOutput,
    )
    from torch_geometric.sampler.neighbor_sampler import edge_sample, node_sample

Relation = tuple[str, str, str]
NeighborCounts = Sequence[int] | Mapping[Relation, Sequence[int]]
_ONE, _ALONE = "", ("", "", "")  # the node type and the relation of a homogeneous graph


def neighbor_loader(
    data: Any,
    num_neighbors: NeighborCounts,
    input_nodes: Any = None,
    *,
    replace: bool = False,
    seed: int | None = None,
    **kwargs: Any,
) -> NodeLoader:
    """Neighbour sampling: a loader of mini-batches, each some seeds and the neighbourhood that their messages come from.

    PyG's `NodeLoader`, with pyg-lib's sampler where it is installed, else with `NeighborSampler`. A batch has the seeds
    first in their node type: `batch["patient"].batch_size` of them.
    Args:
        data: HeteroData (`snapshot.hetero()`), Data, or a pair (FeatureStore, GraphStore).
        num_neighbors: incoming edges a node, one number a hop: `[10, 5]`, for every relation; or a list a relation. -1: all.
        input_nodes: the seeds: `("patient", mask or places)`, or of one type all.
        replace: draw with replacement. seed: as in `NeighborSampler`.
        kwargs: PyTorch's: batch_size, shuffle, num_workers, sampler, …
    Raises: InputError for relations that the graph does not have, and lists of different lengths.
    Example:
        loader = clinome.neighbor_loader(data, [10, 5], ("patient", data["patient"].train_mask), batch_size=128, shuffle=True)
        for batch in loader:
            out = model(batch.x_dict, batch.edge_index_dict)
            seeds = out["patient"].narrow(0, 0, batch["patient"].batch_size)
    """
    from torch_geometric import typing

    sampler: BaseSampler
    if typing.WITH_PYG_LIB and seed is None:
        from torch_geometric.sampler import NeighborSampler as PygSampler

        sampler = PygSampler(data, num_neighbors if isinstance(num_neighbors, Mapping) else list(num_neighbors), replace=replace)  # fmt: skip
    else:
        sampler = NeighborSampler(data, num_neighbors, replace=replace, seed=seed)
    return NodeLoader(data, sampler, input_nodes, **kwargs)


def every_neighbor(num_neighbors: NeighborCounts) -> NeighborCounts:
    """All neighbours, over the relations and hops that are sampled.

    Example:
        >>> every_neighbor([10, 5])
        [-1, -1]
    """
    if isinstance(num_neighbors, Mapping):
        return {relation: [-1 if one else 0 for one in counts] for relation, counts in num_neighbors.items()}
    return [-1 if one else 0 for one in num_neighbors]


@dataclass(frozen=True)
class _Incoming:
    """A relation by where it ends: node j's edges are start[j] to start[j + 1], and edge e comes from source[e].

    start: (end nodes + 1,) int64. source: (edges,) int64.
    """

    start: np.ndarray
    source: np.ndarray


class NeighborSampler(BaseSampler):  # type: ignore[misc]
    """Neighbour sampler of typed graphs, for PyG's `NodeLoader` and `LinkLoader`.

    Directed: a batch holds the edges that were drawn, and no others between its nodes. A node is drawn for once, at the
    hop after the one that met it. So whoever sends nothing in `data` (tuning and held-out patients) sends nothing here.
    Args:
        data: HeteroData, Data, or a pair (FeatureStore, GraphStore).
        num_neighbors: as in `neighbor_loader`.
        replace: draw with replacement; a node that has edges then has exactly so many, at every hop.
        seed: the same seeds in a batch then draw the same neighbours, in every epoch, worker and process: for predictions.
            None: drawn by torch's own generator (`torch.manual_seed`), anew each time.
    Example:
        >>> graph = HeteroData()
        >>> graph["a"].num_nodes = graph["b"].num_nodes = 3
        >>> graph["a", "to", "b"].edge_index = torch.tensor([[0, 1, 2, 0], [0, 0, 0, 1]])
        >>> sampler = NeighborSampler(graph, [2], seed=1)
        >>> out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor([0]), input_type="b"))
        >>> out.num_sampled_edges
        {('a', 'to', 'b'): [2]}
    """

    def __init__(
        self, data: Any, num_neighbors: NeighborCounts, *, replace: bool = False, seed: int | None = None
    ) -> None:
        self.replace, self.seed = replace, seed
        self.nodes, self.incoming, self._permutation = _by_end(data)
        self.hops = _hops(num_neighbors, list(self.incoming))
        self._local: dict[str, np.ndarray] = {}

    @property
    def edge_permutation(self) -> Any:
        """Where each edge of the sampler lies in the graph's own order."""
        return self._permutation.get(_ALONE) if _ALONE in self.incoming else self._permutation

    def sample_from_nodes(self, index: NodeSamplerInput, **_: Any) -> SamplerOutput | HeteroSamplerOutput:
        """The neighbourhood of nodes, which come first."""
        return node_sample(index, self._sample)

    def sample_from_edges(
        self, index: EdgeSamplerInput, neg_sampling: NegativeSampling | None = None
    ) -> SamplerOutput | HeteroSamplerOutput:
        """The neighbourhood of the ends of edges, and of those of drawn non-edges."""
        count = self.nodes[_ONE] if _ALONE in self.incoming else self.nodes
        return edge_sample(index, self._sample, count, False, None, neg_sampling)

    def _sample(self, seed: Tensor | dict[str, Tensor], _time: object = None) -> SamplerOutput | HeteroSamplerOutput:
        one = isinstance(seed, Tensor)
        seeds = {_ONE: seed} if isinstance(seed, Tensor) else seed
        found = self._walk({kind: part.numpy().astype(np.int64) for kind, part in seeds.items()})
        return found.one() if one else found.typed()

    def _walk(self, seeds: dict[str, np.ndarray]) -> _Batch:
        drawn = _Batch(seeds)
        generator = self._generator(seeds)
        # a seed that is given twice (as ImbalancedSampler does) is two nodes of the batch, each with edges of its own
        frontier = {kind: (nodes, np.arange(len(nodes))) for kind, nodes in seeds.items()}
        try:
            for kind, nodes in seeds.items():
                self._places(kind)[nodes] = np.arange(len(nodes))
            for hop in range(len(next(iter(self.hops.values()), ()))):
                met: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
                for relation, incoming in self.incoming.items():
                    start, _, end = relation
                    count = self.hops[relation][hop]
                    if end not in frontier or not count:
                        drawn.add(relation, *(np.zeros(0, dtype=np.int64),) * 3)
                        continue
                    nodes, places = frontier[end]
                    which, edges = draw(incoming.start, nodes, count, self.replace, generator)
                    source = incoming.source[edges]
                    local = self._places(start)
                    new = _first(source[local[source] < 0], local)
                    local[new] = drawn.add_nodes(start, new)
                    met.setdefault(start, []).append((new, local[new]))
                    drawn.add(relation, local[source], places[which], edges)
                frontier = {
                    kind: (np.concatenate([new for new, _ in parts]), np.concatenate([at for _, at in parts]))
                    for kind, parts in met.items()
                }
                drawn.end_hop(self.nodes)
        finally:  # the next batch finds no trace of this one
            for kind, parts in drawn.nodes.items():
                for part in parts:
                    self._places(kind)[part] = -1
        return drawn

    def _places(self, kind: str) -> np.ndarray:
        """(nodes,) place of every node of the graph in the batch, -1 outside of it; made once a process."""
        if kind not in self._local:
            self._local[kind] = np.full(self.nodes[kind], -1, dtype=np.int64)
        return self._local[kind]

    def _generator(self, seeds: Mapping[str, np.ndarray]) -> np.random.Generator:
        if self.seed is None:
            return np.random.default_rng(int(torch.randint(2**62, (1,))))
        rows = [zlib.crc32(seeds[kind].tobytes()) for kind in sorted(seeds)]
        return np.random.default_rng([self.seed, *rows])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_local": {}}


def draw(
    start: np.ndarray, nodes: np.ndarray, count: int, replace: bool, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Edges of nodes, drawn uniformly: at most `count` a node, or exactly so many with replacement where it has any.

    Args:
        start: (all nodes + 1,) int64, where each node's edges begin. nodes: (n,) of them. count: -1 takes all.
    Returns: (edges,) place in `nodes` of whose each is; (edges,) the edge.
    Example:
        >>> draw(np.array([0, 3, 3, 4]), np.array([0, 2]), 2, False, np.random.default_rng(0))[0]
        array([1, 0, 0])
    """
    first = start[nodes]
    degree = start[nodes + 1] - first
    if replace and count >= 0:
        which = np.flatnonzero(degree)
        offset = (generator.random((len(which), count)) * degree[which, None]).astype(np.int64)
        return np.repeat(which, count), (first[which, None] + offset).ravel()
    many = np.flatnonzero(degree > count) if count >= 0 else np.zeros(0, dtype=np.int64)
    few = np.flatnonzero(degree <= count) if count >= 0 else np.arange(len(nodes))
    which = np.repeat(few, degree[few])
    ends = np.cumsum(degree[few])
    edges = np.repeat(first[few] - (ends - degree[few]), degree[few]) + np.arange(len(which))
    if not len(many):
        return which, edges
    chosen = np.empty((count, len(many)), dtype=np.int64)
    for turn in range(count):  # one of the first deg - count + turn + 1, or the last of these where it is taken already
        last = degree[many] - count + turn
        one = (generator.random(len(many)) * (last + 1)).astype(np.int64)
        taken = (chosen[:turn] == one).any(axis=0)
        chosen[turn] = np.where(taken, last, one)
    more = (first[many] + chosen).T.ravel()
    return np.concatenate([which, np.repeat(many, count)]), np.concatenate([edges, more])


def _first(nodes: np.ndarray, local: np.ndarray) -> np.ndarray:
    """The distinct nodes, in linear time: each writes its turn into its place, and who finds his own stays."""
    turn = np.arange(len(nodes))
    local[nodes] = turn
    found: np.ndarray = nodes[local[nodes] == turn]
    return found


class _Batch:
    """What was drawn so far: nodes by type in the order in which they were met, edges by relation."""

    def __init__(self, seeds: Mapping[str, np.ndarray]) -> None:
        self.nodes = {kind: [nodes] for kind, nodes in seeds.items()}
        self.edges: dict[Relation, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
        self.counts = {kind: len(nodes) for kind, nodes in seeds.items()}
        self.met = {kind: [count] for kind, count in self.counts.items()}
        self._before = dict(self.counts)

    def add_nodes(self, kind: str, nodes: np.ndarray) -> np.ndarray:
        """Their places in the batch."""
        before = self.counts.get(kind, 0)
        self.nodes.setdefault(kind, []).append(nodes)
        self.counts[kind] = before + len(nodes)
        return np.arange(before, self.counts[kind])

    def add(self, relation: Relation, row: np.ndarray, col: np.ndarray, edges: np.ndarray) -> None:
        self.edges.setdefault(relation, []).append((row, col, edges))

    def end_hop(self, kinds: Mapping[str, int]) -> None:
        for kind in kinds:
            now, before = self.counts.get(kind, 0), self._before.get(kind, 0)
            self.met.setdefault(kind, [0]).append(now - before)
            self._before[kind] = now

    def typed(self) -> HeteroSamplerOutput:
        node = {kind: _tensor(parts) for kind, parts in self.nodes.items()}
        row, col, edge = ({relation: _tensor([part[k] for part in parts]) for relation, parts in self.edges.items()}
                          for k in range(3))  # fmt: skip
        edges = {relation: [len(part[0]) for part in parts] for relation, parts in self.edges.items()}
        return HeteroSamplerOutput(node, row, col, edge, None, self.met, edges)

    def one(self) -> SamplerOutput:
        found = self.typed()
        return SamplerOutput(found.node[_ONE], found.row[_ALONE], found.col[_ALONE], found.edge[_ALONE], None,
                             self.met[_ONE], found.num_sampled_edges[_ALONE])  # fmt: skip


def _tensor(parts: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.concatenate(parts))


def _by_end(data: Any) -> tuple[dict[str, int], dict[Relation, _Incoming], dict[Relation, Tensor | None]]:
    """Nodes of each type, relations by where they end, and where each edge lay."""
    if isinstance(data, Data):
        count = int(data.num_nodes or 0)
        incoming, order = _incoming(data.edge_index, count)
        return {_ONE: count}, {_ALONE: incoming}, {_ALONE: order}
    if isinstance(data, HeteroData):
        nodes = {kind: int(data[kind].num_nodes or 0) for kind in data.node_types}
        found = {relation: _incoming(data[relation].edge_index, nodes[relation[2]]) for relation in data.edge_types}
        return nodes, {one: part[0] for one, part in found.items()}, {one: part[1] for one, part in found.items()}
    features, graph = data
    nodes = {attr.group_name: features.get_tensor_size(attr)[0] for attr in features.get_all_tensor_attrs()
             if isinstance(attr.group_name, str)}  # fmt: skip
    for attr in graph.get_all_edge_attrs():
        start, _, end = attr.edge_type
        nodes |= dict(zip((start, end), attr.size, strict=True)) if attr.size else {}
    sources, targets, _ = graph.coo()
    found = {one: _incoming(torch.stack([sources[one], targets[one]]), nodes[one[2]]) for one in sources}
    return nodes, {one: part[0] for one, part in found.items()}, {one: part[1] for one, part in found.items()}


def _incoming(edge_index: Tensor, count: int) -> tuple[_Incoming, Tensor]:
    """Counted, not sorted: in linear time, and each node's edges stay in their order. So what a node draws with a seed
    does not depend on the edges of others, such as held-out patients'."""
    source, end = edge_index.cpu().numpy()
    edges = np.arange(len(end))
    table = sparse.csr_matrix((np.ones(len(end), dtype=bool), (end, edges)), shape=(count, len(end)))
    return _Incoming(table.indptr.astype(np.int64), source[table.indices]), torch.from_numpy(table.indices.astype(np.int64))  # fmt: skip


def _hops(given: NeighborCounts, relations: list[Relation]) -> dict[Relation, list[int]]:
    """Edges a node, relation and hop."""
    fix = "give a list, [10, 5], or a list for every relation that is to be followed"
    if not isinstance(given, Mapping):
        return {relation: list(given) for relation in relations}
    unknown = [relation for relation in given if relation not in relations]
    if unknown:
        raise InputError("no such relation", "num_neighbors", unknown[0], "one of the graph's edge types", fix)
    lengths = {len(counts) for counts in given.values()}
    if len(lengths) != 1:
        raise InputError(
            "relations with different numbers of hops", "num_neighbors", sorted(lengths), "one number", fix
        )
    none = [0] * lengths.pop()
    return {relation: list(given.get(relation, none)) for relation in relations}
