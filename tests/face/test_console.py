"""Console: a bar or a line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from clinome.console import SILENT, Console
from clinome.models.experiment.progress import TUNING, Jobs

WORK = "from clinome.console import Console\nwith Console().working('omics.rna') as done:\n    done(20_000); done(1_500)\nConsole()('after')"


JOBS = """
import time
from clinome.console import Console
from clinome.models.experiment.progress import Jobs
with Console().jobs() as progress:
    jobs = Jobs(progress)
    jobs.begin([("fusion", ""), ("fusion", ""), ("ridge_late", ""), ("ridge_late", "permuted_labels")])
    for learner, what in (("fusion", ""), ("fusion", ""), ("ridge_late", "")):
        time.sleep(0.3)
        jobs.end(learner, what, 0.3)
    time.sleep(0.3)
Console()("after")
"""


def on_a_terminal(code: str) -> str:
    """What a program writes to a terminal of its own, without colours and moves of the cursor."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(ours)
    assert worker.wait() == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())


def test_on_a_terminal_a_line_moves_and_is_gone_afterwards() -> None:
    text = on_a_terminal(WORK)
    assert "omics.rna" in text and "21,500 rows" in text
    assert text.rstrip().endswith("after")


def test_on_a_terminal_one_bar_names_the_learner_at_work_and_the_time_left() -> None:
    text = on_a_terminal(JOBS)
    assert text.index("fusion") < text.index("ridge_late")
    assert "0/4" in text and "3/4" in text
    assert re.search(r"jobs, time left 0:00:0\d", text)
    assert text.rstrip().endswith("after")
    assert "2 folds" not in text


def test_elsewhere_a_learner_has_one_line_when_its_folds_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().jobs() as progress:
        jobs = Jobs(progress)
        jobs.begin([("fusion", ""), ("fusion", ""), ("ridge_late", ""), ("ridge_late", "permuted_labels")])
        jobs.end("fusion", "", 2.0)
        assert capsys.readouterr().out == ""
        jobs.end("ridge_late", "", 0.25)
        jobs.end("fusion", "", 0.5, cut=True)
        jobs.end("ridge_late", "permuted_labels", 0.1, before=True)
        jobs.begin([("fusion", TUNING)])
        jobs.end("fusion", TUNING, 3.0)
    assert capsys.readouterr().out.splitlines() == [
        "ridge_late: 1 fold, 0.2 s",
        "fusion: 2 folds, 2.5 s, 1 of them cut by the time limit",
        "ridge_late, permuted labels: 1 fold, 0.1 s, done before",
        "fusion, tuning on all rows: 3.0 s",
    ]
    with SILENT.jobs() as progress:
        jobs = Jobs(progress)
        jobs.begin([("fusion", "")])
        jobs.end("fusion", "", 1.0)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("console", [Console(), SILENT])
def test_elsewhere_nothing_is_said_while_it_works(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    with console.working("omics.rna") as done:
        done(1)
    assert capsys.readouterr().out == ""
