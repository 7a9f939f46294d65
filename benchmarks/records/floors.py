"""Health records against floors that are hand-written: floors.py DATA OUT [--only …] [--patients N] [--trials 2] [--learners …] [--floors DIR] [--alone].

diabetes130 (readmission within 30 days), PhysioNet 2012 (death in hospital, from 48 hours) and PhysioNet 2019 (sepsis, every
hour of the first 48) as studies with the default plain learners, `gru` and `chosen`, on the folds of the floors:
StratifiedGroupKFold(5, shuffle, random_state=100) by patient. Beside each the floor's own script (DIR: diabetes.py,
physionet.py, sepsis_v2.py; default DATA/../floors) is run anew. Prints and writes OUT/floors.txt: AUROC and average
precision of both, of sepsis the challenge's utility too, `chosen` less the best floor, and the controls. --patients takes
the first so many patients, to see whether it works; the floors are then left out, for they take all; --alone leaves them out too.

The utility's threshold: the floor picks it on inner folds of its training part, a study on what its other folds held out;
`chosen` also as the run does (`[report] threshold`), inside the training part.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
from sklearn.model_selection import StratifiedGroupKFold

import clinome
from clinome.console import Console

sys.path.insert(0, str(Path(__file__).parents[1] / "cohorts"))
import diabetes

NAMES = ("diabetes130", "physionet2012", "sepsis2019")
SCRIPTS = {"diabetes130": "diabetes.py", "physionet2012": "physionet.py", "sepsis2019": "sepsis_v2.py"}
HOURS = 48
TAIL = """
[evaluate]
folds = "folds.csv"
[learn]
learners = {learners}
trials = {trials}
"""
PHYSIONET = """
name = "physionet2012"
store = "physionet2012.graph"
[patients]
path = "outcomes.csv"
id = "RecordID"
keep = ["died"]
[records.icu]
format = "hourly"
path = "stays.parquet"
missing = ["", "-1"]
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, $at AS prediction_time, p.died AS label"
params = {at = 2000-01-03T00:00:00}
[task]
kind = "binary"
covariates = ["Age", "Gender", "Height", "ICUType"]
"""
SEPSIS = """
name = "sepsis2019"
store = "sepsis2019.graph"
[records.icu]
format = "hourly"
path = "stays.parquet"
labels = ["SepsisLabel"]
[cohort]
query = '''
MATCH (p:Patient)-[m:MEASURED]->(:LabTest {id: 'VALUE:SepsisLabel'})
RETURN p.id AS subject_id, m.time + duration({hours: 1}) AS prediction_time, CASE WHEN m.value = 1 THEN 1 ELSE 0 END AS label
'''
[task]
kind = "binary"
covariates = ["Age", "Gender", "Unit1", "Unit2", "HospAdmTime"]
[report]
threshold = "highest utility"
"""
LEARNERS = "majority,covariates,ridge_late,forest,boosting,gru,chosen"


def folds(label: np.ndarray, subjects: pl.Series) -> pl.DataFrame:
    """One row a subject, in the floors' order."""
    parts = StratifiedGroupKFold(5, shuffle=True, random_state=100).split(label, label, np.arange(len(label)))
    held = [(fold, subjects[int(i)], "held_out") for fold, (_, rows) in enumerate(parts) for i in rows]
    return pl.DataFrame(held, schema=["fold", "subject_id", "split"], orient="row")


def physionet(data: Path, out: Path, patients: int) -> str:
    found = pl.read_csv(data / "Outcomes-a.txt").sort("RecordID").rename({"In-hospital_death": "died"})
    found = found.head(patients) if patients else found
    found.select("RecordID", "died").write_csv(out / "outcomes.csv")
    folds(found["died"].to_numpy(), found["RecordID"]).write_csv(out / "folds.csv")
    stays = pl.scan_parquet(data / "set_a_long.parquet").filter(pl.col("record_id").is_in(found["RecordID"].implode()))
    stays.sink_parquet(out / "stays.parquet")
    return PHYSIONET


def sepsis(data: Path, out: Path, patients: int) -> str:
    stays = pl.read_parquet(data / "setA_4000.parquet").sort("patient_id", "hour")
    found = stays.group_by("patient_id").agg(pl.col("SepsisLabel").max()).sort("patient_id")
    found = found.head(patients) if patients else found
    folds(found["SepsisLabel"].to_numpy(), found["patient_id"]).write_csv(out / "folds.csv")
    seen = pl.col("patient_id").is_in(found["patient_id"].implode()) & (pl.col("ICULOS") <= HOURS)
    stays.filter(seen).write_parquet(out / "stays.parquet")
    return SEPSIS


def study(name: str, data: Path, out: Path, patients: int, learn: Mapping[str, object]) -> str:
    """The study's text; its files are written into OUT."""
    if name == "diabetes130":
        text = diabetes.study(data, out, 1).split("[evaluate]")[0]
        if patients:
            rows = pl.read_csv(data / "ehr" / name / "diabetic_data.csv.gz", infer_schema=False)
            mine = rows["patient_nbr"].unique(maintain_order=True).head(patients).implode()
            rows.filter(pl.col("patient_nbr").is_in(mine)).write_csv(out / "few.csv")
            held = pl.read_csv(out / "folds.csv", infer_schema=False)
            held.filter(pl.col("subject_id").is_in(mine)).write_csv(out / "folds.csv")
            text = text.replace(str(data / "ehr" / name / "diabetic_data.csv.gz"), "few.csv")
    else:
        made = {"physionet2012": physionet, "sepsis2019": sepsis}[name]
        text = made(data / "ehr" / name, out, patients)
    return text + TAIL.format_map(learn)


def floor_of(name: str, scripts: Path, out: Path) -> dict[str, Any]:
    """What the floor's script finds: learner -> metric -> [mean, sd]."""
    environment = {**os.environ, "CUT": str(HOURS), "PYTHONPATH": str(scripts)}
    with (out / "floor.log").open("w") as log:
        command = [sys.executable, str(scripts / SCRIPTS[name])]
        subprocess.run(command, cwd=out, check=True, stdout=log, stderr=log, env=environment)
    (written,) = out.glob(f"{name}*.json")
    found: dict[str, Any] = json.loads(written.read_text())
    return found


def utility(run: clinome.Run, stays: pl.DataFrame, floor: ModuleType) -> dict[str, float]:
    """The challenge's normalised utility of every learner, mean over folds."""
    rows = stays.sort("patient_id", "hour").with_row_index("place")
    patient = rows["patient_id"].rank("dense").to_numpy().astype(np.int64)
    gain, best, _ = floor.per_row_utility(patient, rows["hour"].to_numpy(), rows["SepsisLabel"].to_numpy())
    known = rows.select("place", subject_id=pl.col("patient_id").cast(pl.String), hour=pl.col("hour").cast(pl.Int64))
    table = pl.from_pandas(run.predictions).with_columns(
        hour=(pl.col("prediction_time") - pl.datetime(2000, 1, 1)).dt.total_hours() - 1
    )
    out = {}
    for (learner,), part in table.join(known, on=["subject_id", "hour"]).partition_by("learner", as_dict=True).items():
        score, place, fold = (part[c].to_numpy() for c in ("score", "place", "fold"))
        each = []
        for one in np.unique(fold):
            threshold = floor.pick(score[fold != one], gain[place[fold != one]])
            each.append(floor.nutil(score[fold == one], threshold, gain, best, place[fold == one]))
        out[str(learner)] = fmean(each)
    return out


def lines(
    name: str, results: Mapping[str, Any], floors: Mapping[str, Any], utilities: Mapping[str, float]
) -> list[str]:
    def line(who: str, auroc: float, auprc: float, util: float | None) -> str:
        return f"{name:14s} {who:28s} AUROC {auroc:.4f}  AUPRC {auprc:.4f}" + (
            "" if util is None else f"  utility {util:.3f}"
        )

    out, mean = [], {}
    for who, one in results["learners"].items():
        mean[who] = one["metrics"]["auroc"]["mean"]
        out.append(line(who, mean[who], one["metrics"]["auprc"]["mean"], utilities.get(who)))
    out += [f"{name:14s} {'control: ' + who:28s} AUROC {one['mean']:.4f}" for who, one in results["controls"].items()]
    for who, one in floors.items():
        out.append(line(f"floor: {who}", one["auroc"][0], one["auprc"][0], one["util"][0] if "util" in one else None))
    if floors:
        best = max(one["auroc"][0] for one in floors.values())
        out.append(f"{name:14s} chosen - best floor          AUROC {mean['chosen'] - best:+.4f}")
    ruled = (results["operating"] or {}).get("rule") if utilities else None
    if ruled:
        found = ruled["utility"]
        out.append(
            f"{name:14s} chosen, by the run's own rule: utility {found['mean']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
        )
    if floors and utilities:
        best = max(one["util"][0] for one in floors.values() if "util" in one)
        out.append(f"{name:14s} chosen - best floor          utility {utilities['chosen'] - best:+.3f}")
    return out


def imported(script: Path) -> ModuleType:
    sys.path.insert(0, str(script.parent))  # it imports what lies beside it
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default=",".join(NAMES))
    parser.add_argument("--patients", type=int, default=0)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--learners", default=LEARNERS)
    parser.add_argument("--floors", type=Path)
    parser.add_argument("--alone", action="store_true")
    args = parser.parse_args()
    data, learn = args.data.resolve(), {"learners": json.dumps(args.learners.split(",")), "trials": args.trials}
    scripts = (args.floors or data.parent / "floors").resolve()
    for name in args.only.split(","):
        out = args.out.resolve() / name
        out.mkdir(parents=True, exist_ok=True)
        (out / "study.toml").write_text(study(name, data, out, args.patients, learn))
        run = clinome.run(clinome.Study.read(out), console=Console())
        stays = pl.read_parquet(data / "ehr" / name / "setA_4000.parquet") if name == "sepsis2019" else None
        utilities = {} if stays is None else utility(run, stays, imported(scripts / SCRIPTS[name]))
        floors = {} if args.patients or args.alone else floor_of(name, scripts, out)
        said = lines(name, run.read_json("results.json"), floors, utilities)
        print(*said, sep="\n", flush=True)
        with (args.out / "floors.txt").open("a") as file:
            file.write("\n".join([*said, "", ""]))


if __name__ == "__main__":
    main()
