"""Training: every encoder with every head overfits a tiny set; the same seed gives the same weights; nothing is left."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_batches import DIM, ENCODERS, make_batch

from clinome.models.base.task import task_of
from clinome.models.training import trainer
from clinome.models.training.batch import Batch, Target, Tokens
from clinome.models.training.on_lightning import train_on_lightning
from clinome.models.training.trainer import Batches, Network, TrainingPlan, TrainingReport, fit, predict

N = 16


@dataclass
class Fixed:
    """A tiny set held in memory, every row with its layer and tokens of its own (`models.training.batch.BatchSource`)."""

    task: str
    n: int = N

    def __post_init__(self) -> None:
        self.whole = make_batch(self.n + 1, seed=4)
        rng = np.random.default_rng(4)
        self.y = rng.permutation(np.arange(self.n) % (3 if self.task == "multiclass" else 2))
        self.time = torch.tensor(rng.uniform(1, 100, self.n), dtype=torch.float32)

    @property
    def lengths(self) -> np.ndarray:
        assert self.whole.tokens is not None
        return np.asarray(self.whole.tokens.mask.sum(1).numpy())

    def take(self, rows: np.ndarray) -> Batch:
        at, whole = torch.tensor(rows), self.whole
        assert whole.tokens is not None
        if self.task == "survival":
            target = Target(duration_days=self.time[at], event=torch.tensor(self.y[rows] > 0))
        else:
            y = torch.tensor(self.y[rows])
            target = Target(y=y.float() if self.task == "binary" else y)
        tokens = Tokens(**{f.name: getattr(whole.tokens, f.name)[at] for f in fields(Tokens)})
        layers = {k: v[at] for k, v in whole.layers.items()}
        return Batch(len(rows), layers, {k: v[at] for k, v in whole.present.items()}, tokens, target)


PLAN = TrainingPlan(epochs=60, lr=2e-2, weight_decay=0.0, full_batch=N, warmup=2)


def trained(
    encoder: str, task: str, plan: TrainingPlan = PLAN, tuning: int = 0
) -> tuple[Network, Fixed, TrainingReport]:
    torch.manual_seed(plan.seed)
    source = Fixed(task)
    network = Network(ENCODERS[encoder](), task_of(task).head(DIM, 3))
    rows = np.arange(N)
    report = fit(network, source, rows[: N - tuning], rows[N - tuning :], plan)
    return network, source, report


@pytest.mark.parametrize("task", ["binary", "multiclass", "survival"])
@pytest.mark.parametrize("encoder", list(ENCODERS))
def test_every_encoder_with_every_head_overfits_a_tiny_set(encoder: str, task: str) -> None:
    network, source, report = trained(encoder, task)
    assert report.best == -1 and not report.tuning and len(report.train) == PLAN.epochs
    batch = source.take(np.arange(N))
    with torch.no_grad():
        loss = network.loss(batch)
    untrained = {"binary": np.log(2), "multiclass": np.log(3), "survival": 2.0}[task]
    assert loss is not None and float(loss) < 0.5 * untrained
    score = predict(network, source, np.arange(N))
    assert score.dtype == np.float64 and score.shape == ((N, 3) if task == "multiclass" else (N,))
    if task == "binary":
        assert ((score > 0.5) == (source.y > 0)).mean() > 0.8


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    plan = TrainingPlan(epochs=3, batch_size=5, seed=7)
    (one, source, first), (two, _, second) = (trained("fusion", "binary", plan, tuning=4) for _ in range(2))
    assert first == second
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name]), name
    other, _, _ = trained("fusion", "binary", TrainingPlan(epochs=3, batch_size=5, seed=8), tuning=4)
    assert not np.array_equal(predict(other, source, np.arange(N)), predict(one, source, np.arange(N)))


@pytest.mark.parametrize("task", ["binary", "survival"])
def test_the_short_loop_takes_the_steps_that_lightning_takes(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = TrainingPlan(epochs=6, batch_size=5, patience=3, lr=2e-2, seed=7)
    one, _, report = trained("fusion", task, plan, tuning=4)
    monkeypatch.setattr(trainer, "_train", train_on_lightning)
    two, _, other = trained("fusion", task, plan, tuning=4)
    assert report == other
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name]), name


def test_the_weights_that_did_best_on_tuning_are_kept() -> None:
    plan = TrainingPlan(epochs=40, lr=5e-2, patience=5, full_batch=N, warmup=1)
    network, source, report = trained("message", "binary", plan, tuning=6)
    assert report.best == int(np.argmin(report.tuning)) and len(report.tuning) <= report.best + 1 + plan.patience
    loss = network.loss(source.take(np.arange(N - 6, N)))
    assert loss is not None and float(loss.detach()) == pytest.approx(report.tuning[report.best], rel=1e-5)


def test_training_that_never_helps_leaves_the_weights_as_they_were() -> None:
    torch.manual_seed(3)
    source, rows = Fixed("binary"), np.arange(N)
    source.whole.layers["rna"][N // 2 : N] = source.whole.layers["rna"][: N // 2]
    source.y[N // 2 :] = 1 - source.y[: N // 2]  # each tuning row contradicts its twin
    network = Network(ENCODERS["message"](), task_of("binary").head(DIM))
    network.head.linear.weight.data.zero_()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    plan = TrainingPlan(epochs=20, lr=5e-2, patience=4, full_batch=N)
    for least, looks in ((0, 5), (12, 13), (21, 5)):  # steps before patience counts; a course of 20 has never 21
        network.load_state_dict(before)
        asked = replace(plan, least_steps=least)
        report = fit(network, source, rows[: N // 2], rows[N // 2 :], asked)
        assert report.best == 0 and len(report.tuning) == looks and report.train[-1] < report.train[0]
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_training_leaves_no_files_no_seed_and_no_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source, network = Fixed("binary"), Network(ENCODERS["message"](), task_of("binary").head(DIM))
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    fit(network, source, np.arange(10), np.arange(10, N), TrainingPlan(epochs=2))
    assert torch.equal(torch.rand(3), expected)
    assert not torch.are_deterministic_algorithms_enabled()
    assert list(tmp_path.iterdir()) == []


def test_training_says_nothing(capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> None:
    trained("fusion", "survival", TrainingPlan(epochs=2), tuning=5)
    assert capfd.readouterr() == ("", "")
    assert [str(w.message) for w in recwarn.list] == []


def test_every_row_is_in_one_batch_and_rows_of_one_length_together() -> None:
    source = Fixed("binary", n=400)
    rows = np.arange(0, 400, 2)
    batches = Batches(source, rows, 16, seed=1)
    first, second = batches.parts(), batches.parts()
    for parts in (first, second):
        assert sorted(np.concatenate(parts).tolist()) == rows.tolist() and len(parts) == len(batches) == 13
    assert not all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    spread = np.mean([np.ptp(source.lengths[p]) for p in first])
    assert spread < 0.5 * np.ptp(source.lengths[rows])


def test_a_diverged_loss_is_an_error() -> None:
    source = Fixed("binary")
    source.whole.layers["rna"][0, 0] = float("nan")
    network = Network(ENCODERS["message"](), task_of("binary").head(DIM))
    with pytest.raises(FloatingPointError):
        fit(network, source, np.arange(N), np.arange(0), PLAN)
