"""Process group of a launched run: the first process sends each course to the others, and all of them train it.

A course travels pickled, from the first process to those that were launched with it, over torch.distributed; nothing is
encrypted, as between the processes of any such training: the network between the machines must be trusted.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy

from ...loaders.errors import ClinomeError, EngineError
from ..base.specs import Placement
from ..base.threads import one_thread
from .course import Batches, Course
from .launch import Launched
from .on_lightning import quiet
from .several_processes import Part, trainer_of
from .trainer import reproducible

PATIENCE = timedelta(days=14)
"""The others wait while the first one fits what is no network; whoever ends is noticed at once."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LOST = "see what the others say; the same command goes on where it stopped"


@contextmanager
def joined(here: Launched, placement: Placement) -> Iterator[None]:
    """The process group of all that were launched, by the address that their variables name."""
    environment = _environment()
    os.environ.setdefault("MASTER_ADDR", environment.main_address)
    os.environ.setdefault("MASTER_PORT", str(environment.main_port))
    local = here.rank % placement.devices if here.local is None else here.local
    os.environ.setdefault("LOCAL_RANK", str(local))
    if os.environ["MASTER_ADDR"] in _LOOPBACK and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    if torch.cuda.is_available():
        torch.cuda.set_device(local)
    torch.distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", rank=here.rank, world_size=here.ranks, timeout=PATIENCE
    )  # fmt: skip
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def lead(course: Course, batches: Batches, held: Batches | None) -> None:
    """Train the course's network in place, with all the others."""
    try:
        _send((course, batches, held))
        _train(course, batches, held)
    except Exception as error:  # the others may be anywhere: none of them can go on
        why = str(error).rstrip(".") if isinstance(error, ClinomeError) else type(error).__name__
        raise EngineError(f"Training with other processes ended ({why}).", _LOST) from error


def follow() -> None:
    """Train whatever the first process sends, until it sends nothing more."""
    with one_thread():
        while True:
            try:
                asked = _received()
            except RuntimeError as error:
                raise EngineError("The first of the launched processes ended before its run did.", _LOST) from error
            if asked is None:
                return
            course, batches, held = asked
            with reproducible(course.plan.seed):
                _train(course, batches, held)


def dismiss() -> None:
    """Let the others end."""
    _send(None)


def _train(course: Course, batches: Batches, held: Batches | None) -> None:
    with quiet():
        trainer_of(course, _Joined()).fit(Part(course, batches), batches, held)


class _Joined(DDPStrategy):
    """Lightning's data-parallel strategy in a process group that is there already."""

    def __init__(self) -> None:
        super().__init__(cluster_environment=_environment(), find_unused_parameters=True)

    def setup_distributed(self) -> None:
        self.set_world_ranks()


def _environment() -> ClusterEnvironment:
    return TorchElasticEnvironment() if "WORLD_SIZE" in os.environ else SLURMEnvironment(auto_requeue=False)


def _send(asked: object) -> None:
    from joblib.externals.loky.backend.reduction import dumps  # also of a module that a script defines

    torch.distributed.broadcast_object_list([bytes(dumps(asked))], src=0, device=torch.device("cpu"))


def _received() -> Any:
    found: list[Any] = [None]
    torch.distributed.broadcast_object_list(found, src=0, device=torch.device("cpu"))
    return pickle.loads(found[0])
