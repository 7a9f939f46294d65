"""Data-parallel training: several processes through Lightning, on this machine or on several, each with its own part of
every batch.

The gradient is that of the whole batch, so the loss curve is that of one process with a batch as large as theirs together.
(Of a loss that is no mean over rows, as Cox's, each process has its own risk sets.) Tuning rows are judged by all alike:
they stop at the same epoch.
Source: Li 2020, PyTorch Distributed, doi:10.14778/3415478.3415530.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy, Strategy
from torch import Tensor

from ...loaders.errors import ClinomeError, EngineError, InputError
from .batch import Batch
from .course import Batches, Course
from .on_lightning import CourseModule, quiet

LOST = "see what the others say; the same command goes on where it stopped"


def train_on_several(course: Course, batches: Batches, held: Batches | None) -> None:
    """Train the course's network in place: on so many accelerators where there are any, else on the processor.

    With the processes that torchrun or srun launched, where they have joined (`launched_processes`); else in processes that
    are begun here, and end with it.
    Args:
        batches: of the size of all parts together.
    """
    if torch.distributed.is_initialized():
        return lead(course, batches, held)
    if (placement := course.plan.placement).nodes > 1:
        fix = f"start it on each: {placement.command} …"
        raise InputError("several machines, and this process was started by itself", "nodes", placement.nodes, fix=fix)
    if torch.cuda.is_available() and torch.cuda.device_count() < course.plan.devices:
        fix = "give as many as there are, or none to this process (CUDA_VISIBLE_DEVICES=) to train on the processor"
        raise InputError("more devices than there are", "devices", course.plan.devices, torch.cuda.device_count(), fix)
    with quiet(), tempfile.TemporaryDirectory() as folder:
        part = Part(course, batches, Path(folder))
        trainer = trainer_of(course, LocalDDP(Path(folder), torch.cuda.is_available()))
        trainer.fit(part, batches, held)
        told = torch.load(Path(folder) / "course.pt", weights_only=True)
    course.network.load_state_dict(told["network"])
    course.weights, course.best = told["weights"], told["best"]
    course.losses, course.tuned = told["losses"], told["tuned"]


def trainer_of(course: Course, strategy: Strategy) -> pl.Trainer:
    """Lightning's loop over a `Part`, silent, without files."""
    plan = course.plan
    return pl.Trainer(
        max_epochs=plan.epochs, accelerator="gpu" if torch.cuda.is_available() else "cpu", devices=plan.devices,
        num_nodes=plan.nodes, strategy=strategy, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=-1, gradient_clip_val=plan.clip or None,
        use_distributed_sampler=False,
    )  # fmt: skip


class LocalDDP(DDPStrategy):
    """Lightning strategy: processes of this machine that find each other by a file, and by no port that others can reach.

    Args:
        folder: for that file; of a `pl.Trainer` of one's own an empty one, as long as it trains.
        on_gpu: whether it trains on accelerators.
        find_unused: whether a batch may leave some parameters out: what no process used has then no gradient, as in one
            process, and is not decayed.
    Example:
        pl.Trainer(accelerator="cpu", devices=2, strategy=LocalDDP(folder), use_distributed_sampler=False)
    """

    def __init__(self, folder: Path, on_gpu: bool = False, find_unused: bool = True) -> None:
        # CUDA forbids a fork, and then a module of the user's own must be of a class that can be imported
        super().__init__(start_method="spawn" if on_gpu else "fork", find_unused_parameters=find_unused)
        self.folder, self.on_gpu = folder, on_gpu

    def setup_distributed(self) -> None:
        if sys.platform == "linux":
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        self.set_world_ranks()
        torch.distributed.init_process_group(
            "nccl" if self.on_gpu else "gloo", init_method=(self.folder / "meeting").as_uri(),
            rank=self.global_rank, world_size=self.world_size,
        )  # fmt: skip


def lead(course: Course, batches: Batches, held: Batches | None) -> None:
    """Train with all others of the process group; nothing but the whole course is sent to them."""
    try:
        send((course, batches, held))
        train_joined(course, batches, held)
    except Exception as error:  # the others may be anywhere: none of them can go on
        why = str(error).rstrip(".") if isinstance(error, ClinomeError) else type(error).__name__
        raise EngineError(f"Training with other processes ended ({why}).", LOST) from error


def train_joined(course: Course, batches: Batches, held: Batches | None) -> None:
    """Train the course's network in place; every process of the group does so at once."""
    with quiet():
        trainer_of(course, _Joined()).fit(Part(course, batches), batches, held)


def send(asked: object) -> None:
    """From the first process to all others of the group."""
    from joblib.externals.loky.backend.reduction import dumps  # also of a module that a script defines

    torch.distributed.broadcast_object_list([bytes(dumps(asked))], src=0, device=torch.device("cpu"))


def cluster_environment() -> ClusterEnvironment:
    """Lightning's reading of the variables that torchrun, or srun, sets."""
    return TorchElasticEnvironment() if "WORLD_SIZE" in os.environ else SLURMEnvironment(auto_requeue=False)


class _Joined(DDPStrategy):
    """Lightning's data-parallel strategy in a process group that is there already."""

    def __init__(self) -> None:
        super().__init__(cluster_environment=cluster_environment(), find_unused_parameters=True)

    @property
    def root_device(self) -> torch.device:
        """Where this process trains; how many of them share a machine is for who launched them to say (Ray moves them)."""
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")

    def setup_distributed(self) -> None:
        self.set_world_ranks()


class Part(CourseModule):
    """The course in one of the processes. folder: where the first of them leaves what came of it; None: it is the caller."""

    def __init__(self, course: Course, batches: Batches, folder: Path | None = None) -> None:
        super().__init__(course)
        self.batches, self.folder = batches, folder

    def setup(self, stage: str) -> None:
        self.batches.take_part(self.global_rank, self.trainer.world_size)
        if self.global_rank:  # of other rows other units are dropped, and other neighbours drawn
            torch.manual_seed(self.course.plan.seed + 7919 * self.global_rank)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The part's loss, weighted by its rows: the mean of the parts' gradients is then that of the whole batch."""
        loss = self.course.learn(batch)
        if loss is None:  # the others wait for a gradient
            return next(self.network.parameters()).sum() * 0.0
        return loss * (batch.share * self.trainer.world_size)

    def on_train_epoch_end(self) -> None:
        self.course.end_epoch(self._total)

    def on_fit_end(self) -> None:
        if self.global_rank == 0 and self.folder is not None:
            course = self.course
            told: dict[str, Any] = {
                "network": {name: value.cpu() for name, value in course.network.state_dict().items()},
                "weights": course.weights, "best": course.best, "losses": course.losses, "tuned": course.tuned,
            }  # fmt: skip
            torch.save(told, self.folder / "course.pt")

    def _total(self, value: float) -> float:
        """Its sum over all processes."""
        found = torch.tensor(float(value), dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(found)
        return float(found)
