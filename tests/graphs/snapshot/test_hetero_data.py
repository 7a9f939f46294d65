"""HeteroData of a fold: valid, inductive, fitted on training rows only; ids lead back to the tables."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from scipy import sparse
from small_study import build, cohort_frame
from snapshots import make_snapshot

from clinome.graphs.cohort.cohort import Cohort
from clinome.graphs.snapshot.freeze import freeze
from clinome.graphs.snapshot.hetero_data import fold_of, node_type
from clinome.loaders.errors import InputError
from clinome.models.preprocessing.blocks import make_block
from clinome.models.preprocessing.fold import FoldPreprocessing
from clinome.models.preprocessing.records.records_block import RecordsBlock
from clinome.snapshot import Snapshot

DENSE = ("rna", "methylation", "mutations")


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return make_snapshot(n=90, layers=DENSE, records=True, rows_per_subject=2)


def frozen(folder: Path, task: str = "binary") -> Snapshot:
    tables = build(folder)
    frame = cohort_frame(tables, rows_per_subject=2)
    got = Snapshot.of(freeze(Cohort("small", frame, (), "", {}, "dated", ("0", "1")), tables, task, ("age", "sex")))
    rows = np.arange(got.rows.height)
    split = np.where(rows // 2 % 3 == 0, "held_out", np.where(rows // 2 % 5 == 0, "tuning", "train"))
    return got.with_folds(pl.DataFrame({"repeat": 0, "fold": 0, "row": rows, "split": split}))


def garbled(snapshot: Snapshot, rows: np.ndarray) -> Snapshot:
    """The same snapshot with other values, codes and covariates in these rows."""
    rng = np.random.default_rng(7)
    mine = np.zeros(snapshot.rows.height, dtype=bool)
    mine[rows] = True
    layers = {}
    for name, layer in snapshot.layers.items():
        values: Any = layer.values.copy()
        if sparse.issparse(values):
            values = values.toarray()
            values[rows] = rng.random(values[rows].shape) < 0.5
            values = sparse.csr_matrix(values)
        else:
            values[rows] = rng.normal(1e4, 1e5, size=values[rows].shape)
        layers[name] = replace(layer, values=values)
    events = snapshot.events
    assert events is not None
    hit = pl.Series(mine[events["row"].to_numpy()])
    code = pl.when(hit).then(pl.lit("ICD10CM:NEW")).otherwise("code").alias("code")
    events = events.with_columns(code, pl.when(hit).then(-1e6).otherwise("numeric_value").alias("numeric_value"))
    covariates = snapshot.covariates.with_columns(pl.when(pl.Series(mine)).then(1e6).otherwise("age").alias("age"))
    return replace(snapshot, layers=layers, events=events, covariates=covariates)


def test_it_is_valid_and_every_relation_has_its_reverse(snapshot: Snapshot, tmp_path: Path) -> None:
    for one in (snapshot, frozen(tmp_path)):
        data = one.hetero()
        assert data.validate(raise_on_error=True)
        for start, relation, end in data.edge_types:
            back = relation.removeprefix("rev_") if relation.startswith("rev_") else f"rev_{relation}"
            assert (end, back, start) in data.edge_types
        for kind in data.node_types:
            assert len(data.ids[kind]) == data[kind].num_nodes == len(data[kind].x)
            assert kind == "patient" or data.ids[kind] == sorted(set(data.ids[kind]))
            assert torch.equal(data[kind].n_id, torch.arange(data[kind].num_nodes))


@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
def test_patients_carry_labels_masks_and_inputs(task: str) -> None:
    snapshot = make_snapshot(task, n=60, layers=DENSE)
    data = snapshot.hetero(fold=1)
    patient = data["patient"]
    masks = torch.stack([patient.train_mask, patient.tuning_mask, patient.held_out_mask]).sum(0)
    assert (masks == 1).all() and data.ids["patient"] == snapshot.rows["subject_id"].to_list()
    if task == "survival":
        assert patient.duration_days.tolist() == pytest.approx(snapshot.rows["duration_days"].to_list())
        assert patient.event.tolist() == snapshot.rows["event"].cast(pl.Float64).to_list()
    else:
        assert [snapshot.classes[y] for y in patient.y.tolist()] == snapshot.rows["label"].cast(pl.String).to_list()
    assert list(patient.layers) == sorted(DENSE) and patient.present.shape == (60, 3)
    first, last = patient.layer_slices["rna"]
    train = patient.x[patient.train_mask & patient.present[:, patient.layers["rna"]]][:, first:last]
    assert (train.mean(0).abs() < 0.2).all() and last - first == 60
    assert (patient.x[~patient.present[:, patient.layers["rna"]]][:, first:last] == 0).all()
    first, last = patient.layer_slices["covariates"]
    assert [one for one in patient.covariates if one != "age missing"] == [
        "age",
        "sex=F",
        "sex=M",
        "sex other",
        "smoker",
    ]
    assert last == patient.x.shape[1] == first + len(patient.covariates)


def test_edges_are_what_the_tables_say(snapshot: Snapshot) -> None:
    data = snapshot.hetero()
    layer = snapshot.layers["mutations"]
    gene = data.ids["gene"]
    values: Any = layer.values
    rows, columns = values.nonzero()
    features = layer.var["feature"].to_list()
    trained = {features[c] for c in values[data["patient"].train_mask.numpy()].nonzero()[1]}
    want = {(int(r), features[c]) for r, c in zip(rows, columns, strict=True) if features[c] in trained}
    index = data["gene", "rev_mutated_in", "patient"].edge_index
    assert {(int(p), gene[g]) for g, p in index.T.tolist()} == want
    events = snapshot.events
    assert events is not None
    drug = data.ids["medication"]
    index = data["medication", "rev_prescribed", "patient"].edge_index
    codes = events.filter(pl.col("code").is_in(drug))
    assert sorted((p, drug[d]) for d, p in index.T.tolist()) == sorted(codes.select("row", "code").rows())
    days = -data["medication", "rev_prescribed", "patient"].edge_time
    assert sorted(days.tolist()) == pytest.approx(sorted(codes["days"].to_list()))


def test_dense_edges_are_the_calls_beyond_the_threshold(snapshot: Snapshot) -> None:
    train = np.flatnonzero(fold_of(snapshot, 0, 0).train)
    rna = FoldPreprocessing.fit(snapshot, train).graph_inputs(snapshot).layers["rna"]
    layer = snapshot.layers["rna"]
    assert rna.features == layer.var["feature"].to_list() and rna.measured is not None and not rna.measured.all()
    assert np.array_equal(rna.measured, np.isfinite(np.asarray(layer.values)) & layer.profiled[:, None])
    for threshold in (0.5, 1.0, 2.0):
        data = snapshot.hetero(threshold=threshold)
        relation = data["gene", "rev_expresses", "patient"]
        assert (relation.edge_attr.abs() >= threshold).all()
        assert len(relation.edge_attr) == ((np.abs(rna.values) >= threshold) & rna.measured).sum() > 0


def test_inputs_and_edges_carry_what_the_blocks_of_the_fold_say(snapshot: Snapshot) -> None:
    """The numbers are those of `ridge_late`'s blocks, fitted on the same rows."""
    data, rows = snapshot.hetero(), np.arange(snapshot.rows.height)
    train = np.flatnonzero(data["patient"].train_mask.numpy())
    for name in ("rna", "methylation", "covariates"):
        first, last = data["patient"].layer_slices[name]
        want = make_block(snapshot, name).fit(snapshot, train).transform(snapshot, rows)
        np.testing.assert_array_equal(data["patient"].x[:, first:last].numpy(), want)
    records = make_block(snapshot, "records").fit(snapshot, train)
    assert isinstance(records, RecordsBlock) and snapshot.events is not None
    labs = snapshot.events.filter(pl.col("code") == "LOINC:2160-0")
    want = records.values.scaled(labs["code"], labs["numeric_value"].to_numpy())
    relation = data["lab_test", "rev_measured", "patient"]
    mine = relation.edge_index[0] == data.ids["lab_test"].index("LOINC:2160-0")
    np.testing.assert_array_equal(relation.edge_attr[mine, 0].numpy(), np.nan_to_num(want))
    assert relation.edge_attr[mine, 0].std() > 0.3


def test_only_training_patients_send(snapshot: Snapshot) -> None:
    data = snapshot.hetero()
    train = set(data["patient"].train_mask.nonzero().flatten().tolist())
    from_patients = [relation for relation in data.edge_types if relation[0] == "patient"]
    assert len(from_patients) >= 5
    for relation in from_patients:
        senders = set(data[relation].edge_index[0].tolist())
        assert senders <= train
    receivers = {int(p) for r in data.edge_types if r[2] == "patient" for p in data[r].edge_index[1]}
    assert receivers > train


def test_garbage_in_held_out_rows_reaches_nobody_else(snapshot: Snapshot) -> None:
    """Neither scalers, nor nodes, nor any other patient's inputs and incoming edges change."""
    clean = snapshot.hetero()
    beyond = (~clean["patient"].train_mask).nonzero().flatten().numpy()
    dirty = garbled(snapshot, beyond).hetero()
    train = clean["patient"].train_mask
    assert clean.node_types == dirty.node_types and clean.edge_types == dirty.edge_types
    assert torch.equal(clean["patient"].x[train], dirty["patient"].x[train])
    assert not torch.equal(clean["patient"].x[~train], dirty["patient"].x[~train])
    for kind in clean.node_types:
        assert clean.ids[kind] == dirty.ids[kind]
    for relation in clean.edge_types:
        one, other = clean[relation], dirty[relation]
        if relation[2] == "patient":
            keep, again = (train[part.edge_index[1]] for part in (one, other))
            assert torch.equal(one.edge_index[:, keep], other.edge_index[:, again])
            assert torch.equal(one.edge_attr[keep], other.edge_attr[again])
        else:
            assert torch.equal(one.edge_index, other.edge_index) and torch.equal(one.edge_attr, other.edge_attr)
    assert dirty.dropped["codes"] == clean.dropped["codes"] + 1


def test_garbage_in_training_rows_is_seen(snapshot: Snapshot) -> None:
    """The test above can fail: the same change in training rows reaches others."""
    clean = snapshot.hetero()
    train = clean["patient"].train_mask
    dirty = garbled(snapshot, train.nonzero().flatten().numpy()[:5]).hetero()
    assert not torch.equal(clean["patient"].x[~train], dirty["patient"].x[~train])


def test_unseen_features_and_codes_are_dropped_and_counted(snapshot: Snapshot) -> None:
    held = np.flatnonzero(fold_of(snapshot, 0, 0).held_out)
    rna = snapshot.layers["rna"]
    values = np.array(rna.values)
    values[np.setdiff1d(np.arange(len(values)), held), 3] = np.nan
    data = replace(snapshot, layers={"rna": replace(rna, values=values)}).hetero()
    assert data.dropped["features"] == 1
    first, last = data["patient"].layer_slices["rna"]
    assert last - first == rna.var.height - 1


def test_knowledge_leads_from_sites_and_codes_upwards(snapshot: Snapshot) -> None:
    data = snapshot.hetero()
    near = data["methylation_site", "near", "gene"].edge_index
    sites, genes = data.ids["methylation_site"], data.ids["gene"]
    want = dict(snapshot.layers["methylation"].var.select("feature", "gene").rows())
    assert {(sites[a], genes[b]) for a, b in near.T.tolist()} == set(want.items())
    codes = data.ids["diagnosis"]
    up = {(codes[a], codes[b]) for a, b in data["diagnosis", "is_a", "diagnosis"].edge_index.T.tolist()}
    assert ("ICD10CM:J44.1", "ICD10CM:J44") in up and ("ICD10CM:J44", "ICD10CM:J00-99") in up
    assert data["gene", "interacts_with", "gene"].edge_attr.unique().tolist() == pytest.approx([0.9])


def test_two_layers_of_a_kind_keep_their_relations_apart(snapshot: Snapshot) -> None:
    rna = snapshot.layers["rna"]
    data = replace(snapshot, layers={"rna": rna, "tpm": replace(rna, name="tpm")}).hetero()
    assert ("patient", "expresses_rna", "gene") in data.edge_types
    assert ("patient", "expresses_tpm", "gene") in data.edge_types


def test_a_fold_that_is_not_there_and_a_snapshot_without_inputs(snapshot: Snapshot) -> None:
    with pytest.raises(InputError, match="no such fold"):
        snapshot.hetero(fold=9)
    with pytest.raises(InputError, match="layers or records"):
        replace(snapshot, layers={}, events=None).hetero()


def test_a_plain_heterogeneous_network_trains_on_it(snapshot: Snapshot) -> None:
    from torch_geometric.nn import SAGEConv, to_hetero

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = SAGEConv((-1, -1), 8), SAGEConv((-1, -1), 2)

        def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.two(self.one(x, edge_index).relu(), edge_index)
            return found

    data = snapshot.hetero()
    net = to_hetero(Net(), data.metadata())
    mask = data["patient"].train_mask
    with torch.no_grad():
        net(data.x_dict, data.edge_index_dict)
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        out = net(data.x_dict, data.edge_index_dict)["patient"]
        loss = torch.nn.functional.cross_entropy(out[mask], data["patient"].y[mask])
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_cohort_of_450_with_3000_features_is_quick() -> None:
    snapshot = make_snapshot(n=450, layers=("rna", "mutations"), features=3000, records=True)
    begin = time.perf_counter()
    snapshot.hetero()
    assert time.perf_counter() - begin < 10


def test_names_of_node_types() -> None:
    assert [node_type(x) for x in ("MethylationSite", "MicroRNA", "LabTest")] == [
        "methylation_site",
        "micro_rna",
        "lab_test",
    ]
