"""PyTorch Geometric's remote stores over one fold: node and edge tensors by index, patients' inputs read as they are asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....loaders.errors import InputError
from ..fold_data import FoldData, Relation
from ..hetero_data import PATIENT

with warnings.catch_warnings():  # torch_geometric announces to everybody that torch.jit will go
    warnings.simplefilter("ignore", FutureWarning)
    from torch_geometric.data import FeatureStore, GraphStore, TensorAttr
    from torch_geometric.data.graph_store import EdgeAttr, EdgeLayout

Rows = Callable[[np.ndarray], np.ndarray]
"""Row numbers -> (rows, width) float32, in their order."""


class FoldFeatures(FeatureStore):  # type: ignore[misc]
    """Feature store of a fold: `x` of the patients is read by row, from a file or a database, everything else is here.

    Args:
        data: the fold; its patients have no `x`. rows: reads theirs. width: of it.
    Example:
        features["patient", "x", torch.tensor([7, 3])]     # (2, width): rows 7 and 3, in this order
        features["patient", "train_mask", None]            # all
    """

    def __init__(self, data: FoldData, rows: Rows, width: int) -> None:
        super().__init__()
        self.data, self._rows, self._width = data, rows, width

    def complete(self, batch: Any) -> Any:
        """A loader's `transform`: adds what PyG's stores leave out, edge attributes and ids; the batch is then the one that a
        loader gives on `snapshot.hetero()`."""
        found = FoldData.from_dict(batch.to_dict())
        for relation in found.edge_types:
            for name, value in self.data[relation].items():
                if name != "edge_index":
                    found[relation][name] = value[found[relation].e_id]
        for name, value in self.data._global_store.items():
            found[name] = value
        return found

    def get_all_tensor_attrs(self) -> list[TensorAttr]:
        """Of every node type, every tensor with a row a node."""
        found = [TensorAttr(kind, name) for kind in self.data.node_types for name in self._names(kind)]
        return [*found, TensorAttr(PATIENT, "x")]

    def _names(self, kind: str) -> list[str]:
        store = self.data[kind]
        tensors = {name: value for name, value in store.items() if isinstance(value, Tensor) and value.dim()}
        return [name for name, value in tensors.items() if len(value) == store.num_nodes]

    def _get_tensor(self, attr: TensorAttr) -> Tensor:
        index = attr.index if attr.index is not None else slice(None)
        if (attr.group_name, attr.attr_name) == (PATIENT, "x"):
            every = np.arange(self.data[PATIENT].num_nodes)
            rows = every[index.numpy() if isinstance(index, Tensor) else index]
            return torch.from_numpy(self._rows(np.atleast_1d(rows)))
        found: Tensor = self.data[attr.group_name][attr.attr_name][index]
        return found

    def _get_tensor_size(self, attr: TensorAttr) -> tuple[int, ...]:
        if (attr.group_name, attr.attr_name) == (PATIENT, "x"):
            return int(self.data[PATIENT].num_nodes), self._width
        return tuple(self.data[attr.group_name][attr.attr_name].shape)

    def _put_tensor(self, tensor: Any, attr: TensorAttr) -> bool:
        raise InputError("a fold is read only", f"features {attr.group_name}", fix="keep what you made in the batch")

    _remove_tensor = _put_tensor


class FoldEdges(GraphStore):  # type: ignore[misc]
    """Graph store of a fold: its relations, with the directions that the fold allows (`hetero_data`)."""

    def __init__(self, data: FoldData) -> None:
        super().__init__()
        self.data = data

    def get_all_edge_attrs(self) -> list[EdgeAttr]:
        """Of every relation, its two ends in the order of `edge_attr`."""
        return [EdgeAttr(one, EdgeLayout.COO, size=self._size(one)) for one in self.data.edge_types]

    def _size(self, relation: Relation) -> tuple[int, int]:
        return int(self.data[relation[0]].num_nodes), int(self.data[relation[2]].num_nodes)

    def _get_edge_index(self, edge_attr: EdgeAttr) -> tuple[Tensor, Tensor]:
        source, target = self.data[edge_attr.edge_type].edge_index
        return source, target

    def _put_edge_index(self, edge_index: Any, edge_attr: EdgeAttr) -> bool:
        raise InputError(
            "a fold is read only", f"edges {edge_attr.edge_type}", fix="copy snapshot.hetero() and change that"
        )

    def _remove_edge_index(self, edge_attr: EdgeAttr) -> bool:
        return self._put_edge_index(None, edge_attr)
