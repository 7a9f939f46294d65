"""Sharded loads: the same graph, tables, rejects and features, whoever read the files: this process, two, a Ray of two."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import clinome
from clinome.loaders.errors import InputError
from clinome.loaders.files.ledger import Ledger
from clinome.loaders.files.source_folder import ahead
from clinome.models.base.specs import Learn
from clinome.models.experiment.processes import Processes
from clinome.models.experiment.ray_cluster import RayCluster
from clinome.models.experiment.worker_pool import workers_for
from clinome.models.preprocessing.records.window_features import EVER, window_features

STUDY = """
name = "shards"
store = "shards.graph"

[records.ehr]
format = "meds"
path = "meds"

[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, $at AS prediction_time"
params = {{at = 2020-06-01}}

[task]
kind = "binary"
target = {{codes = ["ICD10CM:I50"], descendants = true}}
horizon_days = 20

[learn]
workers = {workers}
"""
SHARDS, EACH = 4, 12


def shard(k: int) -> pl.DataFrame:
    """Events of EACH subjects, with a row or two that is none."""
    rng = np.random.default_rng(k)
    n = 40 * EACH
    codes = np.array(["ICD10CM//I50.9", "ICD10CM//E11.9", "LOINC//2345-7", "LOINC//718-7", "RXNORM//1049221"])
    code = rng.choice(codes, n)
    number = np.where(np.char.startswith(code, "LOINC"), rng.normal(90, 9, n).round(1), np.nan)
    rows = pl.DataFrame({
        "subject_id": k * EACH + rng.integers(0, EACH, n),
        "time": [datetime(2020, 1, 1) + timedelta(minutes=int(m)) for m in rng.integers(0, 500_000, n)],
        "code": code, "numeric_value": pl.Series(number).fill_nan(None),
    })  # fmt: skip
    bad = [None, ""][: k % 3]
    return rows.with_columns(code=pl.Series([*bad, *code[len(bad) :]]))


def load(folder: Path, workers: str) -> dict[str, Any]:
    """What a load with so many workers leaves."""
    (folder / "meds" / "data").mkdir(parents=True)
    for k in range(SHARDS):
        shard(k).write_parquet(folder / "meds" / "data" / f"{k}.parquet")
    (folder / "study.toml").write_text(STUDY.format(workers=workers))
    report = clinome.load(folder / "study.toml")
    with clinome.open(folder / "study.toml") as graph:
        snapshot = graph.snapshot(graph.cohort())
        return {
            "fingerprint": graph.fingerprint(),
            "tables": graph.tables.record("records.ehr")["checksums"],
            "rejects": (graph.tables.folder / "rejects.csv").read_bytes(),
            "report": report.to_frame().drop(columns="seconds").to_csv(),
            "snapshot": snapshot.checksums(),
            "matrices": matrices(snapshot, Learn(workers=int(workers) if workers.isdigit() else "ray")),
        }


class Asked:
    deadline = None


def digest(snapshot: Any, learners: Any, one: Any) -> str:
    """In a worker: every matrix of the window features."""
    total = hashlib.sha256()
    for made in window_features(snapshot, (EVER, 90.0)):
        for matrix in (made.count, made.recency, *made.numbers.values()):
            for array in (matrix.data, matrix.indices, matrix.indptr):
                total.update(array.tobytes())
    return total.hexdigest()


def matrices(snapshot: Any, learn: Learn) -> set[str]:
    with workers_for(snapshot, [], learn) as workers:
        return set(workers(digest, [Asked(), Asked()]))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return load(tmp_path_factory.mktemp("alone"), "1")


def test_two_processes_load_what_one_loads(alone: dict[str, Any], tmp_path: Path) -> None:
    assert alone["rejects"].count(b"\n") == 1 + 1 + 2  # of the second and the third file
    assert len(alone["matrices"]) == 1
    assert load(tmp_path / "two", "2") == alone


@pytest.mark.slow
def test_a_local_ray_loads_what_one_process_loads(
    alone: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "local")
    monkeypatch.setattr("clinome.models.experiment.worker_pool.count_of", lambda learn: 2)
    assert load(tmp_path / "ray", '"ray"') == alone


def test_what_is_wrong_with_a_file_is_said_as_by_one_process(tmp_path: Path) -> None:
    def said(workers: str) -> str:
        folder = tmp_path / workers / "meds" / "data"
        folder.mkdir(parents=True)
        shard(0).write_parquet(folder / "0.parquet")
        shard(1).drop("code").write_parquet(folder / "1.parquet")
        (tmp_path / workers / "study.toml").write_text(STUDY.format(workers=workers))
        with pytest.raises(InputError) as error:
            clinome.load(tmp_path / workers / "study.toml")
        return str(error.value).replace(str(tmp_path / workers), "")

    assert said("2") == said("1")


def test_a_ledger_goes_on_where_another_ended() -> None:
    """As if one ledger had seen both files."""
    one, first, second = Ledger("ehr"), Ledger("ehr"), Ledger("ehr")
    for ledgers in ((one, first), (one, second)):
        for ledger in ledgers:
            offset = ledger.begin("a" if ledgers[1] is first else "b")
            ledger.read(5)
            ledger.reject([offset + 2], "code", "x", "a code", "correct it")
            ledger.outside("column", "y", "z", "w")
            ledger.count({"codes changed": 3})
            ledger.cells(5, 4)
            ledger.merged(1)
    whole = Ledger("ehr")
    assert (whole.append(first), whole.append(second)) == (0, 5)
    assert whole.frame().equals(one.frame())
    assert (whole.tally(), whole.cell_tally(), whole.counts) == (one.tally(), one.cell_tally(), one.counts)
    assert whole.rejected() == one.rejected()


SECTIONS = {
    "dated": {"fhir": "fhir", "bundles": "fhir"},
    "relative": {"long": "hourly", "wide": "hourly", "tables": "hourly"},
}
"""Studies whose sources are read by shards: of each section its format."""
TABLES = {
    "a": "subject_id,hour,HR,Lactate\nt1,0,80,\nt1,1,fast,2.1\nt2,0,70,1.0\nt2,0,70,1.0\n",
    "b": "subject_id,hour,HR,pH\nt3,0,80,7.4\n,1,81,7.4\nt1,2,82,7.3\n",
}


def resource(kind: str, id: str, person: int, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": id, "subject": {"reference": f"Patient/f{person}"}, **more}


def fhir(folder: Path) -> None:
    """A bulk export, and a folder of bundles; one of each is broken, and resources come again."""
    for name in ("fhir", "bundles"):
        (folder / name).mkdir()
    loinc, icd = ({"coding": [{"system": s, "code": c}]} for s, c in (("http://loinc.org", "2160-0"), ("http://hl7.org/fhir/sid/icd-10-cm", "I50.9")))  # fmt: skip
    people = [{"resourceType": "Patient", "id": f"f{k}", "gender": "female", "birthDate": f"19{50 + k}-01-01"} for k in range(4)]  # fmt: skip
    labs = [
        resource("Observation", f"o{k % 9}", k % 4, code=loinc, status="final", effectiveDateTime=f"2020-01-{k % 9 + 1:02}",
                 valueQuantity={"value": 1 + k // 9, "unit": "mg/dL"})
        for k in range(12)
    ]  # fmt: skip
    found = [resource("Condition", f"c{k}", k, code=icd, recordedDate=f"2020-02-0{k + 1}") for k in range(4)]
    for name, those in {"Condition": found, "Observation": labs[:10], "Observation.2": labs[8:], "Patient": people}.items():  # fmt: skip
        lines = [json.dumps(one) for one in those]
        (folder / "fhir" / f"{name}.ndjson").write_text("\n".join([*lines[:2], "{oops", *lines[2:]]) + "\n")
    for k in range(4):
        entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in (people[k], *labs[k:12:4], found[k])]  # fmt: skip
        text = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        (folder / "bundles" / f"{k}.json").write_text(text[:-40] if k == 1 else text.replace('"f', f'"b{k}f'))


def hourly(folder: Path) -> None:
    """Five files a stay, long and wide, and two tables: bad times, names and numbers, other columns, rows that come again."""
    for name in ("long", "wide", "tables"):
        (folder / name).mkdir()
    for name, text in TABLES.items():
        (folder / "tables" / f"{name}.csv").write_text(text)
    for k in range(5):
        rows = [f"00:00,RecordID,{k}", f"00:00,Age,{50 + k}", f"0{k}:07,HR,{70 + k}", f"0{k}:07,HR,{70 + k}", "10:37,Na,neg"]  # fmt: skip
        bad = ["noon,HR,70", "11:00,,1", "12:00,HR,7o", "13:00,HR,"][: k % 4 + 1]
        (folder / "long" / f"{k}.txt").write_text("\n".join(["Time,Parameter,Value", *rows, *bad]) + "\n")
        wide = [f"{80 + h}|{7.4 if h else 'NaN'}|{60 + k}|{h + 1}|{int(h > 1)}" for h in range(3)]
        bad = [["x|7.1|60|4|0", "80|7.1|60||0"][k % 2], wide[-1]]
        head = "HR|pH|Age|ICULOS|SepsisLabel" if k != 3 else "HR|Lactate|Age|ICULOS|SepsisLabel"
        (folder / "wide" / f"p{k}.psv").write_text("\n".join([head, *wide, *bad]) + "\n")


def load_formats(folder: Path, kind: str, workers: str) -> dict[str, Any]:
    """What a load of a study of SECTIONS leaves."""
    folder.mkdir(parents=True)
    fhir(folder) if kind == "dated" else hourly(folder)
    sections = [f'[records.{one}]\nformat = "{form}"\npath = "{one}"' for one, form in SECTIONS[kind].items()]
    head, _, tail = STUDY.format(workers=workers).partition('[records.ehr]\nformat = "meds"\npath = "meds"')
    tail = tail.replace("at = 2020-06-01", "at = 5") if kind == "relative" else tail
    (folder / "study.toml").write_text(head + "\n".join(sections) + tail)
    report = clinome.load(folder / "study.toml")
    with clinome.open(folder / "study.toml") as graph:
        return {
            "fingerprint": graph.fingerprint(),
            "tables": {one: graph.tables.record(f"records.{one}")["checksums"] for one in SECTIONS[kind]},
            "rejects": (graph.tables.folder / "rejects.csv").read_text(),
            "report": report.to_frame().drop(columns="seconds").to_csv(),
        }


@pytest.fixture(scope="module", autouse=True)
def two_stays_together() -> Iterator[None]:
    """Of a folder of stays two files are a shard, as else a thousand are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clinome.loaders.records.hourly.files.TOGETHER", 2)
        yield


@pytest.fixture(scope="module")
def formats_alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Of each kind what one process leaves."""
    return {kind: load_formats(tmp_path_factory.mktemp("alone") / kind, kind, "1") for kind in SECTIONS}


@pytest.mark.parametrize("kind", SECTIONS)
def test_two_processes_load_every_format_as_one_does(
    formats_alone: dict[str, dict[str, Any]], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[int] = []
    in_order = Processes.in_order

    def counted(self: Processes, read: Any, these: Any) -> Any:
        parts.append(len(these))
        return in_order(self, read, these)

    monkeypatch.setattr(Processes, "in_order", counted)
    found = load_formats(tmp_path / kind, kind, "2")
    assert min(parts) > 1 and len(parts) == len(SECTIONS[kind])  # each source in several shards
    for source in SECTIONS[kind]:
        assert f"records.{source}," in found["rejects"], "each has bad rows"
    assert found == formats_alone[kind]


@pytest.mark.slow
def test_a_local_ray_loads_every_format_as_one_process_does(
    formats_alone: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "local")
    monkeypatch.setattr("clinome.models.experiment.worker_pool.count_of", lambda learn: 2)
    with RayCluster("local", 2):  # for both loads
        for kind in SECTIONS:
            assert load_formats(tmp_path / kind, kind, '"ray"') == formats_alone[kind]


def test_few_parts_are_begun_before_they_are_taken() -> None:
    begun: list[int] = []
    taken = ahead(lambda part: begun.append(part) or part, range(9), 3)  # type: ignore[func-returns-value]
    assert [(next(taken), len(begun)) for _ in range(8)] == [(k, min(k + 3, 9)) for k in range(8)]
    assert list(taken) == [8]
