"""One network on several machines of a Ray cluster: Ray Train starts the processes, Clinome trains with them.

Each worker of Ray Train calls `clinome.train` on the same study, with as many `nodes` as there are workers. The first of
them reads the study and writes its run; the others train every network with it, each with its own part of every
batch, and need no file of the study. The loss curve is that of one process whose batch is as many times as large.

    python examples/ray_train.py [STUDY] [--workers 2]

Without RAY_ADDRESS a Ray is started on this machine. Needs `pip install "clinome[ray]"`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

import clinome

PATIENCE = 14 * 86_400
"""Seconds: the others wait while the first one fits what is no network."""


def train(config: dict[str, Any]) -> None:
    """In each worker."""
    clinome.train(config["study"])


def on_ray(work: Callable[[dict[str, Any]], None], config: dict[str, Any], workers: int, storage: Path) -> None:
    """The work in so many processes of one group, on the GPUs of the cluster where it has any."""
    gpu = ray.cluster_resources().get("GPU", 0) >= workers
    TorchTrainer(
        work, train_loop_config=config, scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpu),
        torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if gpu else "gloo", timeout_s=PATIENCE),
        run_config=RunConfig(name="clinome", storage_path=str(storage)),
    ).fit()  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, nargs="?", default=Path("clinome-demo/study.toml"))
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    if not ray.is_initialized():
        here = {} if "RAY_ADDRESS" in os.environ else {"_node_ip_address": "127.0.0.1", "include_dashboard": False}
        ray.init(log_to_driver=False, **here)
    study = clinome.Study.read(args.study)
    study = replace(study, learn=replace(study.learn, nodes=args.workers, devices=1, workers=1))
    on_ray(train, {"study": study}, args.workers, study.folder / "ray")
    print(clinome.Run.open(study.folder / "runs" / study.name).metrics)


if __name__ == "__main__":
    main()
