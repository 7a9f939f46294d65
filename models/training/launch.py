"""Launched processes: a run that torchrun, srun or Ray Train started several times: the first goes on, the others train
with it.

Only the first reads the study's graph and writes its run folder; what the others need of the rows travels to them, fit by
fit (`launched_processes`). They share no file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ...loaders.errors import InputError
from ..base.specs import Learn, Placement

WHERE = "study.toml [learn]"


@dataclass(frozen=True)
class Launched:
    """Which of how many processes this is. by: whose variables say so.

    local: its number on its machine; None where nothing says it.
    """

    rank: int
    ranks: int
    local: int | None
    by: str

    @classmethod
    def of(cls, environment: os._Environ[str] | dict[str, str]) -> Launched | None:
        """What torchrun's variables say, or those of a step of Slurm; None where this process was started by itself.

        Example:
            >>> Launched.of({"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1"})
            Launched(rank=1, ranks=4, local=1, by='torchrun')
        """
        for by, names in (("torchrun", _TORCHRUN), ("srun", _SRUN)):
            found = [environment.get(name, "") for name in names]
            if found[0].isdigit() and found[1].isdigit() and int(found[1]) > 1:
                return cls(int(found[0]), int(found[1]), int(found[2]) if found[2].isdigit() else None, by)
        return None


_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
_SRUN = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID")


@contextmanager
def launched(learn: Learn) -> Iterator[Learn | None]:
    """Around a run: of the processes that were launched, the first goes on, the others train with it until it is done.

    Yields: what the run shall learn with; None where this process was one of the others, and all is done.
    Raises: InputError where the study asks for other processes than these; EngineError where one of them is lost.
    Example:
        with launched(study.learn) as learn:
            if learn is None:
                return
            ...
    """
    here = Launched.of(os.environ)
    if here is None:
        yield _alone(learn)
        return
    _check(learn, here)
    from .launched_processes import dismiss, follow, joined

    with joined(here.rank, learn.placement, here.local):
        if here.rank:
            follow()
            yield None
        else:
            yield replace(learn, workers=1)  # the processes wait for this one, and for none that it begins
            dismiss()  # not after an error: the others see that it has gone


def _not_launched(placement: Placement) -> InputError:
    fix = f"start it on each: {placement.command} …, or srun"
    return InputError(
        "several machines, and this process was started by itself", f"{WHERE} nodes", placement.nodes, fix=fix
    )


def _alone(learn: Learn) -> Learn:
    if learn.nodes > 1:
        raise _not_launched(learn.placement)
    if learn.devices == 1 or not _has_gpu():
        return learn
    if learn.workers not in (0, 1):
        raise InputError(
            "several workers would train on the same GPUs", f"{WHERE} workers", learn.workers,
            f"1, beside devices = {learn.devices}", "leave out one of the two",
        )  # fmt: skip
    return replace(learn, workers=1)


def _check(learn: Learn, here: Launched) -> None:
    if here.ranks != learn.placement.count:
        raise InputError(
            f"{here.by} started another number of processes", f"{WHERE} devices × nodes", here.ranks,
            learn.placement.count, "launch as many, or change the study file; without a launcher one process runs it",
        )  # fmt: skip
    if learn.workers not in (0, 1):
        raise InputError(
            "launched processes train one network at a time", f"{WHERE} workers", learn.workers, 1, "leave the line out"
        )


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
