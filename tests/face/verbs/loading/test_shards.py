"""Sharded loads: the same graph, tables, rejects and features, whoever read the files: this process, two, a Ray of two."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import clinome
from clinome.loaders.errors import InputError
from clinome.loaders.files.ledger import Ledger
from clinome.models.base.specs import Learn
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
