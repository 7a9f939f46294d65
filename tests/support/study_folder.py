"""A folder of files as a researcher has it, for `clinome init`: clinical table, layers either way round, mutations, records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

GENES = (
    "TP53",
    "EGFR",
    "KRAS",
    "BRAF",
    "PTEN",
    "MYC",
    "CDK4",
    "MDM2",
    "ERBB2",
    "ALK",
    "RET",
    "MET",
    "IDH1",
    "ATRX",
    "NF1",
    "RB1",
)
PEOPLE = 40


def ids(n: int = PEOPLE, form: str = "ZQX-{:04d}") -> list[str]:
    return [form.format(7 * i) for i in range(n)]


def clinical(people: list[str], **columns: Any) -> pl.DataFrame:
    """patient_id, age, sex, os_days and os_event; further columns, or None for one of these to leave it out."""
    rng = np.random.default_rng(1)
    n = len(people)
    made: dict[str, object] = {
        "patient_id": people, "age": rng.integers(31, 90, n).tolist(), "sex": rng.choice(["f", "m"], n).tolist(),
        "os_days": rng.integers(10, 900, n).tolist(), "os_event": (np.arange(n) % 2).tolist(),
    }  # fmt: skip
    made |= columns
    return pl.DataFrame({name: held for name, held in made.items() if held is not None})


def values(n: int = PEOPLE, features: int = len(GENES), seed: int = 2) -> np.ndarray:
    return np.round(np.random.default_rng(seed).normal(size=(n, features)), 4)


def in_rows(
    people: list[str], features: tuple[str, ...] = GENES, x: np.ndarray | None = None, id: str = "id"
) -> pl.DataFrame:
    x = values(len(people), len(features)) if x is None else x
    return pl.DataFrame({id: people, **{name: x[:, j] for j, name in enumerate(features)}})


def in_columns(
    people: list[str], features: tuple[str, ...] = GENES, x: np.ndarray | None = None, id: str = "gene"
) -> pl.DataFrame:
    x = values(len(people), len(features)) if x is None else x
    return pl.DataFrame({id: list(features), **{name: x[i] for i, name in enumerate(people)}})


def write(folder: Path, **files: Any) -> Path:
    """Files by their names, `__` for a dot and `___` for a folder: clinical__csv, omics___rna__tsv."""
    for called, held in files.items():
        path = folder / called.replace("___", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(held, pl.DataFrame):
            held.write_csv(path, separator="," if path.suffix == ".csv" else "\t")
        else:
            path.write_bytes(held.encode() if isinstance(held, str) else held)
    return folder
