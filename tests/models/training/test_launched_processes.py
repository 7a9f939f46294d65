"""Two processes that torchrun, or srun, would have launched: one run, the loss curve of one process, one writer."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from launching import SRUN, TORCHRUN, launch

from clinome.loaders.errors import InputError
from clinome.models.base.specs import Learn
from clinome.models.training.launch import Launched, launched

FIT = """
import json, sys
import numpy as np
from snapshots import make_snapshot
from clinome.models.base.folds import parts
from clinome.models.base.specs import Learn, Placement
from clinome.models.base.threads import one_thread
from clinome.models.learners.base import placed
from clinome.models.learners.registry import make
from clinome.models.training.launch import launched

def fitted(placement, batch):
    snapshot = make_snapshot("binary", n=150, records=True, signal=2.0)
    train, tuning, held = parts(snapshot.folds, 0, 0)
    plan = {"epochs": 4, "patience": 4, "batch_size": batch, "full_batch": 0}
    learner = placed(make("hetero_gnn"), placement).with_setting({"dropout": 0.0, "plan": plan}, 1)
    learner.fit(snapshot, train, tuning)
    return [*learner.report.train, *learner.report.tuning, *learner.predict(snapshot, held)]

def main(nodes, devices):
    asked = Learn(nodes=nodes, devices=devices)
    with launched(asked) as learn:
        if learn is not None:
            assert learn.workers == 1
            twice = [fitted(learn.placement, 16), fitted(learn.placement, 16)]
            print(json.dumps([*twice, fitted(Placement(), 32)]))

if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
"""


@pytest.mark.parametrize(("about", "nodes", "devices"), [(TORCHRUN, 2, 1), (SRUN, 2, 1)], ids=["torchrun", "srun"])
def test_two_machines_are_one_process_with_the_doubled_batch(
    about: Mapping[str, str], nodes: int, devices: int, tmp_path: Path
) -> None:
    (tmp_path / "fit.py").write_text(FIT)
    first, second = launch([sys.executable, "fit.py", str(nodes), str(devices)], about, tmp_path, tmp_path)
    assert first.returncode == second.returncode == 0, first.stderr[-2000:] + second.stderr[-2000:]
    together, again, alone = json.loads(first.stdout)
    assert together == again and second.stdout == ""
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4)


FAILS = """
import sys
from clinome.errors import ClinomeError
from clinome.models.base.specs import Learn
from clinome.models.training.launch import launched
try:
    with launched(Learn(nodes=2)) as learn:
        if learn is not None:
            raise ValueError
except ClinomeError as error:
    sys.exit(f"{error.exit_code} {error}")
"""


def test_the_others_end_with_the_first(tmp_path: Path) -> None:
    first, second = launch([sys.executable, "-c", FAILS], TORCHRUN, tmp_path, tmp_path)
    assert first.returncode == 1 and "ValueError" in first.stderr
    assert second.returncode == 1 and second.stderr.strip().splitlines()[-1].startswith("3 The first of the launched")


def test_who_launched_it() -> None:
    assert Launched.of({"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}) is None  # a batch script, once, with eight cores
    assert Launched.of({"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "3"}) == Launched(3, 8, None, "srun")
    assert Launched.of({"RANK": "0", "WORLD_SIZE": "1"}) is None
    assert Launched.of({}) is None


@pytest.mark.parametrize(
    ("learn", "environment", "said"),
    [
        (Learn(nodes=2), {}, "torchrun --nnodes 2 --nproc-per-node 1"),
        (Learn(devices=4), {"RANK": "0", "WORLD_SIZE": "2"}, "got 2; expected 4"),
        (Learn(), {"RANK": "1", "WORLD_SIZE": "2"}, "got 2; expected 1"),
        (Learn(devices=2, workers=3), {"RANK": "0", "WORLD_SIZE": "2"}, "got 3; expected 1"),
    ],
    ids=["not launched", "another number", "one asked for", "workers"],
)
def test_what_does_not_go_together_is_refused(
    learn: Learn, environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError) as error, launched(learn):
        raise AssertionError
    assert said in str(error.value)


def test_one_process_alone_goes_on_as_it_is() -> None:
    with launched(Learn(devices=2)) as learn:
        assert learn == Learn(devices=2)
    assert not torch.distributed.is_initialized()
