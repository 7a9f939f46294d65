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

from ...loaders.errors import EngineError
from ..base.specs import Placement
from ..base.threads import one_thread
from .reproducible import reproducible
from .several_processes import LOST, cluster_environment, send, train_joined

PATIENCE = timedelta(days=14)
"""The others wait while the first one fits what is no network; whoever ends is noticed at once."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@contextmanager
def joined(rank: int, placement: Placement, local: int | None) -> Iterator[None]:
    """The process group of all that were launched, by the address that their variables name; of Ray Train, which has made
    one, its own.

    Args:
        rank: which of all this process is. local: which of its machine; None where nothing says it.
    """
    if torch.distributed.is_initialized():
        if torch.cuda.is_available() and local is not None:
            torch.cuda.set_device(local % torch.cuda.device_count())
        yield
        return
    environment = cluster_environment()
    os.environ.setdefault("MASTER_ADDR", environment.main_address)
    os.environ.setdefault("MASTER_PORT", str(environment.main_port))
    local = rank % placement.devices if local is None else local
    os.environ.setdefault("LOCAL_RANK", str(local))
    if os.environ["MASTER_ADDR"] in _LOOPBACK and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    if torch.cuda.is_available():
        torch.cuda.set_device(local)
    torch.distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", rank=rank, world_size=placement.count, timeout=PATIENCE
    )  # fmt: skip
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def follow() -> None:
    """Train whatever the first process sends, until it sends nothing more."""
    with one_thread():
        while True:
            try:
                asked = _received()
            except RuntimeError as error:
                raise EngineError("The first of the launched processes ended before its run did.", LOST) from error
            if asked is None:
                return
            course, batches, held = asked
            with reproducible(course.plan.seed):
                train_joined(course, batches, held)


def dismiss() -> None:
    """Let the others end."""
    send(None)


def _received() -> Any:
    found: list[Any] = [None]
    torch.distributed.broadcast_object_list(found, src=0, device=torch.device("cpu"))
    return pickle.loads(found[0])
