"""Worker processes: begun before there is work, given it once, gone with whoever began them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from equal_results import equal
from snapshots import make_snapshot

from clinome.models.base.learner import Learner
from clinome.models.base.snapshot import Snapshot
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as harness
from clinome.models.experiment.processes import Processes, with_given
from clinome.models.experiment.worker_pool import processes_for
from clinome.models.experiment.workers import Workers
from clinome.models.learners.registry import LEARNERS, select


def who(snapshot: Snapshot, learners: Sequence[Learner], one: int) -> tuple[int, int, list[str]]:
    time.sleep(0.2)  # so that no process does it all
    return os.getpid(), len(snapshot.rows) + one, [learner.name for learner in learners]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").exists() else True


def test_they_wait_for_what_they_are_given_and_end_with_their_owner() -> None:
    snapshot = make_snapshot(n=30, features=4)
    learners = select(snapshot, ("majority", "covariates"))[0]
    with Processes(2, networks=False).begin() as processes:
        early = [processes.submit(with_given, processes.folder, who, i) for i in range(4)]
        assert not any(one.done() for one in early)
        assert not processes.given
        processes.give(snapshot, learners)
        assert processes.given
        with pytest.raises(RuntimeError, match="second thing"):
            processes.give(snapshot, learners)
        found = [one.result(timeout=60) for one in early]
        assert [rows for _, rows, _ in found] == [30, 31, 32, 33]
        assert all(names == ["majority", "covariates"] for _, _, names in found)
        pids = {pid for pid, _, _ in found}
        assert os.getpid() not in pids
        folder = processes.folder
        assert folder.stat().st_mode & 0o077 == 0  # patients' values lie in it
    assert not folder.exists()
    deadline = time.monotonic() + 20
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, pids))


NAMES = (
    "json",
    "pickle",
    "argparse",
    "runpy",
    "multiprocessing",
    "joblib",
    "numpy",
    "polars",
    "scipy",
    "sklearn",
    "torch",
    "ray",
    "clinome",
)


def lay_code(folder: Path) -> None:
    """Files under the names of modules that worker processes import; whoever runs one leaves a file."""
    for name in NAMES:
        (folder / f"{name}.py").write_text("import os\nopen(__file__ + '.ran', 'w').write(str(os.getpid()))\n")


def inside(snapshot: Snapshot, learners: Sequence[Learner], one: Any) -> tuple[str, list[str], dict[str, str]]:
    time.sleep(0.2)
    return os.getcwd(), sys.path, {name: value for name, value in os.environ.items() if name.startswith("CLINOME")}


def test_no_code_of_the_folder_that_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor any password of a database: not in workers, nor in the processes that clean up after them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one])
    for name in ("CLINOME_NEO4J_USER", "CLINOME_NEO4J_PASSWORD"):
        monkeypatch.setenv(name, "s3cr3t")
    lay_code(tmp_path)
    snapshot = make_snapshot(n=30, features=4)
    with Processes(2, networks=True) as processes:
        with Workers(snapshot, select(snapshot, ("majority",))[0], 2, processes) as workers:
            found = list(workers(inside, [1, 2, 3, 4]))
        begun = [one.environ() for one in psutil.Process().children(recursive=True)]
    assert os.environ["CLINOME_NEO4J_PASSWORD"] == "s3cr3t"
    assert list(tmp_path.glob("*.ran")) == []
    for _, path, environment in found:
        assert str(tmp_path) not in path and "" not in path
        assert not any(environment.values())
    assert begun
    assert not any("s3cr3t" in one.values() for one in begun)


def test_one_that_waits_for_nothing_begins_at_once() -> None:
    with Processes(1, networks=False, waiting=False) as aside:
        assert aside.submit(os.getpid).result(timeout=60) != os.getpid()
        assert not aside.given


def test_they_end_where_nothing_was_ever_given() -> None:
    start = time.monotonic()
    with Processes(2, networks=False).begin():
        pass
    assert time.monotonic() - start < 30


def test_workers_leave_processes_that_are_another_s() -> None:
    snapshot = make_snapshot(n=30, features=4)
    learners = select(snapshot, ("majority",))[0]
    with Processes(2, networks=False).begin() as processes:
        with Workers(snapshot, learners, 2, processes) as workers:
            assert len(list(workers(who, [1, 2, 3]))) == 3
        assert processes.submit(os.getpid).result(timeout=60) != os.getpid()


def test_a_run_in_processes_begun_before_is_the_run_in_its_own() -> None:
    snapshot = make_snapshot(n=60, features=12)
    learners = select(snapshot, ("majority", "ridge_late"))[0]

    def run(processes: Processes | None, workers: int) -> Any:
        learn = Learn(trials=1, workers=workers)
        return harness.run(snapshot, learners, Evaluate(), learn, controls=False, processes=processes)

    with Processes(2, networks=False).begin() as processes:
        equal(run(processes, 2), run(None, 1))


@pytest.mark.parametrize(
    ("learn", "evaluate", "count"),
    [
        (Learn(workers=4), Evaluate(), 4),
        (Learn(workers=64, learners=("majority",)), Evaluate(folds=3, repeats=2), 6),
        (Learn(workers=64, learners=("default",)), Evaluate(folds=2), min(64, 2 * len(LEARNERS))),
    ],
)
def test_no_more_processes_than_jobs(learn: Learn, evaluate: Evaluate, count: int) -> None:
    processes = processes_for(learn, evaluate)
    assert processes is not None
    assert processes.count == count


@pytest.mark.parametrize("workers", [1, "ray", "ray://10.0.0.1:10001"])
def test_no_processes_where_the_study_asks_for_none_here(workers: int | str) -> None:
    assert processes_for(Learn(workers=workers), Evaluate()) is None


def test_torch_is_loaded_only_for_networks() -> None:
    plain = processes_for(Learn(workers=2, learners=("ridge_late", "forest")), Evaluate())
    deep = processes_for(Learn(workers=2), Evaluate())
    assert plain is not None
    assert deep is not None
    assert (plain.networks, deep.networks) == (False, True)
