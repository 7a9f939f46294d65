"""`clinome audit`: each planted leak is found and says where; studies without one have no finding; no id leaves the house."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import polars as pl
import pytest
from audit_study import CLEAN
from command import Clinome, write_study
from planted_leaks import LEAKS, pyhealth_readmission

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
    assert all(row["sure"] and row["fix"] and row["sentence"].endswith((".", "?")) for row in rows)
    assert all(row["share"] is None or 0 < row["share"] <= 1 for row in rows)


def test_all_nine_leaks_are_planted() -> None:
    assert {one.leak for one in LEAKS.values()} == set(NINE)


def test_it_is_on_the_page_on_the_screen_and_in_json(tmp_path: Path, clinome_in: Clinome) -> None:
    study = pyhealth_readmission(tmp_path / "study")
    assert clinome_in("load", study, "-q").code == 0
    said = clinome_in("audit", study, "--json")
    last = json.loads(said.out.splitlines()[-1])
    folder = study.parent / "runs" / "csv"
    page, kept = (folder / "audit.html").read_text("utf-8"), json.loads((folder / "audit.json").read_text("utf-8"))
    assert said.code == 0 and last["serious"] == sum(one["severity"] == "serious" for one in last["findings"]) >= 2
    assert Path(last["audit"]) == folder / "audit.html" and kept["findings"] == last["findings"]
    for one in last["findings"]:
        assert f"{one['sentence']} {one['fix']}" in said.out and one["sentence"] in page and one["fix"] in page
    assert page.count("<script") == page.count("<script>") == 1 and "http://" not in page.replace(
        "http://www.w3.org", ""
    )
    assert clinome_in("audit", study, "--quiet").out == ""


def test_no_id_leaves_but_in_a_private_list(tmp_path: Path, clinome_in: Clinome) -> None:
    study = LEAKS["two spellings of an id"].write(tmp_path / "study")
    clinome_in("load", study, "-q")
    said = clinome_in("audit", study, "--json", "--name", "other")
    folder = study.parent / "runs" / "other"
    private = folder / "audit_patients.csv"
    ids = set(pl.read_csv(private, infer_schema=False)["subject_id"])
    assert {"T100", "t0100"} == ids and stat.S_IMODE(private.stat().st_mode) == 0o600
    for text in (said.out, said.err, *((folder / one).read_text("utf-8") for one in ("audit.html", "audit.json"))):
        assert not any(one in text for one in ids)
    clinome_in("remove", study, "patient", "T100")
    assert "T100" not in private.read_text("utf-8") and stat.S_IMODE(private.stat().st_mode) == 0o600


def test_before_a_load_and_without_a_cohort_it_says_what_to_do(tmp_path: Path, clinome_in: Clinome) -> None:
    study = write_study(tmp_path)
    said = clinome_in("audit", study)
    assert said.code == 1 and "nothing has been loaded yet" in said.err and "clinome load" in said.err
    study.write_text(study.read_text().partition("[cohort]")[0])
    clinome_in("load", study, "-q")
    with pytest.raises(InputError, match=r"the study has no \[cohort\]"):
        clinome.audit(study)


def test_a_tiny_study_is_audited_as_far_as_that_goes(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    clinome.load(study)
    report = clinome.audit(study)
    assert any("too few patients have an outcome" in line for line in report.about["not_looked"])
    assert "Not looked for: too few patients" in report.page.read_text("utf-8")


def test_every_kind_of_finding_is_planted() -> None:
    """of_one_class and outcome_copy are in tests/models/biomarkers/test_single_features.py."""
    assert {one.kind for one in LEAKS.values()} >= set(KINDS) - {"outcome_copy", "of_one_class"}


def test_folds_that_overlap_end_a_run_and_not_an_audit(tmp_path: Path) -> None:
    study = LEAKS["folds overlap"].write(tmp_path / "study")
    clinome.load(study)
    with pytest.raises(InputError, match="splits overlap"):
        clinome.train(study)
    (found,) = clinome.audit(study).rows
    assert found["kind"] == "subject_on_both_sides" and "6 subjects lie in two splits" in found["sentence"]
