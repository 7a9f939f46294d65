"""HeteroData of a fold in PyTorch Geometric's own hands: mini-batches, subgraphs, transforms; ids stay with their nodes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from snapshots import make_snapshot
from torch_geometric import transforms as T
from torch_geometric.data import HeteroData
from torch_geometric.loader import HGTLoader, ImbalancedSampler, NeighborLoader, NodeLoader, RandomNodeLoader
from torch_geometric.sampler import BaseSampler, HeteroSamplerOutput, NodeSamplerInput
from torch_geometric.typing import WITH_PYG_LIB, WITH_TORCH_SPARSE

LAYERS = ("rna", "methylation", "mutations")


class _Neighbours(BaseSampler):  # type: ignore[misc]
    """One hop of incoming edges around the seeds: what pyg-lib's sampler returns."""

    def __init__(self, data: HeteroData) -> None:
        self.data = data

    def sample_from_nodes(self, index: NodeSamplerInput, **_: Any) -> HeteroSamplerOutput:
        seeds, data = index.node, self.data
        edges = {kind: torch.isin(data[kind].edge_index[1], seeds).nonzero().flatten() if kind[2] == "patient"
                 else torch.zeros(0, dtype=torch.int64) for kind in data.edge_types}  # fmt: skip
        near = {kind: [data[r].edge_index[0, e] for r, e in edges.items() if r[0] == kind] for kind in data.node_types}
        node = {
            kind: torch.cat(found).unique() if found else torch.zeros(0, dtype=torch.int64)
            for kind, found in near.items()
        }
        node["patient"] = torch.cat([seeds, node["patient"][~torch.isin(node["patient"], seeds)]])
        place = {kind: {int(one): k for k, one in enumerate(found)} for kind, found in node.items()}
        row = {r: _placed(data[r].edge_index[0, e], place[r[0]]) for r, e in edges.items()}
        col = {r: _placed(data[r].edge_index[1, e], place[r[2]]) for r, e in edges.items()}
        return HeteroSamplerOutput(node, row, col, edges, batch=None, metadata=(index.input_id, index.time))

    def sample_from_edges(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


def _placed(nodes: torch.Tensor, place: dict[int, int]) -> torch.Tensor:
    return torch.tensor([place[int(one)] for one in nodes], dtype=torch.int64)


@pytest.fixture(scope="module", params=["binary", "multiclass", "survival"])
def data(request: pytest.FixtureRequest) -> HeteroData:
    return make_snapshot(request.param, n=60, layers=LAYERS, records=True).hetero()


def _holds(part: HeteroData, whole: HeteroData) -> None:
    """Every node's id, input and value are those that it had."""
    assert part.validate(raise_on_error=True) and part.ids == whole.ids
    for kind in part.node_types:
        found = part[kind].n_id
        assert len(found) == part[kind].num_nodes
        assert torch.equal(part[kind].x, whole[kind].x[found])
    patient, before = part["patient"], whole["patient"]
    assert torch.equal(patient.row, patient.n_id) and torch.equal(patient.train_mask, before.train_mask[patient.n_id])
    assert patient.layers == before.layers and torch.equal(patient.present, before.present[patient.n_id])


def test_node_loader(data: HeteroData) -> None:
    seeds = ("patient", data["patient"].train_mask)
    seen: list[int] = []
    for batch in NodeLoader(data, node_sampler=_Neighbours(data), input_nodes=seeds, batch_size=8):
        _holds(batch, data)
        assert batch["patient"].train_mask[: batch["patient"].batch_size].all()
        seen += batch["patient"].n_id[: batch["patient"].batch_size].tolist()
    assert sorted(seen) == data["patient"].train_mask.nonzero().flatten().tolist()


def test_random_node_loader_and_imbalanced_sampler(data: HeteroData) -> None:
    parts = list(RandomNodeLoader(data, num_parts=3))
    for part in parts:
        _holds(part, data)
    assert sorted(torch.cat([part["patient"].n_id for part in parts]).tolist()) == list(range(60))
    if "y" in data["patient"]:
        assert len(list(ImbalancedSampler(data["patient"].y))) == 60


@pytest.mark.parametrize("patients", [1, 3, 10])
def test_subgraphs(data: HeteroData, patients: int) -> None:
    """Also of as many patients as there are layers: their names must not pass for an attribute of the patients."""
    part = data.subgraph({"patient": torch.arange(5, 5 + patients)})
    _holds(part, data)
    again = part.subgraph({"patient": torch.arange(1)})
    assert again.ids["patient"][int(again["patient"].n_id[0])] == data.ids["patient"][5]
    few = data.node_type_subgraph(["patient", "gene"])
    assert set(few.node_types) == {"patient", "gene"}
    _holds(few, data)
    relation = ("patient", "expresses", "gene")
    _holds(data.edge_type_subgraph([relation]), data)


TRANSFORMS = [T.NormalizeFeatures(), T.RemoveIsolatedNodes(), T.ToUndirected(), T.RemoveDuplicatedEdges(), T.AddSelfLoops(),
              T.Constant(), T.RandomNodeSplit(num_val=5, num_test=5), T.ToDevice("cpu")]  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda one: type(one).__name__)
def test_transforms(data: HeteroData, transform: Callable[[HeteroData], HeteroData]) -> None:
    found = transform(copy.copy(data))
    for kind in found.node_types:
        assert len(found[kind].n_id) == found[kind].num_nodes
        assert all(0 <= one < len(found.ids[kind]) for one in found[kind].n_id.tolist())


def test_one_homogeneous_graph(data: HeteroData) -> None:
    whole = data.to_homogeneous()
    assert whole.num_nodes == data.num_nodes and whole.num_edges == data.num_edges
    assert whole.edge_attr.shape == (data.num_edges, 1) and whole.n_id.shape == (data.num_nodes,)
    back = whole.to_heterogeneous()
    assert back.node_types == data.node_types and torch.equal(back["gene"].n_id, data["gene"].n_id)


@pytest.mark.parametrize("loader", [NeighborLoader, HGTLoader])
def test_neighbour_loaders_work_or_name_the_library_that_they_need(data: HeteroData, loader: Any) -> None:
    """PyG samples neighbours with pyg-lib or torch-sparse, which come from PyG's own index."""
    seeds = ("patient", data["patient"].train_mask)

    def batches() -> Iterator[HeteroData]:
        yield from loader(data, [4, 4], input_nodes=seeds, batch_size=8)

    if WITH_PYG_LIB or WITH_TORCH_SPARSE:
        for batch in batches():
            _holds(batch, data)
        return
    with pytest.raises(ImportError, match=r"pyg-lib|torch-sparse"):
        next(batches())


def test_what_is_printed_names_nobody(data: HeteroData) -> None:
    assert not any(one in repr(data) for one in data.ids["patient"])
