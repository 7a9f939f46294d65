"""Accidents: two loads at once, a full disk, a kill in the middle of a file: the same command then ends well."""

from __future__ import annotations

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


def begin(*words: str | Path, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-c", MAIN, *map(str, words)]
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
