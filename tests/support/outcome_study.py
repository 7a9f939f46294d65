"""A study whose outcome two of its genes tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

STUDY = """
name = "{name}"
store = "{name}.graph"
[patients]
path = "patients.csv"
[omics.rna]
path = "rna.csv"
kind = "expression"
features = "opaque"
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, {returned}"
[task]
kind = "{kind}"{label}
[evaluate]
folds = 2
[learn]
learners = [{learners}]
trials = 1
workers = 1
"""


def write(
    folder: Path, name: str, seed: int, kind: str = "binary", learners: tuple[str, ...] = ("majority", "ridge_late")
) -> None:
    """Eighty patients, eight genes, of which two tell the outcome; of several classes how high it is."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(80, 8))
    signal = x[:, 0] + x[:, 1] + rng.normal(size=80)
    people = {"patient_id": [f"{name}{i}" for i in range(80)], "outcome": (signal > 0).astype(int),
              "days": np.round(np.exp(5 - signal), 1), "died": (rng.random(80) < 0.7).astype(int)}  # fmt: skip
    people["grade"] = np.array(["low", "middle", "high"])[np.digitize(signal, [-1, 1])]
    people["level"] = np.round(120 + 15 * signal, 1)
    folder.mkdir(parents=True)
    pl.DataFrame(people).write_csv(folder / "patients.csv")
    genes = {f"G{j}": x[:, j].round(4) for j in range(8)}
    pl.DataFrame({"patient_id": people["patient_id"], **genes}).write_csv(folder / "rna.csv")
    returned = {"survival": "p.days AS duration_days, p.died AS event", "multiclass": "p.grade AS label",
                "regression": "p.level AS label", "multilabel": "p.outcome AS worse, p.died AS died, p.level > 140 AS high",
                "responses": "p.level AS level, CASE WHEN p.died = 1 THEN p.days END AS days"}  # fmt: skip
    asked = {"name": name, "kind": kind, "returned": returned.get(kind, "p.outcome AS label"),
             "label": {"multilabel": '\nlabel = ["worse", "high", "died"]', "responses": '\nlabel = ["level", "days"]'}.get(kind, ""),
             "learners": ", ".join(f'"{one}"' for one in learners)}  # fmt: skip
    (folder / "study.toml").write_text(STUDY.format(**asked), encoding="utf-8")
