"""How many diagnoses reach diseases and genes: a load says it, quality keeps it, in the same words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import Clinome

STUDY = """
name = "small"
store = "small.graph"
[records.visits]
format = "csv"
path = "visits.csv"
subject = "person"
time = "day"
codes = {code = "ICD10CM"}
[knowledge.mondo]
format = "sssom"
path = "mondo.sssom.tsv"
"""
MAPPINGS = """subject_id\tpredicate_id\tobject_id
MONDO:0000001\tskos:exactMatch\tICD10CM:I50.1
MONDO:0000002\tskos:exactMatch\tICD10CM:E11
"""
VISITS = """person,day,code
a,2020-01-01,I50.1
b,2020-01-01,E11.9
b,2020-01-02,J45.2
"""


@pytest.fixture
def clinome(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


def test_a_load_and_quality_say_the_same(clinome: Clinome, tmp_path: Path) -> None:
    (tmp_path / "visits.csv").write_text(VISITS)
    (tmp_path / "mondo.sssom.tsv").write_text(MAPPINGS)
    (tmp_path / "study.toml").write_text(STUDY)
    want = (
        "Of 3 codes of ICD10CM, 33% map to a disease exactly, 0% nearly, 33% through a parent, 33% nowhere; "
        "0 of 2 patients with one reach a gene, 0 by a code itself."
    )
    loaded = clinome("load", tmp_path / "study.toml")
    assert loaded.code == 0 and want in loaded.out.splitlines()
    assert want not in clinome("load", tmp_path / "study.toml").out, "nothing has changed"
    quality = clinome("quality", tmp_path / "study.toml", "--json")
    assert quality.code == 0 and want in {
        one["sentence"] for one in json.loads(quality.out.splitlines()[-1])["findings"]
    }
