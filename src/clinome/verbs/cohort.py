"""`clinome cohort`: run the cohort query, show the attrition and Table 1, keep the cohort in the graph."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import polars as pl

from clinome.console import SILENT, Console
from clinome.graph import Cohort, cohort_of, open_graph, open_store, snapshot_of
from clinome.loaders.errors import InputError
from clinome.loaders.files.spreadsheet_csv import write_csv
from clinome.models.base.task import task_of
from clinome.study import Study, as_study
from clinome.study_file.typed_toml import nearest

if TYPE_CHECKING:
    import pandas as pd

    from clinome.graphs.cohort.cohort import Cohort as TakenCohort
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.graphs.tables.study_tables import Tables
    from clinome.run_folder.prepared import Prepared

LABEL, SPLIT = "label", "split"
MEASURED = "measured: "
_OUTCOMES = ("label", "event_time", "duration_days", "event", "competing")
_NEVER = ("subject_id", "prediction_time", "visit_id", "namespace", "clock", "observed_from", "observed_until")


def cohort(study: Study | str | Path, *, out: str | Path | None = None, console: Console = SILENT) -> Cohort:
    """Cohort selection: run the study's cohort query, and keep the cohort in the graph.

    Args:
        study: a study, its file, or the folder that holds it; it has been loaded.
        out: a .parquet file: the rows as a MEDS label table.
        console: what is said while it runs; default: nothing.
    Returns: the cohort: `.frame` (a row a patient and prediction time) and `.attrition` (patients left after each step).
    Raises: InputError for rows that cannot be a cohort, if nobody is left, or if nothing has been loaded.
    Example:
        clinome.cohort("study.toml").attrition
    """
    study = as_study(study)
    if out is not None:
        _check_out(Path(out))
    made = take_cohort(study, console)
    if out is not None:
        _write_labels(study, made, Path(out), console)
    return Cohort(made)


def _check_out(out: Path) -> None:
    if out.suffix != ".parquet":
        raise InputError("a label table is a Parquet file", "--out", out.suffix, ".parquet", "rename the file")
    if not out.parent.is_dir():
        raise InputError("there is no such folder", "--out", str(out.parent), "a folder that is there", "make it first")


def _write_labels(study: Study, made: TakenCohort, out: Path, console: Console) -> None:
    from clinome.graphs.cohort.meds_labels import write_labels
    from clinome.graphs.tables.study_tables import Tables
    from clinome.loaders.records.meds.subject_ids import MAP, meds_ids

    ids = meds_ids(Tables(study.tables, study.name).subjects(), Path(study.tables))
    numbered = write_labels(made.frame, out, task_of(study.need_task().kind).label_type, ids)
    console(f"{made.frame.height:,} rows written to {out}")
    if numbered:
        console(
            f"{numbered:,} patients are numbered there, as MEDS wants it and clinome export does; "
            f"{Path(study.tables).name}/{MAP} says who is who"
        )


def table_one(study: Study | str | Path, by: str = LABEL, *, console: Console = SILENT) -> pd.DataFrame:
    """Table 1: characteristics of the study's cohort by group, with standardised mean differences and missing data.

    Args:
        study: a study, its file, or the folder that holds it; it has been loaded.
        by: `label` (survival: the event; regression: its thirds), `split` (of one fixed split), or a column of the cohort or property of Patient;
            numbers of many values are cut into thirds, ages into bands.
        console: what is said while it runs; default: nothing.
    Returns: a row a variable, or level of one; a column a group. Cells are text: median [quartiles], or count (percent).
    Raises: InputError for a column that nothing holds, or where there is no one split.
    Example:
        clinome.table_one("study.toml", by="sex")
    """
    from clinome.graphs.snapshot.freeze import freeze

    study = as_study(study)
    task = study.need_task()
    with open_graph(study) as graph:
        taken = cohort_of(graph)
        split = by == SPLIT
        snapshot = snapshot_of(graph, taken) if split else freeze(taken, graph.tables, task.kind, task.covariates)
        table = describe(taken, snapshot, graph.tables, by, study.report.table1)
    console.table(table.columns, table.iter_rows())
    return table.to_pandas()


def take_cohort(study: Study, console: Console) -> TakenCohort:
    """The study's cohort; stored in the graph as (:Cohort)-[:INCLUDES]->(:Patient)."""
    with open_graph(study) as graph:
        made = cohort_of(graph)
    console.table(["step", "patients"], [(s.step, s.count) for s in made.steps])
    for note in made.notes:
        console(note)
    if made.balance is not None:
        console.table(made.balance.columns, made.balance.iter_rows())
    keep(study, made)
    return made


def keep(study: Study, made: TakenCohort, of_runs: bool = False) -> None:
    """Write the cohort into the graph, unless this very one is there. of_runs: it leaves with the last run that used it."""
    from clinome.graphs.cohort.cohort import store_cohort
    from clinome.graphs.tables.study_tables import Tables

    with open_store(study, write=True) as store:
        store.prepare()
        if store_cohort(store, made, Tables(study.tables, study.name).study, of_runs):
            store.save()


def write_tables(ready: Prepared) -> None:
    """table1.csv of the first grouping that the study asks for, table1_NAME.csv of the others; older ones go."""
    for old in ready.run.folder.glob("table1*.csv"):
        old.unlink()
    wanted = ready.study.need_cohort().by or _default(ready.snapshot)
    for i, by in enumerate(dict.fromkeys(wanted)):
        name = "table1.csv" if i == 0 else f"table1_{quote(by, safe='')}.csv"
        table = describe(ready.cohort, ready.snapshot, ready.tables, by, ready.study.report.table1)
        write_csv(table, ready.run.path(name))


def _default(snapshot: Snapshot) -> Sequence[str]:
    """The outcome; and where there is one split, training against held-out rows."""
    return (LABEL, SPLIT) if _places(snapshot) == 1 else (LABEL,)


def _places(snapshot: Snapshot) -> int:
    return snapshot.folds.select("repeat", "fold").n_unique() if snapshot.folds.height else 0


def describe(
    cohort: TakenCohort, snapshot: Snapshot, tables: Tables, by: str, wanted: Sequence[str] = ()
) -> pl.DataFrame:
    """One table: covariates first, then the cohort's and the patients' other columns, layers, and the amount of records.

    wanted: these columns alone, in this order. Raises: InputError for one that nothing holds.
    """
    from clinome.models.biomarkers.outcome_copies import columns_that_tell
    from clinome.models.statistics.table_one import table_one

    columns = columns_of(cohort, snapshot, tables)
    shown = _wanted(columns, wanted).drop(by, strict=False)
    untested: list[str] = []
    if by == LABEL:  # the outcome against itself says nothing; who was measured may depend on it, and is tested
        told = shown.select(name for name in shown.columns if not name.startswith(MEASURED))
        untested = columns_that_tell(told, snapshot.rows, snapshot.task)
    return table_one(shown, _groups(snapshot, columns, by), untested)


def _wanted(columns: pl.DataFrame, wanted: Sequence[str]) -> pl.DataFrame:
    for name in wanted:
        check_column(name, columns.columns, "study [report] table1")
    return columns.select(wanted) if wanted else columns


def check_column(name: str, known: Collection[str], where: str) -> None:
    """Raises: InputError where nothing holds a column of this name."""
    if name not in known:
        raise InputError(
            "nothing holds a column of this name", where, name, nearest(name, known),
            "name a column of the cohort, a covariate or a property of Patient",
        )  # fmt: skip


def columns_of(cohort: TakenCohort, snapshot: Snapshot, tables: Tables) -> pl.DataFrame:
    """Whatever is known of each row of the snapshot, as far as it may stand in a table; the first of a name counts."""
    from clinome.graphs.snapshot.covariates import patient_properties

    frame = cohort.frame.sort("subject_id", "prediction_time")
    layers = {f"{MEASURED}{name}": layer.profiled for name, layer in {**snapshot.layers, **snapshot.views}.items()}
    found = [snapshot.covariates, frame.drop(*_OUTCOMES, strict=False), patient_properties(frame.select("subject_id"), tables),
             pl.DataFrame(layers)]  # fmt: skip
    if snapshot.events is not None:
        rows = pl.DataFrame({"row": range(frame.height)}, schema={"row": pl.Int64})
        amount = rows.join(
            snapshot.events.group_by("row").agg(pl.len().alias("n")), on="row", how="left", maintain_order="left"
        )
        found.append(pl.DataFrame({"events before the prediction": amount["n"].fill_null(0)}))
    if task_of(snapshot.task).over_time:
        found.append(snapshot.rows.select(pl.col("duration_days").alias("days followed")))
    known: dict[str, pl.Series] = {}
    for table in found:
        for name in table.columns:
            if name not in known and name not in _NEVER:
                known[name] = table[name]
    return pl.DataFrame(known)


def _groups(snapshot: Snapshot, columns: pl.DataFrame, by: str) -> pl.Series:
    """Each row's group; null where it has none."""
    if by == LABEL:
        task = task_of(snapshot.task)
        if task.over_time:
            return snapshot.rows["event"].cast(pl.Int8).replace_strict({0: "no event", 1: "event"})
        if (grouped := task.grouped(snapshot.rows["label"])) is not None:
            return grouped
        label = snapshot.rows["label"].cast(pl.String)
        return label if task.label_type == "categorical" else "outcome " + label
    if by == SPLIT and SPLIT not in columns.columns:
        if _places(snapshot) != 1:
            got = f"{_places(snapshot)} folds"
            raise InputError(
                "there is no one split to group by",
                "study [cohort] by",
                got,
                "a fixed split, or another column",
                "group by another column",
            )
        rows = pl.DataFrame({"row": range(snapshot.rows.height)}, schema={"row": pl.Int64})
        split = rows.join(snapshot.folds.select("row", "split"), on="row", how="left", maintain_order="left")["split"]
        return split.replace({"held_out": "held out", "train": "training", "tuning": "training"})
    check_column(by, [LABEL, SPLIT, *columns.columns], "study [cohort] by")
    from clinome.models.evaluation.subgroups import bands, thirds
    from clinome.models.statistics.table_one import MOST, is_number

    values = columns[by]
    if is_number(values) and values.n_unique() > MOST:
        return bands(values) if "age" in by.lower() else thirds(values)
    return values.cast(pl.String)
