"""diabetes130, readmission within 30 days: diabetes.py DATA OUT [--trials 2].

From csv to report. An encounter is a row; there are no dates, so encounter_id orders a patient's encounters. The folds are
StratifiedGroupKFold(5, shuffle, random_state=100) by patient over the encounters in that order.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import polars as pl
from sklearn.model_selection import StratifiedGroupKFold

import clinome
from clinome.console import Console

GONE = [11, 13, 14, 19, 20, 21]  # deaths and hospice
STUDY = '''
name = "diabetes130"
store = "diabetes130.graph"

[records.encounters]
format = "csv"
path = "{csv}"
subject = "patient_nbr"
visit = "encounter_id"
order = "encounter_id"
missing = ["?"]
codes = {{diag_1 = "ICD9CM", diag_2 = "ICD9CM", diag_3 = "ICD9CM"}}
columns = {{{drugs}}}
absent = ["No"]
values = {{time_in_hospital = "d", num_lab_procedures = "1", num_procedures = "1", num_medications = "1", number_outpatient = "1", number_emergency = "1", number_inpatient = "1", number_diagnoses = "1"}}
keep = ["readmitted", "discharge_disposition_id", {kept}]

[cohort]
query = """
MATCH (p:Patient)-[:ATTENDED]->(v:Visit)
// step: encounters
WHERE NOT v.discharge_disposition_id IN $gone
// step: neither died nor went to hospice
RETURN p.id AS subject_id, v.id AS visit_id, v.end_time AS prediction_time,
       CASE WHEN v.readmitted = '<30' THEN 1 ELSE 0 END AS label
"""
params = {{gone = {gone}}}

[task]
kind = "binary"
label = "label"
covariates = [{kept}, "discharge_disposition_id"]

[evaluate]
folds = "folds.csv"

[learn]
learners = ["majority", "ridge_late", "boosting", "chosen"]
trials = {trials}
'''
KEPT = ["race", "gender", "age", "weight", "admission_type_id", "admission_source_id", "payer_code", "medical_specialty",
        "max_glu_serum", "A1Cresult", "change", "diabetesMed"]  # fmt: skip


def folds(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.with_columns(pl.col("encounter_id").cast(pl.Int64)).sort("encounter_id")
    rows = rows.filter(~pl.col("discharge_disposition_id").cast(pl.Int64).is_in(GONE))
    label, group = (rows["readmitted"] == "<30").cast(pl.Int8).to_numpy(), rows["patient_nbr"]
    parts = []
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=100)
    # the groups are numbered in order of appearance, as the floor numbers them: the splitter's draw depends on it
    first = {p: i for i, p in enumerate(group.unique(maintain_order=True))}
    number = group.replace_strict(first).to_numpy()
    for fold, (_, held_out) in enumerate(splitter.split(label, label, number)):
        ids = group.gather(held_out).unique(maintain_order=True)
        parts.append(pl.DataFrame({"fold": fold, "subject_id": ids, "split": "held_out"}))
    return pl.concat(parts)


def study(data: Path, out: Path, trials: int) -> str:
    """The study's text; its folds are written into OUT."""
    csv = data / "ehr" / "diabetes130" / "diabetic_data.csv.gz"
    rows = pl.read_csv(csv, infer_schema=False)
    folds(rows).write_csv(out / "folds.csv")
    names = rows.columns[rows.columns.index("metformin") : rows.columns.index("change")]
    drugs = ", ".join(f'"{n}" = "DRUG"' for n in names)
    kept = ", ".join(f'"{k}"' for k in KEPT)
    return STUDY.format(csv=csv, drugs=drugs, kept=kept, gone=GONE, trials=trials)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--trials", type=int, default=2)
    args = parser.parse_args()
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    (out / "study.toml").write_text(study(args.data.resolve(), out, args.trials))
    run = clinome.run(clinome.Study.read(out), console=Console())
    results = json.loads((run.folder / "results.json").read_text())
    for name, learner in results["learners"].items():
        m = learner["metrics"]
        print(f"{name:12s} AUROC {m['auroc']['mean']:.4f}  AUPRC {m['auprc']['mean']:.4f}  {learner['seconds']:.0f} s")


if __name__ == "__main__":
    main()
