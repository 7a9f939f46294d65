"""A user's own PyTorch Geometric module as a learner."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from own_network import PLAN, Sage
from snapshots import make_snapshot
from torch import Tensor, nn

import clinome
from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.base.folds import parts
from clinome.models.base.learner import Learner
from clinome.models.experiment.controls import permuted
from clinome.models.learners.adapters.own_code import LearnerFailed
from clinome.models.metrics.task_metrics import inner_score, targets
from clinome.snapshot import Snapshot


@pytest.mark.parametrize(
    ("task", "width"),
    [("binary", 6), ("binary", 1), ("multiclass", 3), ("multilabel", 6), ("multilabel", 3), ("regression", 6), ("regression", 1),
     ("survival", 6)],
)  # fmt: skip
def test_a_small_module_learns_the_planted_cause(task: str, width: int) -> None:
    snapshot = make_snapshot(task, n=240, signal=2.0)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    learner = clinome.pyg(Sage(width), task, plan=PLAN).with_setting({}, 1)
    assert isinstance(learner, Learner) and learner.supports(snapshot) and learner.name == "Sage"
    learner.fit(snapshot, train, tuning)
    score = learner.predict(snapshot, held)
    assert score.shape == ((len(held), 3) if task.startswith("multi") else (len(held),)) and np.isfinite(score).all()
    assert inner_score(task, targets(snapshot.rows[held], task, snapshot.classes), score) > (
        0.25 if task == "regression" else 0.65
    )  # 0 and 0.5 by chance
    if task == "multiclass":
        assert np.allclose(score.sum(1), 1)


def garbage(snapshot: Snapshot, rows: np.ndarray) -> Snapshot:
    """Other values in these rows."""
    layer = snapshot.layers["rna"]
    values = np.array(layer.values)
    values[rows] = np.random.default_rng(9).uniform(0, 1e6, values[rows].shape)
    other = Layer(layer.name, layer.kind, layer.scale, layer.var, values, layer.profiled)
    age = snapshot.covariates["age"].to_numpy().copy()
    age[rows] = 1000.0
    return replace(
        snapshot, layers={**snapshot.layers, "rna": other}, covariates=snapshot.covariates.with_columns(age=pl.lit(age))
    )


def test_held_out_rows_reach_neither_the_weights_nor_each_other() -> None:
    snapshot = make_snapshot(n=150)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    other = garbage(snapshot, held[1:])
    first, second = (clinome.pyg(Sage(4), "binary", plan=PLAN).with_setting({}, 1) for _ in range(2))
    torch.manual_seed(5)
    second.module.load_state_dict(first.module.state_dict(), strict=False)
    first.fit(snapshot, train, tuning)
    second.fit(other, train, tuning)
    for name, value in first.state()["weights"].items():
        assert np.array_equal(value, second.state()["weights"][name]), name
    assert first.predict(snapshot, held)[0] == second.predict(other, held)[0]
    assert np.abs(first.predict(snapshot, held)[1:] - second.predict(other, held)[1:]).max() > 1e-6


def test_what_cannot_run_says_why() -> None:
    snapshot = make_snapshot(n=60, features=40)
    with pytest.raises(ValueError, match="expected one of binary"):
        clinome.pyg(Sage(2), "ranking")
    assert "survival" in str(clinome.pyg(Sage(2), "survival").reason(snapshot))
    bare = permuted(snapshot, 1)
    learner = clinome.pyg(Sage(2), "binary")
    assert "hetero_for" in str(learner.reason(bare))
    train, tuning, _ = parts(snapshot.folds, 0, 0)
    with pytest.raises(TypeError, match="hetero_for"):
        learner.fit(bare, train, tuning)

    class Wrong(nn.Module):
        def forward(self, x: dict[str, Tensor], edges: object) -> Tensor:
            return x["gene"]

    with pytest.raises(LearnerFailed, match=r"'Wrong'\]: forward gave another shape; got \(.* expected \(60, width\)"):
        clinome.pyg(Wrong(), "binary").fit(snapshot, train, tuning)


class Edges(nn.Module):
    """Weighs messages by what the edges carry, and knows the kinds of the graph when it is made."""

    def __init__(self, metadata: tuple[list[str], list[tuple[str, str, str]]]) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            from torch_geometric.nn import GATConv, HeteroConv
        kinds = [relation for relation in metadata[1] if relation[2] == "patient"]
        convs = {one: GATConv((-1, -1), 4, edge_dim=1, add_self_loops=False) for one in kinds}
        self.conv, self.out = HeteroConv(convs), nn.LazyLinear(1)

    def forward(self, x_dict: Any, edge_index_dict: Any, edge_attr_dict: Any) -> Any:
        h = self.conv(x_dict, edge_index_dict, edge_attr_dict)["patient"]
        return self.out(torch.cat([h, x_dict["patient"]], dim=1))


class Whole(nn.Module):
    """Takes the graph as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.LazyLinear(1)

    def forward(self, data: Any) -> Any:
        return self.out(data["patient"].x)


def hetero(data: Any) -> nn.Module:
    """What PyG's own examples do."""
    from torch_geometric.nn import SAGEConv, to_hetero

    class GNN(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = SAGEConv((-1, -1), 8), SAGEConv((-1, -1), 1)

        def forward(self, x: Any, edge_index: Any) -> Any:
            return self.conv2(self.conv1(x, edge_index).relu(), edge_index)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: nn.Module = to_hetero(GNN(), data.metadata())
        return made


@pytest.mark.parametrize("given", [Edges, hetero, Whole(), Whole, lambda data: Edges(data.metadata())],
                         ids=["class of metadata", "function of data", "module of data", "class", "lambda"])  # fmt: skip
def test_a_factory_is_given_the_graph_and_forward_what_it_names(given: Any) -> None:
    snapshot = make_snapshot("binary", n=150, signal=2.0, layers=("rna", "mutations"), records=True)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    made = given() if given is Whole else given
    learner = clinome.pyg(made, "binary", plan=PLAN).with_setting({}, 1)
    learner.fit(snapshot, train, tuning)
    score = learner.predict(snapshot, held)
    assert score.shape == held.shape and np.isfinite(score).all() and score.std() > 0
    again = clinome.pyg(made, "binary", plan=PLAN).with_setting({}, 1)
    again.fit(snapshot, train, tuning)
    np.testing.assert_array_equal(again.predict(snapshot, held), score)
    restored = clinome.pyg(made, "binary", plan=PLAN).with_setting({}, 1).restore(learner.state())
    np.testing.assert_allclose(restored.predict(snapshot, held), score, atol=1e-6)
    assert repr(again) == repr(learner)


def hgt(data: Any) -> nn.Module:
    """As in PyG's examples/hetero/hgt_dblp.py, for patients."""
    from torch_geometric.nn import HGTConv, Linear

    class HGT(nn.Module):
        def __init__(self, hidden_channels: int, out_channels: int, num_heads: int, num_layers: int) -> None:
            super().__init__()
            self.lin_dict = nn.ModuleDict()
            for node_type in data.node_types:
                self.lin_dict[node_type] = Linear(-1, hidden_channels)
            self.convs = nn.ModuleList(
                HGTConv(hidden_channels, hidden_channels, data.metadata(), num_heads) for _ in range(num_layers)
            )
            self.lin = Linear(hidden_channels, out_channels)

        def forward(self, x_dict: Any, edge_index_dict: Any) -> Any:
            x_dict = {node_type: self.lin_dict[node_type](x).relu_() for node_type, x in x_dict.items()}
            for conv in self.convs:
                x_dict = conv(x_dict, edge_index_dict)
            return self.lin(x_dict["patient"])

    return HGT(hidden_channels=8, out_channels=1, num_heads=2, num_layers=1)


def han(data: Any) -> nn.Module:
    """As in PyG's examples/hetero/han_imdb.py."""
    from torch_geometric.nn import HANConv

    class HAN(nn.Module):
        def __init__(self, in_channels: int, out_channels: int, hidden_channels: int = 8, heads: int = 2) -> None:
            super().__init__()
            self.han_conv = HANConv(in_channels, hidden_channels, heads=heads, dropout=0.6, metadata=data.metadata())
            self.lin = nn.Linear(hidden_channels, out_channels)

        def forward(self, x_dict: Any, edge_index_dict: Any) -> Any:
            return self.lin(self.han_conv(x_dict, edge_index_dict)["patient"])

    return HAN(in_channels=-1, out_channels=1)


def rgcn(data: Any) -> nn.Module:
    """As in PyG's examples/rgcn.py: one kind of nodes, a weight for each, relations by number."""
    from torch_geometric.nn import RGCNConv

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = RGCNConv(data.num_nodes, 8, len(data.edge_types), num_bases=4)
            self.conv2 = RGCNConv(8, 1, len(data.edge_types), num_bases=4)

        def forward(self, edge_index: Any, edge_type: Any) -> Any:
            x = self.conv1(None, edge_index, edge_type).relu()
            return self.conv2(x, edge_index, edge_type)

    return Net()


@pytest.mark.parametrize("made", [hgt, han, rgcn])
def test_networks_run_as_they_stand_in_the_examples_of_pytorch_geometric(made: Any) -> None:
    snapshot = make_snapshot("binary", n=90, signal=2.0, layers=("rna", "mutations"), records=True)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    learner = clinome.pyg(made, "binary", plan={"epochs": 5}).with_setting({}, 1)
    learner.fit(snapshot, train, tuning)
    score = learner.predict(snapshot, held)
    assert score.shape == held.shape and np.isfinite(score).all() and score.std() > 0
    assert np.isfinite(learner.report.train).all()


class Sampled(nn.Module):
    """Two hops, and what it was given."""

    seen: list[int]

    def __init__(self, data: Any) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            from torch_geometric.nn import HeteroConv, SAGEConv
        self.convs = nn.ModuleList(
            HeteroConv({one: SAGEConv((-1, -1), width) for one in data.edge_types}) for width in (8, 1)
        )
        self.seen = []

    def forward(self, x_dict: Any, edge_index_dict: Any) -> Any:
        self.seen.append(len(x_dict["patient"]))
        x_dict = {kind: x.relu() for kind, x in self.convs[0](x_dict, edge_index_dict).items()}
        return self.convs[1](x_dict, edge_index_dict)


def test_a_module_that_asks_for_mini_batches_gets_them() -> None:
    """Sampled where it learns; where it judges, whole, so that a row's risk is that of the full graph."""
    snapshot = make_snapshot("binary", n=240, signal=2.0, layers=("rna", "mutations"))
    train, tuning, held = parts(snapshot.folds, 0, 0)
    plan = {**PLAN, "batch_size": 16, "epochs": 8}
    learner = clinome.pyg(Sampled, "binary", plan=plan, num_neighbors=[3, 2]).with_setting({}, 1)
    learner.fit(snapshot, train, tuning)
    encoder: Any = learner.network.encoder
    seen = encoder.module.seen
    assert seen[0] == 240 and min(seen[1:]) < 100
    score = learner.predict(snapshot, held)
    target = targets(snapshot.rows[held], "binary", snapshot.classes)
    assert inner_score("binary", target, score) > 0.65
    np.testing.assert_allclose(learner.predict(snapshot, held[5:9]), score[5:9], atol=1e-6)
    again = clinome.pyg(Sampled, "binary", plan=plan, num_neighbors=[3, 2]).with_setting({}, 1)
    again.fit(snapshot, train, tuning)
    np.testing.assert_array_equal(again.predict(snapshot, held), score)
    whole = clinome.pyg(Sampled, "binary", plan=plan).with_setting({}, 1).restore(learner.state())
    np.testing.assert_allclose(whole.predict(snapshot, held), score, atol=1e-6)
    assert repr(learner) != repr(whole)
