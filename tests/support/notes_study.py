"""A study of notes and images whose outcome is planted in both, each missing at random, with names that must not leak."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

SECRET, MRN = "Zebulon", "MRN7000"
"""The beginnings of the patients' names and record numbers, which stand in their notes."""
TOLD, CALM = ("dyspnea", "edema", "wheezing"), ("comfortable", "ambulatory", "cheerful")
COMMON = ("patient", "seen", "today", "ward", "plan", "continue", "review", "family", "notes", "bed", "diet", "labs")


def write_notes_study(
    folder: Path, n: int = 240, seed: int = 0, *, signal: float = 1.0, learners: str = '["ridge_late"]', more: str = ""
) -> Path:
    """patients.csv, notes.csv, ct.csv and study.toml; the outcome's half is told in notes, half in images.

    A third of the patients has no note before the prediction, another third no image. What is written after the
    prediction tells the outcome plainly, and is behind the fence.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    text, image = rng.standard_normal(n), rng.standard_normal(n)
    label = (rng.uniform(size=n) < 1 / (1 + np.exp(-2.5 * signal * (text + image)))).astype(int)
    asked = datetime(2020, 1, 1)
    ids = [f"{MRN}{i:04d}" for i in range(n)]
    pl.DataFrame({"patient_id": ids, "asked": [asked.isoformat()] * n, "outcome": label}).write_csv(
        folder / "patients.csv"
    )
    missing = rng.integers(0, 3, n)
    notes, images = [], []
    for i, id in enumerate(ids):
        for _ in range(0 if missing[i] == 0 else 2):
            words = [*rng.choice(COMMON, 12), *(_word(text[i], rng) for _ in range(6))]
            said = " ".join(rng.permutation(words)) + f". {SECRET}{_letters(i)} {id}"
            day = asked - timedelta(days=int(rng.integers(1, 90)))
            notes.append((id, day.isoformat(), "Progress note", said))
        after = asked + timedelta(days=20)
        notes.append((id, after.isoformat(), "Discharge summary", "recovered" if not label[i] else "deceased"))
        if missing[i] != 1:
            x = rng.standard_normal(8) + np.r_[image[i], -image[i], np.zeros(6)] * 2
            images.append((id, (asked - timedelta(days=3)).isoformat(), *x.round(4)))
    pl.DataFrame(notes, schema=["patient", "written", "type", "body"], orient="row").write_csv(folder / "notes.csv")
    columns = ["patient", "scanned", *(f"f{j}" for j in range(8))]
    pl.DataFrame(images, schema=columns, orient="row").write_csv(folder / "ct.csv")
    file = folder / "study.toml"
    file.write_text(
        f'''name = "notes"
store = "notes.graph"
[patients]
path = "patients.csv"
[notes.ward]
path = "notes.csv"
subject = "patient"
time = "written"
kind = "type"
text = "body"
[images.ct]
path = "ct.csv"
subject = "patient"
time = "scanned"
[cohort]
query = """MATCH (p:Patient) RETURN p.id AS subject_id, p.asked AS prediction_time, p.outcome AS label"""
[task]
kind = "binary"
[evaluate]
folds = 3
[learn]
learners = {learners}
trials = 1
workers = 1
{more}'''
    )
    return file


def _word(value: float, rng: np.random.Generator) -> str:
    return str(rng.choice(TOLD if rng.uniform() < 1 / (1 + np.exp(-2 * value)) else CALM))


def _letters(number: int) -> str:
    """A name of each patient's own."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))
