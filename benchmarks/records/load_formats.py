"""Reading of every format against polars alone: load_formats.py DATA OUT [--rows 1000000] [--turns 3] [--only FORMAT …] [--keep FILE].

DATA holds the public samples (mimic3_demo, eicu_demo, omop_synthea, physionet2012, sepsis2019, fhir_synthea); of each, copies
under other ids are written to OUT until there are about so many rows (of FHIR a tenth); MEDS, a long laboratory table, MIMIC-IV,
Synthea's csv and a timeline are invented. PhysioNet's two challenges are
written as it gives them, a file a stay ("hourly, long" and "hourly, wide"), and as one Parquet each. Then, in turn in one process,
in seconds of the clock on all cores, the least of the turns, and of the processor in that turn:
  clinome  what a load does until its tables are saved: `read_source`, nodes, Parquet with checksums; the graph comes after.
           What a process imports and sets up once (polars too imports first) is said beside, as start
  polars   the same tables read (csv with inferred types, or Parquet; of a file a stay all in one scan), each sorted by subject and
           time, written as Parquet
The files are plain csv, Parquet or ndjson, for both the same. OMP_NUM_THREADS=1 and POLARS_MAX_THREADS=1 keep both to one core.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import made_tables
import numpy as np
import polars as pl

SHIFT = 100_000_000
"""Between the ids of two copies."""
MIMIC = ["patients", "admissions", "icustays", "transfers", "services", "diagnoses_icd", "procedures_icd", "drgcodes", "cptevents", "labevents", "chartevents", "outputevents", "inputevents_mv", "inputevents_cv", "procedureevents_mv", "prescriptions", "microbiologyevents", "datetimeevents"]  # fmt: skip
EICU = ["patient", "lab", "medication", "treatment", "diagnosis", "infusiondrug", "admissiondx", "pasthistory", "vitalperiodic", "vitalaperiodic", "physicalexam", "intakeoutput", "nursecharting", "allergy", "admissiondrug"]  # fmt: skip
OMOP = ["person", "visit_occurrence", "condition_occurrence", "drug_exposure", "procedure_occurrence", "measurement", "observation", "death", "observation_period"]  # fmt: skip
SUBJECT = ("subject_id", "person_id", "patientunitstayid", "record_id", "patient_id", "patient")
TIME = ("charttime", "starttime", "startdate", "admittime", "time", "hour", "at", "measurement_datetime", "observation_datetime",
        "visit_start_datetime", "condition_start_datetime", "drug_exposure_start_datetime", "procedure_datetime", "labresultoffset",
        "drugstartoffset", "treatmentoffset", "diagnosisoffset", "infusionoffset")  # fmt: skip


def samples(data: Path, rows: int) -> dict[str, Callable[[Path], str]]:
    """Format -> what writes its files into a folder and returns the section of the study file."""
    return {
        "meds": lambda out: _meds(out, rows),
        "csv": lambda out: _long(out, rows),
        "hourly, long": lambda out: _stays(
            data / "physionet2012/set_a_long.parquet", out, "txt", 'missing = ["", "-1"]'
        ),
        "hourly, wide": lambda out: _stays(data / "sepsis2019/setA_4000.parquet", out, "psv", 'missing = ["", "NaN"]'),
        "long, Parquet": lambda out: _copies_of(
            data / "physionet2012/set_a_long.parquet", out, rows, 'missing = ["", "-1"]'
        ),
        "wide, Parquet": lambda out: _copies_of(data / "sepsis2019/setA_4000.parquet", out, rows // 5, ""),
        "wide, melted": lambda out: _copies_of(data / "sepsis2019/setA_4000.parquet", out, rows // 5, ""),
        "mimic3": lambda out: _folder(_tables(data / "mimic3_demo", MIMIC), out, rows, "mimic3"),
        "eicu": lambda out: _folder(_tables(data / "eicu_demo", EICU), out, rows, "eicu"),
        "omop": lambda out: _folder(_zipped(data / "omop_synthea/Synthea27Nj_5.4.zip", out), out, rows, "omop"),
        "mimic4": lambda out: made_tables.mimic4(out, rows),
        "synthea": lambda out: made_tables.synthea(out, rows),
        "timeline": lambda out: made_tables.timeline(out, rows),
        "fhir": lambda out: made_tables.fhir(data / "fhir_synthea/bundle.json.gz", out, rows // 10),
    }


def _meds(out: Path, rows: int) -> str:
    from scale import write_study

    write_study(out / "study", max(20, rows // 200), rows, "all")
    (out / "study/meds").rename(out / "meds")
    return 'format = "meds"\npath = "meds"'


def _long(out: Path, rows: int) -> str:
    rng = np.random.default_rng(1)
    at = pl.Series(rng.integers(0, 3650 * 1440, rows) * 60_000_000).cast(pl.Datetime("us")).dt.offset_by("40y")
    code = pl.Series([f"{n}-{n % 9}" for n in range(1000, 1300)]).gather(rng.integers(0, 300, rows))
    pl.DataFrame({
        "patient_id": rng.integers(0, max(1, rows // 200), rows), "at": at, "loinc": code,
        "result": rng.normal(80, 10, rows).round(2), "unit": pl.Series(["mg/dL"]).new_from_index(0, rows),
    }).write_csv(out / "labs.csv", datetime_format="%Y-%m-%d %H:%M")  # fmt: skip
    return (
        'format = "csv"\npath = "labs.csv"\nsubject = "patient_id"\ntime = "at"\ncodes = {loinc = "LOINC"}\n'
        'value = "result"\nvalue_unit = "unit"'
    )


def _copies_of(file: Path, out: Path, rows: int, more: str) -> str:
    table = pl.read_parquet(file)
    _copies(table, max(1, rows // table.height)).write_parquet(out / "hourly.parquet")
    return f'format = "hourly"\npath = "hourly.parquet"\n{more}'


def _stays(file: Path, out: Path, ending: str, more: str) -> str:
    """A file a stay, as the challenges give them: `Time,Parameter,Value`, or columns between bars with NaN for nothing."""
    table = pl.read_parquet(file)
    names = {"time": "Time", "parameter": "Parameter", "value": "Value"}
    (out / "stays").mkdir()
    for (stay,), mine in table.partition_by(table.columns[0], as_dict=True, include_key=False).items():
        named = mine.rename(names, strict=False)
        named.write_csv(out / "stays" / f"{stay}.{ending}", separator=SEPARATOR[ending], null_value=NOTHING[ending])
    return f'format = "hourly"\npath = "stays"\n{more}'


SEPARATOR, NOTHING = {"txt": ",", "psv": "|"}, {"txt": "", "psv": "NaN"}


def _tables(folder: Path, names: list[str]) -> dict[str, pl.DataFrame]:
    files = {path.name.split(".")[0].lower(): path for path in folder.glob("*.csv.gz")}
    return {name: pl.read_csv(files[name], infer_schema=False) for name in files if name in names or name[:2] == "d_"}


def _zipped(file: Path, out: Path) -> dict[str, pl.DataFrame]:
    """OMOP's tables; of its lookups concept alone."""
    with zipfile.ZipFile(file) as archive:
        found = {name[:-4].lower(): name for name in archive.namelist() if "/" not in name}
        read = {name: archive.read(found[name]) for name in (*OMOP, "concept") if name in found}
    return {
        name: pl.read_csv(text, infer_schema=False, separator="," if b"," in text[:200] else "\t")
        for name, text in read.items()
    }


def _folder(tables: dict[str, pl.DataFrame], out: Path, rows: int, form: str) -> str:
    times = max(1, rows // sum(table.height for table in tables.values()))
    (out / form).mkdir()
    for name, table in tables.items():
        _copies(table, 1 if name[:2] == "d_" or name == "concept" else times).write_csv(out / form / f"{name}.csv")
    return f'format = "{form}"\npath = "{form}"'


def _copies(table: pl.DataFrame, times: int) -> pl.DataFrame:
    """The table so many times, each with other ids of subjects, visits and rows."""
    return pl.concat(
        [
            table.with_columns(_moved(table, name, k * SHIFT) for name in table.columns if _is_id(name))
            for k in range(times)
        ]
    )


def _is_id(name: str) -> bool:
    low = name.lower()
    whose = low in (
        "subject_id",
        "hadm_id",
        "icustay_id",
        "row_id",
        "uniquepid",
        "patienthealthsystemstayid",
        "patientunitstayid",
    )
    return whose or low in SUBJECT or low.endswith(("occurrence_id", "measurement_id", "observation_id", "exposure_id"))


def _moved(table: pl.DataFrame, name: str, by: int) -> pl.Expr:
    if table[name].dtype.is_integer():
        return pl.col(name) + by
    number = pl.col(name).cast(pl.Int64, strict=False)
    return pl.coalesce((number + by).cast(pl.String), pl.col(name) + pl.lit(f"-{by}"))


def _resources(file: Path) -> pl.DataFrame:
    """Resources of one kind, with whose they are and when as columns."""
    table = pl.read_ndjson(file, infer_schema_length=1_000)
    whose = next((name for name in ("subject", "patient") if name in table.columns), None)
    when = next((name for name in FHIR_TIME if name in table.columns), None)
    found = [] if whose is None else [pl.col(whose).struct.field("reference").alias("subject_id")]
    if when is not None:
        found.append(
            (pl.col(when).struct.field("start") if table[when].dtype == pl.Struct else pl.col(when)).alias("at")
        )
    return table.with_columns(found)


FHIR_TIME = ("effectiveDateTime", "onsetDateTime", "authoredOn", "performedPeriod", "occurrenceDateTime", "period")
READ: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": lambda file: pl.read_csv(file, infer_schema_length=10_000, ignore_errors=True),
    ".parquet": pl.read_parquet,
    ".ndjson": _resources,
}


def _scanned(folder: Path) -> pl.DataFrame:
    """A file a stay, in one scan, as polars is quickest."""
    ending = next(folder.iterdir()).suffix[1:]
    scan = pl.scan_csv(
        folder / f"*.{ending}", separator=SEPARATOR[ending], null_values=NOTHING[ending],
        infer_schema_length=10_000, include_file_paths="subject_id",
    )  # fmt: skip
    return scan.collect()


def by_polars(folder: Path, out: Path, melt: bool = False) -> int:
    """Every table read, sorted and written; returns the rows. melt: a wide one as a row a cell, as events are."""
    rows = 0
    for file in sorted(path for path in folder.rglob("*") if path.suffix in READ or path.name == "stays"):
        table = READ[file.suffix](file) if file.is_file() else _scanned(file)
        if melt:
            index = [name for name in table.columns if name in (*SUBJECT, *TIME)]
            table = table.unpivot(index=index).drop_nulls("value")
        by = [next((c for c in table.columns if c.lower() in names), None) for names in (SUBJECT, TIME)]
        table = table.sort([c for c in by if c]) if any(by) else table
        table.write_parquet(out / f"{file.stem}.parquet")
        rows += table.height
    return rows


def by_clinome(file: Path) -> int:
    """The tables of a study of one source of records, saved; returns the events."""
    from clinome.graphs.ingest.load_source import load_identity
    from clinome.graphs.ingest.nodes import nodes
    from clinome.graphs.ingest.relationships import left_out
    from clinome.graphs.tables.source_spec import about
    from clinome.graphs.tables.study_tables import Tables
    from clinome.loaders.registry import read_source
    from clinome.study import as_study
    from clinome.verbs.loading.load import known_before, read_names

    study = as_study(file)
    tables = Tables(study.tables, study.name)
    (spec,) = study.sources()
    known = known_before(study, spec, tables, read_names(study))
    load_id = load_identity(tables, spec, known)
    loaded = read_source(spec, known)
    tables.save(loaded, load_id, about(spec), nodes(loaded, spec), left_out(loaded))
    return 0 if loaded.events is None else loaded.events.height


def measured(name: str, write: Callable[[Path], str], out: Path, turns: int) -> str:
    shutil.rmtree(out, ignore_errors=True)
    (out / "source").mkdir(parents=True)
    section = write(out / "source")
    shutil.rmtree(out / "source/study", ignore_errors=True)
    file = out / "source" / "study.toml"
    file.write_text(f'name = "formats"\nstore = "formats.graph"\n\n[records.ehr]\n{section}\n{REST}')
    start = _took(lambda: by_clinome(_small(out / "small")))[1]  # what is imported and set up once a process
    theirs, ours = [], []
    for _ in range(turns):
        shutil.rmtree(out / "source/formats.tables", ignore_errors=True)
        theirs.append(_took(lambda: by_polars(out / "source", out, name.endswith("melted"))))
        ours.append(_took(lambda: by_clinome(file)))
    (read, floor, floor_cpu), (events, seconds, cpu) = (min(each, key=lambda one: one[1]) for each in (theirs, ours))
    return (
        f"{name:14} {read:>10,} rows {events:>10,} events  polars {floor:6.2f} s ({floor_cpu:5.2f})  "
        f"clinome {seconds:6.2f} s ({cpu:5.2f})  {seconds / floor:5.1f} x  start {start:4.2f} s"
    )


def _took(way: Callable[[], int]) -> tuple[int, float, float]:
    """Rows, seconds of the clock, and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    rows = way()
    return rows, time.perf_counter() - clock, time.process_time() - processor


def _small(out: Path) -> Path:
    from clinome.loaders.measurements.units import conversion

    out.mkdir()
    (out / "study.toml").write_text(
        f'name = "small"\nstore = "small.graph"\n\n[records.ehr]\n{_long(out, 1000)}\n{REST}'
    )
    conversion("millimole / liter", "milligram / deciliter", 180.0)
    return out / "study.toml"


REST = """
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.index_date AS prediction_time"

[task]
kind         = "binary"
target       = {codes = ["ICD10CM:I50"]}
horizon_days = 365
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--keep", type=Path, help="a file that the figures are added to")
    args = parser.parse_args()
    forms = samples(args.data, args.rows)
    if args.only and len(args.only) == 1:
        line = measured(args.only[0], forms[args.only[0]], args.out, args.turns)
        sys.stdout.write(line + "\n")
        return
    for name in args.only or forms:  # each in a process of its own, so that none finds what another has warmed
        command = [
            sys.executable, __file__, str(args.data), str(args.out), "--rows", str(args.rows), "--turns", str(args.turns), "--only", name,
        ]  # fmt: skip
        line = subprocess.run(  # a failed one says nothing
            command, check=False, stdout=subprocess.PIPE, text=True
        ).stdout.strip()
        print(line or f"{name}: failed", flush=True)
        if args.keep:
            with args.keep.open("a") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
