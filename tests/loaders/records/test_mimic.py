"""MIMIC-III and -IV on tables made after their published schemas: what each row becomes, and when it was known."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import polars as pl
import pytest

from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records.mimic.reader import read_mimic3, read_mimic4
from clinome.loaders.specs import Records
from clinome.loaders.tables import EVENTS, NEVER, Known, Loaded

ANYONE = Known(None, None, GeneTable.empty())
THIRD = {
    "PATIENTS": "ROW_ID,SUBJECT_ID,GENDER,DOB,DOD\n1,10,F,2094-03-05 00:00:00,2165-08-12 00:00:00\n2,11,M,2100-01-01 00:00:00,\n",
    "ADMISSIONS": "ROW_ID,SUBJECT_ID,HADM_ID,ADMITTIME,DISCHTIME,DEATHTIME,ADMISSION_TYPE,INSURANCE\n"
    "1,10,100,2164-10-23 21:09:00,2164-11-01 17:15:00,,EMERGENCY,Medicare\n2,11,101,2150-01-01 10:00:00,,,URGENT,Private\n"
    "3,11,102,2151-01-09 10:00:00,2151-01-02 10:00:00,,URGENT,Private\n",
    "ICUSTAYS": "ROW_ID,SUBJECT_ID,HADM_ID,ICUSTAY_ID,INTIME,OUTTIME\n1,10,100,200,2164-10-23 22:00:00,2164-10-25 12:00:00\n",
    "DIAGNOSES_ICD": "ROW_ID,SUBJECT_ID,HADM_ID,SEQ_NUM,ICD9_CODE\n1,10,100,1,99591\n2,10,100,2,99591\n3,11,101,1,25000\n4,10,100,3,\n",
    "PROCEDURES_ICD": "ROW_ID,SUBJECT_ID,HADM_ID,SEQ_NUM,ICD9_CODE\n1,10,100,1,3893\n",
    "PRESCRIPTIONS": "ROW_ID,SUBJECT_ID,HADM_ID,STARTDATE,DRUG\n1,10,100,2164-10-24 00:00:00,NS\n2,10,100,2164-10-25 00:00:00,Heparin\n"
    "3,10,100,2164-10-25 00:00:00,Insulin\n4,10,100,,Insulin\n",
    "LABEVENTS": "ROW_ID,SUBJECT_ID,HADM_ID,ITEMID,CHARTTIME,VALUE,VALUENUM,VALUEUOM\n"
    "1,10,100,50912,2164-10-24 06:00:00,1.3,1.3,mg/dL\n2,10,100,50999,2164-10-24 06:00:00,NEG,,\n",
    "CHARTEVENTS": "ROW_ID,SUBJECT_ID,HADM_ID,ITEMID,CHARTTIME,STORETIME,VALUE,VALUENUM,VALUEUOM,ERROR\n"
    "1,10,100,211,2164-10-24 06:00:00,2164-10-24 07:00:00,88,88,BPM,0\n2,10,100,211,2164-10-24 07:00:00,2164-10-24 08:00:00,8888,8888,BPM,1\n"
    "3,10,100,211,2164-10-24 08:00:00,,90,90,BPM,0\n",
    "CPTEVENTS": "ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CPT_CD\n1,10,100,,99254\n2,10,100,,G0101\n",
    "D_LABITEMS": "ROW_ID,ITEMID,LABEL,FLUID,LOINC_CODE\n1,50912,Creatinine,Blood,2160-0\n2,50999,Odd test,Urine,\n",
    "D_ITEMS": "ROW_ID,ITEMID,LABEL\n1,211,Heart Rate\n",
    "D_ICD_DIAGNOSES": "ROW_ID,ICD9_CODE,SHORT_TITLE,LONG_TITLE\n1,99591,Sepsis,Sepsis of some kind\n",
    "CAREGIVERS": "ROW_ID,CGID\n1,1\n",
}  # fmt: skip
FOURTH = {
    "hosp/patients": "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n10,F,70,2164,2011 - 2013,\n",
    "hosp/admissions": "subject_id,hadm_id,admittime,dischtime,deathtime,admission_type\n10,20,2164-10-23 21:09:00,2164-11-01 17:15:00,2164-11-01 17:00:00,EW EMER.\n",
    "hosp/diagnoses_icd": "subject_id,hadm_id,seq_num,icd_code,icd_version\n10,20,1,A419,10\n10,20,2,4019,9\n",
    "hosp/procedures_icd": "subject_id,hadm_id,seq_num,chartdate,icd_code,icd_version\n10,20,1,2164-10-25,02HV33Z,10\n",
    "hosp/labevents": "labevent_id,subject_id,hadm_id,itemid,charttime,storetime,value,valuenum,valueuom\n"
    "1,10,20,50912,2164-10-24 06:00:00,2164-10-24 07:10:00,1.3,1.3,mg/dL\n2,10,,50912,2164-10-25 06:00:00,,1.4,1.4,mg/dL\n",
    "hosp/emar": "subject_id,hadm_id,charttime,storetime,medication,event_txt\n"
    "10,20,2164-10-24 06:00:00,2164-10-24 06:01:00,Heparin,Administered\n10,20,2164-10-24 07:00:00,2164-10-24 07:01:00,Heparin,Not Given\n",
    "hosp/omr": "subject_id,chartdate,seq_num,result_name,result_value\n10,2164-01-01,1,BMI (kg/m2),31.2\n10,2164-01-01,1,Blood Pressure,120/80\n",
    "icu/icustays": "subject_id,hadm_id,stay_id,intime,outtime\n10,20,30,2164-10-23 22:00:00,2164-10-25 12:00:00\n",
    "icu/inputevents": "subject_id,hadm_id,stay_id,starttime,endtime,storetime,itemid,amount,amountuom,statusdescription\n"
    "10,20,30,2164-10-24 01:00:00,2164-10-24 02:00:00,2164-10-24 02:30:00,221906,4,mg,FinishedRunning\n"
    "10,20,30,2164-10-24 01:00:00,2164-10-24 02:00:00,2164-10-24 02:30:00,221906,8,mg,Rewritten\n",
    "icu/d_items": "itemid,label\n221906,Norepinephrine\n",
}  # fmt: skip


def write(folder: Path, tables: dict[str, str], packed: bool = False) -> Path:
    for name, text in tables.items():
        file = folder / f"{name}.csv{'.gz' if packed else ''}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return folder


def third(folder: Path, known: Known = ANYONE, **keys: object) -> Loaded:
    return read_mimic3(Records((folder,), format="mimic3", name="ehr", **keys), known)  # type: ignore[arg-type]


def fourth(folder: Path) -> Loaded:
    return read_mimic4(Records((folder,), format="mimic4", name="ehr"), ANYONE)


def events(loaded: Loaded, code: str) -> list[dict[str, object]]:
    assert loaded.events is not None and loaded.events.schema == EVENTS
    return loaded.events.filter(pl.col("code") == code).rows(named=True)


@pytest.mark.parametrize("packed", [False, True])
def test_every_row_of_mimic3_is_told_of(tmp_path: Path, packed: bool) -> None:
    loaded = third(write(tmp_path, THIRD, packed))
    rows = sum(text.count("\n") - 1 for name, text in THIRD.items() if not name.startswith(("D_", "CAREGIVERS")))
    assert loaded.tally.read == rows
    assert loaded.tally.merged == 1  # the diagnosis that comes twice
    refused = {(column, expected) for column, expected in loaded.rejects.select("column", "expected").iter_rows()}
    assert refused == {
        ("dischtime", "not before admittime"), ("icd9_code", "a code"), ("startdate", "a time"),
        ("error", "what was done, or measured"),
    }  # fmt: skip
    assert any("caregivers" in said for said in loaded.counts)


def test_what_is_coded_at_discharge_is_known_then(tmp_path: Path) -> None:
    loaded = third(write(tmp_path, THIRD))
    (sepsis,) = events(loaded, "ICD9CM:995.91")
    assert sepsis["time"] == dt.datetime(2164, 10, 23, 21, 9)
    assert sepsis["known_time"] == dt.datetime(2164, 11, 1, 17, 15)
    (diabetes,) = events(loaded, "ICD9CM:250.00")  # of an admission that has not ended
    assert diabetes["known_time"] == NEVER
    assert events(loaded, "CPT:99254")[0]["known_time"] == events(loaded, "HCPCS:G0101")[0]["known_time"]
    assert events(loaded, "ICD9PROC:38.93")


def test_results_drugs_and_names(tmp_path: Path) -> None:
    loaded = third(write(tmp_path, THIRD))
    (creatinine,) = events(loaded, "LOINC:2160-0")
    assert (creatinine["numeric_value"], creatinine["unit"]) == (1.3, "mg/dL")
    assert events(loaded, "VALUE:mimic/50999")[0]["text_value"] == "NEG"
    first, second = events(loaded, "VALUE:mimic/211")
    assert (first["numeric_value"], first["known_time"]) == (88.0, dt.datetime(2164, 10, 24, 7))
    assert second["known_time"] == NEVER  # no storetime: nobody says when it was known
    assert events(loaded, "DRUG:ns") and events(loaded, "DRUG:heparin")  # normal saline is no missing value
    assert loaded.concepts is not None
    names = dict(loaded.concepts.select("id", "name").rows())
    assert names == {
        "LOINC:2160-0": "Creatinine (blood)", "VALUE:mimic/50999": "Odd test (urine)", "VALUE:mimic/211": "Heart Rate",
        "ICD9CM:995.91": "Sepsis of some kind",
    }  # fmt: skip


def test_visits_keep_what_the_study_names(tmp_path: Path) -> None:
    loaded = third(write(tmp_path, THIRD), keep=("insurance",))
    assert loaded.visits is not None
    assert loaded.visits.select("visit_id", "kind", "insurance").rows() == [
        ("100", "emergency", "Medicare"), ("101", "urgent", "Private"), ("200", "icu stay", None),
    ]  # fmt: skip
    with pytest.raises(InputError, match="insurence"):
        third(tmp_path, keep=("insurence",))


def test_a_spreadsheet_took_the_centuries(tmp_path: Path) -> None:
    """As a copy of the demo has them: the ICU stay tells the admission's century, the admission those of birth and death."""
    tables = {
        **THIRD,
        "PATIENTS": "ROW_ID,SUBJECT_ID,GENDER,DOB,DOD\n1,10,F,3/5/94 0:00,8/12/65 0:00\n2,11,M,1/1/99 0:00,\n",
        "ADMISSIONS": "ROW_ID,SUBJECT_ID,HADM_ID,ADMITTIME,DISCHTIME,DEATHTIME,ADMISSION_TYPE\n"
        "1,10,100,10/23/64 21:09,11/1/64 17:15,,EMERGENCY\n2,11,101,1/1/50 10:00,,,URGENT\n",
    }
    loaded = third(write(tmp_path, tables))
    assert loaded.visits is not None
    assert loaded.visits.filter(pl.col("visit_id") == "100")["start_time"].item() == dt.datetime(2164, 10, 23, 21, 9)
    born = {one["subject_id"]: one["time"] for one in events(loaded, "MEDS:MEDS_BIRTH")}
    assert born["10"] == dt.datetime(2094, 3, 5)
    (died,) = events(loaded, "MEDS:MEDS_DEATH")
    assert died["time"] == dt.datetime(2165, 8, 12)
    assert "101" not in set(loaded.visits["visit_id"])  # nothing tells its century: refused, not guessed
    assert loaded.counts["dates with a year of two digits, whose century other dates told"] == 4


def test_mimic4_by_its_published_schema(tmp_path: Path) -> None:
    loaded = fourth(write(tmp_path, FOURTH, packed=True))
    (sepsis,) = events(loaded, "ICD10CM:A41.9")
    assert sepsis["known_time"] == dt.datetime(2164, 11, 1, 17, 15)
    assert events(loaded, "ICD9CM:401.9")
    (line,) = events(loaded, "ICD10PCS:02HV33Z")
    assert (line["time"], line["known_time"]) == (dt.datetime(2164, 10, 25), dt.datetime(2164, 11, 1, 17, 15))
    first, second = events(loaded, "VALUE:mimic/50912")
    assert first["known_time"] == dt.datetime(2164, 10, 24, 7, 10)
    assert second["known_time"] == NEVER and second["visit_id"] is None
    assert len(events(loaded, "DRUG:heparin")) == 1  # the dose that was not given is no event
    (pressor,) = events(loaded, "DRUG:norepinephrine")
    assert (pressor["numeric_value"], pressor["known_time"]) == (4.0, dt.datetime(2164, 10, 24, 2, 30))
    (bmi,) = events(loaded, "VALUE:bmi (kg/m2)")
    assert bmi["numeric_value"] == 31.2
    assert events(loaded, "VALUE:blood pressure")[0]["text_value"] == "120/80"
    (born,) = events(loaded, "MEDS:MEDS_BIRTH")
    assert born["time"] == dt.datetime(2094, 1, 1)
    (died,) = events(loaded, "MEDS:MEDS_DEATH")
    assert died["time"] == dt.datetime(2164, 11, 1, 17)
    assert loaded.tally.read == loaded.tally.written + loaded.tally.merged + loaded.tally.rejected


def test_patients_of_the_study_alone_and_what_is_no_mimic(tmp_path: Path) -> None:
    write(tmp_path, THIRD)
    loaded = third(tmp_path, Known(frozenset({"10"}), None, GeneTable.empty()))
    assert loaded.events is not None and set(loaded.events["subject_id"]) == {"10"}
    (tmp_path / "ADMISSIONS.csv").unlink()
    with pytest.raises(InputError, match="a table admissions"):
        third(tmp_path)


def test_what_was_infused_keeps_its_number_where_no_table_names_it(tmp_path: Path) -> None:
    loaded = fourth(write(tmp_path, {**FOURTH, "icu/d_items": "itemid,label\n1,Something else\n"}))
    assert len(events(loaded, "MIMIC:item/221906")) == 1


def test_a_table_with_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    loaded = third(write(tmp_path, {**THIRD, "ICUSTAYS": THIRD["ICUSTAYS"].splitlines()[0] + "\n"}))
    assert loaded.counts["tables with a header alone (icustays)"] == 1 and loaded.visits is not None
    assert "icu stay" not in set(loaded.visits["kind"])


def test_observation_ends_as_long_after_the_last_discharge_as_deaths_are_told(tmp_path: Path) -> None:
    def until(loaded: Loaded) -> dict[str, dt.datetime]:
        assert loaded.patients is not None
        return dict(loaded.patients.select("subject_id", "observed_until").iter_rows())

    assert until(fourth(write(tmp_path / "iv", FOURTH)))["10"] == dt.datetime(2165, 11, 1, 17, 15)
    tables = {
        "PATIENTS": "ROW_ID,SUBJECT_ID,GENDER,DOB,DOD\n1,10,F,2094-03-05 00:00:00,2166-01-01 00:00:00\n"
        "2,11,M,2094-03-05 00:00:00,\n3,12,M,2094-03-05 00:00:00,\n",
        "ADMISSIONS": "ROW_ID,SUBJECT_ID,HADM_ID,ADMITTIME,DISCHTIME,DEATHTIME,ADMISSION_TYPE\n"
        "1,10,100,2164-10-23 21:09:00,2164-11-01 17:15:00,,EMERGENCY\n"
        "2,11,101,2160-10-23 21:09:00,2160-11-01 17:15:00,,EMERGENCY\n"
        "3,11,102,2164-10-23 21:09:00,2164-11-01 17:15:00,,EMERGENCY\n",
    }
    found = until(third(write(tmp_path / "iii", tables)))
    assert found["10"] == found["11"] == dt.datetime(2165, 1, 30, 17, 15)  # a later death does not lengthen it
    assert found["12"] is None  # never admitted
