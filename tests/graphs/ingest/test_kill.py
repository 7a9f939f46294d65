"""`kill -9` in the middle of a load, then the same command: the graph of an undisturbed load. More in benchmarks/faults/kill.py."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import clinome
from clinome.demo.synthetic_cohort import write_cohort

LOAD = (
    "import clinome.graphs.ingest.write_source as write; write.BATCH = 200\n"  # more moments at which a load is half done
    "from clinome.cli.main import main; main()"
)
LEFT_OUT = r"\[omics\.\w+\][^\[]*"
"""Sections of the study that only cost time here; test_write stops loads of omics too."""


def study(cohort: Path, folder: Path) -> Path:
    """The cohort's files, by links, with a store and tables of their own."""
    folder.mkdir()
    for file in cohort.iterdir():
        (folder / file.name).symlink_to(file)
    text = (cohort / "study.toml").read_text()
    (folder / "study.toml").unlink()
    (folder / "study.toml").write_text(re.sub(LEFT_OUT, "", text))
    return folder / "study.toml"


def start(file: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", LOAD, "load", str(file), "--quiet"], stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said.decode()


def sources(file: Path) -> int:
    """How many sources have their tables; the last of them is on its way into the graph."""
    return len(list((file.parent / "demo.tables").glob("*/record.json")))


def logged(file: Path) -> int:
    """Bytes in the store's log: it grows with every batch, and the save at the end of a source empties it."""
    try:
        return (file.parent / "demo.graph" / "graph.kgl-wal").stat().st_size
    except FileNotFoundError:
        return 0


def watch(process: subprocess.Popen[bytes], look: Callable[[], bool]) -> None:
    """Look again and again, until there is enough or the process has ended."""
    while process.poll() is None and not look():
        time.sleep(0.001)


def is_there(file: Path, source: int, enough: float) -> bool:
    """Whether this source has written so much, or (missed: the next best moment) the one after it has begun."""
    now = sources(file)
    return now > source or (now == source and logged(file) >= enough)


def fingerprint(file: Path) -> str:
    with clinome.open(file) as graph:
        return graph.fingerprint()


def test_three_kills_and_the_same_command_again(tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    write_cohort(cohort, seed=3, patients=60)
    undisturbed = study(cohort, tmp_path / "undisturbed")
    most: dict[int, int] = {}

    def note() -> bool:
        now = sources(undisturbed)
        most[now] = max(most.get(now, 0), logged(undisturbed))
        return False

    process = start(undisturbed)
    watch(process, note)
    finish(process)
    want, last = fingerprint(undisturbed), sources(undisturbed)
    assert last >= 6
    for source, share in ((last - 4, 0.1), (last - 2, 0.5), (last - 1, 0.8)):
        file = study(cohort, tmp_path / f"killed in {source}")
        process = start(file)
        watch(process, partial(is_there, file, source, share * most[source]))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
        assert sources(file) < last
        finish(start(file))
        assert sources(file) == last
        assert fingerprint(file) == want, f"killed in source {source} of {last}"
