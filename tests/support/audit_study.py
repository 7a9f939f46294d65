"""Five studies without a leak, one of each kind of data; what a test changes in their files plants one (planted_leaks.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

START = datetime(2018, 1, 1)
DIAGNOSES = ("I10", "E11.9", "J44.9", "N18.3", "F32.9", "M54.5")
Frames = dict[str, pl.DataFrame]
Change = Callable[[Frames], Frames]


def hospital(seed: int, patients: int = 120) -> Frames:
    """Patients, their visits, diagnoses (coded at the visit's end) and labs; who comes back depends a little on a lab."""
    rng = np.random.default_rng(seed)
    people, visits, diagnoses, labs = [], [], [], []
    for i in range(patients):
        subject, at = f"P{1000 + 7 * i}", START + timedelta(days=float(rng.integers(0, 300)))
        ill = float(rng.normal())
        seen = int(rng.integers(1, 5))
        for k in range(seen):
            visit, end = f"V{i}-{k}", at + timedelta(days=float(rng.integers(1, 9)), hours=float(rng.integers(0, 9)))
            visits.append(
                (subject, visit, at, end, str(rng.choice(["north", "south"])), round(float((end - at).days), 1))
            )
            for code in rng.choice(DIAGNOSES, size=int(rng.integers(1, 4)), replace=False):
                diagnoses.append((subject, visit, at, end, str(code)))
            for name, mean, sd in (("creatinine", 1.1, 0.2), ("sodium", 140.0, 3.0)):
                value = mean + sd * (float(rng.normal()) + (0.4 * ill if name == "creatinine" else 0))
                labs.append((subject, visit, at + timedelta(hours=5), name, round(value, 2)))
            away = 8 if rng.random() < 0.25 + 0.1 * (ill > 0) else int(rng.integers(45, 200))
            at = end + timedelta(days=float(away))
        last = max(v[3] for v in visits if v[0] == subject) + timedelta(days=float(rng.integers(60, 400)))
        people.append(
            (subject, int(rng.integers(30, 90)), str(rng.choice(["F", "M"])), round(20 + 8 * rng.random(), 2), last)
        )
    return {
        "patients": pl.DataFrame(people, ["patient_id", "age", "sex", "bmi", "last_contact"], orient="row"),
        "visits": pl.DataFrame(
            visits, ["patient_id", "visit_id", "admitted", "discharged", "ward", "nights"], orient="row"
        ),
        "diagnoses": pl.DataFrame(
            diagnoses, ["patient_id", "visit_id", "admitted", "discharged", "code"], orient="row"
        ),
        "labs": pl.DataFrame(labs, ["patient_id", "visit_id", "taken", "name", "value"], orient="row"),
    }


HEAD = 'name = "{name}"\nstore = "{name}.graph"\n'
CSV = """
[patients]
path = "patients.csv"
observed_until = "last_contact"
[records.visits]
format = "csv"
path = "visits.csv"
subject = "patient_id"
visit = "visit_id"
time = "admitted"
end = "discharged"
keep = ["ward"]
[records.diagnoses]
format = "csv"
path = "diagnoses.csv"
subject = "patient_id"
time = "admitted"
known_time = "discharged"
codes = {code = "ICD10CM"}
[records.labs]
format = "csv"
path = "labs.csv"
subject = "patient_id"
time = "taken"
codes = {name = "VALUE"}
value = "value"
"""
READMISSION = """
[cohort]
query = "readmission"
[task]
kind = "binary"
covariates = ["age", "sex"]
"""


def csv(
    folder: Path, seed: int = 1, change: Change = dict, text: str = CSV, task: str = READMISSION, **more: str
) -> Path:
    """Readmission within 30 days, of every visit, from csv tables. more: further files by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in change(hospital(seed)).items():
        frame.write_csv(folder / f"{name}.csv")
    for name, content in more.items():
        (folder / name.replace("__", ".")).write_text(content)
    (folder / "study.toml").write_text(HEAD.format(name="csv") + text + task)
    return folder / "study.toml"


ONSET = """
[records.ehr]
format = "meds"
path = "meds"
[cohort]
query = '''
MATCH (p:Patient)-[d:DIAGNOSED]->(:Diagnosis)
WITH p, min(d.time) AS first
// step: has a diagnosis
WITH p, first + duration({days: 60}) AS at
WHERE NOT EXISTS { MATCH (p)-[r:DIAGNOSED]->(:Diagnosis {id: 'ICD10CM:N18.3'}) WHERE r.time <= at }
// step: without kidney disease by then
RETURN p.id AS subject_id, at AS prediction_time,
       EXISTS { MATCH (p)-[r:DIAGNOSED]->(:Diagnosis {id: 'ICD10CM:N18.3'}) WHERE r.time > at AND r.time <= at + duration({days: 365}) } AS label
'''
[task]
kind = "binary"
"""


def meds(folder: Path, seed: int = 1, change: Change = dict, task: str = ONSET) -> Path:
    """Onset of kidney disease within a year of a landmark, from MEDS events."""
    frames = change(hospital(seed, patients=200))
    visits, diagnoses, labs = frames["visits"], frames["diagnoses"], frames["labs"]
    columns = {"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String, "numeric_value": pl.Float32}
    subject = pl.col("patient_id").str.slice(1).cast(pl.Int64).alias("subject_id")
    none = pl.lit(None, pl.Float32).alias("numeric_value")
    parts = [
        visits.select(subject, time="admitted", code=pl.lit("ADMISSION")).with_columns(none),
        diagnoses.select(subject, time="discharged", code=pl.lit("ICD10CM//") + pl.col("code")).with_columns(none),
        labs.select(
            subject, time="taken", code=pl.lit("LAB//") + pl.col("name"), numeric_value=pl.col("value").cast(pl.Float32)
        ),
    ]
    (folder / "meds" / "data").mkdir(parents=True)
    events = pl.concat([part.cast(columns) for part in parts])  # type: ignore[arg-type]
    events.sort("subject_id", "time").write_parquet(folder / "meds" / "data" / "0.parquet")
    (folder / "study.toml").write_text(HEAD.format(name="meds") + task)
    return folder / "study.toml"


MORTALITY = """
[records.ehr]
format = "omop"
path = "cdm"
codes = {condition_source_value = "ICD10CM", measurement_source_value = "VALUE"}
[cohort]
query = '''
MATCH (p:Patient)-[:ATTENDED]->(v:Visit)
WHERE v.end_time IS NOT NULL
WITH p, min(v.end_time) AS at
// step: has a visit with an end
WHERE NOT EXISTS { MATCH (p)-[d:HAD]->(:Code {id: 'MEDS:MEDS_DEATH'}) WHERE d.time <= at }
// step: alive at its end
RETURN p.id AS subject_id, at AS prediction_time,
       EXISTS { MATCH (p)-[d:HAD]->(:Code {id: 'MEDS:MEDS_DEATH'}) WHERE d.time <= at + duration({days: 730}) } AS label
'''
[task]
kind = "binary"
"""


def omop(folder: Path, seed: int = 1, change: Change = dict, task: str = MORTALITY) -> Path:
    """Death within two years of the first discharge, from OMOP tables."""
    frames = change(hospital(seed, patients=200))
    rng = np.random.default_rng(seed + 1000)
    visits, people = frames["visits"], frames["patients"]
    ids = {one: 1 + i for i, one in enumerate(people["patient_id"])}
    places = {one: 1 + i for i, one in enumerate(visits["visit_id"])}

    def person(name: str = "patient_id") -> pl.Expr:
        return pl.col(name).replace_strict(ids, return_dtype=pl.Int64).alias("person_id")

    place = pl.col("visit_id").replace_strict(places, return_dtype=pl.Int64).alias("visit_occurrence_id")
    dead = people.filter(pl.Series(rng.random(people.height) < 0.35))
    day = pl.col("last_contact").dt.date()
    tables = {
        "person": people.select(person(), gender_concept_id=pl.lit(0), year_of_birth=2018 - pl.col("age")),
        "death": dead.select(person(), death_date=day, death_datetime="last_contact"),
        "observation_period": people.select(
            person(), observation_period_id=person(), observation_period_start_date=pl.lit("2017-06-01"), observation_period_end_date=day
        ),
        "visit_occurrence": visits.select(
            place, person(), visit_concept_id=pl.lit(0), visit_start_date=pl.col("admitted").dt.date(), visit_start_datetime="admitted",
            visit_end_date=pl.col("discharged").dt.date(), visit_end_datetime="discharged",
        ),
        "condition_occurrence": frames["diagnoses"].select(
            person(), place, condition_occurrence_id=pl.int_range(pl.len()), condition_concept_id=pl.lit(0),
            condition_start_date=pl.col("admitted").dt.date(), condition_start_datetime="admitted", condition_source_value="code",
        ),
        "measurement": frames["labs"].select(
            person(), place, measurement_id=pl.int_range(pl.len()), measurement_concept_id=pl.lit(0),
            measurement_date=pl.col("taken").dt.date(), measurement_datetime="taken", measurement_source_value="name",
            value_as_number="value",
        ),
    }  # fmt: skip
    (folder / "cdm").mkdir(parents=True)
    for name, table in tables.items():
        table.write_csv(folder / "cdm" / f"{name}.csv")
    (folder / "study.toml").write_text(HEAD.format(name="omop") + task)
    return folder / "study.toml"


SURVIVAL = """
[patients]
path = "patients.csv"
[omics.rna]
path = "rna.csv"
kind = "expression"
features = "opaque"
[cohort]
query = "survival"
[task]
kind = "survival"
covariates = ["age", "sex"]
"""


def omics(folder: Path, seed: int = 1, change: Change = dict, task: str = SURVIVAL) -> Path:
    """Survival of patients with expression of 80 genes, of which three matter."""
    rng, n = np.random.default_rng(seed), 150
    ids = [f"T{100 + i}" for i in range(n)]
    x = rng.normal(size=(n, 80)) + rng.normal(size=(n, 3)) @ rng.normal(size=(3, 80)) * 0.5
    died = np.exp(6 - 0.5 * x[:, 0] + 0.4 * x[:, 1] + rng.normal(size=n))
    left = rng.exponential(900, n)
    people = pl.DataFrame(
        {"patient_id": ids, "age": rng.integers(35, 85, n), "sex": rng.choice(["F", "M"], n), "bmi": np.round(18 + 20 * rng.random(n), 2),
         "os_days": np.round(np.minimum(died, left) + 1, 1), "os_event": (died <= left).astype(int)}
    )  # fmt: skip
    rna = pl.DataFrame({"patient_id": ids, **{f"G{j}": x[:, j].round(4) for j in range(80)}})
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in change({"patients": people, "rna": rna}).items():
        frame.write_csv(folder / f"{name}.csv")
    (folder / "study.toml").write_text(HEAD.format(name="omics") + task)
    return folder / "study.toml"


SEPSIS = """
[records.icu]
format = "hourly"
path = "icu.csv"
[cohort]
query = '''
MATCH (p:Patient) WHERE p.observed_until > $at
// step: in the unit at the eighth hour
OPTIONAL MATCH (p)-[m:MEASURED]->(:LabTest {id: 'VALUE:SepsisLabel'}) WHERE m.value = 1
WITH p, min(m.time) AS onset WHERE onset IS NULL OR onset > $at
// step: without sepsis by then
RETURN p.id AS subject_id, $at AS prediction_time,
       CASE WHEN onset <= $until THEN 1 WHEN p.observed_until < $until THEN null ELSE 0 END AS label
'''
params = {at = 2000-01-01T08:00:00, until = 2000-01-02T08:00:00}
[task]
kind = "binary"
"""


def hourly(folder: Path, seed: int = 1, change: Change = dict, task: str = SEPSIS) -> Path:
    """Sepsis within a day of the eighth hour, from hourly vitals; onset is hinted at by the heart rate."""
    rng, lines = np.random.default_rng(seed), []
    for i in range(150):
        hours, onset = int(rng.integers(6, 40)), int(rng.integers(10, 60)) if rng.random() < 0.5 else 999
        for hour in range(hours):
            worse = max(0.0, 1 - (onset - hour) / 24) if onset < 999 else 0.0
            hr = round(float(rng.normal(85 + 12 * worse, 10)), 1)
            temperature = round(float(rng.normal(37, 0.5)), 1) if rng.random() < 0.5 else None
            lines.append((f"s{i}", hour, hr, temperature, round(float(rng.normal(97, 2)), 1), int(hour >= onset)))
    frame = pl.DataFrame(lines, ["stay_id", "hour", "HR", "Temp", "O2Sat", "SepsisLabel"], orient="row")
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in change({"icu": frame}).items():
        table.write_csv(folder / f"{name}.csv")
    (folder / "study.toml").write_text(HEAD.format(name="hourly") + task)
    return folder / "study.toml"


CLEAN: Mapping[str, Callable[[Path, int], Path]] = {
    "csv": csv,
    "meds": meds,
    "omop": omop,
    "omics": omics,
    "hourly": hourly,
}
"""Each writes a study into a folder, by seed, and returns its file."""
