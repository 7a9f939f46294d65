"""Workers on a local Ray: the same results, the learner's own errors, and plain words where Ray is not there."""

from __future__ import annotations

import os
import socket
import subprocess
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
from clinome.models.learners.adapters.scikit_learn import sklearn
from clinome.models.learners.registry import select

NAMES = ("ridge_late", "boosting", "propagation")


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


def joins(address: str, mode: str, token: str, home: Path) -> bool:
    """Whether another user, who has this token, gets an answer of the Ray at this address."""
    code = f"from ray._raylet import GcsClient; GcsClient(address={address!r}).internal_kv_keys(b'', None, timeout=9)"
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN": token}
    return subprocess.run([sys.executable, "-P", "-c", code], env=env, capture_output=True, check=False).returncode == 0


class Asked:
    deadline = None


def inside(snapshot: Any, learners: Any, one: Any) -> tuple[list[str], dict[str, str]]:
    return sys.path, {name: value for name, value in os.environ.items() if name.startswith("CLINOME")}


@pytest.mark.slow
def test_nobody_else_joins_and_no_code_of_the_folder_that_one_stands_in_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that is written nowhere, a folder of mode 700, no current folder on the path, no password of a database."""
    ray: Any = import_module("ray")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("CLINOME_NEO4J_PASSWORD", "s3cr3t")
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one])
    (tmp_path / "home").mkdir()
    study = tmp_path / "study"
    study.mkdir()
    for name in ("json", "pickle", "colorama", "cloudpickle", "numpy", "polars", "ray", "clinome"):
        (study / f"{name}.py").write_text("open(__file__ + '.ran', 'w').close()\n")
    monkeypatch.chdir(study)
    snapshot = make_snapshot(n=30, features=5)
    with RayWorkers(snapshot, select(snapshot, ("majority",))[0], "ray", 2) as workers:
        (path, environment), *_ = workers(inside, [Asked()])
        begun = [one.environ() for one in psutil.Process().children(recursive=True)]
        address, folder = (
            ray.get_runtime_context().gcs_address,
            Path(ray._private.worker._global_node.get_temp_dir_path()),
        )
        token = next(one["RAY_AUTH_TOKEN"] for one in begun if "RAY_AUTH_TOKEN" in one)
        assert joins(address, "token", token, tmp_path / "home")
        assert not joins(address, "disabled", "", tmp_path / "home")
        assert not joins(address, "token", "a" * 64, tmp_path / "home")
        assert folder.parent.stat().st_mode & 0o077 == 0 and folder.parent.name.startswith("clinome-ray-")
    assert list(study.glob("*.ran")) == []
    assert str(study) not in path and "" not in path
    assert not any(environment.values())
    assert not any("s3cr3t" in one.values() for one in begun)
    assert os.environ["RAY_AUTH_MODE"] == "disabled" and "RAY_AUTH_TOKEN" not in os.environ
    assert Path.cwd() == study


@pytest.mark.slow
def test_a_learners_own_error_comes_as_itself_and_what_was_done_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setenv("RAY_ADDRESS", "local")
    snapshot, checkpoint = make_snapshot(n=60, features=12), Checkpoint(tmp_path / "units.part", "basis")
    learners = [*select(snapshot, ("majority", "covariates"))[0], sklearn(LogisticRegression(C=-1.0), "mine")]
    results = harness.run(snapshot, learners[::-1], Evaluate(), Learn(trials=1, workers="ray"), checkpoint=checkpoint)
    assert {one["learner"] for one in results.failed} == {"mine"}
    assert all("fit raised InvalidParameterError" in one["reason"] for one in results.failed)
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
