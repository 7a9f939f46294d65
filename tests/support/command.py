"""`clinome …` in this process, and a small study to run it on."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from clinome.cli.main import main

STUDY = """
name = "small"
store = "small.graph"
[patients]
path = "patients.csv"
[omics.mutations]
path = "mutations.csv"
kind = "mutation"
subject = "patient"
gene = "gene"
profiled = "patients"
[cohort]
query = "patients_with_label"
params = {property = "outcome"}
[task]
kind = "binary"
"""
ROWS = 6


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Clinome:
    """`clinome …` in this process, in a folder."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(self, *words: str | Path) -> Ended:
        self.monkeypatch.setattr(sys, "argv", ["clinome", *map(str, words)])
        self.monkeypatch.delenv("CLINOME_DEBUG", raising=False)
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        out, err = self.capsys.readouterr()
        code = end.value.code
        assert "Traceback" not in out + err
        return Ended(code if isinstance(code, int) else 0, out, err)


def write_study(folder: Path, text: str = STUDY) -> Path:
    people = [(f"p{i}", 40 + i, i % 2) for i in range(ROWS)]
    pl.DataFrame(people, ["patient_id", "age", "outcome"], orient="row").write_csv(folder / "patients.csv")
    pairs = [("p0", "TP53"), ("p1", "TP53"), ("p2", "KRAS"), ("nobody", "KRAS")]
    pl.DataFrame(pairs, ["patient", "gene"], orient="row").write_csv(folder / "mutations.csv")
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder / "study.toml"
