"""Graph encoder: a user's module over a fold's whole graph, or over the neighbourhood of a batch's rows."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...training.batch import Batch
from ...training.neighbor_sampler import every_neighbor, neighbor_loader
from .own_code import LearnerFailed, calling

PATIENT, ROW = "patient", "row"


class GraphEncoder(nn.Module):
    """What the module answers for the rows that a batch names.

    Args:
        module: the user's. data: the fold's HeteroData. name: the learner's, for what is said where the module fails.
        num_neighbors: as in `neighbor_loader`; None: the whole graph at once.
    """

    def __init__(self, module: nn.Module, data: Any, name: str, num_neighbors: Any = None) -> None:
        super().__init__()
        self.module, self.name, self.num_neighbors = module, name, num_neighbors
        self.use(data)

    def use(self, data: Any) -> None:
        """Answer on this graph."""
        self.data = data
        self.loaders: dict[bool, Any] = {}

    def width(self) -> int:
        """Of the answer; makes lazy sizes known, of every relation, which a mini-batch may lack edges of."""
        return int(self.answer(self.data).shape[1])

    def answer(self, data: Any) -> Tensor:
        """(patients of the graph, width)."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*(torch.jit|Sparse|scatter).*")
            with calling(self.name, "forward"):
                names = list(inspect.signature(self.module.forward).parameters)
                if names == ["data"]:
                    found = self.module(data)
                elif "edge_type" in names:
                    found = homogeneous(self.module, data)
                else:
                    further = arguments(self.module, data)
                    found = self.module(data.x_dict, data.edge_index_dict, **further)
        found = found[PATIENT] if isinstance(found, Mapping) else found
        patients = data[PATIENT].num_nodes
        if not isinstance(found, Tensor) or found.dim() != 2 or len(found) != patients:
            got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise LearnerFailed(
                self.name, "forward gave another shape", got, f"({patients}, width): a vector a patient"
            )
        return found

    def around(self, rows: Tensor) -> Any:
        """The rows and their neighbourhood; of those that are judged all of it, so that no row's risk depends on a draw or
        on whose batch it shares."""
        if self.training not in self.loaders:
            counts = self.num_neighbors if self.training else every_neighbor(self.num_neighbors)
            self.loaders[self.training] = neighbor_loader(self.data, counts, PATIENT)
        return self.loaders[self.training](rows.cpu()).to(rows.device)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        rows = batch.layers[ROW]
        if self.num_neighbors is not None:
            return self.answer(self.around(rows))[: len(rows)], batch.present[ROW]
        if self.data[PATIENT].x.device != rows.device:
            self.data = self.data.to(rows.device)
        return self.answer(self.data)[rows], batch.present[ROW]


def arguments(module: nn.Module, data: Any) -> dict[str, Any]:
    """What `forward` is given beside x and edge_index: whatever of the graph it names.

    Example:
        >>> import torch
        >>> class Edges(torch.nn.Module):
        ...     def forward(self, x_dict, edge_index_dict, edge_attr_dict): ...
        >>> sorted(arguments(Edges(), type("Graph", (), {"edge_attr_dict": {}})()))
        ['edge_attr_dict']
    """
    found = {}
    for name, parameter in list(inspect.signature(module.forward).parameters.items())[2:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        try:
            found[name] = getattr(data, name if name.endswith("_dict") else f"{name}_dict")
        except (AttributeError, KeyError):
            if parameter.default is parameter.empty:
                raise
    return found


def homogeneous(module: nn.Module, data: Any) -> Any:
    """What a module for one kind of nodes answers for the patients; its forward names edge_index, edge_type, edge_attr."""
    whole = data.to_homogeneous()
    found = module(**{name: whole[name] for name in inspect.signature(module.forward).parameters if name in whole})
    return found[whole.node_type == data.node_types.index(PATIENT)]
