"""Synthea's CSV export, on tables made after its published dictionary: what each row becomes, and when it was known."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records.synthea import read_synthea
from clinome.loaders.specs import Records
from clinome.loaders.tables import NEVER, Known, Loaded

ANYONE = Known(None, None, GeneTable.empty())
TABLES = {
    "patients": "Id,BIRTHDATE,DEATHDATE,SSN,FIRST,LAST,MARITAL,RACE,ETHNICITY,GENDER\n"
    "p1,1950-03-05,2021-02-03,999-00-0001,Planted1,Name1,M,white,nonhispanic,F\np2,1990-01-01,,999-00-0002,Planted2,Name2,,asian,hispanic,M\n",
    "encounters": "Id,START,STOP,PATIENT,ORGANIZATION,ENCOUNTERCLASS,CODE,DESCRIPTION\n"
    "e1,2020-01-27T16:17:47Z,2020-01-29T09:00:00Z,p1,o1,inpatient,185345009,Encounter\ne2,2020-03-01T10:00:00Z,,p2,o1,ambulatory,185345009,Encounter\n"
    "e3,2020-04-02T10:00:00Z,2020-04-01T10:00:00Z,p2,o1,ambulatory,185345009,Encounter\n",
    "conditions": "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n2020-01-27,,p1,e1,195662009,Acute viral pharyngitis (disorder)\n"
    "2020-03-01,,p2,e2,44054006,Diabetes\n2020-03-01,,p2,e2,no code,Diabetes\n",
    "medications": "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n2020-01-28T10:00:00Z,,p1,e1,860975,Metformin\n",
    "observations": "DATE,PATIENT,ENCOUNTER,CATEGORY,CODE,DESCRIPTION,VALUE,UNITS,TYPE\n"
    "2020-01-28T06:00:00Z,p1,e1,laboratory,2345-7,Glucose,180.5,mg/dL,numeric\n2020-01-28T06:00:00Z,p1,,,QALY,QALY,30.1,a,numeric\n"
    "2020-01-28T06:00:00Z,p1,e1,survey,72166-2,Tobacco,Never smoker,{nominal},text\n",
    "immunizations": "DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,BASE_COST\n2020-01-28T06:00:00Z,p1,e1,140,Influenza,140.5\n",
    "allergies": "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n2009-09-27,,p1,e1,111088007,Latex\n",
    "procedures": "DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n2020-01-28T06:00:00Z,p1,e1,430193006,Reconciliation\n",
    "devices": "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION,UDI\n",
    "payers": "Id,NAME\n1,Insurer\n",
}  # fmt: skip


def read(folder: Path, **changed: str) -> Loaded:
    for name, text in {**TABLES, **changed}.items():
        (folder / f"{name}.csv").write_text(text)
    return read_synthea(Records((folder,), format="synthea", name="ehr"), ANYONE)


def code(loaded: Loaded, curie: str) -> dict[str, object]:
    assert loaded.events is not None
    return loaded.events.row(by_predicate=pl.col("code") == curie, named=True)


def test_each_table_gives_codes_of_its_vocabulary(tmp_path: Path) -> None:
    loaded = read(tmp_path)
    assert loaded.events is not None
    assert sorted(loaded.events["code"]) == [
        "ALLERGY:SNOMEDOBS/111088007", "CVX:140", "LOINC:2345-7", "LOINC:72166-2", "MEDS:MEDS_BIRTH", "MEDS:MEDS_BIRTH",
        "MEDS:MEDS_DEATH", "RXNORM:860975", "SNOMED:195662009", "SNOMED:44054006", "SNOMEDPROC:430193006", "VALUE:QALY",
    ]  # fmt: skip


def test_every_row_is_written_or_told(tmp_path: Path) -> None:
    loaded = read(tmp_path)
    rows = sum(TABLES[name].count("\n") - 1 for name in TABLES if name != "payers")
    assert loaded.tally.read == rows == 15
    assert loaded.tally.read == loaded.tally.written + loaded.tally.merged + loaded.tally.rejected
    assert set(loaded.rejects["column"]) == {"STOP", "CODE"}  # a visit that ends before it began, a code that is none
    assert any("header alone (devices)" in said for said in loaded.counts)
    assert any("payers" in said for said in loaded.counts)


def test_diagnoses_are_known_when_their_encounter_ends(tmp_path: Path) -> None:
    loaded = read(tmp_path)
    assert code(loaded, "SNOMED:195662009")["known_time"] == dt.datetime(2020, 1, 29, 9)
    assert code(loaded, "SNOMED:44054006")["known_time"] == NEVER  # of an encounter that has not ended
    assert code(loaded, "LOINC:2345-7")["known_time"] == dt.datetime(2020, 1, 28, 6)


def test_results_are_numbers_with_units_or_words(tmp_path: Path) -> None:
    loaded = read(tmp_path)
    glucose, tobacco = code(loaded, "LOINC:2345-7"), code(loaded, "LOINC:72166-2")
    assert (glucose["numeric_value"], glucose["unit"]) == (180.5, "mg/dL")
    assert (tobacco["numeric_value"], tobacco["text_value"], tobacco["unit"]) == (None, "Never smoker", None)


def test_names_of_people_stay_in_the_file(tmp_path: Path) -> None:
    loaded = read(tmp_path)
    assert loaded.patients is not None
    assert set(loaded.patients.columns) == {"subject_id", "gender", "race", "ethnicity", "marital"}
    frames = (loaded.patients, loaded.visits, loaded.events, loaded.rejects, loaded.concepts)
    assert not any("Planted" in one.write_csv() or "999-00" in one.write_csv() for one in frames if one is not None)


def test_a_folder_without_encounters_is_refused(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text(TABLES["patients"])
    with pytest.raises(InputError, match="a table encounters"):
        read_synthea(Records((tmp_path,), format="synthea", name="ehr"), ANYONE)
