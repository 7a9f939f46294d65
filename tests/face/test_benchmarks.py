"""The scripts in benchmarks/ still find what they import: nothing else runs them in CI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.parametrize("script", sorted(str(file.relative_to(FOLDER)) for file in FOLDER.rglob("*.py")))
def test_a_script_finds_what_it_imports(script: str) -> None:
    file = FOLDER / script
    done = subprocess.run(
        [sys.executable, "-c", f"import {file.stem}"], cwd=file.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
