"""Health records made after the published forms, for load_formats.py: MIMIC-IV, Synthea's csv, cBioPortal timelines, FHIR ndjson."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl

_MINUTE = 60_000_000
_FHIR = (
    "Patient",
    "Encounter",
    "Condition",
    "Observation",
    "Procedure",
    "MedicationRequest",
    "Immunization",
    "DiagnosticReport",
)


def mimic4(out: Path, rows: int) -> str:
    """hosp/ and icu/ of MIMIC-IV: half of the rows laboratory, four in ten charts, the rest prescriptions and diagnoses."""
    rng = np.random.default_rng(1)
    stays = max(20, rows // 400)
    admitted = _times(rng, stays)
    stay = pl.DataFrame(
        {"subject_id": np.arange(stays) // 2 + 10_000, "hadm_id": np.arange(stays) + 20_000, "admittime": admitted}
    )
    stay = stay.with_columns(dischtime=pl.col("admittime") + pl.duration(days=5), deathtime=pl.lit(None, pl.String),
                             admission_type=pl.lit("EW EMER."), insurance=pl.lit("Other"), race=pl.lit("WHITE"))  # fmt: skip
    people = stay.select("subject_id").unique(maintain_order=True).with_columns(
        gender=pl.lit("F"), anchor_age=pl.lit(60), anchor_year=pl.lit(2150), anchor_year_group=pl.lit("2014 - 2016"), dod=pl.lit(None, pl.String),
    )  # fmt: skip
    tables = {"hosp/patients": people, "hosp/admissions": stay}
    tables["hosp/labevents"] = _within(rng, stay, rows // 2).with_columns(
        labevent_id=pl.int_range(pl.len()), itemid=pl.lit(pl.Series(rng.integers(50_800, 50_900, rows // 2))),
        value=pl.lit(None, pl.String), valuenum=pl.lit(pl.Series(rng.normal(80, 10, rows // 2).round(1))), valueuom=pl.lit("mg/dL"),
        flag=pl.lit(None, pl.String), priority=pl.lit("ROUTINE"),
    )  # fmt: skip
    charts = 4 * rows // 10
    tables["icu/chartevents"] = _within(rng, stay, charts).with_columns(
        stay_id=pl.col("hadm_id") + 10_000, itemid=pl.lit(pl.Series(rng.integers(220_000, 220_100, charts))), value=pl.lit("80"),
        valuenum=pl.lit(pl.Series(rng.normal(80, 10, charts).round(0))), valueuom=pl.lit("mmHg"), warning=pl.lit(0),
    )  # fmt: skip
    drugs = rows // 20
    tables["hosp/prescriptions"] = _within(rng, stay, drugs).rename({"charttime": "starttime"}).drop("storetime").with_columns(
        drug=pl.lit(pl.Series(["Heparin", "Vancomycin", "Metoprolol", "Furosemide"]).gather(rng.integers(0, 4, drugs))),
    )  # fmt: skip
    codes = pl.Series(["I509", "E119", "N179", "J189", "I10"])
    tables["hosp/diagnoses_icd"] = _within(rng, stay, drugs).select(
        "subject_id", "hadm_id", seq_num=pl.int_range(pl.len()), icd_code=pl.lit(codes.gather(rng.integers(0, 5, drugs))),
        icd_version=pl.lit(10),
    )  # fmt: skip
    tables["hosp/d_labitems"] = pl.DataFrame({"itemid": np.arange(50_800, 50_900)}).with_columns(
        label=pl.lit("test ") + pl.col("itemid").cast(pl.String), fluid=pl.lit("Blood"), category=pl.lit("Chemistry"))  # fmt: skip
    tables["icu/d_items"] = pl.DataFrame({"itemid": np.arange(220_000, 220_100)}).with_columns(
        label=pl.lit("item ") + pl.col("itemid").cast(pl.String))  # fmt: skip
    return _written(out, "mimic4", tables)


def synthea(out: Path, rows: int) -> str:
    """Synthea's csv export: seven in ten rows observations, the rest medications, conditions and procedures."""
    rng = np.random.default_rng(1)
    visits = max(20, rows // 20)
    ids = pl.Series([f"00000000-0000-0000-0000-{n:012d}" for n in range(visits)])
    start = _times(rng, visits)
    encounters = pl.DataFrame({"Id": ids, "START": start}).with_columns(
        STOP=pl.col("START") + pl.duration(minutes=30), PATIENT=pl.lit(ids.gather(np.arange(visits) // 20)),
        ENCOUNTERCLASS=pl.lit("ambulatory"), CODE=pl.lit(185345009), DESCRIPTION=pl.lit("Encounter for symptom"),
    )  # fmt: skip
    people = encounters.select(Id=pl.col("PATIENT").unique(maintain_order=True)).with_columns(
        BIRTHDATE=pl.lit("1950-03-04"), DEATHDATE=pl.lit(None, pl.String), GENDER=pl.lit("F"), RACE=pl.lit("white"),
        ETHNICITY=pl.lit("nonhispanic"), MARITAL=pl.lit("M"))  # fmt: skip
    tables = {"patients": people, "encounters": encounters}
    loinc = pl.Series(["8302-2", "29463-7", "2339-0", "38483-4", "4548-4", "2093-3"])
    n = 7 * rows // 10
    tables["observations"] = _of(rng, encounters, n, "DATE").with_columns(
        CODE=pl.lit(loinc.gather(rng.integers(0, 6, n))), DESCRIPTION=pl.lit("Observation"), VALUE=pl.lit(pl.Series(rng.normal(80, 9, n).round(1))),
        UNITS=pl.lit("mg/dL"), TYPE=pl.lit("numeric"),
    )  # fmt: skip
    for name, codes in (
        ("medications", [314076, 197361]),
        ("conditions", [44054006, 59621000]),
        ("procedures", [430193006, 710824005]),
    ):
        tables[name] = _of(rng, encounters, rows // 10, "START").with_columns(
            CODE=pl.lit(pl.Series(codes).gather(rng.integers(0, 2, rows // 10))), DESCRIPTION=pl.lit(f"{name} of a patient"))  # fmt: skip
    return _written(out, "synthea", tables, "%Y-%m-%dT%H:%M:%SZ")


def timeline(out: Path, rows: int) -> str:
    """A cBioPortal timeline: half drugs, half laboratory values, in days since the diagnosis."""
    rng = np.random.default_rng(1)
    drug = rng.random(rows) < 0.5
    pick = pl.Series(drug)
    pl.DataFrame({
        "PATIENT_ID": pl.Series([f"P-{n:07d}" for n in range(max(2, rows // 50))]).gather(rng.integers(0, max(2, rows // 50), rows)),
        "START_DATE": rng.integers(0, 4000, rows), "EVENT_TYPE": pl.Series(["LAB_TEST", "TREATMENT"]).gather(drug.astype(int)),
        "AGENT": pl.Series(["cisplatin", "pemetrexed", "erlotinib"]).gather(rng.integers(0, 3, rows)).set(~pick, None),
        "TREATMENT_TYPE": pl.Series(["Medical Therapy"]).new_from_index(0, rows).set(~pick, None),
        "TEST": pl.Series(["CEA", "LDH", "PSA"]).gather(rng.integers(0, 3, rows)).set(pick, None),
        "RESULT": pl.Series(rng.normal(9, 2, rows).round(2)).cast(pl.String).set(pick, None),
    }).with_columns(STOP_DATE=pl.col("START_DATE") + 21).write_csv(out / "timeline.csv")  # fmt: skip
    return 'format = "timeline"\npath = "timeline.csv"'


def fhir(bundle: Path, out: Path, rows: int) -> str:
    """A bulk export, a file a kind of resource: the public bundle of one patient, copied under other ids."""
    with gzip.open(bundle) as file:
        text = file.read().decode()
    read = [one["resource"] for one in json.loads(text)["entry"]]
    read = [one for one in read if one["resourceType"] in _FHIR]
    kinds = {one["id"]: one["resourceType"] for one in read}
    lines: dict[str, list[str]] = {}
    for one in read:
        line = json.dumps(one, separators=(",", ":"))
        for id, kind in kinds.items():
            if id in line:
                line = line.replace(f"urn:uuid:{id}", f"{kind}/{id}").replace(id, f"{id}-@")
        lines.setdefault(one["resourceType"], []).append(line)
    (out / "fhir").mkdir()
    copies = max(1, rows // len(read))
    for kind, found in lines.items():
        with (out / "fhir" / f"{kind}.ndjson").open("w") as file:
            file.writelines(line.replace("-@", f"-{k}") + "\n" for k in range(copies) for line in found)
    return 'format = "fhir"\npath = "fhir"'


def _times(rng: np.random.Generator, n: int) -> pl.Series:
    return pl.Series(rng.integers(0, 3650 * 1440, n) * _MINUTE).cast(pl.Datetime("us")).dt.offset_by("40y")


def _within(rng: np.random.Generator, stay: pl.DataFrame, n: int) -> pl.DataFrame:
    """Rows within stays: subject_id, hadm_id, charttime, storetime."""
    at = pl.Series(rng.integers(0, 5 * 1440, n) * _MINUTE).cast(pl.Duration("us"))
    rows = stay[rng.integers(0, stay.height, n)].select("subject_id", "hadm_id", charttime="admittime")
    return rows.with_columns(pl.col("charttime") + pl.lit(at)).with_columns(
        storetime=pl.col("charttime") + pl.duration(hours=1)
    )


def _of(rng: np.random.Generator, encounters: pl.DataFrame, n: int, time: str) -> pl.DataFrame:
    rows = encounters[rng.integers(0, encounters.height, n)]
    return rows.select(pl.col("START").alias(time), "PATIENT", ENCOUNTER="Id")


def _written(out: Path, form: str, tables: dict[str, pl.DataFrame], times: str = "%Y-%m-%d %H:%M:%S") -> str:
    for name, table in tables.items():
        file = out / form / f"{name}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        table.write_csv(file, datetime_format=times)
    return f'format = "{form}"\npath = "{form}"'
