"""`[learn] devices` and `nodes` in a study: one writer, the same results wherever the processes are, others on other batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import Clinome
from launching import TORCHRUN, launch
from outcome_study import write

import clinome
from clinome.run_folder.run import Run
from clinome.study import Study

COMMAND = "import sys; from clinome.cli.main import main; sys.argv = ['clinome', 'run', 'study.toml', '--json']; main()"


def asks(folder: Path, lines: str) -> None:
    """The study with these lines about learning instead of its own."""
    file = folder / "study.toml"
    head = file.read_text().partition("[learn]")[0]
    file.write_text(f'{head}[learn]\nlearners = ["ridge_late", "propagation"]\ntrials = 1\n{lines}\n')


@pytest.mark.slow
def test_two_machines_make_one_run_that_stands_for_two_processes_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "first", "pair", 1)
    asks(tmp_path / "first", "nodes = 2")
    other = tmp_path / "second" / "study.toml"  # of the second machine nothing but the study file is needed
    other.parent.mkdir()
    other.write_text((tmp_path / "first" / "study.toml").read_text())
    ended = launch([sys.executable, "-c", COMMAND], TORCHRUN, tmp_path / "first", tmp_path / "second")
    assert [one.returncode for one in ended] == [0, 0], ended[0].stderr[-2000:] + ended[1].stderr[-2000:]
    assert [*other.parent.iterdir()] == [other]
    run = Run.of(Study.read(tmp_path / "first"))
    assert json.loads(ended[0].stdout.splitlines()[-1])["run"] == str(run.folder)
    assert set(run.metrics["learner"]) == {"ridge_late", "propagation", "chosen"} and run.report.exists()
    found = run.predictions

    command = Clinome(capsys, monkeypatch)
    asks(tmp_path / "first", "devices = 2")
    assert "nothing has changed" in command("train", tmp_path / "first").out
    together = command("train", tmp_path / "first", "--name", "devices")
    assert together.code == 0
    assert Run.open(run.folder.parent / "devices").predictions.equals(found)

    asks(tmp_path / "first", "workers = 1")
    assert "nothing has changed" not in command("train", tmp_path / "first").out  # the batches are others
    alone = run.predictions
    same = {
        name: alone[alone["learner"] == name].equals(found[found["learner"] == name])
        for name in ("ridge_late", "propagation")
    }
    assert same == {"ridge_late": True, "propagation": False}


ON_RAY = """
import sys
import ray, ray_train
from clinome.models.experiment.ray_cluster import _private
with _private(ray):  # on the loopback, with a token that nobody else has
    ray.init("local", num_cpus=3, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False,
             job_config=ray.job_config.JobConfig(_py_driver_sys_path=sys.path))
ray_train.main()
"""


@pytest.mark.slow
def test_ray_train_makes_the_run_that_two_processes_make(tmp_path: Path) -> None:
    """examples/ray_train.py on a Ray of this machine."""
    write(tmp_path / "pair", "pair", 1)
    asks(tmp_path / "pair", "")
    study = Study.read(tmp_path / "pair")
    clinome.load(study)
    path = os.pathsep.join([str(Path(__file__).parents[3] / "examples"), *sys.path])
    command = [sys.executable, "-c", ON_RAY, str(tmp_path / "pair")]
    given = {**os.environ, "PYTHONPATH": path}
    ended = subprocess.run(command, env=given, capture_output=True, text=True, timeout=400, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "c_index" in ended.stdout or "auroc" in ended.stdout
    found = Run.of(study).predictions
    asks(tmp_path / "pair", "devices = 2")
    together = clinome.train(Study.read(tmp_path / "pair"), name="devices").predictions
    assert set(found["learner"]) == {"ridge_late", "propagation", "chosen"}
    assert together.drop(columns="set").equals(found.drop(columns="set"))


def test_without_a_network_it_is_said_that_devices_change_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Clinome(capsys, monkeypatch)
    write(tmp_path / "plain", "plain", 1)
    file = tmp_path / "plain" / "study.toml"
    file.write_text(file.read_text() + "devices = 2\n")
    assert command("load", file).code == 0
    assert "no learner of this run is a network" in command("train", file).out


def test_several_machines_are_not_begun_by_one_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Clinome(capsys, monkeypatch)
    write(tmp_path / "lone", "lone", 1)
    asks(tmp_path / "lone", "nodes = 2")
    ended = command("run", tmp_path / "lone")
    assert ended.code == 1 and "torchrun --nnodes 2" in ended.err
    assert not (tmp_path / "lone" / "runs").exists()
