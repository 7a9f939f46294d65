"""What a person sees: a line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from clinome.console import SILENT, Console

WORK = "from clinome.console import Console\nwith Console().working('omics.rna') as done:\n    done(20_000); done(1_500)\nConsole()('after')"


def test_on_a_terminal_a_line_moves_and_is_gone_afterwards() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    worker = subprocess.Popen([sys.executable, "-c", WORK], stdout=theirs, stderr=theirs, env=environment)
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
    text = seen.decode()
    assert "omics.rna" in text and "21,500 rows" in text
    assert text.rstrip().endswith("after")


@pytest.mark.parametrize("console", [Console(), SILENT])
def test_elsewhere_nothing_is_said_while_it_works(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    with console.working("omics.rna") as done:
        done(1)
    assert capsys.readouterr().out == ""
