"""A small study with both sides, as loaders would return it, and everything beyond its fence at the caller's mercy."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from anndata import AnnData
from scipy import sparse

from clinome.graphs.ingest.nodes import nodes
from clinome.graphs.ingest.write_source import write_source
from clinome.graphs.store.protocol import Store
from clinome.graphs.tables.source_spec import about
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.specs import AnySource, Knowledge, Omics, Patients, Records
from clinome.loaders.tables import CONCEPTS, EVENTS, LINKS, REJECTS, VISITS, Loaded, Tally

START = datetime(2020, 1, 1)
INDEX = START + timedelta(days=100)
"""When the prediction is made for the first row of every patient; the second row is 50 days later."""
GENES = 12
EVENT: dict[str, Any] = {**EVENTS}
VISIT: dict[str, Any] = {**VISITS, "ward": pl.String}
CODES = ("ICD10CM:A01.1", "ICD10CM:A01.2", "ICD10CM:B02", "DRUG:insulin", "LOINC:1-1", "ODD:x")
QUERY = (
    "MATCH (p:Patient) WHERE p.subtype IS NOT NULL\n// step: has a subtype\n"
    "RETURN p.id AS subject_id, p.index_time AS prediction_time, p.subtype AS label"
)


def build(
    folder: Path,
    patients: int = 24,
    seed: int = 1,
    future: int = 0,
    records: bool = True,
    study: str = "study",
    namespace: str = "",
) -> Tables:
    """Tables of a study. future: seed of all that happens or is known after INDEX; 0 leaves it out."""
    rng = np.random.default_rng(seed)
    tables = Tables(folder, study)
    people = _people(patients, rng).with_columns(subject_id=pl.lit(namespace) + pl.col("subject_id"))
    subjects = people["subject_id"].to_list()
    save(tables, Patients((Path("patients.csv"),)), patients=people)
    rna = _expression(subjects, rng, future)
    save(tables, Omics((Path("rna.csv"),), name="rna", kind="expression"), omics=rna)
    save(tables, Omics((Path("mut.csv"),), name="mutations", kind="mutation"), omics=_mutations(subjects, rng))
    meth = Omics((Path("meth.csv"),), name="meth", kind="methylation", features="cpg")
    save(tables, meth, omics=_methylation(subjects, rng))
    if records:
        events, visits = _records(subjects, rng, future)
        save(tables, Records((Path("ehr.csv"),), name="ehr"), events=events, visits=visits, clock="dated")
    concepts, links = _knowledge()
    save(tables, Knowledge((Path("sets.gmt"),), name="sets"), concepts=concepts, links=links)
    return tables


def save(tables: Tables, spec: AnySource, **parts: Any) -> None:
    """Save one source as the loader of its section would have returned it."""
    loaded = Loaded(spec.source, Tally(1, 1, 0, 0), pl.DataFrame(schema=REJECTS), **parts)
    record = {**about(spec), "files": {}, "sampled": False}
    tables.save(loaded, f"load-{spec.source}", record, nodes(loaded, spec))


def fill(store: Store, tables: Tables) -> None:
    """The graph of these tables."""
    store.prepare()
    for source in tables.sources():
        write_source(store, tables, source)


def cohort_frame(tables: Tables, rows_per_subject: int = 1) -> pl.DataFrame:
    """Subjects with a subtype, their prediction times, and 0 or 1."""
    people = tables.table("patients", "patients")
    assert people is not None
    frame = people.filter(pl.col("subtype").is_not_null()).select(
        "subject_id", pl.col("index_time").alias("prediction_time"), label=(pl.col("subtype") == "y").cast(pl.Int64)
    )
    later = [frame.with_columns(pl.col("prediction_time") + timedelta(days=50 * k)) for k in range(rows_per_subject)]
    return pl.concat(later).sort("subject_id", "prediction_time")


def _people(n: int, rng: np.random.Generator) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "subject_id": [f"s{i:03d}" for i in range(n)],
            "age": [float(rng.integers(30, 90)) if i % 7 else None for i in range(n)],
            "sex": [str(rng.choice(["F", "M"])) for _ in range(n)],
            "subtype": [("x", "y")[int(rng.integers(0, 2))] if i % 5 else None for i in range(n)],
            "birth_date": [datetime(1950, 1, 1) + timedelta(days=int(rng.integers(0, 9000))) for _ in range(n)],
            "os_days": [float(rng.integers(-60, 300)) for _ in range(n)],
            "os_event": [int(rng.integers(0, 2)) for _ in range(n)],
            "index_time": [INDEX] * n,
        },
        schema_overrides={"birth_date": pl.Datetime("us"), "index_time": pl.Datetime("us")},
    )


def _omics(obs: list[tuple[Any, ...]], var: list[tuple[str, str, str]], x: Any) -> AnnData:
    columns = ["sample_id", "subject_id", "time", "known_time"]
    moments = {"time": pl.Datetime("us"), "known_time": pl.Datetime("us")}
    table = pl.DataFrame(obs, schema=columns, orient="row", schema_overrides=moments).to_pandas().set_index("sample_id")
    features = pl.DataFrame(var, schema=["feature", "symbol", "gene"], orient="row").to_pandas()
    return AnnData(X=x, obs=table, var=features.set_index("feature"))


def _genes() -> list[tuple[str, str, str]]:
    return [(f"NCBIGene:{g}", f"G{g}", f"NCBIGene:{g}") for g in range(1, GENES + 1)]


def _expression(subjects: list[str], rng: np.random.Generator, future: int) -> AnnData:
    """Dated samples: one early, for some a later one; beyond INDEX others of any value. Some values are missing."""
    obs: list[tuple[Any, ...]] = []
    for i, subject in enumerate(subjects):
        if i % 6 != 5:
            obs.append((f"{subject}-a", subject, START + timedelta(days=10), START + timedelta(days=12)))
        if i % 4 == 0:
            obs.append((f"{subject}-b", subject, START + timedelta(days=60), START + timedelta(days=70)))
    x = rng.normal(size=(len(obs), GENES))
    x[rng.random(x.shape) < 0.1] = np.nan
    if future:
        later = np.random.default_rng(future)
        for subject in later.permutation(subjects)[: len(subjects) // 2]:
            time = INDEX + timedelta(days=int(later.integers(1, 20)))
            early = later.random() < 0.5  # taken before the prediction, known after it
            obs.append((f"{subject}-c", subject, INDEX - timedelta(days=1) if early else time, time))
        x = np.vstack([x, later.normal(50, 9, size=(len(obs) - len(x), GENES))])
        order = later.permutation(len(obs))
        obs, x = [obs[k] for k in order], x[order]
    return _omics(obs, _genes(), x.astype(np.float32))


def _mutations(subjects: list[str], rng: np.random.Generator) -> AnnData:
    """Undated; every fourth patient was never sequenced, one has two samples."""
    obs: list[tuple[Any, ...]] = [(s, s, None, None) for i, s in enumerate(subjects) if i % 4 != 3]
    obs.append((f"{subjects[0]}-z", subjects[0], None, None))
    x = sparse.csr_matrix((rng.random((len(obs), GENES)) < 0.3).astype(np.float32))
    return _omics(obs, _genes(), x)


def _methylation(subjects: list[str], rng: np.random.Generator) -> AnnData:
    var = [(f"cpg:cg{k:02d}", f"cg{k:02d}", f"NCBIGene:{k + 1}") for k in range(5)]
    obs = [(s, s, None, None) for i, s in enumerate(subjects) if i % 3]
    return _omics(obs, var, rng.random((len(obs), 5)).astype(np.float32))


def _records(subjects: list[str], rng: np.random.Generator, future: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    events: list[tuple[Any, ...]] = []
    visits: list[tuple[Any, ...]] = []
    for subject in subjects:
        events.append((subject, None, "HISTORY:asthma", None, None, None, None, None, "records.ehr"))
        for k in range(int(rng.integers(1, 4))):
            begin = START + timedelta(days=int(rng.integers(0, 90)), hours=k)
            end = begin + timedelta(days=3)
            visits.append(
                (f"{subject}-v{k}", subject, begin, end, "inpatient", "records.ehr", str(rng.choice(["n", "s"])))
            )
            for _ in range(int(rng.integers(1, 5))):
                code = CODES[int(rng.integers(0, len(CODES)))]
                value = float(rng.normal()) if code.startswith("LOINC") else None
                events.append((subject, begin, code, value, None, end, f"{subject}-v{k}", None, "records.ehr"))
    if future:
        later = np.random.default_rng(future)
        for subject in later.choice(subjects, size=int(later.integers(20, 60))):
            time = INDEX + timedelta(hours=int(later.integers(1, 900)))
            happened = time if later.random() < 0.5 else INDEX - timedelta(days=int(later.integers(0, 9)))
            code = str(later.choice([*CODES, "ICD10CM:Z99", f"ICD10CM:A01.{later.integers(3, 9)}"]))
            events.append(
                (subject, happened, code, float(later.normal(99)), "late", time, f"{subject}-w", None, "records.ehr")
            )
            visits.append((f"{subject}-w{len(visits)}", subject, time, time, "late", "records.ehr", "late"))
        events = [events[k] for k in later.permutation(len(events))]
        visits = [visits[k] for k in later.permutation(len(visits))]
    return (
        pl.DataFrame(events, schema=EVENT, orient="row"),
        pl.DataFrame(visits, schema=VISIT, orient="row"),
    )


def _knowledge() -> tuple[pl.DataFrame, pl.DataFrame]:
    about = (None, "knowledge.sets", "", "")
    concepts = [(f"PATHWAY:P{k}", "Pathway", f"P{k}", *about) for k in range(3)]
    links: list[tuple[Any, ...]] = [
        (f"NCBIGene:{g}", "IN_PATHWAY", f"PATHWAY:P{g % 2}", None) for g in range(1, GENES + 1)
    ]
    links += [("NCBIGene:900", "IN_PATHWAY", "PATHWAY:P2", None), ("NCBIGene:1", "INTERACTS_WITH", "NCBIGene:2", 0.5)]
    links += [(f"ICD10CM:A01.{k}", "IS_A", "ICD10CM:A01", None) for k in range(1, 9)]
    links += [("ICD10CM:A01", "MAPS_TO", "MONDO:1", None), ("NCBIGene:3", "ASSOCIATED_WITH", "MONDO:1", 0.9)]
    links += [("ICD10CM:Z99", "IS_A", "ICD10CM:Z", None)]
    told = [(*link, "knowledge.sets", "", "") for link in links]
    return pl.DataFrame(concepts, schema=CONCEPTS, orient="row"), pl.DataFrame(told, schema=LINKS, orient="row")
