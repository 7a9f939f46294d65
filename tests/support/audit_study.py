"""Five studies without a leak, one of each kind of data, and what to change in their files so that they have one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Leak:
    """A study with one leak: who writes it, and what must be found: (leak, kind, where)."""

    write: Callable[[Path], Path]
    leak: str
    kind: str
    where: str = ""


def _with(name: str, *columns: pl.Expr | pl.Series) -> Change:
    """The frames with columns of one of them changed."""
    return lambda frames: {**frames, name: frames[name].with_columns(*columns)}


def _never(folder: Path) -> Path:
    """A third of the diagnoses without the day on which they were known."""
    gone = pl.when(pl.int_range(pl.len()) % 3 > 0).then("discharged").alias("discharged")
    return csv(folder, change=_with("diagnoses", gone))


def _onsets(frames: Frames) -> list[str]:
    """Who has kidney disease at all."""
    return frames["diagnoses"].filter(pl.col("code") == "N18.3")["patient_id"].unique().to_list()


def _undated(folder: Path) -> Path:
    """A drug of kidney disease without a date: given after the onset, and an input for lack of a time."""

    def change(frames: Frames) -> Frames:
        ill = pl.DataFrame({"patient_id": _onsets(frames)})
        dated = pl.lit(START + timedelta(days=900)).alias("taken")
        drug = [pl.lit("V").alias("visit_id"), pl.lit("epoetin").alias("name"), pl.lit(1.0).alias("value")]
        late = ill.select("patient_id", *drug[:1], dated, *drug[1:])
        static = ill.select("patient_id", *drug[:1], pl.lit(None, pl.Datetime("us")).alias("taken"), *drug[1:])
        return {**frames, "labs": pl.concat([frames["labs"], late, static])}

    return meds(folder, change=change)


def _second_line(folder: Path) -> Path:
    """A covariate that is written down once the event has happened."""
    value = (
        pl.when((pl.col("os_event") == 1) | (pl.int_range(pl.len()) % 20 == 0))
        .then(pl.col("bmi").round(0))
        .alias("second_line")
    )
    task = SURVIVAL.replace('["age", "sex"]', '["age", "second_line"]')
    return omics(folder, change=_with("patients", value), task=task)


LONG_STAY = """
[cohort]
query = '''
MATCH (p:Patient)-[:ATTENDED]->(v:Visit)
WHERE v.end_time > v.start_time + duration({days: 1})
// step: in hospital after a day
RETURN p.id AS subject_id, v.id AS visit_id, v.start_time + duration({days: 1}) AS prediction_time,
       v.end_time > v.start_time + duration({days: 4}) AS label
'''
[task]
kind = "binary"
"""


def _coded_early(folder: Path) -> Path:
    """A long stay, predicted after a day, from diagnoses that are dated at admission but coded at discharge."""
    early = CSV.replace('known_time = "discharged"', 'known_time = "admitted"')
    return csv(folder, text=early, task=LONG_STAY)


def _ended_stay(folder: Path) -> Path:
    """A long stay, predicted when it has ended."""
    query = LONG_STAY.replace("v.start_time + duration({days: 1}) AS", "v.end_time AS")
    return csv(folder, task=query)


def _disposition(folder: Path) -> Path:
    """Whether one died in hospital, predicted at the discharge of that very visit."""
    died = (pl.col("nights") > 6).cast(pl.Int64).alias("discharge_died")
    text = CSV.replace('keep = ["ward"]', 'keep = ["ward", "discharge_died"]')
    task = '[cohort]\nquery = "visits_with_label"\nparams = {property = "discharge_died"}\n[task]\nkind = "binary"\n'
    random = pl.Series("nights", np.random.default_rng(0).integers(1, 9, 400))
    return csv(
        folder, text=text, task=task,
        change=lambda f: _with("visits", died)(_with("visits", random.head(f["visits"].height))(f)),
    )  # fmt: skip


def _dead(folder: Path) -> Path:
    """Death within two years, with patients who have died by then."""
    late = MORTALITY.replace("min(v.end_time) AS at", "max(v.end_time) + duration({days: 250}) AS at")
    return omop(folder, task=late.replace("WHERE d.time <= at }", "WHERE d.time <= at - duration({days: 36500}) }"))


def pyhealth_readmission(folder: Path) -> Path:
    """Readmission as some public tasks have it: patients with one visit are dropped, and so is each one's last visit."""
    query = """
[cohort]
query = '''
MATCH (p:Patient)-[:ATTENDED]->(v:Visit)
MATCH (p)-[:ATTENDED]->(next:Visit)
WHERE next.start_time > v.end_time
// step: has a later visit
WITH p, v, min(next.start_time) AS back
RETURN p.id AS subject_id, v.id AS visit_id, v.end_time AS prediction_time, back <= v.end_time + duration({days: 15}) AS label
'''
[task]
kind = "binary"
"""
    return csv(folder, task=query)


def _only_events(folder: Path) -> Path:
    """A label for those who came back, and none for the others."""
    return csv(folder, task=READMISSION.replace('"readmission"', f"'''{_WHEN_BACK}'''"))


_WHEN_BACK = """
MATCH (p:Patient)-[:ATTENDED]->(v:Visit)
MATCH (p)-[:ATTENDED]->(next:Visit)
WHERE next.start_time > v.end_time AND next.start_time <= v.end_time + duration({days: 30})
RETURN DISTINCT p.id AS subject_id, v.id AS visit_id, v.end_time AS prediction_time, true AS label
"""


def followed_up(folder: Path) -> Path:
    """Mortality of those only who are seen for half a year more, which nobody knows at the discharge."""
    whole = "RETURN p.id AS subject_id, at AS"
    later = "WITH p, at\nWHERE p.observed_until > at + duration({days: 180})\n// step: followed for half a year\n"
    return omop(folder, task=MORTALITY.replace(whole, later + whole))


def survivors(folder: Path) -> Path:
    """Readmission of those who do not die within a month of the discharge: to be in is to survive."""
    later = "WHERE d.time <= at }"
    return omop(folder, task=MORTALITY.replace(later, "WHERE d.time <= at + duration({days: 30}) }"))


def _last_visit(folder: Path) -> Path:
    """What is predicted at each patient's last visit, which only the future makes the last."""
    return omop(folder, task=MORTALITY.replace("min(v.end_time) AS at", "max(v.end_time) AS at"))


def _near_copy(folder: Path) -> Path:
    """A lab that is made from the outcome, with some noise."""
    rng = np.random.default_rng(7)

    def change(frames: Frames) -> Frames:
        event = frames["patients"]["os_event"].to_numpy()
        days = frames["patients"]["os_days"].to_numpy()
        noisy = -np.log(days) + rng.normal(0, 0.15, len(days)) + 0.0 * event
        return {**frames, "rna": frames["rna"].with_columns(pl.Series("G7", noisy.round(4)))}

    return omics(folder, change=change)


FOLDS = '[evaluate]\nfolds = "folds.csv"\n'


def _folds(folder: Path) -> Path:
    """Folds of one's own that put a visit here and the next one there."""
    study = csv(folder, task=READMISSION + FOLDS)
    people = pl.read_csv(folder / "patients.csv")["patient_id"]
    lines = [f"0,{one},{'held_out' if i % 5 == 0 else 'train'}" for i, one in enumerate(people)]
    lines += [f"0,{one},train" for i, one in enumerate(people) if i % 20 == 0]
    (folder / "folds.csv").write_text("fold,subject_id,split\n" + "\n".join(lines) + "\n")
    return study


def _two_spellings(folder: Path) -> Path:
    """Two patients whose ids differ by case and a zero."""
    spelt = pl.col("patient_id").str.replace("^T149$", "t0100")
    return omics(folder, change=lambda f: {name: frame.with_columns(spelt) for name, frame in f.items()})


def _twins(folder: Path) -> Path:
    """One profile under five ids."""
    genes = pl.exclude("patient_id")
    return omics(folder, change=_with("rna", pl.when(pl.int_range(pl.len()) < 5).then(genes.first()).otherwise(genes)))


def _called_so(folder: Path) -> Path:
    """A covariate that is called like the outcome."""
    named = pl.Series("readmit_flag", np.random.default_rng(3).integers(0, 2, 120))
    task = READMISSION.replace('["age", "sex"]', '["age", "readmit_flag"]')
    return csv(folder, change=_with("patients", named), task=task)


def _feature_called_so(folder: Path) -> Path:
    """A column of the clinical table that was left in the matrix."""
    return omics(
        folder, change=_with("rna", pl.Series("died_code", np.random.default_rng(3).normal(size=150).round(3)))
    )


def _label_as_covariate(folder: Path) -> Path:
    """The outcome under another name."""
    task = '[cohort]\nquery = "patients_with_label"\nparams = {property = "os_event"}\n[task]\nkind = "binary"\ncovariates = ["vital"]\n'
    head = SURVIVAL.partition("[cohort]")[0]
    return omics(
        folder,
        change=_with("patients", pl.col("os_event").replace_strict({0: "yes", 1: "no"}).alias("vital")),
        task=head + task,
    )


NOTES = """
[records.notes]
format = "csv"
path = "notes.csv"
subject = "patient_id"
time = "written"
columns = {summary = "NOTE"}
"""


def _notes(folder: Path) -> Path:
    """Summaries that were written after the readmission, and dated at the discharge."""

    def change(frames: Frames) -> Frames:
        visits = frames["visits"].sort("patient_id", "admitted")
        back = pl.col("admitted").shift(-1).over("patient_id") <= pl.col("discharged") + timedelta(days=30)
        said = pl.when(back.fill_null(False)).then(pl.lit("Sent home. Readmitted later with the same complaint.")).otherwise(
            pl.lit("Sent home in good health."))  # fmt: skip
        notes = visits.select("patient_id", written="discharged", summary=said)
        return {**frames, "notes": notes}

    return csv(folder, change=change, text=CSV + NOTES)


def _no_time(folder: Path) -> Path:
    """Durations that count from the diagnosis, and some end before."""
    days = pl.when(pl.int_range(pl.len()) % 9 == 0).then(-pl.col("os_days")).otherwise("os_days").alias("os_days")
    return omics(folder, change=_with("patients", days))


def prevalent_onset(folder: Path) -> Path:
    """Onset of kidney disease at any time, with patients who have it when they are predicted."""
    task = ONSET.replace("WHERE r.time <= at }", "WHERE r.time <= at - duration({days: 36500}) }")
    return meds(folder, task=task.replace("r.time > at AND r.time", "r.time"))


def _history(folder: Path) -> Path:
    """Each visit's recorded readmission as an input of the next one: a "NO" before a later visit tells of it."""
    text = CSV.replace('keep = ["ward"]', 'keep = ["ward"]\ncolumns = {readmitted = "STATUS"}')

    def change(frames: Frames) -> Frames:
        visits = frames["visits"].sort("patient_id", "admitted")
        gap = pl.col("admitted").shift(-1).over("patient_id") - pl.col("discharged")
        word = pl.when(gap <= timedelta(days=30)).then(pl.lit("<30")).otherwise(pl.lit("NO")).alias("readmitted")
        return {**frames, "visits": visits.with_columns(word)}

    return csv(folder, change=change, text=text)


LEAKS: Mapping[str, Leak] = {
    "nobody says when it was known": Leak(_never, "after_outcome", "never_known", "records.diagnoses"),
    "undated, and dated after": Leak(_undated, "after_outcome", "undated_after", "MEDS:LAB//epoetin"),
    "known with the event only": Leak(_second_line, "after_outcome", "with_one_outcome", "second_line"),
    "coded at discharge": Leak(_coded_early, "same_discharge", "coded_at_discharge", "records.diagnoses"),
    "label of the visit's length": Leak(_ended_stay, "same_discharge", "label_of_ended_visit"),
    "label of the discharge": Leak(_disposition, "same_discharge", "label_of_ended_visit", "discharge_died"),
    "death as an input": Leak(_dead, "same_discharge", "death_in_inputs"),
    "single visits dropped": Leak(pyhealth_readmission, "membership", "later_visit_needed"),
    "one class": Leak(_only_events, "membership", "one_class"),
    "single visits dropped, by the query": Leak(pyhealth_readmission, "look_ahead", "looks_ahead", "has a later visit"),
    "followed up": Leak(followed_up, "look_ahead", "looks_ahead", "followed for half a year"),
    "survivors": Leak(survivors, "look_ahead", "looks_ahead", "alive at its end"),
    "last visit": Leak(_last_visit, "look_ahead", "looks_ahead"),
    "one feature too good": Leak(_near_copy, "too_good", "too_good_alone", "opaque:G7"),
    "folds overlap": Leak(_folds, "both_sides", "subject_on_both_sides", "folds"),
    "two spellings of an id": Leak(_two_spellings, "both_sides", "same_id"),
    "twins across a split": Leak(_twins, "both_sides", "alike_across_split", "rna"),
    "near-duplicates": Leak(_twins, "near_duplicates", "near_duplicates", "rna"),
    "covariate called so": Leak(_called_so, "words", "outcome_in_name", "readmit_flag"),
    "feature called so": Leak(_feature_called_so, "words", "outcome_in_name", "opaque:died_code"),
    "covariate that is the label": Leak(_label_as_covariate, "words", "covariate_refused", "vital"),
    "notes": Leak(_notes, "words", "outcome_in_text", "NOTE:summary"),
    "no time at risk": Leak(_no_time, "order", "no_time_at_risk", "duration_days"),
    "prevalent": Leak(prevalent_onset, "order", "event_before", "ICD10CM:N18.3"),
    "death before": Leak(_dead, "order", "event_before", "death"),
    "earlier label": Leak(_history, "order", "history_label", "STATUS:readmitted"),
}
"""What is planted: nine leaks, most of them in several forms."""
