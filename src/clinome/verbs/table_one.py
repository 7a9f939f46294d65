"""Table 1 of a study's cohort: by outcome, by split, or by whatever column tells groups apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

import polars as pl

from clinome.graph import open_graph
from clinome.loaders.errors import InputError
from clinome.run_folder import Run
from clinome.study import Study

if TYPE_CHECKING:
    from clinome.graphs.cohort.cohort import Cohort
    from clinome.graphs.snapshot.snapshot import Snapshot
    from clinome.graphs.tables.study_tables import Tables

LABEL, SPLIT = "label", "split"
_OUTCOMES = ("label", "duration_days", "event")
_NEVER = ("subject_id", "prediction_time", "visit_id", "namespace", "clock", "observed_from", "observed_until")


def table_one(study: Study, by: str = LABEL) -> pl.DataFrame:
    """`clinome.table_one`: the study's cohort by groups; see models/statistics/table_one.py for what a cell holds.

    Args:
        by: `label` (survival: the event), `split` (of one fixed split), or a column of the cohort or property of Patient.
    """
    from clinome.graphs.snapshot.freeze import freeze

    task = study.need_task()
    with open_graph(study) as graph:
        cohort = graph.cohort()
        if by == SPLIT:
            return describe(cohort, graph.snapshot(cohort), graph.tables, by)
        return describe(cohort, freeze(cohort, graph.tables, task.kind, task.covariates), graph.tables, by)


def write_tables(run: Run, study: Study, cohort: Cohort, snapshot: Snapshot) -> None:
    """table1.csv of the first grouping that the study asks for, table1_NAME.csv of the others; older ones go."""
    from clinome.graphs.tables.study_tables import Tables

    tables = Tables(study.tables, study.name)
    for old in run.folder.glob("table1*.csv"):
        old.unlink()
    wanted = study.need_cohort().by or _default(snapshot)
    for i, by in enumerate(dict.fromkeys(wanted)):
        name = "table1.csv" if i == 0 else f"table1_{quote(by, safe='')}.csv"
        describe(cohort, snapshot, tables, by).write_csv(run.path(name))


def _default(snapshot: Snapshot) -> Sequence[str]:
    """The outcome; and where there is one split, training against held-out rows."""
    return (LABEL, SPLIT) if _places(snapshot) == 1 else (LABEL,)


def _places(snapshot: Snapshot) -> int:
    return snapshot.folds.select("repeat", "fold").n_unique() if snapshot.folds.height else 0


def describe(cohort: Cohort, snapshot: Snapshot, tables: Tables, by: str) -> pl.DataFrame:
    """One table: covariates first, then the cohort's and the patients' other columns, layers, and the amount of records."""
    from clinome.models.statistics.table_one import table_one

    columns = columns_of(cohort, snapshot, tables)
    return table_one(columns.drop(by, strict=False), _groups(snapshot, columns, by))


def columns_of(cohort: Cohort, snapshot: Snapshot, tables: Tables) -> pl.DataFrame:
    """Whatever is known of each row of the snapshot, as far as it may stand in a table; the first of a name counts."""
    from clinome.graphs.snapshot.covariates import patient_properties

    frame = cohort.frame.sort("subject_id", "prediction_time")
    layers = {f"measured: {name}": layer.profiled for name, layer in snapshot.layers.items()}
    found = [snapshot.covariates, frame.drop(*_OUTCOMES, strict=False), patient_properties(frame.select("subject_id"), tables),
             pl.DataFrame(layers)]  # fmt: skip
    if snapshot.events is not None:
        rows = pl.DataFrame({"row": range(frame.height)}, schema={"row": pl.Int64})
        amount = rows.join(
            snapshot.events.group_by("row").agg(pl.len().alias("n")), on="row", how="left", maintain_order="left"
        )
        found.append(pl.DataFrame({"events before the prediction": amount["n"].fill_null(0)}))
    if snapshot.task == "survival":
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
        if snapshot.task == "survival":
            return snapshot.rows["event"].cast(pl.Int8).replace_strict({0: "no event", 1: "event"})
        label = snapshot.rows["label"].cast(pl.String)
        return label if snapshot.task == "multiclass" else "outcome " + label
    if by == SPLIT and SPLIT not in columns.columns:
        if _places(snapshot) != 1:
            got = f"{_places(snapshot)} folds"
            raise InputError(
                "there is no one split to group by", "study [cohort] by", got, "a fixed split, or another column"
            )
        rows = pl.DataFrame({"row": range(snapshot.rows.height)}, schema={"row": pl.Int64})
        split = rows.join(snapshot.folds.select("row", "split"), on="row", how="left", maintain_order="left")["split"]
        return split.replace({"held_out": "held out", "train": "training", "tuning": "training"})
    if by not in columns.columns:
        from clinome.typed_toml import nearest

        raise InputError(
            "nothing holds a column of this name",
            "study [cohort] by",
            by,
            nearest(by, [LABEL, SPLIT, *columns.columns]),
        )
    from clinome.models.evaluation.subgroups import bands
    from clinome.models.statistics.table_one import MOST, is_number

    values = columns[by]
    if is_number(values) and values.n_unique() > MOST:
        return bands(values) if "age" in by.lower() else _thirds(values)
    return values.cast(pl.String)


def _thirds(values: pl.Series) -> pl.Series:
    """A number of many values as thirds of the cohort."""
    return (
        values.cast(pl.Float64)
        .qcut(3, labels=["1: lowest third", "2: middle third", "3: highest third"], allow_duplicates=True)
        .cast(pl.String)
    )
