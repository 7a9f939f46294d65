"""Ids, names and tables of a HeteroData: what its tensors stand for, of the whole fold or of a mini-batch of it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

with warnings.catch_warnings():  # torch_geometric announces to everybody that torch.jit will go
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.data import HeteroData
    from torch_geometric.data.storage import BaseStorage, EdgeStorage, NodeStorage

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

Relation = tuple[str, str, str]


class Ids(dict[str, list[str]]):
    """Node type -> the ids of all its nodes in the fold; called, the ids of the nodes that a graph holds."""

    def __init__(self, every: dict[str, list[str]], here: Callable[[str], list[str]]) -> None:
        super().__init__(every)
        self._here = here

    def __call__(self, kind: str) -> list[str]:
        return self._here(kind)


class FoldData(HeteroData):  # type: ignore[misc]
    """HeteroData of a fold, in everything PyTorch Geometric's own, that knows what its nodes and edges are.

    It stays one through loaders, `subgraph` and transforms, because each node keeps its `n_id`. `torch.load` reads it
    with `weights_only=True`, once this module is imported.
    Example:
        data = snapshot.hetero(repeat=0, fold=0)
        data.ids("gene")[:2]                                     # ['NCBIGene:1', 'NCBIGene:2']
        data.nodes("gene"); data.edges("gene", "in_pathway", "pathway")  # pandas
        data.to_networkx()
    """

    @property
    def ids(self) -> Ids:
        """`ids("gene")`: (nodes,) CURIEs (of patients subject_ids) of the nodes that are here; `ids["gene"]`: of all nodes
        of the fold, of which `n_id` is the place."""
        every: dict[str, list[str]] = self["ids"]
        return Ids(every, lambda kind: [every[kind][one] for one in self._places(kind)])

    def names(self, kind: str) -> list[str]:
        """(nodes,) what the nodes that are here are called: a gene's symbol; the id of what has no other name."""
        every: list[str] = self["symbols"].get(kind, self["ids"][kind])
        return [every[one] for one in self._places(kind)]

    def index(self, kind: str) -> dict[str, int]:
        """Id -> place of the nodes that are here; of a patient with several rows the last."""
        return {one: place for place, one in enumerate(self.ids(kind))}

    def edge_names(self, *relation: str) -> list[str]:
        """What the columns of a relation's `edge_attr` are.

        Example:
            data.edge_names("lab_test", "rev_measured", "patient")  # ['z']
        """
        return list(self["edge_columns"][self._to_canonical(*relation)])

    def nodes(self, kind: str) -> pd.DataFrame:
        """Node table: a row a node, with id, name, and every attribute that is one number a node (y, train_mask, …)."""
        import pandas as pd

        flat = {key: value.tolist() for key, value in self[kind].items() if _is_flat(value, self[kind].num_nodes)}
        return pd.DataFrame({"id": self.ids(kind), "name": self.names(kind), **flat})

    def edges(self, *relation: str) -> pd.DataFrame:
        """Edge table: a row an edge, with the ids of its ends (`source`, `target`), the columns of `edge_attr` by their
        names, and edge_time and edge_dated where there are any.

        Args:
            relation: (source type, relation, target type).
        """
        import pandas as pd

        kind = self._to_canonical(*relation)
        edges = self[kind]
        ends = [[ids[one] for one in index] for ids, index in
                zip((self.ids(kind[0]), self.ids(kind[2])), edges.edge_index.tolist(), strict=True)]  # fmt: skip
        columns = dict(zip(self.edge_names(*kind), edges.edge_attr.t().tolist(), strict=True))
        flat = {key: value.tolist() for key, value in edges.items() if _is_flat(value, edges.num_edges)}
        return pd.DataFrame({"source": ends[0], "target": ends[1], **columns, **flat})

    def to_networkx(self) -> nx.MultiDiGraph[Any]:
        """networkx: nodes `(type, id)`, of patients, who may have several rows, `("patient", row)`; attributes `type`,
        `id`, `name`. Edges have `relation`, and what `edges` gives; each fact is there once, from patients on.
        """
        import networkx as nx

        graph: nx.MultiDiGraph[Any] = nx.MultiDiGraph()
        keys = {kind: [(kind, one) for one in (self._places(kind) if kind == "patient" else self.ids(kind))]
                for kind in self.node_types}  # fmt: skip
        for kind in self.node_types:
            told = zip(keys[kind], self.ids(kind), self.names(kind), strict=True)
            graph.add_nodes_from((key, {"type": kind, "id": one, "name": name}) for key, one, name in told)
        for start, relation, end in self.edge_types:
            whole = "patient" in (start, end)  # only the reverse of theirs holds those who send nothing too
            if relation.startswith("rev_") == whole:
                table = self.edges(start, relation, end).drop(columns=["source", "target"])
                index = self[start, relation, end].edge_index.tolist()
                about = table.to_dict("records") or [{} for _ in index[0]]
                ends = [(keys[start][a], keys[end][b]) for a, b in zip(*index, strict=True)]
                graph.add_edges_from(
                    (*(reversed(pair) if whole else pair), {"relation": relation.removeprefix("rev_"), **told})
                    for pair, told in zip(ends, about, strict=True)
                )
        return graph

    def __getstate__(self) -> dict[str, object]:
        """Without what PyG notes for its own speed, in a type that `weights_only=True` refuses."""
        whole = copy.copy(self)
        for store in whole.stores:
            store.__dict__.pop("_cached_attr", None)
        return dict(whole.__dict__)

    def _places(self, kind: str) -> list[int]:
        """Of each node that is here its place among all of the fold."""
        found: list[int] = self[kind].n_id.tolist()
        return found


def _is_flat(value: Any, length: int | None) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() == 1 and len(value) == length


torch.serialization.add_safe_globals([FoldData, BaseStorage, NodeStorage, EdgeStorage])
