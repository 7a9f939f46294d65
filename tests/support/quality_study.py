"""A study without a fault, as the checks of data quality see it, and its cohort with an outcome that nothing tells."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
from scipy import sparse

from clinome.graphs.snapshot.snapshot import Layer, Snapshot
from clinome.loaders.tables import EVENTS
from clinome.models.statistics.data_quality.study_data import LayerData, StudyData

START, TODAY = datetime(2015, 1, 1), datetime(2026, 1, 1)
LABS = {"LOINC:2345-7": (100.0, 15.0, "mg/dL"), "LOINC:2160-0": (1.0, 0.2, "mg/dL"), "LOINC:718-7": (13.0, 1.5, "g/dL"),
        "LOINC:2951-2": (140.0, 3.0, "mmol/L")}  # fmt: skip
REJECTS = {"source": pl.String, "column": pl.String, "expected": pl.String, "fix": pl.String}


def clean(seed: int = 0, n: int = 240, task: str = "binary") -> tuple[StudyData, Snapshot]:
    """Patients, three layers in four batches, records of five years; missing at random, with an outcome by lot."""
    rng = np.random.default_rng(seed)
    subjects = [f"p{i:04d}" for i in range(n)]
    index = [START + timedelta(days=int(d)) for d in rng.integers(1200, 1800, n)]
    patients = pl.DataFrame(
        {
            "subject_id": subjects,
            "age": rng.integers(30, 85, n),
            "sex": rng.choice(["F", "M"], n),
            "site": rng.choice(["north", "south", "west"], n),
            "weight": np.round(rng.normal(75, 12, n), 1),
            "index_date": index,
        },
        schema_overrides={"index_date": pl.Datetime("us")},
    )
    plates = rng.choice(["a", "b", "c", "d"], n)
    layers = tuple(_layer(name, subjects, plates, rng) for name in ("rna", "methylation", "mutations"))
    events = _events(subjects, index, rng)
    sources = {"patients": {"read": n, "written": n, "merged": 0, "rejected": 0, "counts": {}}}
    data = StudyData(
        tuple(subjects), patients, layers, events, _visits(subjects, rng), pl.DataFrame(schema=REJECTS), sources, TODAY
    )
    return data, cohort(data, rng, task)


def cohort(data: StudyData, rng: np.random.Generator, task: str = "binary") -> Snapshot:
    """The cohort of everybody, whose outcome is drawn by lot."""
    n, place = len(data.subjects), {subject: i for i, subject in enumerate(data.subjects)}
    outcome: dict[str, np.ndarray] = {"label": rng.integers(0, 2, n)}
    if task == "multiclass":
        outcome = {"label": rng.choice(["x", "y", "z"], n)}
    if task == "survival":
        outcome = {"duration_days": rng.exponential(500, n) + 1, "event": rng.random(n) < 0.6}
    rows = data.patients.select("subject_id", pl.col("index_date").alias("prediction_time")).with_columns(
        **{name: pl.Series(values) for name, values in outcome.items()}
    )
    layers, origin = {}, {}
    for layer in data.layers:
        at = [place[subject] for subject in layer.samples["subject_id"]]
        profiled = np.zeros(n, dtype=bool)
        profiled[at] = True
        var = pl.DataFrame({"feature": layer.features, "symbol": layer.features, "gene": layer.features})
        layers[layer.name] = Layer(layer.name, layer.kind, layer.scale, var, _over(layer, at, n), profiled)
        batch = [None] * n
        for i, one in zip(at, layer.samples["batch"], strict=True):
            batch[i] = one
        origin[f"{layer.name} batch"] = pl.Series(batch, dtype=pl.String)
    covariates = data.patients.select(pl.when(pl.Series(rng.random(n) > 0.1)).then("age").alias("age"), "sex")
    assert data.events is not None
    before = data.events.join(
        rows.with_row_index("row").select("subject_id", "row", "prediction_time"), on="subject_id"
    )
    before = before.filter(pl.col("time") <= pl.col("prediction_time")).with_columns(pl.col("row").cast(pl.Int64))
    return Snapshot(task, rows, covariates, layers, before.sort("row", "time"), pl.DataFrame(), pl.DataFrame(), "dated",
                    ("0", "1"), origin=pl.DataFrame(origin))  # fmt: skip


def _over(layer: LayerData, at: list[int], n: int) -> np.ndarray | sparse.csr_matrix:
    if sparse.issparse(layer.values):
        whole = sparse.lil_matrix((n, len(layer.features)), dtype=np.float32)
        whole[at] = layer.values
        return sparse.csr_matrix(whole)
    values = np.full((n, len(layer.features)), np.nan, dtype=np.float32)
    values[at] = layer.values
    return values


def _layer(name: str, subjects: list[str], plates: np.ndarray, rng: np.random.Generator) -> LayerData:
    who = np.flatnonzero(rng.random(len(subjects)) < 0.9)
    n, p = len(who), 80
    samples = pl.DataFrame(
        {"subject_id": [subjects[i] for i in who], "batch": plates[who], "site": [None] * n,
         "time": [START + timedelta(days=int(d)) for d in rng.integers(600, 1000, n)]},
        schema={"subject_id": pl.String, "batch": pl.String, "site": pl.String, "time": pl.Datetime("us")},
    )  # fmt: skip
    features = tuple(f"{name}{j}" for j in range(p))
    if name == "mutations":
        hits = sparse.csr_matrix((rng.random((n, p)) < 0.05).astype(np.float32))
        return LayerData(name, "mutation", "none", features, hits, samples)
    hidden = rng.normal(size=(n, 4)) @ rng.normal(size=(4, p))
    x = hidden * 0.6 + rng.normal(size=(n, p))
    x = 1 / (1 + np.exp(-x)) if name == "methylation" else 8 + 1.2 * x
    x[rng.random((n, p)) < 0.02] = np.nan
    return LayerData(name, {"rna": "expression"}.get(name, name), "none", features, x.astype(np.float32), samples)


def _events(subjects: list[str], index: list[datetime], rng: np.random.Generator) -> pl.DataFrame:
    rows: list[tuple[object, ...]] = []
    for i, subject in enumerate(subjects):
        rows.append(
            (subject, index[i] - timedelta(days=int(rng.integers(12_000, 30_000))), "MEDS:MEDS_BIRTH", None, None)
        )
        for code, (mean, sd, unit) in LABS.items():
            for _ in range(int(rng.integers(0, 5))):
                value = float(np.round(max(rng.normal(mean, sd), mean / 5), 2))
                rows.append((subject, START + timedelta(days=float(rng.random() * 1800)), code, value, unit))
        for _ in range(int(rng.integers(1, 8))):
            code = str(rng.choice(["ICD10CM:I10", "ICD10CM:E11.9", "ICD10CM:J44.9"]))
            rows.append((subject, START + timedelta(days=float(rng.random() * 1800)), code, None, None))
    columns = ["subject_id", "time", "code", "numeric_value", "unit"]
    found = pl.DataFrame(rows, schema=columns, orient="row", schema_overrides={"time": pl.Datetime("us")})
    absent = [pl.lit(None, kind).alias(name) for name, kind in EVENTS.items() if name not in columns]
    return (
        found.with_columns(absent).with_columns(source=pl.lit("records.ehr"), known_time=pl.col("time")).select(*EVENTS)
    )


def _visits(subjects: list[str], rng: np.random.Generator) -> pl.DataFrame:
    start = [START + timedelta(days=int(d)) for d in rng.integers(0, 1500, len(subjects))]
    end = [one + timedelta(days=int(d)) for one, d in zip(start, rng.integers(0, 20, len(subjects)), strict=True)]
    return pl.DataFrame(
        {"visit_id": [f"v{i}" for i in range(len(subjects))], "subject_id": subjects, "start_time": start, "end_time": end},
        schema_overrides={"start_time": pl.Datetime("us"), "end_time": pl.Datetime("us")},
    )  # fmt: skip
