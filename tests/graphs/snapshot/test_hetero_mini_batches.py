"""HeteroData of a fold in PyTorch Geometric's own hands: mini-batches, subgraphs, transforms; ids stay with their nodes."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from snapshots import make_snapshot
from torch_geometric import transforms as T
from torch_geometric.data import HeteroData
from torch_geometric.loader import HGTLoader, ImbalancedSampler, NeighborLoader, RandomNodeLoader
from torch_geometric.typing import WITH_PYG_LIB, WITH_TORCH_SPARSE
from torch_geometric.utils import to_networkx

import clinome
from clinome.graphs.snapshot.fold_data import FoldData

LAYERS = ("rna", "methylation", "mutations")


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
        assert isinstance(part, FoldData) and part.ids(kind) == [whole.ids[kind][one] for one in found.tolist()]
    patient, before = part["patient"], whole["patient"]
    assert torch.equal(patient.row, patient.n_id) and torch.equal(patient.train_mask, before.train_mask[patient.n_id])
    assert patient.layers == before.layers and torch.equal(patient.present, before.present[patient.n_id])


def test_node_loader(data: HeteroData) -> None:
    seeds = ("patient", data["patient"].train_mask)
    seen: list[int] = []
    for batch in clinome.neighbor_loader(data, [4, 2], seeds, batch_size=8):
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
              T.Constant(), T.RandomNodeSplit(num_val=5, num_test=5), T.ToDevice("cpu"), T.IndexToMask(),
              T.AddMetaPaths([[("patient", "mutated_in", "gene"), ("gene", "rev_mutated_in", "patient")]]),
              T.Pad(max_num_nodes=200, max_num_edges=20_000)]  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda one: type(one).__name__)
def test_transforms(data: HeteroData, transform: Callable[[HeteroData], HeteroData]) -> None:
    found = transform(copy.copy(data))
    if isinstance(transform, T.Pad):
        assert found["gene"].num_nodes == 200
        return
    for kind in found.node_types:
        assert len(found[kind].n_id) == found[kind].num_nodes == len(found.ids(kind))
        assert all(0 <= one < len(found.ids[kind]) for one in found[kind].n_id.tolist())


def test_links_are_split_for_link_prediction(data: HeteroData) -> None:
    link, back = ("gene", "interacts_with", "gene"), ("gene", "rev_interacts_with", "gene")
    split = T.RandomLinkSplit(num_val=0.1, num_test=0.2, edge_types=[link], rev_edge_types=[back])
    for part, positive in zip(split(data), (42, 6, 12), strict=True):
        assert isinstance(part, FoldData) and int((part[link].edge_label == 1).sum()) == positive
        assert part[back].edge_attr.shape == (part[back].edge_index.shape[1], 1)
        assert len(part.edges(*link)) == part[link].edge_index.shape[1]


def test_saved_and_loaded_it_is_the_same(data: HeteroData, tmp_path: Path) -> None:
    """With weights_only=True, torch's default, which runs nobody's code."""
    torch.save(data, tmp_path / "fold.pt")
    again = torch.load(tmp_path / "fold.pt")
    _holds(again, data)
    assert again.ids("gene") == data.ids("gene") and again.edge_types == data.edge_types
    for relation in data.edge_types:
        assert all(torch.equal(again[relation][name], value) for name, value in data[relation].items())
    code = "import sys, torch; import clinome.graphs.snapshot.fold_data; print(torch.load(sys.argv[1]).ids('gene')[0])"
    told = subprocess.run([sys.executable, "-W", "ignore", "-c", code, tmp_path / "fold.pt"], capture_output=True, text=True, check=True)  # fmt: skip
    assert told.stdout.strip() == data.ids("gene")[0]


def test_ids_names_and_maps_are_at_hand_of_whatever_is_cut_out(data: HeteroData) -> None:
    part = data.subgraph({"gene": torch.tensor([7, 3])})
    assert part.ids("gene") == [data.ids["gene"][7], data.ids["gene"][3]]
    assert part.names("gene") == [f"G{one.split(':')[1]}" for one in part.ids("gene")]
    assert part.index("gene") == {data.ids["gene"][7]: 0, data.ids["gene"][3]: 1}
    assert part.names("diagnosis") == part.ids("diagnosis")


def test_tables_of_nodes_and_edges(data: HeteroData) -> None:
    patients = data.nodes("patient")
    assert (
        list(patients["id"]) == data.ids["patient"]
        and list(patients["train_mask"]) == data["patient"].train_mask.tolist()
    )
    relation = ("lab_test", "rev_measured", "patient")
    table, edges = data.edges(*relation), data[relation]
    assert list(table) == ["source", "target", "z", "edge_time", "edge_dated"]
    assert data.edge_names(*relation) == ["z"]
    assert list(table["source"]) == [data.ids["lab_test"][one] for one in edges.edge_index[0].tolist()]
    assert list(table["target"]) == [data.ids["patient"][one] for one in edges.edge_index[1].tolist()]
    assert table["z"].tolist() == edges.edge_attr[:, 0].tolist() and (table["edge_time"] <= 0).all()
    assert not data["code", "rev_had", "patient"].edge_dated.all() and edges.edge_dated.all()
    assert data.edge_names("gene", "in_pathway", "pathway") == ["score"]
    assert list(data.edges("gene", "rev_mutated_in", "patient"))[2] == "value"


def test_networkx(data: HeteroData) -> None:
    """Each fact once, from patients on; theirs also of those who send nothing."""
    graph = data.to_networkx()
    assert graph.number_of_nodes() == data.num_nodes
    wanted = {relation[1].removeprefix("rev_"): data[relation].edge_index.shape[1] for relation in data.edge_types
              if relation[1].startswith("rev_") == ("patient" in relation)}  # fmt: skip
    assert Counter(relation for *_, relation in graph.edges(data="relation")) == wanted
    assert (
        graph.nodes["gene", "NCBIGene:1"]["name"] == "G1" and graph.nodes["patient", 4]["id"] == data.ids["patient"][4]
    )
    held = int((~data["patient"].train_mask).nonzero()[0])
    assert graph.out_degree(("patient", held)) > 0 == graph.in_degree(("patient", held))
    (value,) = {told["score"] for *_, told in graph.edges(data=True) if told["relation"] == "interacts_with"}
    assert value == pytest.approx(0.9)
    assert to_networkx(data, edge_attrs=["edge_attr"]).number_of_nodes() == data.num_nodes  # PyG's own


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
    assert not any(one in repr(data) for one in data.ids["gene"]) and len(repr(data).splitlines()) < 250
