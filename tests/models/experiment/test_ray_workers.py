"""Workers on a local Ray: the same results, the learner's own errors, and plain words where Ray is not there."""

from __future__ import annotations

import socket
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
from equal_results import equal
from snapshots import make_snapshot

import clinome
from clinome.loaders.errors import EngineError, UsageError
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as harness
from clinome.models.experiment.checkpoint import Checkpoint
from clinome.models.experiment.ray_workers import RayWorkers, _by_own_clock, _by_wall_clock
from clinome.models.learners.adapters.own_code import LearnerFailed
from clinome.models.learners.adapters.scikit_learn import sklearn
from clinome.models.learners.registry import select

NAMES = ("ridge_late", "boosting", "hetero_gnn")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def open_to_others() -> list[str]:
    """Where processes begun by this one listen, other than on the loopback."""
    begun = psutil.Process().children(recursive=True)
    heard = {c.laddr.ip for one in begun for c in one.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert heard
    return sorted(heard - {"127.0.0.1", "::1", "::ffff:127.0.0.1"})


@pytest.mark.slow
def test_two_workers_of_a_local_ray_find_what_one_process_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started here on the loopback with two CPUs, and gone afterwards."""
    ray: Any = import_module("ray")
    folders: list[Path] = []

    class Two(RayWorkers):
        def __enter__(self) -> Self:
            super().__enter__()
            folders.append(Path(ray._private.worker._global_node.get_session_dir_path()))
            assert ray.cluster_resources()["CPU"] == 2
            assert open_to_others() == []
            return self

    monkeypatch.setenv("RAY_ADDRESS", "local")
    snapshot = make_snapshot(n=60, features=12)
    learners = select(snapshot, NAMES)[0]
    one = harness.run(snapshot, learners, Evaluate(), Learn(trials=1, workers=1), keep=True)
    monkeypatch.setattr(harness, "workers_for", lambda snapshot, learners, learn, _: Two(snapshot, learners, "ray", 2))
    equal(harness.run(snapshot, learners, Evaluate(), Learn(trials=1, workers=1), keep=True), one)
    assert not ray.is_initialized()
    assert not folders[0].exists()


@pytest.mark.slow
def test_a_learners_own_error_comes_as_itself_and_what_was_done_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setenv("RAY_ADDRESS", "local")
    snapshot, checkpoint = make_snapshot(n=60, features=12), Checkpoint(tmp_path / "units.part", "basis")
    learners = [*select(snapshot, ("majority", "covariates"))[0], sklearn(LogisticRegression(C=-1.0), "mine")]
    with pytest.raises(LearnerFailed, match=r"learners\['mine'\]: fit raised InvalidParameterError \(.+ line \d+\)"):
        harness.run(snapshot, learners[::-1], Evaluate(), Learn(trials=1, workers="ray"), checkpoint=checkpoint)
    assert all(job.suffix != ".part" for job in checkpoint.folder.glob("*"))


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    snapshot = make_snapshot(n=30, features=5)
    with pytest.raises(UsageError, match=r'pip install "clinome\[ray\]"'):
        harness.run(snapshot, select(snapshot, ("majority",))[0], Evaluate(), Learn(workers="ray"))


def test_a_cluster_that_does_not_answer_is_an_engine_that_failed() -> None:
    snapshot, address = make_snapshot(n=30, features=5), f"ray://127.0.0.1:{free_port()}"
    begun = time.monotonic()
    with pytest.raises(EngineError, match=f"Ray does not answer at {address}"):
        harness.run(snapshot, select(snapshot, ("majority",))[0], Evaluate(), Learn(workers=address))
    assert time.monotonic() - begun < 20


def test_workers_are_a_number_or_rays() -> None:
    raw: dict[str, Any] = {"name": "s", "store": "s.graph", "patients": {"path": "p.csv"}}
    for workers in (0, 8, "ray", "ray://head:10001"):
        study = clinome.Study.parse({**raw, "learn": {"workers": workers}}, Path("/x"))
        assert study.learn.workers == workers


def test_a_deadline_is_told_by_the_clock_on_the_wall() -> None:
    snapshot = make_snapshot(n=30, features=5)
    job = harness._jobs(snapshot.folds, ["majority"], Evaluate(), Learn(trials=1, workers=1), 0.0)[0]
    assert _by_wall_clock(job) is job and _by_own_clock(job) is job
    late = replace(job, deadline=time.monotonic() + 60)
    told = _by_wall_clock(late)
    assert abs(told.deadline - time.time() - 60) < 1
    assert abs(_by_own_clock(told).deadline - late.deadline) < 1
