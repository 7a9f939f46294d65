"""Notes as tables: whose they are, when they were known, and that no reject quotes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from clinome.loaders.errors import InputError
from clinome.loaders.files.removed_ids import Removed
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.registry import read_source
from clinome.loaders.specs import Images, Notes
from clinome.loaders.tables import NEVER, Known, Loaded

KNOWN = Known(frozenset({"1", "2"}), None, GeneTable.empty())
SECRET = "Zebulon Pike"


def _read(folder: Path, table: dict[str, list[str | None]], name: str = "notes.csv", **named: object) -> Loaded:
    pl.DataFrame(table).write_csv(folder / name)
    return read_source(Notes((folder / name,), name="ward", **named), KNOWN)  # type: ignore[arg-type]


def test_a_row_is_a_note_and_each_row_is_accounted_for(tmp_path: Path) -> None:
    table: dict[str, list[str | None]] = {
        "mrn": ["1", "2", "2", "9", "1", "1", None],
        "at": ["2020-01-01T10:00", "2020-01-02", "2020-01-02", "2020-01-01", "spring", "2020-01-05", "2020-01-05"],
        "body": [f"{SECRET} has fever", f"{SECRET} is well", f"{SECRET} is well", SECRET, SECRET, "  ", SECRET],
    }
    loaded = _read(tmp_path, table, subject="mrn", time="at", text="body")
    assert (loaded.tally.read, loaded.tally.written, loaded.tally.merged, loaded.tally.rejected) == (7, 2, 1, 4)
    assert loaded.notes is not None
    assert loaded.notes["kind"].to_list() == ["NOTE:note"] * 2
    assert loaded.notes["known_time"].to_list() == [datetime(2020, 1, 1, 10), datetime(2020, 1, 2, 23, 59, 59, 999999)]
    assert SECRET not in loaded.rejects.write_csv()
    assert loaded.events is None  # a note is no input of the records


def test_a_note_of_which_nobody_says_when_it_was_known_is_no_input(tmp_path: Path) -> None:
    table: dict[str, list[str | None]] = {
        "mrn": ["1", "1"], "at": ["2020-01-01", "2020-01-02"], "signed": ["2020-01-09", None], "text": ["a b", "c d"],
    }  # fmt: skip
    loaded = _read(tmp_path, table, subject="mrn", time="at", known_time="signed")
    assert loaded.notes is not None
    assert loaded.notes["known_time"].to_list() == [datetime(2020, 1, 9, 23, 59, 59, 999999), NEVER]
    assert any("no input" in said for said in loaded.counts)


def test_omop_mimic3_and_mimic4_need_no_column_named(tmp_path: Path) -> None:
    omop: dict[str, list[str | None]] = {
        "person_id": ["1", "2"], "note_date": ["2020-01-01"] * 2, "note_datetime": ["2020-01-01T08:30:00", None],
        "note_title": ["Discharge  Summary", None], "note_class_concept_id": ["1", "44"], "note_text": ["one", "two"],
        "visit_occurrence_id": ["7", None],
    }  # fmt: skip
    notes = _read(tmp_path, omop, "note.csv", format="omop").notes
    assert notes is not None
    assert notes.select("kind", "visit_id", "text").rows() == [
        ("NOTE:discharge summary", "7", "one"), ("NOTE:44", None, "two")
    ]  # fmt: skip
    assert notes["known_time"].to_list() == [datetime(2020, 1, 1, 8, 30), datetime(2020, 1, 1, 23, 59, 59, 999999)]
    third: dict[str, list[str | None]] = {
        "ROW_ID": ["1", "2", "3"], "SUBJECT_ID": ["1"] * 3, "HADM_ID": ["5"] * 3, "CHARTDATE": ["2101-01-02"] * 3,
        "CHARTTIME": [None, "2101-01-02 03:00:00", "2101-01-02 04:00:00"],
        "STORETIME": [None, "2101-01-02 05:00:00", "2101-01-02 05:00:00"],
        "CATEGORY": ["Discharge summary", "Nursing ", "Nursing"], "ISERROR": [None, None, "1"], "TEXT": ["x", "y", "z"],
    }  # fmt: skip
    loaded = _read(tmp_path, third, "NOTEEVENTS.csv", format="mimic3")
    assert loaded.notes is not None and loaded.tally.rejected == 1
    assert dict(loaded.notes.select("kind", "known_time").iter_rows()) == {
        "NOTE:discharge summary": datetime(2101, 1, 2, 23, 59, 59, 999999), "NOTE:nursing": datetime(2101, 1, 2, 5),
    }  # fmt: skip
    fourth: dict[str, list[str | None]] = {
        "note_id": ["a"], "subject_id": ["1"], "hadm_id": ["5"], "note_type": ["DS"], "charttime": ["2101-01-02 00:00:00"],
        "storetime": ["2101-01-04 10:00:00"], "text": ["x"],
    }  # fmt: skip
    (tmp_path / "note").mkdir()
    pl.DataFrame(fourth).write_csv(tmp_path / "note" / "discharge.csv")
    found = read_source(Notes((tmp_path / "note",), name="n", format="mimic4"), KNOWN).notes
    assert found is not None and found["known_time"].item() == datetime(2101, 1, 4, 10)


def test_who_was_removed_comes_back_by_no_note(tmp_path: Path) -> None:
    gone = Removed(b"key")
    known = replace(KNOWN, removed=replace(gone, marks=frozenset({gone.mark("1")})))
    pl.DataFrame({"mrn": ["1", "2"], "at": ["2020-01-01"] * 2, "text": [SECRET, "well"]}).write_csv(tmp_path / "n.csv")
    loaded = read_source(Notes((tmp_path / "n.csv",), name="n", subject="mrn", time="at"), known)
    assert loaded.notes is not None and loaded.notes["subject_id"].to_list() == ["2"]
    assert loaded.rejects["got"].to_list() == [""]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"time": "at"}, "subject"),
        ({"subject": "mrn", "time": "att"}, "'at'"),
        ({"subject": "mrn", "time": "at"}, "text"),
    ],
)
def test_an_error_says_which_column(tmp_path: Path, named: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        _read(tmp_path, {"mrn": ["1"], "at": ["2020-01-01"], "body": [SECRET]}, **named)
    assert SECRET not in str(error.value) and error.value.fix


def test_without_a_model_there_is_an_error_and_no_download(tmp_path: Path) -> None:
    table: dict[str, list[str | None]] = {"mrn": ["1"], "at": ["2020-01-01"], "text": ["fever"]}
    with pytest.raises(InputError, match=r"\[notes.ward\] model"):
        _read(tmp_path, table, subject="mrn", time="at", model=tmp_path / "none")


def test_images_are_one_numeric_column_a_feature(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {
            "mrn": ["1", "2", "2", "7"],
            "at": ["2020-01-01"] * 4,
            "f0": ["1.5", "x", None, "1"],
            "f1": ["2", "3", None, "1"],
        }
    )
    table.write_csv(tmp_path / "ct.csv")
    spec = Images((tmp_path / "ct.csv",), name="ct", subject="mrn", time="at")
    loaded = read_source(spec, KNOWN)
    assert loaded.vectors is not None
    assert loaded.vectors.select("subject_id", "kind", "f0", "f1").rows() == [
        ("1", "IMAGE:ct", 1.5, 2.0), ("2", "IMAGE:ct", None, 3.0)
    ]  # fmt: skip
    assert loaded.tally.rejected == 2 and loaded.losses[0].lost == 1
    with pytest.raises(InputError, match="a column without a number"):
        table.with_columns(scanner=pl.lit("GE")).write_csv(tmp_path / "ct.csv")
        read_source(spec, KNOWN)
