"""Small in-memory snapshots with a planted truth, for the tests of everything that learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from clinome.graphs.snapshot.snapshot import Layer
from clinome.snapshot import Snapshot

PLANTED = 10
"""The first so many features of each dense layer carry the signal; they are one pathway's genes."""
PLANTED_CODE = "ICD10CM:J44.1"
CODES = (
    PLANTED_CODE, "ICD10CM:J44.9", "ICD10CM:I10", "ICD10CM:I50.9", "ICD10CM:E11.9", "ICD10CM:N18.3",
    "RXNORM:6809", "RXNORM:8640", "ATC:C09AA02", "DRUG:insulin", "LOINC:2160-0", "LOINC:718-7",
)  # fmt: skip
CLASSES: dict[str, tuple[str, ...]] = {
    "binary": ("0", "1"),
    "multiclass": ("basal", "her2", "luminal"),
    "multilabel": ("asthma", "gout", "rare"),
    "regression": (),
    "responses": ("drug A", "drug B", "level"),
    "survival": (),
    "clustering": ("basal", "her2", "luminal"),
}
_KINDS = {"rna": "expression", "cnv": "copy_number", "methylation": "methylation", "mutations": "mutation"}


def make_snapshot(
    task: str = "binary",
    n: int = 120,
    seed: int = 0,
    *,
    layers: Sequence[str] = ("rna", "mutations"),
    records: bool = False,
    signal: float = 1.0,
    features: int = 60,
    rows_per_subject: int = 1,
    missing: float = 0.1,
    covariates: bool = True,
    views: bool = False,
) -> Snapshot:
    """A cohort whose one hidden cause u shows in the planted features, a gene's mutation, a code and the age.

    Args:
        layers: of rna, cnv, methylation (dense, NaN and rows not profiled) and mutations (sparse).
        records: events with visits, numeric and text values, and one undated event a row.
        signal: strength of u on the label; 0 is no signal at all.
        rows_per_subject: rows share subjects in groups of this size.
        views: notes and images too. missing: share of rows without each layer or view, and of missing values in dense layers (a third of it).
    """
    rng = np.random.default_rng(seed)
    cause = rng.standard_normal(n)
    subjects = [f"s{i // rows_per_subject:05d}" for i in range(n)]
    start = datetime(2010, 1, 1)
    rows = pl.DataFrame(
        {
            "subject_id": subjects,
            "prediction_time": [start + timedelta(days=30 * (i % rows_per_subject) + i % 7) for i in range(n)],
            **_labels(task, signal * cause, rng),
        },
        schema_overrides={"prediction_time": pl.Datetime("us")},
    )
    shown = cause if signal else rng.standard_normal(n)
    return Snapshot(
        task=task,
        rows=rows,
        covariates=_covariates(shown, rng) if covariates else pl.DataFrame(),
        layers={name: _layer(name, shown, features, missing, rng) for name in layers},
        events=_events(shown, rng) if records else None,
        links=_links(features, records),
        folds=_folds(n, rows_per_subject),
        clock="dated",
        classes=CLASSES[task],
        views=_views(shown, missing, rng) if views else {},
    )


def _views(cause: np.ndarray, missing: float, rng: np.random.Generator) -> dict[str, Layer]:
    """Notes whose words follow the cause, with a name a row, and vectors of images, each missing at random."""
    n = len(cause)
    here = rng.uniform(size=(n, 2)) >= missing
    words = ["calm", "edema", "fever", "plan", "ward", "wheezing", *(f"name {i}" for i in range(n))]
    rates = np.exp(np.column_stack([-cause, cause, 0 * cause, 0 * cause, 0 * cause, cause]))
    counts = np.hstack([rng.poisson(rates), np.eye(n)]) * here[:, :1]
    nothing = pl.lit(None, pl.String)
    var = [
        pl.DataFrame({"feature": names}).with_columns(symbol=nothing, gene=nothing)
        for names in (words, ["f0", "f1", "f2"])
    ]
    vectors = rng.normal(0, 1, (n, 3)) + np.outer(cause, [1, -1, 0])
    vectors[~here[:, 1]] = np.nan
    return {
        "notes.ward": Layer("notes.ward", "notes", "none", var[0], sparse.csr_matrix(counts, dtype=np.float32), here[:, 0]),
        "images.ct": Layer("images.ct", "vectors", "zscore", var[1], vectors.astype(np.float32), here[:, 1]),
    }  # fmt: skip


def _labels(task: str, cause: np.ndarray, rng: np.random.Generator) -> dict[str, object]:
    n = len(cause)
    if task == "survival":
        time, censored = rng.exponential(1000 * np.exp(-1.5 * cause)), rng.exponential(1500, n)
        return {"duration_days": np.minimum(time, censored) + 1.0, "event": time <= censored}
    if task in ("multiclass", "clustering"):
        noisy = cause + rng.logistic(0, 0.3, n) * (1.0 if cause.any() else 10.0)
        return {"label": np.array(CLASSES["multiclass"])[np.digitize(noisy, np.quantile(noisy, [1 / 3, 2 / 3]))]}
    if task == "multilabel":  # one by the cause, one against it, one of its own that few have
        has = rng.uniform(size=(n, 3)) < 1 / (
            1 + np.exp(-np.column_stack([3 * cause, -3 * cause - 1, np.full(n, -2.0)]))
        )
        return {
            "label": pl.Series(
                [[CLASSES[task][k] for k in np.flatnonzero(row)] for row in has], dtype=pl.List(pl.String)
            )
        }
    if (
        task == "responses"
    ):  # one by the cause, one against it, one in another unit; a third of the cells is not measured
        noise = rng.normal(0, 0.5, (n, 3)) * (1.0 if cause.any() else 2.0)
        y = np.column_stack([cause, 3 - 2 * cause, 1000 + 200 * cause]) + noise * [1, 2, 200]
        gap = rng.uniform(size=(n, 3)) < [0.1, 0.3, 0.5]
        gap[gap.all(axis=1), 0] = False
        held = [[None if g else float(v) for v, g in zip(*row, strict=True)] for row in zip(y, gap, strict=True)]
        return {"label": pl.Series(held, dtype=pl.List(pl.Float64))}
    if task == "regression":  # in a unit of its own, far from 0
        return {"label": 1000 + 200 * (cause + rng.normal(0, 0.4, n) * (1.0 if cause.any() else 2.5))}
    return {"label": (rng.uniform(size=n) < 1 / (1 + np.exp(-3 * cause))).astype(np.int64)}


def _covariates(cause: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    n = len(cause)
    age = 60 + 4 * cause + rng.normal(0, 8, n)
    sex = rng.choice(["F", "M"], n)
    return pl.DataFrame(
        {
            "age": [None if m else float(a) for a, m in zip(age, rng.uniform(size=n) < 0.05, strict=True)],
            "sex": [None if m else str(s) for s, m in zip(sex, rng.uniform(size=n) < 0.05, strict=True)],
            "smoker": rng.uniform(size=n) < 0.4,
        },
        schema={"age": pl.Float64, "sex": pl.String, "smoker": pl.Boolean},
    )


def _layer(name: str, cause: np.ndarray, features: int, missing: float, rng: np.random.Generator) -> Layer:
    n, kind = len(cause), _KINDS[name]
    profiled = rng.uniform(size=n) >= missing
    genes = [f"NCBIGene:{g + 1}" for g in range(features)]
    own = [f"cpg:cg{g:06d}" for g in range(features)] if kind == "methylation" else genes
    var = pl.DataFrame({"feature": own, "symbol": [f"G{g + 1}" for g in range(features)], "gene": genes})
    if kind == "mutation":
        rate = np.full((n, features), 0.05)
        rate[:, 0] = 1 / (1 + np.exp(2 - 2 * cause))
        hit = (rng.uniform(size=(n, features)) < rate) & profiled[:, None]
        return Layer(name, kind, "none", var, sparse.csr_matrix(hit.astype(np.float32)), profiled)
    values = rng.standard_normal((n, features))
    values[:, :PLANTED] += 0.8 * cause[:, None]
    values[rng.uniform(size=values.shape) < missing / 3] = np.nan
    values[~profiled] = np.nan
    scale = "none"
    if name == "rna":
        values, scale = np.expm1(np.clip(values + 6, 0, None)), "log1p"
    return Layer(name, kind, scale, var, values.astype(np.float32), profiled)


def _events(cause: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    out: list[tuple[int, float | None, float | None, str, float | None, str | None, int | None]] = []
    for row, u in enumerate(cause):
        out.append((row, None, None, "HISTORY:asthma" if rng.uniform() < 0.3 else "HISTORY:none", None, None, None))
        visits = int(rng.integers(1, 5))
        for visit in range(visits):
            days = float((visits - visit) * 40 + rng.integers(0, 20))
            for code in rng.choice(CODES[1:], size=int(rng.integers(1, 5)), replace=False):
                value = float(80 + 10 * rng.standard_normal()) if code.startswith("LOINC") else None
                text = str(rng.choice(["Up", "Down"])) if code == "DRUG:insulin" else None
                out.append((row, days, 60.0 - days / 365.25, str(code), value, text, visit))
            if rng.uniform() < 1 / (1 + np.exp(2 - 2 * u)):
                out.append((row, days, 60.0 - days / 365.25, PLANTED_CODE, None, None, visit))
    schema = {
        "row": pl.Int64, "days": pl.Float64, "age": pl.Float32, "code": pl.String,
        "numeric_value": pl.Float64, "text_value": pl.String, "visit": pl.Int64,
    }  # fmt: skip
    frame = pl.DataFrame(out, schema=schema, orient="row")
    return frame.sort(["row", "days"], descending=[False, True], nulls_last=False, maintain_order=True)


def _links(features: int, records: bool) -> pl.DataFrame:
    gene = [f"NCBIGene:{g + 1}" for g in range(features)]
    size = PLANTED
    links: list[tuple[str, str, str, float | None]] = [
        (g, "IN_PATHWAY", f"PATHWAY:P{i // size}", None) for i, g in enumerate(gene)
    ]
    links += [(gene[i], "INTERACTS_WITH", gene[(i + 1) % features], 0.9) for i in range(features)]
    links += [(f"cpg:cg{i:06d}", "NEAR", g, None) for i, g in enumerate(gene)]
    if records:
        codes = [c for c in CODES if c.startswith("ICD10CM") and "." in c]
        links += [(c, "IS_A", c.split(".")[0], None) for c in codes]
        links += [(c.split(".")[0], "IS_A", "ICD10CM:" + c.split(":")[1][0] + "00-99", None) for c in codes]
    schema = {"subject": pl.String, "predicate": pl.String, "object": pl.String, "score": pl.Float64}
    return (
        pl.DataFrame(links, schema=schema, orient="row").unique(maintain_order=True).with_columns(source=pl.lit("test"))
    )


def _folds(n: int, rows_per_subject: int, folds: int = 3) -> pl.DataFrame:
    """Three folds by subject; a fifth of the training part is tuning."""
    out = []
    for fold in range(folds):
        for row in range(n):
            subject = row // rows_per_subject
            tuning = "tuning" if (subject // folds) % 5 == 0 else "train"
            out.append((0, fold, row, "held_out" if subject % folds == fold else tuning))
    return pl.DataFrame(out, schema=["repeat", "fold", "row", "split"], orient="row")


def as_array(x: Any) -> np.ndarray:
    return np.asarray(x.toarray() if sparse.issparse(x) else x)


def garbage(snapshot: Snapshot, rows: np.ndarray) -> Snapshot:
    """The same snapshot, with nonsense in everything that these rows hold."""
    rng = np.random.default_rng(99)
    layers = {}
    for name, layer in snapshot.layers.items():
        values = as_array(layer.values).copy()
        values[rows] = rng.choice([-7.0, 0.0, 1e6], size=values[rows].shape)
        profiled = layer.profiled.copy()
        profiled[rows] = True
        layers[name] = replace(
            layer, values=sparse.csr_matrix(values) if sparse.issparse(layer.values) else values, profiled=profiled
        )
    covariates = snapshot.covariates
    here = pl.Series(np.isin(np.arange(len(snapshot.rows)), rows))
    if covariates.width:
        covariates = covariates.select(
            age=pl.when(here).then(pl.lit(1e6)).otherwise("age"),
            sex=pl.when(here).then(pl.lit("?")).otherwise("sex"),
            smoker=pl.when(here).then(pl.lit(True)).otherwise("smoker"),
        )
    events = snapshot.events
    if events is not None:
        wrong = pl.col("row").is_in(rows.tolist())
        events = events.with_columns(
            code=pl.when(wrong).then(pl.lit("ICD10CM:Z99.9")).otherwise("code"),
            numeric_value=pl.when(wrong).then(pl.lit(-1e6)).otherwise("numeric_value"),
            text_value=pl.when(wrong).then(pl.lit("garbage")).otherwise("text_value"),
        )
    return replace(snapshot, layers=layers, covariates=covariates, events=events)
