"""Synthetic cohort with a planted truth: omics, health records, and the study file beside them.

What acts is the activity of one pathway (the mean of its ten genes), a mutation of one gene and one earlier
diagnosis; age acts a little. Everything else is noise with the look of data: pathways that move together, plates,
gaps, missing layers, rows that no loader should let in, and a decoy that is recorded once the outcome has come.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from clinome.demo import omics as synthetic_omics
from clinome.demo import records as synthetic_records
from clinome.demo.codes import DECOY, hierarchy

WEIGHTS = {"pathway": 1.3, "mutation": 1.1, "diagnosis": 0.9, "age": 0.2}
"""Log odds: per standard deviation of the activity and of age, for a carrier, for the diagnosis."""

RATE = 0.35
"""About this share of the patients has the outcome."""


@dataclass(frozen=True)
class Truth:
    """What was planted, and how well anyone could predict.

    auroc: of the true risk, over all patients: no learner can be expected to pass it.
    genes: symbol -> NCBIGene CURIE of the ten genes of the pathway.
    """

    seed: int
    patients: int
    rate: float
    auroc: float
    pathway: str
    pathway_id: str
    genes: dict[str, str]
    mutation: str
    mutation_id: str
    diagnosis: str
    decoy: str
    weights: dict[str, float]


def write_cohort(folder: Path, seed: int = 1, patients: int = 1000) -> Truth:
    """Write the data, study.toml, truth.json and truth.parquet (subject_id, risk, label) into the folder.

    The same seed and number of patients give the same bytes in every text file.

    Args:
        folder: is made if it is not there; files of the same names are replaced.
        seed: of everything that is drawn.
        patients: at least 40, below which folds have no cases.
    Raises: ValueError for fewer than 40 patients.
    """
    if patients < 40:
        raise ValueError(f"patients: got {patients}; expected at least 40, so that every fold holds both outcomes")
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    ids = np.array([f"P{i:05d}" for i in range(1, patients + 1)])
    index = np.datetime64("2018-01-01") + rng.integers(0, 1200, patients).astype("timedelta64[D]")
    age, sex = np.clip(rng.normal(63, 11, patients), 21, 94).round(), rng.choice(["female", "male"], patients)
    diagnosed, code = rng.random(patients) < 0.25, synthetic_records.pick(rng)

    plan = synthetic_omics.plan(rng)
    biology = synthetic_omics.draw(rng, plan, patients)
    risk = _risk(biology.activity, biology.carrier, diagnosed, age)
    label = (rng.random(patients) < risk).astype(int)

    synthetic_omics.write(rng, folder, plan, biology, ids, index)
    synthetic_records.write(rng, folder, ids, index, diagnosed, code, label)
    people = {
        "patient_id": ids,
        "age": age.astype(int),
        "sex": sex,
        "site": rng.choice(["north", "south", "west"], patients),
    }
    pl.DataFrame({**people, "index_date": index, "outcome": label}).write_csv(folder / "patients.csv")
    pl.DataFrame(hierarchy(), schema=["child", "parent"], orient="row").write_csv(folder / "icd10.csv")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")

    truth = Truth(
        seed=seed, patients=patients, rate=float(label.mean()), auroc=_auroc(label, risk),
        pathway=plan.pathway, pathway_id=plan.pathway_id, genes=plan.planted,
        mutation=plan.mutation, mutation_id=plan.entrez[plan.mutation], diagnosis=code, decoy=DECOY, weights=WEIGHTS,
    )  # fmt: skip
    (folder / "truth.json").write_text(json.dumps(asdict(truth), indent=1) + "\n", encoding="utf-8")
    pl.DataFrame({"subject_id": ids, "risk": risk, "label": label}).write_parquet(folder / "truth.parquet")
    return truth


def read_truth(folder: Path) -> Truth:
    """The truth that `write_cohort` left in the folder."""
    return Truth(**json.loads((folder / "truth.json").read_text(encoding="utf-8")))


def _risk(activity: np.ndarray, carrier: np.ndarray, diagnosed: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Probability of the outcome, (patients,); the intercept makes its mean RATE."""
    w = WEIGHTS
    logit = w["pathway"] * activity + w["mutation"] * carrier + w["diagnosis"] * diagnosed + w["age"] * (age - 63) / 11
    low, high = -20.0, 20.0
    for _ in range(60):  # bisection: the mean risk rises with the intercept
        middle = (low + high) / 2
        low, high = (middle, high) if np.mean(1 / (1 + np.exp(-logit - middle))) < RATE else (low, middle)
    return np.asarray(1 / (1 + np.exp(-logit - low)))


def _auroc(label: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve by ranks; the true risk has no ties to speak of."""
    rank = np.empty(len(score))
    rank[np.argsort(score)] = np.arange(1, len(score) + 1)
    cases = int(label.sum())
    return float((rank[label == 1].sum() - cases * (cases + 1) / 2) / (cases * (len(label) - cases)))


STUDY = '''\
# A synthetic cohort: who has the outcome, from omics and from what was recorded and known before the index date?
name  = "demo"
store = "demo.graph"

[identifiers]
genes = "genes.tsv"

[patients]
path = "patients.csv"
id   = "patient_id"

[samples]
path    = "samples.tsv"
id      = "sample_id"
subject = "patient_id"
batch   = "plate"
time    = "collected"

[omics.rna]
path  = "rna.tsv.gz"          # genes in rows, samples in columns
kind  = "expression"
scale = "zscore"

[omics.methylation]
path  = "methylation.csv"     # samples in rows
kind  = "methylation"
id    = "sample_id"
scale = "zscore"

[omics.copy_number]
path  = "copy_number.parquet"
kind  = "copy_number"
id    = "sample_id"
scale = "zscore"

[omics.mutations]
path     = "mutations.maf"
kind     = "mutation"
profiled = "sequenced.txt"    # who was sequenced at all: the others are unknown, not wild-type

[records.encounters]          # one row a visit; what was diagnosed is known at discharge
format  = "csv"
path    = "encounters.csv"
subject = "patient_id"
visit   = "encounter_id"
time    = "admitted"
end     = "discharged"
known_time = "discharged"
codes   = {diag_1 = "ICD10CM", diag_2 = "ICD10CM"}
keep    = ["ward"]

[records.ehr]                 # further diagnoses, medications, labs; each with the time at which it was known
format = "meds"
path   = "meds/"

[knowledge.pathways]
path     = "pathways.gmt"
features = "symbol"

[knowledge.ppi]
path      = "interactions.tsv"
features  = "symbol"
predicate = "INTERACTS_WITH"
subject   = "gene_a"
object    = "gene_b"
score     = "score"

[knowledge.icd10]
path      = "icd10.csv"
predicate = "IS_A"
subject   = "child"
object    = "parent"

[cohort]
query = """
MATCH (p:Patient)
// step: patients in the store
WHERE p.index_date IS NOT NULL
// step: with an index date
AND p.outcome IS NOT NULL
// step: with a known outcome
RETURN p.id AS subject_id, p.index_date AS prediction_time, p.outcome AS label
"""

[task]
kind       = "binary"
label      = "label"
covariates = ["age", "sex"]

[evaluate]
folds = 5
seed  = 1

[learn]
# "default", but for hetero_gnn, which takes as long as all of these
learners = ["majority", "covariates", "best_feature", "ridge_late", "forest", "boosting", "propagation", "sequence", "fusion", "chosen"]
trials   = 1
'''
