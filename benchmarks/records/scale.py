"""Health records at scale: scale.py OUT [--patients 5000] [--events 1000000] [--graph all] [--neo4j] [--labels] [--keep FILE].

Invents MEDS shards (shard after shard, so that memory does not grow) of visits with diagnoses, drugs and laboratory results, and
a csv of the visits; then, each as a process of its own: `load` (`clinome.load`), `snapshot` (a cohort with one prediction a
patient, frozen), `model` (`boosting`, one setting, one fold). Prints seconds, of the clock and of the processor, and the greatest memory of the process and its
children together (their resident sets, so that what they share counts more than once), sampled ten times a second.

With --neo4j the store is a Neo4j that is started in OUT and stopped at the end, and `load` is `clinome neo4j import`; the memory is
without the server's, whose heap and page cache are given (2 GB each).

With --labels no store is filled: tables as a load leaves them are written shard after shard, and each of five tasks is asked of
them, as `clinome cohort` does behind its query: readmission, death, first onset, a laboratory result, what the next visit is for.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import psutil
import pyarrow.parquet as pq

SHARD = 2_000
"""Patients a shard."""
A_VISIT = 20
"""Events a visit, on the mean."""
BEGIN = datetime(2010, 1, 1)
CHAPTERS = "EIJKN"
LABS = (
    ("4548-4", "%", 5.5, 0.8),
    ("2345-7", "mg/dL", 100.0, 20.0),
    ("2160-0", "mg/dL", 0.9, 0.2),
    ("718-7", "g/dL", 13.5, 1.5),
)
DIAGNOSES = [f"ICD10CM//{one}{n:02}.{k}" for one in CHAPTERS for n in range(60) for k in range(9)]
FAILURE = DIAGNOSES.index("ICD10CM//I50.1")
CODES = pl.Series(
    [*DIAGNOSES, *(f"RXNORM//{1000 + n}" for n in range(400)), *(f"LOINC//{one[0]}" for one in LABS),
     *(f"LOINC//{n}-1" for n in range(len(LABS), 300))]
)  # fmt: skip
HOUR, DAY = 3_600_000_000, 86_400_000_000

STUDY = """
name  = "scale"
store = "{store}"

[patients]
path = "patients.csv"
id   = "patient_id"

[records.visits]
format  = "csv"
path    = "visits.csv"
subject = "patient_id"
visit   = "visit_id"
time    = "admitted"
end     = "discharged"

[records.ehr]
format = "meds"
path   = "meds"
graph  = "{graph}"

[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.index_date AS prediction_time"

[task]
kind         = "binary"
target       = {codes = ["ICD10CM:I50"], descendants = true}
horizon_days = 365

[evaluate]
folds = "folds.csv"

[learn]
learners = ["boosting"]
trials   = 1
workers  = 1
"""
TASKS = {
    "readmission": ({"task": "readmission", "days": 30}, "boolean"),
    "death": ({"task": "death", "days": 365}, "boolean"),
    "onset": ({"task": "first_onset", "codes": ["ICD10CM:I50"], "days": 365}, "boolean"),
    "lab": ({"codes": ["LOINC:4548-4"], "value_min": 6.5}, "boolean"),
    "next visit": (
        {"classes": {one: [f"ICD10CM:{one}{n:02}" for n in range(60)] for one in CHAPTERS}, "descendants": True},
        "categorical",
    ),
}  # fmt: skip


def shards(patients: int, events: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]]:
    """(patients, visits, events) of SHARD patients after the other. events: about so many in all."""
    for k, first in enumerate(range(0, patients, SHARD)):
        ids = np.arange(first, min(first + SHARD, patients))
        yield _shard(np.random.default_rng([1, k]), ids, events / patients / A_VISIT)


def _shard(rng: np.random.Generator, ids: np.ndarray, visits: float) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    n = 1 + rng.poisson(max(0.0, visits - 1), len(ids))
    of = np.repeat(np.arange(len(ids)), n)
    start = rng.integers(0, 3650 * 24, len(of)) * HOUR
    start = start[np.lexsort((start, of))]
    length = (1 + rng.exponential(72, len(of)).astype(np.int64)) * HOUR
    visit = pl.Series(ids[0] * 1000 + np.arange(len(of))).cast(pl.String)
    ill = rng.random(len(ids)) < 0.3
    at = _times(start), _times(start + length)
    seen = pl.DataFrame({"patient_id": ids[of], "visit_id": visit, "admitted": at[0], "discharged": at[1]})
    people = pl.DataFrame({
        "patient_id": ids, "index_date": _times(np.full(len(ids), 2900 * DAY) + rng.integers(0, 300, len(ids)) * DAY),
        "sex": np.where(rng.random(len(ids)) < 0.5, "F", "M"), "observed_until": _times(np.full(len(ids), 3700 * DAY)),
    })  # fmt: skip
    within = rng.poisson(A_VISIT, len(of))
    row = np.repeat(np.arange(len(of)), within)
    m = len(row)
    kind = rng.random(m)
    which = rng.integers(0, len(DIAGNOSES), m)
    sick = ill[of[row]] & (rng.random(m) < 0.1)
    which = np.where(
        kind < 0.25, np.where(sick, FAILURE, which), len(DIAGNOSES) + np.minimum(399, rng.exponential(80, m))
    )
    test = np.minimum(299, rng.exponential(30, m)).astype(int)
    measured = kind >= 0.4
    place = np.where(measured, len(DIAGNOSES) + 400 + test, which)
    known = np.minimum(test, len(LABS))
    mean, sd = (np.array([*(one[i] for one in LABS), other])[known] for i, other in ((2, 50.0), (3, 9.0)))
    unit = pl.Series([*(one[1] for one in LABS), "U/L"]).gather(known)
    told = pl.DataFrame({
        "subject_id": ids[of[row]], "time": _times(start[row] + (rng.random(m) * length[row]).astype(np.int64) // 60_000_000 * 60_000_000),
        "code": CODES.gather(place.astype(np.int64)),
        "numeric_value": pl.Series((mean + sd * rng.normal(size=m)).round(2)).set(pl.Series(~measured), None),
        "unit": unit.set(pl.Series(~measured), None), "visit_id": visit.gather(row),
    })  # fmt: skip
    dead = rng.random(len(ids)) < 0.05
    last = np.r_[np.flatnonzero(np.diff(of)), len(of) - 1]
    ends = pl.DataFrame(
        {"subject_id": ids[dead], "time": _times((start + length)[last][dead] + 90 * DAY), "code": "MEDS_DEATH"}
    )
    told = pl.concat([told, ends], how="diagonal").sort("subject_id", "time")
    return people, seen, told


def _times(microseconds: np.ndarray) -> pl.Series:
    return (pl.Series(microseconds) + int((BEGIN - datetime(1970, 1, 1)).total_seconds() * 1e6)).cast(pl.Datetime("us"))


def write_study(out: Path, patients: int, events: int, graph: str, store: str = "scale.graph") -> int:
    """The study and its files; returns how many events there are."""
    (out / "meds" / "data").mkdir(parents=True, exist_ok=True)
    (out / "study.toml").write_text(STUDY.replace("{graph}", graph).replace("{store}", store))
    wrote = 0
    with (out / "patients.csv").open("w") as people, (out / "visits.csv").open("w") as visits:
        for k, (some, seen, told) in enumerate(shards(patients, events)):
            some.write_csv(people, include_header=k == 0)
            seen.write_csv(visits, include_header=k == 0)
            told.write_parquet(out / "meds" / "data" / f"{k:05}.parquet")
            wrote += told.height
    held = pl.DataFrame({"fold": 0, "subject_id": np.arange(0, patients, 5), "split": "held_out"})
    held.write_csv(out / "folds.csv")
    return wrote


def write_tables(out: Path, patients: int, events: int) -> int:
    """Tables as a load of such a study leaves them, without one; returns how many events there are."""
    from clinome.graphs.ingest.nodes import nodes
    from clinome.graphs.tables.study_tables import Tables
    from clinome.loaders.identifiers.curie import meds_codes
    from clinome.loaders.specs import Records
    from clinome.loaders.tables import EVENTS, NONE, VISITS, Loaded, in_layout

    tables, writer, wrote, people, visits = Tables(out / "scale.tables", "scale"), None, 0, [], []
    place = out / "events.parquet"
    for some, seen, told in shards(patients, events):
        codes = meds_codes(told["code"])[0].alias("code")
        rows = told.with_columns(
            pl.col("subject_id").cast(pl.String), codes, known_time="time", source=pl.lit("records.ehr")
        )
        table = in_layout(rows, EVENTS).to_arrow()
        writer = writer or pq.ParquetWriter(place, table.schema)
        writer.write_table(table)
        wrote += told.height
        people.append(some.select(pl.col("patient_id").cast(pl.String).alias("subject_id"), "observed_until"))
        visits.append(
            seen.select(
                pl.col("patient_id").cast(pl.String).alias("subject_id"),
                "visit_id",
                start_time="admitted",
                end_time="discharged",
            )
        )
    assert writer is not None
    writer.close()
    rows = in_layout(pl.concat(visits).with_columns(source=pl.lit("records.ehr")), VISITS)
    none = pl.DataFrame(
        schema={
            "source": pl.String,
            "file": pl.String,
            "row": pl.Int64,
            "column": pl.String,
            "got": pl.String,
            "expected": pl.String,
            "fix": pl.String,
        }
    )
    each = in_layout(pl.DataFrame({"subject_id": "0", "code": [*meds_codes(CODES)[0], "MEDS:MEDS_DEATH"]}), EVENTS)
    loaded = Loaded("records.ehr", NONE, none, patients=pl.concat(people), visits=rows, events=each, clock="dated")
    spec = Records((place,), "meds", name="ehr")
    tables.save(loaded, "0" * 64, {"section": "records", "layer": None, "kind": None}, nodes(loaded, spec))
    place.replace(tables.folder / "records.ehr" / ("0" * 16) / "events.parquet")
    return wrote


def load(out: Path) -> str:
    import clinome

    report = clinome.load(out / "study.toml")
    return "; ".join(f"{one.source} {one.tally.written:,} rows {one.seconds:.0f} s" for one in report.sources)


def bulk(out: Path) -> str:
    import json

    said = json.loads(clinome_command(out, "neo4j", "import", "study.toml", "--json").splitlines()[-1])
    return "; ".join(f"{one['source']} {one['written']:,} rows" for one in said["sources"])


def clinome_command(out: Path, *words: str) -> str:
    command = [str(Path(sys.executable).with_name("clinome")), *words]
    return subprocess.run(command, cwd=out, check=True, stdout=subprocess.PIPE, text=True).stdout


def snapshot(out: Path) -> str:
    import clinome

    with clinome.open(out / "study.toml") as graph:
        made = graph.snapshot(graph.cohort())
    made.save(out / "snapshot")
    return f"{made.rows.height:,} rows, {0 if made.events is None else made.events.height:,} events"


def model(out: Path) -> str:
    import json

    import clinome

    run = clinome.train(out / "study.toml")
    metrics = json.loads((run.folder / "results.json").read_text())["learners"]["boosting"]["metrics"]
    return f"auroc {metrics['auroc']['mean']:.3f}"


def asked(out: Path, name: str) -> str:
    from clinome.graphs.prediction_tasks.index_rows import index_rows
    from clinome.graphs.prediction_tasks.labels import with_task
    from clinome.graphs.prediction_tasks.records import Records
    from clinome.graphs.prediction_tasks.task_file import find_task
    from clinome.graphs.tables.study_tables import Tables

    target, kind = TASKS[name]
    tables = Tables(out / "scale.tables", "scale")
    task, records = find_task(target, out, horizon_days=None if "task" in target else 180), Records(tables)
    rows, _ = index_rows(task.index, records, tables.table("records.ehr", "patients")["subject_id"])
    made = with_task(rows, task, records, kind)
    known = made.rows["label"].drop_nulls()
    return f"{rows.height:,} rows, {len(known):,} labels: {dict(known.value_counts().sort('label').iter_rows())}"


@contextmanager
def server(out: Path) -> Iterator[str]:
    """The address of a Neo4j whose home is in OUT."""
    import json

    memory = ("--heap", "2g", "--pagecache", "2g")
    said = clinome_command(out, "neo4j", "start", *memory, "--json").splitlines()[-1]
    try:
        yield json.loads(said)["uri"]
    finally:
        clinome_command(out, "neo4j", "stop", "--quiet")


STAGES = {"load": load, "snapshot": snapshot, "model": model}


def measured(out: Path, stage: str) -> str:
    """A stage in a process of its own: seconds, greatest memory, and what it says."""
    begun, used = time.perf_counter(), _processor()
    child = subprocess.Popen([sys.executable, __file__, str(out), "--stage", stage], stdout=subprocess.PIPE, text=True)
    most, each = 0, psutil.Process(child.pid)
    while child.poll() is None:
        most = max(most, _resident(each))
        time.sleep(0.1)
    seconds = time.perf_counter() - begun
    said = child.stdout.read().strip() if child.stdout else ""
    if child.returncode:
        raise SystemExit(f"{stage} failed")
    return f"{stage:12} {seconds:7.1f} s  {_processor() - used:7.1f} s of processor  {most / 2**30:5.2f} GB  {said}"


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _resident(top: psutil.Process) -> int:
    total = 0
    try:
        for one in [top, *top.children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.Error:
        pass
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int, default=5_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--labels", action="store_true")
    parser.add_argument("--graph", default="all", choices=["all", "none"], help="whether events are relationships")
    parser.add_argument("--neo4j", action="store_true")
    parser.add_argument("--only", nargs="+", choices=[*STAGES, *TASKS], help="these stages or tasks")
    parser.add_argument("--keep", type=Path, help="a file that the figures are added to")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        stages = {**STAGES, "import": bulk}
        said = stages[args.stage](args.out) if args.stage in stages else asked(args.out, args.stage)
        sys.stdout.write(said + "\n")
        return
    args.out.mkdir(parents=True, exist_ok=True)
    with server(args.out) if args.neo4j else nullcontext("scale.graph") as store:
        if args.labels:
            wrote = write_tables(args.out, args.patients, args.events)
        else:
            wrote = write_study(args.out, args.patients, args.events, args.graph, store)
        lines = [f"{wrote:,} events of {args.patients:,} patients, {os.cpu_count()} cores"]
        print(lines[0], flush=True)
        for stage in args.only or (TASKS if args.labels else STAGES):
            lines.append(measured(args.out, "import" if args.neo4j and stage == "load" else stage))
            print(lines[-1], flush=True)
    if args.keep:
        with args.keep.open("a") as file:
            file.write("\n".join(lines) + "\n\n")


if __name__ == "__main__":
    main()
