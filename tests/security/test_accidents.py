"""Accidents: two commands at once, a full disk, a folder that none may write, a clock that jumps, a kill in the middle
of a file: the same command then ends well."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from outcome_study import write

import clinome
from clinome.loaders.files.atomic import atomic_path

MAIN = "from clinome.cli.main import main; main()"


def begin(*words: str | Path, before: Callable[[], None] | None = None, main: str = MAIN) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-c", main, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=before)  # noqa: PLW1509


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    out = process.communicate()[0]
    return process.returncode, out


def fingerprint(folder: Path) -> str:
    with clinome.open(folder) as graph:
        return graph.fingerprint()


def full_disk() -> None:
    """No file may grow beyond a few thousand bytes: a write then fails as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def bound() -> None:
    """Modes of folders hold for root too: without the capability to override them."""
    cap_bset_drop, cap_dac_override = 24, 1
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(cap_bset_drop, cap_dac_override, 0, 0, 0):
        raise OSError("root may not give up its right to write everywhere")


@pytest.fixture
def undisturbed(tmp_path: Path) -> str:
    write(tmp_path / "good", "s", 1)
    assert end(begin("load", tmp_path / "good"))[0] == 0
    return fingerprint(tmp_path / "good")


@pytest.mark.slow
def test_two_loads_at_once(tmp_path: Path, undisturbed: str) -> None:
    write(tmp_path / "study", "s", 1)
    ended = [end(one) for one in [begin("load", tmp_path / "study") for _ in range(2)]]
    for code, out in ended:
        assert code == 0 or (code == 3 and "another process is writing" in out), out
    assert any(code == 0 for code, _ in ended)
    assert end(begin("load", tmp_path / "study"))[0] == 0
    assert fingerprint(tmp_path / "study") == undisturbed


@pytest.mark.slow
def test_a_full_disk_is_told_and_the_same_command_goes_on(tmp_path: Path, undisturbed: str) -> None:
    folder = tmp_path / "study"
    write(folder, "s", 1)
    code, out = end(begin("load", folder, before=full_disk))
    assert code == 3 and "Fix: " in out and "mistake of ours" not in out, out
    assert end(begin("load", folder))[0] == 0
    assert fingerprint(folder) == undisturbed
    code, out = end(begin("train", folder, before=full_disk))
    assert code == 3 and "Fix: " in out and "mistake of ours" not in out, out
    assert end(begin("train", folder))[0] == 0
    assert list(folder.rglob("*.part")) == []


@pytest.mark.slow
def test_a_folder_that_none_may_write_is_told_and_left_alone(tmp_path: Path, undisturbed: str) -> None:
    folder = tmp_path / "study"
    write(folder, "s", 1)
    there = sorted(folder.iterdir())
    folder.chmod(0o555)
    code, out = end(begin("load", folder, before=bound))
    assert code == 3 and "Permission denied" in out and "Fix: " in out and "mistake of ours" not in out, out
    assert sorted(folder.iterdir()) == there
    folder.chmod(0o755)
    assert end(begin("load", folder, before=bound))[0] == 0
    assert fingerprint(folder) == undisturbed


@pytest.mark.slow
def test_two_trainings_into_one_run_folder(tmp_path: Path) -> None:
    for name in ("alone", "study"):
        write(tmp_path / name, "s", 1)
        assert end(begin("load", tmp_path / name))[0] == 0
    assert end(begin("train", tmp_path / "alone"))[0] == 0
    for code, out in [end(one) for one in [begin("train", tmp_path / "study") for _ in range(2)]]:
        assert code == 0, out
    run, alone = (tmp_path / name / "runs" / "s" for name in ("study", "alone"))
    assert (run / "predictions.parquet").read_bytes() == (alone / "predictions.parquet").read_bytes()
    both, one = (json.loads((folder / "results.json").read_text())["learners"] for folder in (run, alone))
    assert {name: found["metrics"] for name, found in both.items()} == {
        name: found["metrics"] for name, found in one.items()
    }
    assert list(run.glob("*.part")) == []
    assert end(begin("report", tmp_path / "study"))[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("step", [-86_400, 86_400 * 400], ids=["back", "on"])
def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, undisturbed: str, step: int) -> None:
    """Each look at the clock is a day earlier, or more than a year later, than the one before."""
    jumping = (
        "import itertools, time; now = time.time; jumps = itertools.count(1)\n"
        f"time.time = lambda: max(1.0, now() + {step} * min(next(jumps), 5_000))\n"
    )
    folder = tmp_path / "study"
    write(folder, "s", 1)
    for verb in ("load", "train", "report"):
        code, out = end(begin(verb, folder, main=jumping + MAIN))
        assert code == 0, out
        assert verb != "load" or fingerprint(folder) == undisturbed
    results = json.loads((folder / "runs" / "s" / "results.json").read_text())
    assert all(one["seconds"] >= 0 for one in results["learners"].values())
    assert list(folder.rglob("*.part")) == []


def test_what_a_killed_writer_left_is_taken_away_by_the_next(tmp_path: Path) -> None:
    file = tmp_path / "report [1].html"
    code = (
        "import os, pathlib; from clinome.loaders.files.atomic import atomic_path\n"
        f"with atomic_path(pathlib.Path({str(file)!r})) as fresh:\n    fresh.write_text('half'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    with atomic_path(file) as mine, atomic_path(file.with_name("another.html")) as other:
        mine.write_text("whole")
        other.write_text("whole")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["another.html", "report [1].html"]


def test_a_writer_that_lives_keeps_its_file(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    with atomic_path(file) as fresh:
        fresh.write_text("mine")
        living = fresh.with_name(fresh.name.replace(f"-{os.getpid()}.", f"-{os.getppid()}."))
        living.write_text("another's")
        with atomic_path(file.with_name("u.csv")) as other:
            other.write_text("")
    assert living.exists()
