"""Planted leaks: the five clean studies of audit_study.py, each with one leak, and what an audit must say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
from audit_study import CSV, MORTALITY, ONSET, READMISSION, START, SURVIVAL, Change, Frames, csv, meds, omics, omop


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
