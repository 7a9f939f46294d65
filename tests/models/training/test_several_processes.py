"""Two processes on this processor: the loss curve, the stop and the weights of one process with the doubled batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from own_network import Sage
from snapshots import make_snapshot
from torch import Tensor, nn

import clinome
from clinome.models.base.folds import parts
from clinome.models.base.specs import Evaluate, Learn, Placement
from clinome.models.base.task import task_of
from clinome.models.experiment.run import run
from clinome.models.learners.base import BaseLearner, placed
from clinome.models.learners.registry import make
from clinome.models.training.batch import Batch, Target
from clinome.models.training.trainer import Batches, Network, TrainingPlan, TrainingReport, fit


@dataclass
class Points:
    """Points in a plane of ten dimensions, and what decides their label."""

    n: int
    lengths: None = None

    def __post_init__(self) -> None:
        self.x = torch.from_numpy(np.random.default_rng(1).normal(size=(self.n, 10)).astype(np.float32))
        self.y = ((self.x[:, 0] * self.x[:, 1] + 0.3 * self.x[:, 2]) > 0).float()

    def take(self, rows: np.ndarray) -> Batch:
        at = torch.from_numpy(rows)
        here = {"x": torch.ones(len(rows), dtype=torch.bool)}
        return Batch(len(rows), {"x": self.x[at]}, here, None, Target(y=self.y[at]))


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 6))
        self.unused = nn.Linear(3, 3)  # as the encoder of a layer that a batch lacks

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return self.net(batch.layers["x"]), batch.present["x"]


def trained(plan: TrainingPlan, rows: int, tuning: int) -> tuple[Network, TrainingReport]:
    torch.manual_seed(3)
    network = Network(Encoder(), task_of("binary").head(6, 2))
    every = np.arange(rows + tuning)
    return network, fit(network, Points(rows + tuning), every[:rows], every[rows:], plan)


@pytest.mark.parametrize(("rows", "tuning", "full"), [(96, 0, 0), (90, 31, 0), (75, 31, 200)],
                         ids=["parts of one size", "uneven parts", "full batch"])  # fmt: skip
def test_two_processes_are_one_with_the_doubled_batch(rows: int, tuning: int, full: int) -> None:
    about = {"epochs": 25, "patience": 4, "lr": 1e-2, "full_batch": full}
    one, alone = trained(TrainingPlan(batch_size=16, **about), rows, tuning)  # type: ignore[arg-type]
    two, together = trained(TrainingPlan(batch_size=8, devices=2, **about), rows, tuning)  # type: ignore[arg-type]
    assert len(alone.train) == len(together.train) > 3 and alone.best == together.best
    np.testing.assert_allclose(together.train, alone.train, rtol=2e-4)
    np.testing.assert_allclose(together.tuning, alone.tuning, rtol=2e-4)
    for name, value in one.state_dict().items():
        torch.testing.assert_close(two.state_dict()[name], value, rtol=2e-3, atol=2e-4)
    assert alone.train[-1] < 0.9 * alone.train[0]
    assert not torch.distributed.is_initialized()


@dataclass
class Lives(Points):
    """Two events among all: most parts have none."""

    def take(self, rows: np.ndarray) -> Batch:
        event = torch.from_numpy(np.isin(rows, [3, 20]))
        days = torch.from_numpy(rows.astype(np.float32)) + 1
        batch = super().take(rows)
        return Batch(batch.size, batch.layers, batch.present, None, Target(duration_days=days, event=event))


def test_a_part_without_an_event_keeps_nobody_waiting() -> None:
    torch.manual_seed(3)
    network = Network(Encoder(), task_of("survival").head(6, 0))
    plan = TrainingPlan(batch_size=4, devices=2, epochs=3, lr=1e-2)
    report = fit(network, Lives(40), np.arange(40), np.arange(0), plan)
    assert len(report.train) == 3 and np.isfinite(report.train).all()


def test_each_process_has_its_own_part_and_together_they_have_every_row() -> None:
    def rows(rank: int, ranks: int) -> list[list[int]]:
        batches = Batches(_Rows(), np.arange(21), 6, seed=5)
        batches.take_part(rank, ranks)
        return [batch.layers["row"].tolist() for batch in batches]

    whole, first, second = rows(0, 1), rows(0, 2), rows(1, 2)
    for every, one, other in zip(whole, first, second, strict=True):
        assert sorted(one + other) == sorted(every) and abs(len(one) - len(other)) < 2
    assert sorted(row for part in first + second for row in part) == list(range(21))


class _Rows:
    lengths = None

    def take(self, rows: np.ndarray) -> Batch:
        return Batch(len(rows), {"row": torch.from_numpy(rows)}, {"row": torch.ones(len(rows), dtype=torch.bool)})


def test_a_module_of_ones_own_in_sampled_mini_batches_on_two_processes() -> None:
    snapshot = make_snapshot("binary", n=200, signal=2.0)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    plan = {"epochs": 12, "patience": 12, "lr": 1e-2, "batch_size": 16, "devices": 2}
    learner = clinome.pyg(Sage(1), "binary", plan=plan, num_neighbors=[10]).with_setting({}, 1)
    learner.fit(snapshot, train, tuning)
    assert learner.report.train[-1] < learner.report.train[0]
    score = learner.predict(snapshot, held)
    assert np.isfinite(score).all() and score.std() > 0


NETWORKS = ("propagation", "gene_gnn", "hetero_gnn", "pathway_net", "gru", "gru_d", "sequence", "fusion")


def fitted(name: str, placement: Placement, batch: int) -> tuple[BaseLearner, np.ndarray]:
    """A shipped network, without what is drawn at random, and what it predicts for the held-out rows."""
    snapshot = make_snapshot("binary", n=150, records=True, signal=2.0)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    plan = {"epochs": 5, "patience": 5, "batch_size": batch, "full_batch": 0}
    still = {"dropout": 0.0, "edge_dropout": 0.0, "drop_modality": 0.0, "plan": plan}
    learner = placed(make(name), placement).with_setting(still, 1)
    assert isinstance(learner, BaseLearner)
    learner.fit(snapshot, train, tuning)
    return learner, learner.predict(snapshot, held)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_shipped_network_trains_in_two_processes_as_in_one_with_the_doubled_batch(name: str) -> None:
    one, alone = fitted(name, Placement(), 32)
    two, together = fitted(name, Placement(devices=2), 16)
    assert isinstance(one, BaseLearner) and one.report.train[-1] < one.report.train[0]  # type: ignore[attr-defined]
    for part in ("train", "tuning"):
        found, wanted = (getattr(learner.report, part) for learner in (two, one))  # type: ignore[attr-defined]
        assert len(found) == len(wanted) >= 5
        np.testing.assert_allclose(found, wanted, rtol=1e-3)
    np.testing.assert_allclose(together, alone, atol=2e-3)


def test_how_long_a_network_on_genes_trains_goes_by_the_batch_of_all() -> None:
    plans = [make("gene_gnn").on(one)._plan(300) for one in (Placement(), Placement(2), Placement(1, 2))]  # type: ignore[attr-defined]
    assert all(plan.epochs * 300 / plan.whole_batch >= 450 for plan in plans)
    assert plans[1].epochs == plans[2].epochs == 2 * plans[0].epochs


def test_few_rows_are_trained_on_in_one_process() -> None:
    """Some part of a batch would be empty."""
    network, report = trained(TrainingPlan(batch_size=1, devices=4, epochs=2), 9, 0)
    same, alone = trained(TrainingPlan(batch_size=4, epochs=2), 9, 0)
    assert report == alone
    for name, value in network.state_dict().items():
        torch.testing.assert_close(same.state_dict()[name], value)


def test_workers_that_train_in_several_processes_each_find_what_one_does() -> None:
    snapshot = make_snapshot("binary", n=90, layers=("rna",), features=12)
    learners = [make("ridge_late"), make("propagation")]
    asked = Learn(trials=1, devices=2)
    one, two = (run(snapshot, learners, Evaluate(), replace(asked, workers=n), controls=False) for n in (1, 2))
    assert one.predictions.equals(two.predictions)
    alone = run(snapshot, learners, Evaluate(), Learn(trials=1, workers=1), controls=False)
    same, other = (
        [one.predictions.filter(learner=name).equals(alone.predictions.filter(learner=name)) for name in names]
        for names in (["ridge_late"], ["propagation"])
    )
    assert all(same) and not any(other)  # the batches are others
