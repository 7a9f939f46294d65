"""`clinome compare`: two cohorts of one small study with omics, records and survival; nothing of the future enters."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command import Clinome

import clinome as package
from clinome.loaders.errors import InputError
from clinome.study import Study

N = 90
INDEX = datetime(2020, 6, 1)
STUDY = """
name = "small"
store = "small.graph"
[patients]
path = "patients.csv"
[omics.rna]
path = "rna.csv"
kind = "expression"
features = "opaque"
[omics.mutations]
path = "mutations.csv"
kind = "mutation"
subject = "patient"
gene = "gene"
profiled = "patients"
[records.ehr]
format = "csv"
path = "events.csv"
subject = "patient"
time = "at"
codes = {code = "ICD10CM"}
[task]
kind = "survival"
label = "event"
covariates = ["age"]
"""
ARM = """// Patients of an arm.
// param arm: text
// param extra: text = none
// returns: subject_id text, prediction_time datetime, duration_days float, event int
MATCH (p:Patient)
WHERE p.arm = $arm OR p.id = $extra
// step: of the arm
RETURN p.id AS subject_id, p.index_date AS prediction_time, p.days AS duration_days, p.died AS event
"""


def write(folder: Path, late: str = "I99") -> Path:
    """Two arms that differ in gene G0, in mutations of MUT1, in code C34 before the index, and in survival.

    late: the code that all of arm x, and nobody else, gets after the index.
    """
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"p{i:03d}" for i in range(N)]
    x = np.arange(N) < 45
    people = {"patient_id": ids, "arm": np.where(x, "x", "y"), "age": rng.integers(40, 80, N), "sex": rng.choice(["F", "M"], N),
              "index_date": [INDEX] * N, "days": rng.exponential(np.where(x, 60, 400)).round(1) + 1, "died": rng.integers(0, 2, N)}  # fmt: skip
    pl.DataFrame(people).write_csv(folder / "patients.csv")
    genes = rng.normal(size=(N, 6))
    genes[:, 0] += 2 * x
    pl.DataFrame({"patient_id": ids, **{f"G{j}": genes[:, j].round(4) for j in range(6)}}).write_csv(folder / "rna.csv")
    pairs = [(one, "MUT1") for one, mine in zip(ids, x, strict=True) if rng.random() < (0.6 if mine else 0.05)]
    pl.DataFrame([*pairs, ("p000", "MUT2")], ["patient", "gene"], orient="row").write_csv(folder / "mutations.csv")
    before = [
        (one, INDEX - timedelta(days=9), "C34.1")
        for one, mine in zip(ids, x, strict=True)
        if rng.random() < (0.7 if mine else 0.1)
    ]
    after = [(one, INDEX + timedelta(days=9), late) for one, mine in zip(ids, x, strict=True) if mine]
    noise = [(one, INDEX - timedelta(days=30), "Z00") for one in ids if rng.random() < 0.5]
    pl.DataFrame([*before, *after, *noise], ["patient", "at", "code"], orient="row").write_csv(folder / "events.csv")
    (folder / "arm.cypher").write_text(ARM)
    (folder / "study.toml").write_text(STUDY)
    return folder / "study.toml"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = write(tmp_path_factory.mktemp("compare"))
    package.load(Study.read(file))
    return file


@pytest.fixture
def clinome(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


def test_two_arms_beside_one_another(study: Path, clinome: Clinome) -> None:
    given = ("-p", "a.arm=x", "-p", "b.arm=y", "-p", "b.extra=p000")
    ended = clinome("compare", study, "arm.cypher", "arm.cypher", *given, "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out.splitlines()[-1])
    folder = Path(found["compare"])
    assert folder.parent == study.parent / "compare" and "46" in str(list(found["patients"].values()))
    assert list(found["patients"].values()) == [45, 46] and found["both"] == 1
    assert "1 patient is in both, and in no comparison" in ended.out
    features = pl.read_csv(folder / "features.csv")
    assert set(features.filter(pl.col("q") < 0.05)["feature"]) == {
        "opaque:G0",
        "hgnc.symbol:MUT1",
        "ICD10CM:C34.1",  # C34, and the blocks above it, are held by just the same patients
    }
    assert "ICD10CM:I99" not in set(features["feature"])  # after the index
    assert features.filter(pl.col("feature") == "hgnc.symbol:MUT2").is_empty()  # only p000 had it, who is in both
    g0 = features.filter(pl.col("feature") == "opaque:G0").row(0, named=True)
    assert (g0["n_a"], g0["n_b"]) == (44, 45) and g0["effect"] > 0.5
    people = pl.read_csv(study.parent / "patients.csv").filter(pl.col("patient_id") != "p000")
    survival = found["survival"]
    assert survival["n"] == [44, 45] and survival["events"][0] == people.filter(pl.col("arm") == "x")["died"].sum()
    assert survival["p"] < 0.01 and survival["low"] > 1
    table = pl.read_csv(folder / "table1.csv", infer_schema=False)
    assert table.row(0)[2:5] == ("89", "44", "45") and {"age", "sex", "measured: rna", "days followed"} <= set(
        table["variable"]
    )
    page = (folder / "compare.html").read_text(encoding="utf-8")
    assert not re.search(r"url\((?!#)|@import|<script [^>]*src|<link|<img", page) and page.count("<svg") == 3
    assert not any(
        f"p{i:03d}" in page.replace("b.extra", "").replace("<dd>p000</dd>", "").replace("extra p000", "")
        for i in range(N)
    )


def test_the_future_changes_nothing(study: Path, tmp_path: Path) -> None:
    """All that happens after the index gets another code; had it been before, it would be what differs most."""
    other = write(tmp_path / "other", late="Q99")
    package.load(Study.read(other))
    given = {"a.arm": "x", "b.arm": "y"}
    first = package.compare(study, "arm.cypher", "arm.cypher", params=given, out=tmp_path / "first")
    second = package.compare(other, "arm.cypher", "arm.cypher", params=given, out=tmp_path / "second")
    for name in ("features.csv", "table1.csv"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    later = ARM.replace("p.index_date AS", "p.index_date + duration({days: 30}) AS")
    past = package.compare(other, later, later, params=given, names=("x", "y"), out=tmp_path / "third")
    assert past.features["feature"][0] == "ICD10CM:Q99" and "ICD10CM:Q99" not in set(second.features["feature"])
    assert first.names == ("arm (arm x)", "arm (arm y)") and first.both == 0


def test_patients_count_once_and_wrong_words_are_told(study: Path, tmp_path: Path, clinome: Clinome) -> None:
    twice = (
        "MATCH (p:Patient) WHERE p.arm = 'x' UNWIND [0, 5] AS later "
        "RETURN p.id AS subject_id, p.index_date + duration({days: later}) AS prediction_time"
    )
    once = "MATCH (p:Patient) WHERE p.arm = 'y' RETURN p.id AS subject_id, p.index_date AS prediction_time"
    found = package.compare(study, twice, once, out=tmp_path / "out")
    assert found.later == 45 and found.sizes == (45, 45) and found.survival is None
    assert found.names == ("A", "B") and "Kaplan" not in (tmp_path / "out" / "compare.html").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="nobody is in this cohort alone"):
        package.compare(study, once, once, out=tmp_path / "out")
    with pytest.raises(InputError, match="one name"):
        package.compare(study, twice, once, names=("A", "A"), out=tmp_path / "out")
    timeless = "MATCH (p:Patient) RETURN p.id AS subject_id"
    with pytest.raises(InputError, match="without prediction_time"):
        package.compare(study, timeless, once, out=tmp_path / "out")
    assert clinome("compare", study, "arm.cypher", "arm.cypher", "-p", "a.arm").code == 1
    assert clinome("compare", study, "arm.cypher", "arm.cypher", "-p", "a.arm=x").code == 1  # b's is missing
    assert clinome("compare", study, "arm.cypher", "arm.cypher", "-p", "arm=x", "-p", "no=1").code == 1
