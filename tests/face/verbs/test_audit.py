"""`clinome audit`: each planted leak is found and says where; studies without one have no finding; no id leaves the house."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import polars as pl
import pytest
from audit_study import CLEAN, LEAKS, csv, pyhealth_readmission
from command import Clinome, write_study

import clinome
from clinome.errors import InputError
from clinome.models.statistics.data_quality.finding import LEAKS as NINE
from clinome.reports.quality.audit_sentences import KINDS


@pytest.fixture
def clinome_in(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


@pytest.mark.parametrize("name", CLEAN)
def test_a_study_without_a_leak_has_no_finding(name: str, tmp_path: Path) -> None:
    study = CLEAN[name](tmp_path / name, 1)
    clinome.load(study)
    report = clinome.audit(study)
    assert report.findings.empty, report.findings["sentence"].to_list()
    assert report.summary_sentence.startswith("Leakage audit: no leak found (")


@pytest.mark.parametrize("name", LEAKS)
def test_a_planted_leak_is_found(name: str, tmp_path: Path) -> None:
    planted = LEAKS[name]
    study = planted.write(tmp_path / "study")
    clinome.load(study)
    rows = clinome.audit(study).rows
    found = [row for row in rows if (row["leak"], row["kind"]) == (planted.leak, planted.kind)]
    assert found and (not planted.where or planted.where in {row["where"] for row in found}), [
        row["sentence"] for row in rows
    ]
    assert all(row["sure"] and row["fix"] and row["sentence"].endswith(".") for row in rows)
    assert all(row["share"] is None or 0 < row["share"] <= 1 for row in rows)


def test_all_nine_leaks_are_planted() -> None:
    assert {one.leak for one in LEAKS.values()} == set(NINE)
