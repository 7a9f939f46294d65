"""eICU on tables made after its published schema: hospital stays on their own clock, what each row becomes, and when it was known."""

from __future__ import annotations

import datetime as dt
import gzip
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from clinome.loaders.errors import InputError
from clinome.loaders.files.removed_ids import Removed
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records import table_parts
from clinome.loaders.records.eicu.reader import read_eicu
from clinome.loaders.specs import Records
from clinome.loaders.subjects.pseudonyms import pseudonymised
from clinome.loaders.tables import EVENTS, NEVER, Known, Loaded

ANYONE = Known(None, None, GeneTable.empty())
BEGIN = dt.datetime(2000, 1, 1)
TABLES = {
    "patient": "patientunitstayid,patienthealthsystemstayid,gender,age,ethnicity,hospitalid,admissionheight,hospitaladmitoffset,"
    "hospitaldischargeyear,hospitaldischargeoffset,hospitaldischargelocation,hospitaldischargestatus,unittype,unitstaytype,"
    "admissionweight,dischargeweight,unitdischargeoffset,unitdischargestatus,uniquepid\n"
    "100,10,Female,87,Caucasian,59,157.5,-60,2015,1000,Home,Alive,MICU,admit,46.5,,500,Alive,002-1\n"
    "101,10,Female,87,Caucasian,59,157.5,-560,2015,500,Home,Alive,Med-Surg ICU,stepdown/other,,45.0,480,Alive,002-1\n"
    "200,20,Female,88,Caucasian,59,,-10,2015,3000,Home,Alive,MICU,admit,,,2000,Alive,002-1\n"
    '300,30,Male,> 89,"",73,,30,2014,900,Death,Expired,MICU,admit,,,800,Expired,002-2\n'
    "400,40,,,,73,,0,2014,-5,Home,Alive,MICU,admit,,,10,Alive,002-3\n",
    "diagnosis": "diagnosisid,patientunitstayid,activeupondischarge,diagnosisoffset,diagnosisstring,icd9code,diagnosispriority\n"
    '1,100,False,30,cardiovascular|hypertension,"401.9, I10",Other\n2,100,True,400,toxicology|drug overdose,"E980.3, 969.0, T43.01",Major\n'
    '3,100,True,400,burns|inhalation injury,"",Major\n4,100,True,400,endocrine|oops,"xx, V58.61",Major\n'
    '5,100,False,30,cardiovascular|hypertension,"401.9, I10",Other\n6,999,False,30,a|b,401.9,Other\n7,400,False,30,a|b,401.9,Other\n',
    "medication": "medicationid,patientunitstayid,drugorderoffset,drugstartoffset,drugordercancelled,drugname,drughiclseqno\n"
    "1,100,50,20,No,HEPARIN  5000,2812\n2,100,5,20,No,,4771\n3,100,5,20,Yes,ASPIRIN,1\n4,100,5,20,No,,\n",
    "infusionDrug": "infusiondrugid,patientunitstayid,infusionoffset,drugname,drugrate\n1,100,15,Norepinephrine (mcg/min),8.5\n"
    "2,100,25,Norepinephrine (mcg/min),OFF\n3,100,35,Propofol (),3\n",
    "lab": "labid,patientunitstayid,labresultoffset,labname,labresult,labresulttext,labmeasurenamesystem,labresultrevisedoffset\n"
    "1,100,20,creatinine,1.3,1.3,mg/dL,45\n2,100,30,creatinine,1.4,1.4,mg/dL,\n3,100,40,urinary nitrite,,NEG,,60\n",
    "vitalPeriodic": "vitalperiodicid,patientunitstayid,observationoffset,temperature,sao2,heartrate,respiration\n"
    "1,100,5,,97,88,\n2,100,10,37.1,96,,12\n3,100,15,,,,\n",
    "nurseCharting": "nursingchartid,patientunitstayid,nursingchartoffset,nursingchartentryoffset,nursingchartcelltypevallabel,"
    "nursingchartcelltypevalname,nursingchartvalue\n1,100,10,35,Heart Rate,Heart Rate,90\n2,100,10,35,Glasgow coma score,GCS Total,15\n",
    "intakeOutput": "intakeoutputid,patientunitstayid,intakeoutputoffset,intakeoutputentryoffset,cellpath,celllabel,cellvaluenumeric\n"
    "1,100,60,65,flowsheet|x,Urine,250\n",
    "treatment": "treatmentid,patientunitstayid,treatmentoffset,treatmentstring\n1,100,70,pulmonary|ventilation|mechanical\n",
    "admissionDx": "admissiondxid,patientunitstayid,admitdxenteredoffset,admitdxpath\n1,100,80,admission diagnosis|All|Sepsis\n",
    "pastHistory": "pasthistoryid,patientunitstayid,pasthistoryoffset,pasthistoryenteredoffset,pasthistorypath\n"
    "1,100,7,12,notes/Progress Notes/Past History/Organ Systems/COPD\n",
    "physicalExam": "physicalexamid,patientunitstayid,physicalexamoffset,physicalexampath,physicalexamvalue,physicalexamtext\n"
    "1,100,9,notes/Progress Notes/Physical Exam/HR/HR Current,HR Current,88\n2,100,9,notes/Progress Notes/Physical Exam/GCS/Not Scored,Not Scored,NotScored\n",
    "allergy": "allergyid,patientunitstayid,allergyoffset,allergyenteredoffset,allergyname\n1,100,2,9,penicillins\n",
    "microLab": "microlabid,patientunitstayid,culturetakenoffset,culturesite,organism,antibiotic,sensitivitylevel\n"
    '1,100,90,Blood,Klebsiella,cefazolin,Sensitive\n2,100,90,Blood,no growth,"",""\n',
    "apachePatientResult": "apachepatientresultsid,patientunitstayid,apachescore,apacheversion,predictedhospitalmortality,actualhospitalmortality\n"
    "1,100,47,IVa,3.58E-2,ALIVE\n2,200,-1,IVa,-1,ALIVE\n",
    "hospital": "hospitalid,numbedscategory,teachingstatus,region\n59,<100,f,Midwest\n",
    "respiratoryCare": "respcareid,patientunitstayid\n1,100\n",
}  # fmt: skip


def write(folder: Path, tables: dict[str, str] = TABLES, packed: bool = False) -> Path:
    for name, text in tables.items():
        file = folder / f"{name}.csv{'.gz' if packed else ''}"
        file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return folder


def read(folder: Path, known: Known = ANYONE, **keys: object) -> Loaded:
    return read_eicu(Records((folder,), format="eicu", name="icu", **keys), known)  # type: ignore[arg-type]


@pytest.fixture
def eicu(tmp_path: Path) -> Loaded:
    return read(write(tmp_path))


def events(loaded: Loaded, code: str) -> list[dict[str, object]]:
    assert loaded.events is not None and loaded.events.schema == EVENTS
    return loaded.events.filter(pl.col("code") == code).rows(named=True)


def at(minutes: int) -> dt.datetime:
    """Minutes since the admission to the unit of stay 100, an hour after that to the hospital."""
    return BEGIN + dt.timedelta(minutes=60 + minutes)


def test_every_row_is_told_of(eicu: Loaded) -> None:
    unread = ("hospital", "respiratoryCare")
    assert eicu.tally.read == sum(text.count("\n") - 1 for name, text in TABLES.items() if name not in unread)
    assert eicu.tally.merged == 1  # the diagnosis that comes twice
    assert eicu.clock == "relative"
    refused = Counter(eicu.rejects.filter(pl.col("expected") != "a number").select("file", "column", "expected").rows())
    assert refused == {
        ("patient.csv", "hospitaldischargeoffset", "a stay that ends after it began"): 1,
        ("diagnosis.csv", "patientunitstayid", "a stay of the table patient"): 2,  # of no stay, and of the one refused
        ("medication.csv", "drugordercancelled", "what was done"): 1,
        ("medication.csv", "drugname", "what it is of"): 1,
        ("vitalPeriodic.csv", "temperature", "a value"): 1,
        ("apachePatientResult.csv", "acutephysiologyscore", "a value"): 1,
    }
    assert eicu.counts["parts of icd9code that no code of ICD can be"] == 1
    assert any("respiratorycare" in said for said in eicu.counts)


def test_a_licence_beside_the_tables_is_no_table(tmp_path: Path) -> None:
    for name in ("LICENSE", "SHA256SUMS"):
        (tmp_path / f"{name}.txt").write_text("a text\n")
    assert not any("license" in said or "sha256sums" in said for said in read(write(tmp_path)).counts)


def test_a_subject_is_a_hospital_stay_and_the_person_a_property(eicu: Loaded) -> None:
    assert eicu.patients is not None
    ten, twenty, thirty = eicu.patients.sort("subject_id").rows(named=True)
    assert ten["uniquepid"] == twenty["uniquepid"] == "002-1" != thirty["uniquepid"]
    assert (ten["age"], thirty["age"], thirty["ethnicity"], ten["region"]) == (87, 90, None, "Midwest")
    assert (ten["observed_from"], ten["observed_until"]) == (BEGIN, BEGIN + dt.timedelta(minutes=1060))
    assert thirty["observed_from"] == BEGIN - dt.timedelta(minutes=30)  # in the unit before the hospital admitted
    (born,) = [one["time"] for one in events(eicu, "MEDS:MEDS_BIRTH") if one["subject_id"] == "10"]
    assert isinstance(born, dt.datetime) and abs((BEGIN - born).days - 87 * 365.25) < 1


def test_visits_are_hospital_stays_and_the_unit_stays_within(tmp_path: Path) -> None:
    loaded = read(write(tmp_path), keep=("hospitaldischargelocation", "unittype"))
    assert loaded.visits is not None
    ten = loaded.visits.filter(pl.col("subject_id") == "10")
    minutes = [(pl.col(one) - BEGIN).dt.total_minutes() for one in ("start_time", "end_time")]
    found = ten.select("visit_id", "kind", *minutes, "hospitaldischargelocation", "unittype").rows()
    assert found == [
        ("hospital/10", "hospital stay", 0, 1060, "Home", None), ("100", "icu stay", 60, 560, None, "MICU"),
        ("101", "step-down stay", 560, 1040, None, "Med-Surg ICU"),
    ]  # fmt: skip


def test_a_diagnosis_has_all_its_codes_when_it_was_entered(eicu: Loaded) -> None:
    for code, minutes in (("ICD9CM:401.9", 30), ("ICD10CM:I10", 30), ("ICD9CM:E980.3", 400), ("ICD9CM:969.0", 400), ("ICD10CM:T43.01", 400),
                          ("ICD9CM:V58.61", 400), ("EICU:diagnosis/burns|inhalation injury", 400)):  # fmt: skip
        (one,) = events(eicu, code)
        assert (one["time"], one["known_time"], one["visit_id"]) == (at(minutes), at(minutes), "100"), code
    assert not events(eicu, "EICU:diagnosis/cardiovascular|hypertension")


def test_what_was_known_when(eicu: Loaded) -> None:
    known = {
        "DRUG:heparin 5000": (20, 50), "DRUG:hicl/4771": (20, 20), "VALUE:nursing/heart rate": (10, 35),
        "VALUE:nursing/glasgow coma score/gcs total": (10, 35), "VALUE:intakeoutput/urine": (60, 65),
        "EICU:treatment/pulmonary|ventilation|mechanical": (70, 70), "EICU:admissiondx/all|sepsis": (80, 80),
        "EICU:pasthistory/organ systems/copd": (7, 12), "EICU:allergy/penicillins": (2, 9),
        "VALUE:apache/iva/apachescore": (500, 500), "VALUE:heartrate": (5, 5), "VALUE:admissionweight": (0, 0),
    }  # fmt: skip
    for code, (time, told) in known.items():
        (one,) = [one for one in events(eicu, code) if one["visit_id"] == "100"]
        assert (one["time"], one["known_time"]) == (at(time), at(told)), code
    first, second = events(eicu, "VALUE:creatinine")
    assert (first["time"], first["known_time"], first["unit"]) == (at(20), at(45), "mg/dL")
    assert second["known_time"] == NEVER  # nobody says when it was last revised
    assert events(eicu, "EICU:microlab/blood/klebsiella/cefazolin")[0]["known_time"] == NEVER
    (died,) = events(eicu, "MEDS:MEDS_DEATH")
    assert died["subject_id"] == "30" and died["time"] == BEGIN + dt.timedelta(minutes=770)


def test_no_outcome_is_among_the_inputs(eicu: Loaded) -> None:
    assert eicu.events is not None and eicu.patients is not None
    texts = [*eicu.events["code"], *eicu.events["text_value"].drop_nulls(), *eicu.patients.columns]
    assert not [text for text in texts if "actual" in text or ("discharge" in text and text not in ("VALUE:dischargeweight", "hospitaldischargeyear"))]  # fmt: skip


def test_results(eicu: Loaded) -> None:
    rate, off = events(eicu, "DRUG:norepinephrine")
    assert (rate["numeric_value"], rate["unit"], off["text_value"]) == (8.5, "mcg/min", "OFF")
    assert events(eicu, "DRUG:propofol")[0]["unit"] is None
    assert events(eicu, "VALUE:urinary nitrite")[0]["text_value"] == "NEG"
    assert events(eicu, "EICU:physicalexam/hr/hr current")[0]["numeric_value"] == 88.0
    (scored,) = events(eicu, "EICU:physicalexam/gcs/not scored")
    assert scored["numeric_value"] is None and scored["text_value"] is None
    assert events(eicu, "EICU:microlab/blood/klebsiella/cefazolin")[0]["text_value"] == "Sensitive"
    assert eicu.links is not None
    above = set(eicu.links.select("subject", "predicate", "object").rows())
    path = "EICU:treatment/pulmonary|ventilation"
    assert {(f"{path}|mechanical", "IS_A", path), (path, "IS_A", "EICU:treatment/pulmonary")} <= above


def test_parts_of_large_tables_are_the_same(tmp_path: Path, eicu: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    for folder in (plain, packed):
        folder.mkdir()
        write(folder, packed=folder == packed)
    monkeypatch.setattr(table_parts, "BYTES", 100)
    for folder in (plain, packed):
        again = read(folder)
        assert again.events is not None and eicu.events is not None
        assert again.events.equals(eicu.events) and again.tally == eicu.tally
    (packed / "lab.csv.gz").write_bytes(gzip.compress(TABLES["lab"].encode())[:-9])
    with pytest.raises(InputError, match="cannot be unpacked"):
        read(packed)


def test_patients_of_the_study_alone_and_the_removed(tmp_path: Path) -> None:
    write(tmp_path)
    loaded = read(tmp_path, Known(frozenset({"20"}), None, GeneTable.empty()))
    assert loaded.events is not None and set(loaded.events["subject_id"]) == {"20"}
    removed = Removed(b"key", frozenset({Removed(b"key").mark("10")}))
    loaded = read(tmp_path, Known(None, None, GeneTable.empty(), removed=removed))
    assert loaded.events is not None and "10" not in set(loaded.events["subject_id"])
    assert not loaded.rejects["got"].str.contains("^10$|^100$|^101$").any()


def test_the_person_has_a_pseudonym_too(eicu: Loaded) -> None:
    hidden = pseudonymised(eicu, b"key").patients
    assert hidden is not None and not hidden["uniquepid"].str.contains("002-").any()
    assert hidden["uniquepid"].n_unique() == 2


def test_what_is_no_eicu(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "lab.csv").write_text("patientunitstayid,labname\n100,creatinine\n")
    with pytest.raises(InputError, match="labresultoffset"):
        read(tmp_path)
    (tmp_path / "patient.csv").unlink()
    with pytest.raises(InputError, match="a table patient"):
        read(tmp_path)


def test_a_table_with_a_header_alone_is_a_table_without_rows(tmp_path: Path, eicu: Loaded) -> None:
    header = TABLES["diagnosis"].splitlines()[0] + "\n"
    (tmp_path / "empty").mkdir()
    loaded = read(write(tmp_path / "empty", {**TABLES, "diagnosis": header}))
    assert loaded.counts["tables with a header alone (diagnosis)"] == 1
    assert eicu.events is not None and loaded.events is not None and loaded.events.height < eicu.events.height
