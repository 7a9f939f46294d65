"""Gene ring: a small study on disk of eight genes that interact in a ring and lie in two pathways; patients differ by outcome."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

GENES = 8
STUDY = """name = "small"
store = "small.graph"
[patients]
path = "patients.csv"
id = "id"
[omics.rna]
path = "rna.csv"
features = "opaque"
graph = "all"
[knowledge.interactions]
format = "edges"
path = "interactions.csv"
predicate = "INTERACTS_WITH"
subject = "a"
object = "b"
features = "opaque"
[knowledge.pathways]
format = "edges"
path = "pathways.csv"
predicate = "IN_PATHWAY"
subject = "gene"
object = "pathway"
features = "opaque"
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.label AS label"
[task]
kind = "binary"
"""


def write(folder: Path, people: int, effect: float, more: str) -> Path:
    """The folder with the study in it. effect: of the outcome on every gene, in standard deviations. more: `[evaluate]`, `[learn]`."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, people)
    ids = [f"P{i:02d}" for i in range(people)]
    x = rng.normal(size=(people, GENES)) + effect * label[:, None]
    pl.DataFrame({"id": ids, "label": label}).write_csv(folder / "patients.csv")
    pl.DataFrame({"id": ids, **{f"G{j}": x[:, j].round(3) for j in range(GENES)}}).write_csv(folder / "rna.csv")
    ring = [(f"G{j}", f"G{(j + 1) % GENES}") for j in range(GENES)]
    pl.DataFrame(ring, schema=["a", "b"], orient="row").write_csv(folder / "interactions.csv")
    inside = [(f"G{j}", f"PATHWAY:{j % 2}") for j in range(GENES)]
    pl.DataFrame(inside, schema=["gene", "pathway"], orient="row").write_csv(folder / "pathways.csv")
    (folder / "study.toml").write_text(STUDY + more)
    return folder
