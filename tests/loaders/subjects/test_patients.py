"""Patients, samples, and the door that their ids pass."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from clinome.loaders.errors import InputError
from clinome.loaders.files.removed_ids import Removed
from clinome.loaders.files.rows import id_text
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records.csv_tables import read_encounters
from clinome.loaders.registry import read_source
from clinome.loaders.specs import Knowledge, Omics, Patients, Records, Samples
from clinome.loaders.subjects.patients import read_patients
from clinome.loaders.subjects.pseudonyms import door, file_ids, file_samples, namespaced, pseudonymised
from clinome.loaders.subjects.samples import read_samples
from clinome.loaders.tables import NEVER, SAMPLES, Known, Loaded

NOBODY = Known(None, None, GeneTable.empty())


def write(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def tally(loaded: Loaded) -> tuple[int, int, int, int]:
    t = loaded.tally
    return t.read, t.written, t.merged, t.rejected


def test_properties_are_typed_and_rows_accounted_for(tmp_path: Path) -> None:
    text = "patient_id,age,end,zip,end_\nA,61,x,007,1.5\nA,61,x,007,1.5\n,1,,,\nB,,,010,\nB,3,,,\n"
    loaded = read_patients(Patients(path=(write(tmp_path / "p.csv", text),)))
    assert tally(loaded) == (5, 2, 1, 2)
    assert loaded.patients is not None
    assert loaded.patients.schema == pl.Schema(
        {"subject_id": pl.String, "age": pl.Int64, "end__": pl.String, "zip": pl.String, "end_": pl.Float64}
    )
    assert loaded.rejects["row"].to_list() == [3, 5]
    assert loaded.clock is None


def test_only_kept_columns_make_duplicates_differ(tmp_path: Path) -> None:
    file = write(tmp_path / "slides.csv", ",case_id,slide,age\n0,A,s1,61\n1,A,s2,61\n2,B,s3,50\n")
    kept = read_patients(Patients(path=(file,), id="case_id", keep=("age",)))
    whole = read_patients(Patients(path=(file,), id="case_id"))
    assert tally(kept) == (3, 2, 1, 0)
    assert tally(whole) == (3, 2, 0, 1)
    assert whole.patients is not None
    assert whole.patients.columns == ["subject_id", "slide", "age"]


def test_several_files_of_one_form(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", "patient_id,age\nA,1\nB,2\n")
    two = write(tmp_path / "two.csv", "patient_id,sex\nC,F\nA,F\n")
    loaded = read_patients(Patients(path=(one, two)))
    assert loaded.patients is not None
    assert loaded.patients.rows() == [("A", 1, "F"), ("B", 2, None), ("C", None, "F")]
    assert loaded.rejects.is_empty() and tally(loaded) == (4, 3, 1, 0)


def test_observation_is_a_date_or_days(tmp_path: Path) -> None:
    text = "patient_id,seen,days\nA,2020-01-02,10\nB,2020-02-31,many\n"
    file = write(tmp_path / "p.csv", text)
    dated = read_patients(Patients(path=(file,), observed_until="seen"))
    relative = read_patients(Patients(path=(file,), observed_until="days"))
    assert dated.patients is not None
    assert relative.patients is not None
    assert dated.patients["observed_until"].to_list() == [datetime(2020, 1, 2), None]
    assert relative.patients["observed_until"].to_list() == [datetime(2000, 1, 11), None]
    assert (dated.clock, relative.clock) == ("dated", "relative")
    assert tally(dated) == (2, 2, 0, 0)
    assert dated.rejects["got"].to_list() == ["2020-02-31"]


def test_ids_stay_text_and_columns_may_be_numbers(tmp_path: Path) -> None:
    loaded = read_patients(Patients(path=(write(tmp_path / "p.csv", "007,61\n008,50\n"),), id=0, keep=("1",)))
    assert loaded.patients is not None
    assert loaded.patients.rows() == [("007", 61), ("008", 50)]
    with pytest.raises(InputError, match="patient_id"):
        read_patients(Patients(path=(write(tmp_path / "q.csv", "patient_id,a\nA,1\n"),), id="patient"))


def test_samples_belong_to_known_patients(tmp_path: Path) -> None:
    text = "sample_id,patient_id,plate,day\ns1,A,P1,2020-01-05\ns2,A,P2,\ns3,Z,P1,\ns1,A,P9,\n"
    spec = Samples(path=(write(tmp_path / "s.csv", text),), batch="plate", time="day")
    loaded = read_samples(spec, Known(frozenset("AB"), None, GeneTable.empty()))
    assert tally(loaded) == (4, 2, 0, 2)
    assert loaded.samples is not None
    assert loaded.samples.columns == list(SAMPLES)
    day = datetime(2020, 1, 5)
    assert loaded.samples.rows() == [("s1", "A", "P1", None, day, day), ("s2", "A", "P2", None, None, NEVER)]
    assert loaded.counts["samples of which nobody says when they were known (no time): no input"] == 1


def study(folder: Path) -> list[Loaded]:
    patients = write(folder / "p.csv", "patient_id,age\nA,1\nB,2\n")
    samples = write(folder / "s.csv", "sample_id,patient_id\nsA,A\nsB,B\n")
    rna = write(folder / "r.csv", "id,TP53\nsA,1\nsB,2\n")
    maf = write(folder / "m.maf", "Hugo_Symbol\tTumor_Sample_Barcode\tHGVSp_Short\nTP53\tsA\tp.R1H\n")
    loaded = [read_source(Patients(path=(patients,)), NOBODY), read_source(Samples(path=(samples,)), NOBODY)]
    known = Known(frozenset("AB"), loaded[1].samples, GeneTable.empty())
    layers = (Omics(path=(rna,), name="rna"), Omics(path=(maf,), name="mut", kind="mutation"))
    return [*loaded, *(read_source(spec, known) for spec in layers)]


def ids(loaded: list[Loaded]) -> set[str]:
    patients, samples, rna, mutations = loaded
    assert patients.patients is not None
    assert samples.samples is not None
    assert rna.omics is not None
    assert mutations.omics is not None
    return {
        *patients.patients["subject_id"], *samples.samples["subject_id"], *samples.samples["sample_id"],
        *rna.omics.obs_names, *rna.omics.obs["subject_id"], *mutations.omics.uns["variants"]["subject_id"],
    }  # fmt: skip


def test_a_namespace_precedes_every_id(tmp_path: Path) -> None:
    assert ids([namespaced(one, "luad.") for one in study(tmp_path)]) == {"luad.A", "luad.B", "luad.sA", "luad.sB"}


def test_pseudonyms_are_keyed_and_equal_in_all_tables(tmp_path: Path) -> None:
    first = ids([pseudonymised(one, b"one") for one in study(tmp_path)])
    again = ids([pseudonymised(one, b"one") for one in study(tmp_path)])
    other = ids([pseudonymised(one, b"two") for one in study(tmp_path)])
    assert first == again
    assert len(first) == 4
    assert not first & (other | {"A", "B", "sA", "sB"})


def test_the_door_leaves_a_way_back_for_its_owner(tmp_path: Path) -> None:
    tables = tmp_path / "x.tables"
    enter = door("luad.", True, tables)
    inside = [enter(one) for one in study(tmp_path)]
    assert inside[0].patients is not None
    assert inside[1].samples is not None
    assert file_ids(inside[0].patients["subject_id"], "luad.", tables) == ["A", "B"]
    assert file_samples(inside[1].samples, "luad.", tables)["sample_id"].to_list() == ["sA", "sB"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in tables.iterdir()} == {0o600}
    assert ids([door("luad.", True, tables)(one) for one in study(tmp_path)]) == ids(inside)


def test_a_door_without_wishes_changes_nothing(tmp_path: Path) -> None:
    assert ids([door("", False, tmp_path / "t")(one) for one in study(tmp_path)]) == {"A", "B", "sA", "sB"}
    assert not (tmp_path / "t").exists()


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gmt, obo"):
        read_source(Knowledge(path=(tmp_path / "a.owl",), name="hpo"), NOBODY)
    with pytest.raises(InputError, match="meds, omop"):
        read_source(Records(path=(tmp_path,), name="ehr", format="xlsx"), NOBODY)


def test_headers_that_come_again_are_no_patients(tmp_path: Path) -> None:
    rows = ["bcr_patient_barcode\tgender\tage", "bcr_patient_barcode\tgender\tage_at_diagnosis", "CDE_ID:2003301\tCDE_ID:2\tCDE_ID:3",
            "TCGA-ZZ-0001\tMALE\t61"]  # fmt: skip
    (tmp_path / "p.txt").write_text("\n".join(rows) + "\n")
    loaded = read_patients(Patients(path=(tmp_path / "p.txt",), id="bcr_patient_barcode"))
    assert loaded.patients is not None
    assert loaded.patients.rows() == [("TCGA-ZZ-0001", "MALE", 61)]
    assert loaded.tally.rejected == 2


def test_without_a_header_an_id_may_be_a_column_s_number(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("0,60\n1,61\n")
    loaded = read_patients(Patients(path=(tmp_path / "p.csv",), id=0))
    assert loaded.patients is not None
    assert loaded.patients["subject_id"].to_list() == ["0", "1"]


@pytest.mark.parametrize("id", ["Jo\u0308rg", "101.0"])
def test_one_id_however_it_is_written_is_joined_and_removed(id: str, tmp_path: Path) -> None:
    """Patients, samples and records of a file each; a removal of the id as the graph has it holds for all of them."""
    as_text = id_text(pl.Series([id]))[0]
    (tmp_path / "p.csv").write_text(f"patient_id,age\n{id},60\n")
    (tmp_path / "s.csv").write_text(f"sample_id,patient_id\nS1,{id}\n")
    (tmp_path / "e.csv").write_text(f"patient_id,date,dx\n{id},2020-01-01,I10\n")
    patients, samples = (
        Patients(path=(tmp_path / "p.csv",), id="patient_id"),
        Samples((tmp_path / "s.csv",), subject="patient_id"),
    )
    records = Records((tmp_path / "e.csv",), subject="patient_id", time="date", codes={"dx": "ICD10CM"})
    known = Known(frozenset((as_text,)), None, GeneTable.empty())
    for loaded in (read_patients(patients), read_samples(samples, known), read_encounters(records, known)):
        assert (loaded.tally.written, loaded.tally.rejected) == (1, 0)
    key = b"k"
    gone = replace(known, removed=Removed(key, frozenset((Removed(key).mark(as_text),))))
    for loaded in (read_patients(patients, gone), read_samples(samples, gone), read_encounters(records, gone)):
        assert (loaded.tally.written, loaded.tally.rejected) == (0, 1)
        assert "60" not in str(loaded.rejects.rows()) and as_text not in str(loaded.rejects.rows())


def test_rows_of_two_files_complete_each_other_where_they_agree(tmp_path: Path) -> None:
    """Two clinical files of the same patients are one table; who differs in a column is told."""
    first = write(tmp_path / "a.csv", "patient_id,age,stage\nA,61,I\nB,50,\nC,40,II\n")
    second = write(tmp_path / "b.csv", "patient_id,sex,age\nB,F,\nA,M,61\nC,F,41\nD,M,30\n")
    loaded = read_patients(Patients(path=(first, second)))
    assert loaded.patients is not None and tally(loaded) == (7, 4, 2, 1)
    rows = {row["subject_id"]: (row["age"], row["stage"], row["sex"]) for row in loaded.patients.to_dicts()}
    assert rows == {"A": (61, "I", "M"), "B": (50, None, "F"), "C": (40, "II", None), "D": (30, None, "M")}
    assert loaded.rejects.select("file", "row", "got").rows() == [("b.csv", 3, "C")]
    again = read_patients(Patients(path=(write(tmp_path / "c.csv", "patient_id,age,sex\nA,61,\nA,,M\n"),)))
    assert tally(again) == (2, 1, 0, 1), "two rows of one file are no two tables"


def test_every_cell_ends_somewhere(tmp_path: Path) -> None:
    text = "patient_id,age,last\nA,61,2020-01-02\nB,[Not Available],soon\nA,61,2020-01-02\nA,62,\n,1,\n"
    loaded = read_patients(Patients(path=(write(tmp_path / "p.csv", text),), observed_until="last"))
    assert vars(loaded.cells) == {"read": 12, "written": 4, "merged": 3, "rejected": 5}
    assert [(loss.where, loss.lost, loss.said) for loss in loaded.losses] == [
        ("age", 1, "missing, as their word says"), ("last", 1, "left missing"),
    ]  # fmt: skip


def test_numbers_are_days_only_where_the_records_are_on_such_a_clock(tmp_path: Path) -> None:
    """43845 is a spreadsheet's 2020-01-15 in a study of dates; as days it would be the year 2120."""
    spec = Patients(
        path=(write(tmp_path / "p.csv", "patient_id,last\nA,43845\nB,43850\nC,43860\n"),), observed_until="last"
    )
    known = Known(None, None, GeneTable.empty())
    dated = read_patients(spec, replace(known, clock="dated"))
    (lost,) = dated.losses
    assert (lost.lost, lost.of, lost.ends, lost.why.cause) == (3, 3, True, "a number that may be a spreadsheet's date")
    relative = read_patients(spec, replace(known, clock="relative"))
    assert not relative.losses and relative.clock == "relative"


def test_whole_numbers_named_like_ids_are_hinted_at(tmp_path: Path) -> None:
    path = write(tmp_path / "p.csv", "patient_id,admission_type_id,age\nA,3,61\nB,4,50\n")
    loaded = read_patients(Patients(path=(path,)))
    assert [what for what in loaded.counts if "categorical = ['admission_type_id']" in what]
    named = read_patients(Patients(path=(path,), categorical=("admission_type_id",)))
    assert named.patients is not None and named.patients["admission_type_id"].to_list() == ["3", "4"]


def test_cells_of_equal_samples_add_up(tmp_path: Path) -> None:
    """Ten rows of one sample, whose time cannot be read: nine merge, and no cell counts twice."""
    text = "sample_id,patient_id,day\n" + "s1,A,soon\n" * 10 + "s2,A,2020-01-05\n"
    spec = Samples(path=(write(tmp_path / "s.csv", text),), time="day")
    loaded = read_samples(spec, Known(frozenset("A"), None, GeneTable.empty()))
    assert tally(loaded) == (11, 2, 9, 0)
    assert vars(loaded.cells) == {"read": 33, "written": 5, "merged": 18, "rejected": 10}


@pytest.mark.parametrize("column", ["row", "_file", "files", "rows"])
def test_no_column_of_two_files_is_in_the_way(tmp_path: Path, column: str) -> None:
    first = write(tmp_path / "a.csv", "patient_id,age\nA,61\nB,50\n")
    second = write(tmp_path / "b.csv", f"patient_id,{column}\nA,7\nB,8\n")
    loaded = read_patients(Patients(path=(first, second)))
    assert loaded.patients is not None
    assert loaded.patients.to_dict(as_series=False) == {"subject_id": ["A", "B"], "age": [61, 50], column: [7, 8]}
