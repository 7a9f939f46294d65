"""`pseudonymise = true`: no raw id in any byte that a run leaves, but in the key's map; nor in what the store answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clinome
from clinome.console import Console
from clinome.loaders.subjects.quoted_ids import QuotedIds

N = 60
IDS = [f"MRN{70_000 + i}Q" for i in range(N)]
STRANGER = "STRANGER123Q"
STUDY = """
name = "NAME"
store = "NAME.graph"
[patients]
path = "patients.csv"
id = "mrn"
pseudonymise = true
[samples]
path = "samples.csv"
id = "sample"
subject = "who"
batch = "plate"
[omics.rna]
path = "rna.csv"
kind = "expression"
features = "opaque"
accept = []
[records.ehr]
format = "csv"
path = "encounters.csv"
subject = "mrn"
visit = "enc"
time = "start"
end = "end"
codes = {dx = "ICD10CM"}
keep = ["doctor"]
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.outcome AS label, p.mother AS mother, datetime('2021-01-01T00:00:00') AS prediction_time"
[task]
kind = "binary"
covariates = ["age", "ward"]
[evaluate]
folds = 2
[learn]
learners = ["majority", "ridge_late"]
trials = 1
workers = 1
"""


def write(folder: Path, name: str) -> clinome.Study:
    """Ids in samples and visits, in kept columns, texts and batches; and of somebody whom nobody knows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 6))
    people = [(id, int(x[i, 0] > 0), 20 + i, IDS[i - 1], f"seen with {id}", "AB"[i % 2]) for i, id in enumerate(IDS)]
    people.append((IDS[0], 1, 99, "x", "y", "B"))
    save(folder / "patients.csv", ["mrn", "outcome", "age", "mother", "note", "ward"], people)
    samples = [(f"{id}-T1", id, f"P-{id}") for id in IDS] + [("XX9", STRANGER, "P")]
    save(folder / "samples.csv", ["sample", "who", "plate"], samples)
    matrix = {"gene": [f"G{j}" for j in range(6)]} | {
        f"{id}-T1": list(map(str, x[i].round(3))) for i, id in enumerate(IDS)
    }
    pl.DataFrame(matrix).write_csv(folder / "rna.csv")
    stays = [
        (f"V-{id}-{k}", id, f"2020-01-{1 + k:02d}", f"2020-01-{3 + k:02d}", "I10", f"Dr {id}")
        for id in IDS
        for k in (0, 1)
    ]
    stays += [
        ("V-9", STRANGER, "2020-01-01", "2020-01-02", "I10", "z"),
        (f"V-{IDS[5]}-9", IDS[5], f"at {IDS[5]}", "2020-01-02", "I10", "z"),
    ]
    save(folder / "encounters.csv", ["enc", "mrn", "start", "end", "dx", "doctor"], stays)
    (folder / "study.toml").write_text(STUDY.replace("NAME", name).replace("accept = []\n", ""), encoding="utf-8")
    return clinome.Study.read(folder)


def save(file: Path, head: list[str], rows: Sequence[tuple[object, ...]]) -> None:
    pl.DataFrame(rows, head, orient="row").write_csv(file)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> clinome.Study:
    folder = tmp_path_factory.mktemp("secret")
    study = write(folder, "secret")
    clinome.run(study)
    clinome.predict(folder / "runs" / "secret", study, out=folder / "predicted.csv")
    return study


def quoted(value: str) -> bool:
    return any(id in value for id in (*IDS, STRANGER))


def test_no_byte_of_what_a_run_leaves_holds_an_id(ran: clinome.Study) -> None:
    inputs = {"patients.csv", "samples.csv", "rna.csv", "encounters.csv"}
    looked = 0
    for file in (one for one in ran.folder.rglob("*") if one.is_file() and one.name not in inputs):
        if file.name == "pseudonyms.csv":
            assert file.stat().st_mode & 0o077 == 0
            continue
        content = file.read_bytes()
        assert not any(id.encode() in content for id in (*IDS, STRANGER)), file
        if file.suffix == ".parquet":  # compressed: its cells too
            table = pl.read_parquet(file)
            assert not quoted(json.dumps(table.to_dicts(), default=str)), file
        looked += 1
    assert looked > 20


def test_no_answer_of_the_store_holds_an_id(ran: clinome.Study) -> None:
    with clinome.open(ran) as graph:
        for label in ("Patient", "Visit", "Sample", "Batch", "Load", "Cohort", "Run"):
            found = graph.query(f"MATCH (n:{label}) RETURN n")
            assert len(found) and not quoted(str(found["n"].tolist())), label
        mother = graph.query("MATCH (p:Patient), (m:Patient) WHERE m.id = p.mother RETURN count(*) AS n")["n"][0]
        assert mother == N  # who names whom is kept
        assert len(graph.query("MATCH (p:Patient) WHERE p.note STARTS WITH 'seen with ' RETURN p.id")) == N


def test_rejects_lead_back_by_row_and_the_known_by_the_map(ran: clinome.Study) -> None:
    rejects = pl.read_csv(ran.tables / "rejects.csv", infer_schema=False)
    map = dict(pl.read_csv(ran.tables / "pseudonyms.csv", infer_schema=False).select("pseudonym", "id").iter_rows())
    assert map[rejects.filter(pl.col("source") == "patients")["got"][0]] == IDS[0]
    assert set(rejects.filter(pl.col("column") == "mrn")["got"]) == {"AAAAAAAA999A"}
    assert rejects.filter(pl.col("column") == "start")["got"][0].startswith("at ")


def test_nothing_that_is_printed_holds_an_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clinome.load(write(tmp_path, "again"), console=Console())
    out = capsys.readouterr()
    assert "rejected" in out.out and not quoted(out.out + out.err)


@given(
    st.lists(st.sampled_from(["MRN70001", "MRN700012", "70001", "12", "ab1", "P-MRN70001"]), min_size=1, unique=True),
    st.text("MRN7012ab P-_", max_size=24),
)
def test_no_long_id_is_left_in_any_text(ids: list[str], text: str) -> None:
    found = QuotedIds(ids, lambda id: "#").texts(pl.Series([text, "filler", "more"])).to_list()[0]
    for id in (one for one in ids if len(one) >= 5):
        if not id.isdigit():
            assert id not in found
    if not any(id in text for id in ids):
        assert found == text


def test_columns_of_short_or_whole_ids_are_found_and_categories_left() -> None:
    long = QuotedIds([str(i) for i in range(70_000, 70_040)], lambda id: f"#{id}")
    assert long.texts(pl.Series("mother", list(range(70_000, 70_030)))).to_list()[:2] == ["#70000", "#70001"]
    lettered = QuotedIds([f"p{i}" for i in range(40)], lambda id: f"#{id}")
    assert lettered.texts(pl.Series("mother", [f"p{i}" for i in range(30)])).to_list()[0] == "#p0"
    short = QuotedIds([str(i) for i in range(1, 100)], lambda id: f"#{id}")
    for cells in (
        pl.Series("age", range(20, 90)),
        pl.Series("stage", ["1", "2", "3"]),
        pl.Series("n", map(str, range(1, 60))),
    ):
        assert short.texts(cells).equals(cells)
