"""Processes that torchrun, or srun, would have launched on two machines."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from torch.distributed import TCPStore  # type: ignore[attr-defined]

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1", "LOCAL_RANK": "0"}
SRUN = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "clinome", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_LOCALID": "0",
        "SLURM_NNODES": "2", "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_NTASKS_PER_NODE": "1"}  # fmt: skip


def launch(command: list[str], about: Mapping[str, str], *folders: Path) -> list[subprocess.CompletedProcess[str]]:
    """Two processes, each in its folder, as two machines of one process each; they meet at a store of ours, as torchrun has one, on the
    loopback: the one that torch itself would open is open to all."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    store = TCPStore("127.0.0.1", port, is_master=True, master_listen_fd=listening.detach())
    given = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True", **about}
    begun = []
    for rank, folder in enumerate(folders):
        numbers = {"RANK": str(rank), "GROUP_RANK": str(rank)} if "WORLD_SIZE" in about else {}
        numbers |= {"SLURM_PROCID": str(rank), "SLURM_NODEID": str(rank)} if "SLURM_JOB_ID" in about else {}
        environment = {
            **os.environ,
            **given,
            **numbers,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "OMP_NUM_THREADS": "1",
        }
        begun.append(
            subprocess.Popen(command, env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        )  # fmt: skip
    ended = [subprocess.CompletedProcess(command, 0, *one.communicate(timeout=300)) for one in begun]
    for one, process in zip(ended, begun, strict=True):
        one.returncode = process.returncode
    del store
    return ended
