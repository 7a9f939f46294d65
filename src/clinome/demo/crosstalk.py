"""Crosstalk: a small synthetic study with a signal that only a graph can read, and the study file beside it.

A gain of a gene does harm where the gene's neighbours in the interaction network are highly expressed, and protects where
they are not; a loss does the contrary. Gains are as frequent as losses, and neighbours as often high as low, so no gene
says anything by itself, and each pair of genes too little to be told from the thousands of others. Who knows the network,
and learns one rule for all genes, finds it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from clinome.study import Study
from clinome.verbs.run import run

PATIENTS, HELD_OUT = 1000, 500
GENES, INTERACTIONS = 60, 120
ALTERED = 0.1
"""Share of a patient's genes that are gained or lost."""
STRENGTH = 2.5
"""Log odds per standard deviation of what a patient's gains and losses do together."""
ON_GRAPH = "gene_gnn"
"""The learner that reads the graph; the others of the study file do without."""


@dataclass(frozen=True)
class Crosstalk:
    """What was planted, and how well anyone could predict.

    auroc: of the true risk, over the held-out patients: no learner can be expected to pass it.
    """

    seed: int
    patients: int
    held_out: int
    genes: int
    interactions: int
    auroc: float


def run_crosstalk(folder: Path, seed: int = 1) -> tuple[Crosstalk, dict[str, Any]]:
    """Make the study and run it whole, in this process alone; what was planted, and what was found.

    Returns: the truth; and true_auroc, graph_auroc (of `ON_GRAPH`), shuffled_auroc and edgeless_auroc (of its twins),
        plain and plain_auroc (the best learner without a graph), chosen, report.
    """
    truth, study = write_crosstalk(folder, seed), Study.read(folder)
    done = run(replace(study, learn=replace(study.learn, workers=1)))
    results = done.read_json("results.json")
    twins = {name: one["mean"] for name, one in results["controls"].items()}
    auroc = {name: one["metrics"]["auroc"]["mean"] for name, one in results["learners"].items()}
    plain = max((name for name in auroc if name not in (ON_GRAPH, "chosen")), key=lambda name: auroc[name])
    return truth, {
        "true_auroc": truth.auroc,
        "graph_auroc": auroc[ON_GRAPH],
        "shuffled_auroc": twins[f"shuffled_graph:{ON_GRAPH}"],
        "edgeless_auroc": twins[f"no_edges:{ON_GRAPH}"],
        "plain": plain,
        "plain_auroc": auroc[plain],
        "chosen": results["chosen"][0]["name"],
        "report": str(done.path("report.html")),
    }


def write_crosstalk(folder: Path, seed: int = 1) -> Crosstalk:
    """Write the data, study.toml, truth.json and truth.parquet (subject_id, risk, label) into the folder.

    The same seed gives the same bytes in every text file. Half of the patients are held out (folds.csv).

    Args:
        folder: is made if it is not there; files of the same names are replaced.
        seed: of everything that is drawn.
    """
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng([seed, 1])  # of its own: the cohort beside it does not change with this one
    folder.mkdir(parents=True, exist_ok=True)
    people = np.array([f"C{i:05d}" for i in range(1, PATIENTS + 1)])
    genes = np.array([f"SYN{i:04d}" for i in range(1, GENES + 1)])
    pairs = np.stack(np.triu_indices(GENES, 1))
    pairs = pairs[:, np.sort(rng.choice(pairs.shape[1], INTERACTIONS, replace=False))]
    rna = rng.normal(size=(PATIENTS, GENES))
    copies = rng.choice([-1, 0, 1], (PATIENTS, GENES), p=[ALTERED / 2, 1 - ALTERED, ALTERED / 2])
    effect = (copies * _heard(rna, pairs)).sum(axis=1)
    risk = 1 / (1 + np.exp(-STRENGTH * effect / effect.std()))
    label = (rng.random(PATIENTS) < risk).astype(int)

    pl.DataFrame({"patient_id": people, "outcome": label}).write_csv(folder / "patients.csv")
    log_ratio = 0.5 * copies + rng.normal(0, 0.05, copies.shape)
    for name, values in {"rna": rna, "copy_number": log_ratio}.items():
        table = pl.DataFrame(values.round(4), schema=[*genes.tolist()])
        table.insert_column(0, pl.Series("patient_id", people)).write_csv(folder / f"{name}.csv")
    pl.DataFrame(genes[pairs.T], schema=["gene_a", "gene_b"]).write_csv(folder / "interactions.csv")
    held_out = people[-HELD_OUT:]
    pl.DataFrame({"fold": 0, "subject_id": held_out, "split": "held_out"}).write_csv(folder / "folds.csv")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")

    auroc = float(roc_auc_score(label[-HELD_OUT:], risk[-HELD_OUT:]))
    truth = Crosstalk(seed, PATIENTS, HELD_OUT, GENES, INTERACTIONS, auroc)
    (folder / "truth.json").write_text(json.dumps(asdict(truth), indent=1) + "\n", encoding="utf-8")
    pl.DataFrame({"subject_id": people, "risk": risk, "label": label}).write_parquet(folder / "truth.parquet")
    return truth


def _heard(rna: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """(patients, genes): the sum of the neighbours' expression, over the root of how many they are. pairs: (2, edges)."""
    near = np.zeros((rna.shape[1], rna.shape[1]))
    near[pairs[0], pairs[1]] = near[pairs[1], pairs[0]] = 1
    return np.asarray(rna @ near / np.sqrt(np.maximum(near.sum(axis=0), 1)))


STUDY = """\
# What only the graph can read: a gain or a loss of a gene acts by how the gene's neighbours are expressed.
name  = "crosstalk"
store = "crosstalk.graph"

[patients]
path = "patients.csv"
id   = "patient_id"

[omics.rna]
path     = "rna.csv"
kind     = "expression"
features = "opaque"           # invented genes, which no table knows

[omics.copy_number]
path     = "copy_number.csv"
kind     = "copy_number"
features = "opaque"

[knowledge.ppi]
path      = "interactions.csv"
features  = "opaque"
predicate = "INTERACTS_WITH"
subject   = "gene_a"
object    = "gene_b"

[cohort]
query = "MATCH (p:Patient) WHERE p.outcome IS NOT NULL RETURN p.id AS subject_id, p.outcome AS label"

[task]
kind  = "binary"
label = "label"

[evaluate]
folds = "folds.csv"           # one half of the patients is held out
seed  = 1

[learn]
learners = ["ridge_late", "boosting", "gene_gnn", "chosen"]   # gene_gnn reads the graph
trials   = 1
"""
