"""PyTorch Geometric's stores over a fold: from the tables, from files, and from a graph on every store, the very tensors of
the snapshot, row for row, past row 2,048 too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from small_study import build, cohort_frame, fill, save
from snapshots import make_snapshot
from stores import Kind
from torch_geometric.data import HeteroData

import clinome
from clinome.graphs.cohort.cohort import Cohort
from clinome.graphs.snapshot.by_row.graph_layers import GraphLayers
from clinome.graphs.snapshot.freeze import freeze
from clinome.graphs.store.protocol import Store
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError
from clinome.loaders.specs import Omics
from clinome.snapshot import Snapshot

WHOLE = {"rna": "expression", "meth": "methylation"}


def whole(folder: Path, patients: int) -> Tables:
    """A study of which the graph holds every value."""
    tables = build(folder, patients=patients)
    for name, kind in WHOLE.items():
        features = {"features": "cpg"} if kind == "methylation" else {}
        spec = Omics((Path(f"{name}.csv"),), name=name, kind=kind, graph="all", **features)  # type: ignore[arg-type]
        save(tables, spec, omics=tables.read(f"omics.{name}").omics)
    return tables


def frozen(tables: Tables) -> Snapshot:
    """Two rows a patient: of some the second has another sample."""
    frame = cohort_frame(tables, rows_per_subject=2)
    got = Snapshot.of(freeze(Cohort("small", frame, (), "", {}, "dated", ("0", "1")), tables, "binary", ("age", "sex")))
    rows = np.arange(got.rows.height)
    split = np.where(rows // 2 % 3 == 0, "held_out", np.where(rows // 2 % 5 == 0, "tuning", "train"))
    return got.with_folds(pl.DataFrame({"repeat": 0, "fold": 0, "row": rows, "split": split}))


def same(one: HeteroData, other: HeteroData) -> None:
    """Every tensor of two batches."""
    assert set(one.node_types) == set(other.node_types) and set(one.edge_types) == set(other.edge_types)
    for kind in (*one.node_types, *one.edge_types):
        tensors = {name: value for name, value in one[kind].items() if isinstance(value, torch.Tensor)}
        assert set(tensors) <= set(other[kind].keys())
        for name, value in tensors.items():
            assert torch.equal(value, other[kind][name]), (kind, name)
    assert one.ids("gene") == other.ids("gene") and one.ids("patient") == other.ids("patient")


def batches(data: Any, transform: Callable[[Any], Any] | None = None) -> list[HeteroData]:
    return list(clinome.neighbor_loader(data, [5, 3], "patient", batch_size=700, seed=3, transform=transform))


def test_from_the_tables_and_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where they are read by some rows and some columns at a time."""
    snapshot = make_snapshot("binary", n=90, layers=("rna", "methylation", "mutations"), records=True)
    data = snapshot.hetero()
    monkeypatch.setattr("clinome.snapshot._ROWS", 37)
    monkeypatch.setattr("clinome.models.preprocessing.omics_layer._COLUMNS", 17)
    on_disk = snapshot.on_disk(tmp_path / "layers")
    assert isinstance(on_disk.layers["rna"].values, np.memmap)
    for one in (snapshot, on_disk):
        features, edges = one.stores()
        index = torch.tensor([70, 3, 3, 41])
        assert torch.equal(features["patient", "x", index], data["patient"].x[index])
        assert torch.equal(features["patient", "x", None], data["patient"].x)
        assert torch.equal(features["patient", "train_mask", None], data["patient"].train_mask)
        assert features.get_tensor_size("patient", "x") == tuple(data["patient"].x.shape)
        assert features.data["patient"].layer_slices == data["patient"].layer_slices
        assert features.data.edge_names("gene", "rev_expresses", "patient") == ["z"]
        for batch, wanted in zip(batches((features, edges), features.complete), batches(data), strict=True):
            same(wanted, batch)
        with pytest.raises(InputError, match="read only"):
            features["patient", "x", index] = torch.zeros(4, 1)
        with pytest.raises(InputError, match="read only"):
            edges.remove_edge_index(edges.get_all_edge_attrs()[0])


def test_from_a_graph_row_for_row_past_row_2048(kind: Kind, tmp_path: Path) -> None:
    tables = whole(tmp_path / "tables", 1500)
    snapshot = frozen(tables)
    assert snapshot.rows.height == 2400
    data = snapshot.hetero()
    stores = kind.empty(tmp_path)
    with stores.open() as store:
        fill(store, tables)
        store.save()
    with stores.open(write=False) as store:
        values = GraphLayers(store, tables, snapshot)
        features, edges = snapshot.stores(values=values)
        order = torch.from_numpy(np.random.default_rng(1).permutation(2400))
        assert torch.equal(features["patient", "x", order], data["patient"].x[order])
        for row in (0, 2047, 2048, 2049, 2399):
            assert torch.equal(features["patient", "x", torch.tensor([row])], data["patient"].x[[row]])
        for batch, wanted in zip(batches((features, edges), features.complete), batches(data), strict=True):
            same(wanted, batch)


def test_a_graph_that_is_not_the_frozen_one_or_holds_a_part_is_refused(tmp_path: Path) -> None:
    from clinome.graphs.store.embedded import EmbeddedStore

    tables = whole(tmp_path / "tables", 24)
    snapshot = frozen(tables)
    with EmbeddedStore(tmp_path / "one.graph", write=True) as store:
        fill(store, tables)
        values = GraphLayers(store, tables, snapshot)
        values("rna", np.arange(5))
        _forget(store, tables, snapshot.rows["subject_id"][0])
        with pytest.raises(InputError, match="not the one that was frozen"):
            values("rna", np.arange(5))
        save(tables, Omics((Path("rna.csv"),), name="rna", kind="expression"), omics=tables.read("omics.rna").omics)
        with pytest.raises(InputError, match='graph = "all"'):
            GraphLayers(store, tables, snapshot)
        bare = replace(snapshot, layers={"meth": snapshot.layers["meth"]})
        GraphLayers(store, tables, bare)


def _forget(store: Store, tables: Tables, subject: str) -> None:
    assert store.remove_nodes("Patient", [subject]) == 1
