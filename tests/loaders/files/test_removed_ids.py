"""Who was removed from a study: every loader rejects what brings them, counts it, and quotes nothing of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from clinome.graphs.ingest.nodes import nodes
from clinome.graphs.tables.matrices import frame
from clinome.loaders.errors import EngineError
from clinome.loaders.files.removed_ids import EXPECTED, FILE, SAMPLE, SUBJECT, Removed, add_removed, read_removed
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.registry import read_source
from clinome.loaders.specs import AnySource, Omics, Patients, Records, Samples
from clinome.loaders.subjects.barcodes import taken_out
from clinome.loaders.tables import Known, Loaded

WHO = "TWO-7731"
Write = Callable[[Path, bool], AnySource]
"""Write a source's file, with the patient in it or without; its section."""


@pytest.fixture
def removed(tmp_path: Path) -> Removed:
    return add_removed(tmp_path / "tables", [(SUBJECT, WHO), (SAMPLE, f"S-{WHO}")])


def text(name: str, head: str, theirs: str, others: str, spec: Callable[[Path], AnySource]) -> Write:
    """A text file; `theirs` are the patient's lines."""

    def write(folder: Path, there: bool) -> AnySource:
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(head + (theirs if there else "") + others)
        return spec(folder / name)

    return write


def columns(folder: Path, there: bool) -> AnySource:
    """A matrix with samples in columns; the patient's has a cell that is no number."""
    folder.mkdir(exist_ok=True)
    (folder / "m.csv").write_text(
        f"gene,p1,{WHO},S-{WHO},p3\nAAA,1,bad,1,3\nBBB,1,2,2,3\n" if there else "gene,p1,p3\nAAA,1,3\nBBB,1,3\n"
    )
    return Omics((folder / "m.csv",), name="m", orientation="samples_in_columns")


def h5ad(folder: Path, there: bool) -> AnySource:
    folder.mkdir(exist_ok=True)
    ids = ["p1", WHO, "p3"] if there else ["p1", "p3"]
    x = np.array([[1.0, 2.0], [np.inf, 5.0], [3.0, 4.0]] if there else [[1.0, 2.0], [3.0, 4.0]], np.float32)
    anndata.AnnData(X=x, obs=pd.DataFrame(index=ids), var=pd.DataFrame(index=["AAA", "BBB"])).write_h5ad(
        folder / "x.h5ad"
    )
    return Omics((folder / "x.h5ad",), name="m")


def meds(folder: Path, there: bool) -> AnySource:
    rows = [
        ("p1", datetime(2020, 1, 1), "ICD10CM//I10", 1.0),
        (WHO, None, "ICD10CM//I10", 2.0),
        (f" {WHO} ", None, "", 2.0),
    ]
    table = pl.DataFrame(rows, ["subject_id", "time", "code", "numeric_value"], orient="row", schema_overrides={"time": pl.Datetime("us")})  # fmt: skip
    folder.mkdir(exist_ok=True)
    (table if there else table.head(1)).write_parquet(folder / "0.parquet")
    return Records((folder,), name="ehr", format="meds")


def fhir(folder: Path, there: bool) -> AnySource:
    def of(who: str) -> list[dict[str, Any]]:
        subject = {"reference": f"Patient/{who}"}
        return [
            {"resourceType": "Patient", "id": who, "birthDate": "1950"},
            {"resourceType": "Encounter", "id": f"e-{who}", "subject": subject, "period": {"start": "2020-01-01"}},
            {"resourceType": "Condition", "subject": subject, "onsetDateTime": who if who == WHO else "2020",
             "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10", "display": who}]}},
        ]  # fmt: skip

    folder.mkdir(exist_ok=True)
    resources = (of(WHO) if there else []) + of("p1")
    (folder / "a.ndjson").write_text("".join(json.dumps(one) + "\n" for one in resources))
    return Records((folder,), name="ehr", format="fhir")


VISITS: dict[str, Any] = {"subject": "who", "visit": "visit", "time": "time", "end": "end", "codes": {"dx": "ICD10CM"}}
WRITES: dict[str, Write] = {
    "patients": text(
        "p.csv", "patient_id,age\n", f"{WHO},5\n{WHO},6\n {WHO} ,7\n", "p1,50\np3,47\n", lambda path: Patients((path,))
    ),
    "samples": text(
        "s.csv", "sample_id,patient_id\n", f"a,{WHO}\n,{WHO}\n", "b,p1\nc,nobody\n", lambda path: Samples((path,))
    ),
    "rows": text("m.csv", "id,AAA,BBB\n", f"{WHO},bad,1\nS-{WHO},1,2\n", "p1,1,2\np3,3,4\n", lambda path: Omics((path,), name="m", id="id")),
    "columns": columns,
    "h5ad": h5ad,
    "pairs": text(
        "m.csv", "who,gene\n", f"{WHO},AAA\n{WHO},\n", "p1,BBB\np1,BBB\np3,\nnobody,AAA\n",
        lambda path: Omics((path,), name="m", kind="mutation", subject="who", gene="gene", profiled="patients"),
    ),
    "maf": text(
        "m.maf", "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\n", f"AAA\t{WHO}\tNonsense\n", "BBB\tp1\tNonsense\n",
        lambda path: Omics((path,), name="m", kind="mutation"),
    ),
    "encounters": text(
        "e.csv", "visit,who,time,end,dx\n", f"v2,{WHO},2019-01-01,2019-01-05,I10\nv3,{WHO},31.02.2019,,\n,{WHO},,,\n",
        "v1,p1,2019-01-01,2019-01-05,I10\nv4,p3,31.02.2019,,\n", lambda path: Records((path,), name="ehr", format="csv", **VISITS),
    ),
    "timeline": text(
        "t.txt", "PATIENT_ID\tSTART_DATE\tEVENT_TYPE\n", f"{WHO}\t1\tSURGERY\n{WHO}\tx\tSURGERY\n", "p1\t2\tSURGERY\n",
        lambda path: Records((path,), name="t", format="timeline"),
    ),
    "meds": meds,
    "fhir": fhir,
}  # fmt: skip


def same(one: Loaded, other: Loaded, spec: AnySource) -> None:
    for name in ("patients", "samples", "visits", "events", "concepts", "links"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        if a is not None:
            assert_frame_equal(a, b)
    assert (one.omics is None) == (other.omics is None)
    if one.omics is not None and other.omics is not None:
        assert_frame_equal(frame(one.omics.obs, "sample_id"), frame(other.omics.obs, "sample_id"))
        assert_frame_equal(frame(one.omics.var, "id"), frame(other.omics.var, "id"))
        a, b = (x.toarray() if hasattr(x, "toarray") else x for x in (one.omics.X, other.omics.X))
        np.testing.assert_array_equal(a, b)
    for label, table in nodes(one, spec).items():
        assert_frame_equal(table, nodes(other, spec)[label])


CASES = [(name, people) for name in WRITES for people in (True, False) if people or name != "pairs"]
"""Pairs profiled "patients" need to know the patients."""


@pytest.mark.parametrize(("name", "people"), CASES)
def test_it_is_as_if_the_file_had_not_held_them(name: str, people: bool, removed: Removed, tmp_path: Path) -> None:
    known = Known(frozenset(["p1", "p3"]) if people else None, None, GeneTable.empty(), removed=removed)
    spec = WRITES[name](tmp_path / "with", True)
    got = read_source(spec, known)
    bare = WRITES[name](tmp_path / "without", False)
    want = read_source(bare, Known(known.subjects, None, GeneTable.empty()))
    same(got, want, spec)
    tally = got.tally
    assert tally.read == tally.written + tally.merged + tally.rejected
    assert tally.written == want.tally.written
    assert tally.merged == want.tally.merged
    assert tally.rejected == want.tally.rejected + tally.read - want.tally.read
    told = got.rejects.filter(pl.col("expected") == EXPECTED)
    assert told.height >= 1
    assert set(told["got"]) == {""}
    assert not any(WHO in str(cell) for cell in got.rejects.rows())
    assert got.rejects.height - told.height == want.rejects.height
    assert not any(WHO in said for said in got.counts)


def test_barcodes_of_a_removed_patient_or_sample_are_theirs() -> None:
    key = Removed(b"k")
    marks = frozenset({key.mark("TCGA-05-4244"), key.mark("TCGA-05-4245-01A", SAMPLE)})
    ids = pl.Series(
        [
            "TCGA-05-4244",
            "TCGA-05-4244-01A-01D-1105-08",
            "TCGA-05-4245-01A-11",
            "TCGA-05-4245-01B",
            "TCGA-05-42",
            "4244-01",
        ]
    )
    known = Known(frozenset(["TCGA-05-4245"]), None, GeneTable.empty(), removed=Removed(b"k", marks))
    assert taken_out(ids, known).to_list() == [True, True, True, False, False, False]


def test_the_list_is_private_and_says_nobodys_name(tmp_path: Path) -> None:
    assert read_removed(tmp_path) == Removed()
    add_removed(tmp_path, [(SUBJECT, WHO)])
    both = add_removed(tmp_path, [(SUBJECT, "p9")])
    assert both == read_removed(tmp_path)
    file = tmp_path / FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert WHO not in file.read_text()
    assert both.holds(pl.Series([WHO, f" {WHO}\t", None, "p9", "p8", ""])).to_list() == [
        True,
        True,
        False,
        True,
        False,
        False,
    ]
    assert not both.holds(pl.Series([WHO]), SAMPLE).any()
    file.write_text("{}")
    with pytest.raises(EngineError, match="they would come back"):
        read_removed(tmp_path)
