"""`clinome export`: what was loaded -> a data set of a standard that other tools read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from clinome.console import SILENT, Console
from clinome.loaders.errors import InputError
from clinome.run_folder.run import Run
from clinome.study import Study, as_study

if TYPE_CHECKING:
    from clinome.graphs.tables.study_tables import Tables
    from clinome.snapshot import Snapshot

FORMATS = ("meds", "h5mu")


@dataclass(frozen=True)
class ExportReport:
    """What was written. folder: where (of h5mu the file); counts: in plain words what, and how often; notes: what is not in it, and why."""

    folder: Path
    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()

    def summary(self) -> dict[str, object]:
        """What `clinome export --json` ends with."""
        return {"folder": str(self.folder), "counts": dict(self.counts), "notes": list(self.notes)}


def export(
    study: Study | str | Path,
    *,
    name: str | None = None,
    out: str | Path,
    format: str = "meds",
    console: Console = SILENT,
) -> ExportReport:
    """Write the study's health records as a MEDS 0.4 data set (events, code metadata, a run's split and labels), or a
    cohort's layers as MuData.

    Subjects are whole numbers; the map lies in the tables' folder (meds_subjects.csv, mode 600), not in the data set.
    When events were known, their visit and unit are further columns; visits and patients' properties lie beside, where
    `[records.NAME] format = "meds"` finds them. Omics are not among them: they are MuData's (`write_mudata`), one
    modality a layer, of each row of the cohort the sample that was known last before the prediction.
    Args:
        study: a study, its file, or the folder that holds it; it has been loaded.
        name: of the run whose first fold becomes metadata/subject_splits.parquet, and whose cohort becomes labels/NAME.parquet
            (default: the study's, where it was trained).
        out: the folder; it must not hold anything but an earlier export. Of h5mu a file that ends so.
        format: "meds" or "h5mu".
        console: what is said while it runs; default: nothing.
    Returns: `.counts` of what was written, `.notes` on what could not be.
    Raises: InputError if nothing has been loaded yet, the study has no records, or the folder holds something else.
    Example:
        clinome.export("study.toml", out="meds/").counts
    """
    from clinome.graphs.tables.study_tables import Tables
    from clinome.loaders.records.meds.writer import write_meds
    from clinome.run_folder.run import versions

    study, folder = as_study(study), Path(out)
    if format not in FORMATS:
        raise InputError("unknown format", "clinome export", format, ", ".join(FORMATS), "name one of them")
    tables = Tables(study.tables, study.name)
    if not tables.sources():
        raise InputError("nothing has been loaded yet", study.file.name, fix=f"clinome load {study.file.name}")
    run = Run.of(study, name)
    snapshot = run.snapshot if (run.folder / "snapshot").is_dir() else None
    if snapshot is None and name is not None:
        raise InputError("there is no such run", run.folder, fix=f"clinome train {study.file.name}")
    if format == "h5mu":
        return _mudata(study, folder, snapshot, run.name, console)
    _check_folder(folder)
    data, notes = _data(study, tables, snapshot, run.name)
    counts = write_meds(folder, data, versions()["clinome"])
    report = ExportReport(folder, counts, notes)
    console(", ".join(f"{n:,} {what}" for what, n in counts.items() if n))
    for note in notes:
        console(note)
    return report


def _mudata(study: Study, path: Path, snapshot: Snapshot | None, run: str, console: Console) -> ExportReport:
    """The run's snapshot, or the study's cohort as it is now, as one .h5mu file."""
    from clinome.graph import open_graph
    from clinome.verbs.loading.mudata_file import write_mudata

    notes: tuple[str, ...] = ()
    if snapshot is None:
        with open_graph(study) as graph:
            snapshot = graph.snapshot(graph.cohort())
        notes = ("no run: the cohort as it is now",)
    counts = write_mudata(path, snapshot, {"study": study.name, "run": "" if notes else run})
    if snapshot.events is not None:
        notes = (*notes, "health records are not in it: `--format meds` writes them")
    report = ExportReport(path, counts, notes)
    console(", ".join(f"{n:,} {what}" for what, n in counts.items() if n))
    for note in notes:
        console(note)
    return report


def _check_folder(folder: Path) -> None:
    from clinome.loaders.records.meds.extension import ABOUT

    if folder.exists() and not folder.is_dir():
        raise InputError("is no folder", folder, fix="name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / ABOUT).is_file():
        raise InputError("the folder holds something else", folder, fix="name an empty folder, or a new one")


def _data(study: Study, tables: Tables, snapshot: Snapshot | None, run: str) -> tuple[Any, tuple[str, ...]]:
    from clinome.graphs.cohort.cohort import weakest_clock
    from clinome.loaders.records.meds.subject_ids import meds_ids
    from clinome.loaders.records.meds.writer import MedsData

    records = [source for source in tables.sources() if source.startswith("records.")]
    events = [scan for source in records if (scan := tables.scan(source, "events")) is not None]
    if not events:
        fix = "name a source of health records in the study"
        raise InputError("the study has no records", study.file.name, expected="[records.NAME]", fix=fix)
    links = [table for source in tables.sources() if (table := tables.table(source, "links")) is not None]
    above = [one.filter(pl.col("predicate") == "IS_A").select("subject", "object") for one in links]
    data = MedsData(
        study.name,
        meds_ids(tables.subjects(), Path(study.tables)),
        pl.concat(events),
        clock=weakest_clock(tables),
        visits=_all(tables, records, "visits"),
        patients=_patients(tables),
        concepts=_all(tables, records, "concepts"),
        links=_all(tables, records, "links"),
        names=tables.concept_names(),
        above=pl.concat(above).unique() if above else None,
    )
    if snapshot is None:
        return data, ("no run: no splits and no labels",)
    return _with_run(data, snapshot, run)


def _all(tables: Tables, sources: list[str], name: str) -> pl.DataFrame | None:
    """One table of all these sources together."""
    found = [table for source in sources if (table := tables.table(source, name)) is not None]
    return pl.concat(found, how="diagonal_relaxed") if found else None


def _patients(tables: Tables) -> pl.DataFrame | None:
    """One row a patient over all sources, with the first value that any of them gives."""
    every = _all(tables, list(tables.sources()), "patients")
    if every is None:
        return None
    return every.group_by("subject_id", maintain_order=True).agg(pl.all().drop_nulls().first())


def _with_run(data: Any, snapshot: Snapshot, run: str) -> tuple[Any, tuple[str, ...]]:
    """With the first fold's split and the run's labels."""
    from dataclasses import replace

    notes = []
    first = snapshot.folds.filter((pl.col("repeat") == 0) & (pl.col("fold") == 0)).sort("row")
    subject = snapshot.rows["subject_id"].gather(first["row"])
    splits = (
        first.select("split").with_columns(subject_id=subject).unique(["subject_id"], keep="first", maintain_order=True)
    )
    folds = snapshot.folds.select("repeat", "fold").unique().height
    if folds > 1:
        notes.append(f"MEDS has one split: that of the first of the run's {folds} folds is written")
    labels, why = _labels(snapshot)
    if why:
        notes.append(why)
    found = replace(data, splits=splits, labels={} if labels is None else {run: labels})
    return found, tuple(notes)


_VALUE = {"binary": ("boolean_value", pl.Boolean), "multiclass": ("categorical_value", pl.String),
          "regression": ("float_value", pl.Float32)}  # fmt: skip


def _labels(snapshot: Snapshot) -> tuple[pl.DataFrame | None, str]:
    """subject_id, prediction_time and the value, as MEDS has them; or why there are none."""
    if snapshot.task not in _VALUE:
        return None, f"no labels: MEDS has none of {snapshot.task}"
    if snapshot.rows["prediction_time"].null_count():
        return None, "no labels: MEDS needs a prediction_time for each"
    name, dtype = _VALUE[snapshot.task]
    return snapshot.rows.select("subject_id", "prediction_time", pl.col("label").cast(dtype).alias(name)), ""
