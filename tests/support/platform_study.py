"""One study on two platforms: the same genes by other curves, old names, some missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

import clinome
from clinome.run_folder.run import Run

STUDY = """
name = "{name}"
store = "{name}.graph"
[identifiers]
genes = "genes.csv"
[patients]
path = "{name}.csv"
[omics.rna]
path = "{name}_rna.csv"
{scale}
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.outcome AS label"
[task]
kind = "binary"
[evaluate]
folds = 3
[learn]
learners = ["ridge_late"]
trials = 1
workers = 1
"""
GENES = 30
OLD = [f"OLD{j}" for j in range(5)]


def write(folder: Path, name: str, n: int, seed: int, *, elsewhere: bool = False, scale: str = "") -> Path:
    """Ten of thirty genes go with the outcome; elsewhere values are other curves of the same, five names are old ones and
    ten genes are missing."""
    rng = np.random.default_rng(seed)
    ill = rng.integers(0, 2, n)
    x = rng.normal(6, 1, (n, GENES))
    x[:, :10] += 0.8 * ill[:, None]
    names = [f"GENE{j}" for j in range(GENES)]
    if elsewhere:
        curve = np.random.default_rng(9)
        x = curve.uniform(0.2, 40, GENES) * np.arctan(x - 6) + curve.uniform(-60, 60, GENES)
        names = [*OLD, *names[5:]]
    ids = [f"{name}{i}" for i in range(n)]
    kept = GENES - 10 if elsewhere else GENES
    pl.DataFrame({"patient_id": ids, "outcome": ill}).write_csv(folder / f"{name}.csv")
    rna = pl.DataFrame(x[:, :kept].round(4), schema=names[:kept])
    rna.insert_column(0, pl.Series("patient_id", ids)).write_csv(folder / f"{name}_rna.csv")
    genes = {"symbol": [f"GENE{j}" for j in range(GENES)], "entrez_id": [str(j + 1) for j in range(GENES)]}
    previous = [*OLD, *[None] * (GENES - 5)]
    pl.DataFrame({**genes, "prev_symbol": previous}).write_csv(folder / "genes.csv")
    file = folder / f"{name}.toml"
    file.write_text(STUDY.format(name=name, scale=scale), encoding="utf-8")
    return file


def trained(folder: Path) -> Run:
    """The run of a study at home, 120 patients."""
    study = write(folder, "home", 120, 1)
    clinome.load(study)
    return clinome.train(study)
