"""MEDS label tables: a cohort read from one, and written as one (subject_id, prediction_time, boolean_value, …)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from ...loaders.errors import InputError
from ...loaders.files.atomic import atomic_path
from ...loaders.files.source_folder import files_within
from ...loaders.files.text_table import parquet_frame, read_bytes
from ...loaders.tables import PolarsType

VALUES: dict[str, PolarsType] = {
    "boolean_value": pl.Boolean,
    "integer_value": pl.Int64,
    "float_value": pl.Float64,
    "categorical_value": pl.String,
}
"""Columns of MEDS 0.4 that hold a label, with their types."""
_HOLDS: dict[str, Callable[[pl.DataType], bool]] = {
    "boolean_value": lambda held: held == pl.Boolean,
    "integer_value": lambda held: held.is_integer(),
    "float_value": lambda held: held.is_numeric(),
    "categorical_value": lambda held: held in (pl.String, pl.Categorical, pl.Enum),
}
"""Whether a column of a file is of a type that becomes MEDS's without another meaning: 0.7 is no whole number."""
_COLUMN = {"boolean": "boolean_value", "categorical": "categorical_value", "numeric": "float_value"}
_SURVIVAL = {"boolean_value": "event", "float_value": "duration_days"}


def is_label_table(query: str, base: Path) -> bool:
    """Whether `[cohort] query` names a Parquet file, or a folder (with / behind its name)."""
    text = query.strip()
    return "\n" not in text and (text.endswith(".parquet") or (text.endswith("/") and (base / text).is_dir()))


def read_labels(path: Path, label_type: str = "boolean") -> pl.DataFrame:
    """The rows of a MEDS label table: subject_id (text), prediction_time, `label` where it says one, further columns.

    Args:
        path: a Parquet file, or a folder of shards.
        label_type: of time_to_event boolean_value is `event`, float_value `duration_days`, as `write_labels` has them.
    Raises: InputError for what is no label table, for one whose labels stand in several columns, and for values of
        another type than MEDS's.
    Source: Medical Event Data Standard 0.4, https://github.com/Medical-Event-Data-Standard/meds
    """
    files = (
        [path]
        if path.is_file()
        else [one for one in files_within(path) if one.suffix == ".parquet"]
        if path.is_dir()
        else []
    )
    if not files:
        raise InputError(
            "no such label table",
            path,
            expected="a Parquet file, or a folder of them",
            fix="correct the path; it is relative to the study file",
        )
    rows = pl.concat([_part(file) for file in files], how="diagonal_relaxed")
    said = [name for name in VALUES if name in rows.columns and rows[name].null_count() < rows.height]
    if label_type == "time_to_event" and set(said) == set(_SURVIVAL):
        return rows.drop(set(VALUES) - set(said), strict=False).rename(_SURVIVAL)
    if len(said) > 1:
        fix = "write one of them: a row has one label"
        raise InputError("labels in several columns", path, ", ".join(said), "one of them", fix)
    label = [rows[said[0]].alias("label")] if said else []
    return rows.drop(*VALUES, strict=False).with_columns(label)


def _part(file: Path) -> pl.DataFrame:
    frame = parquet_frame(file, read_bytes(file)[0])
    for name in ("subject_id", "prediction_time"):
        if name not in frame.columns:
            raise InputError("no MEDS labels", file, expected=f"a column {name}", fix="write MEDS 0.4")
    subject, time = frame["subject_id"], frame["prediction_time"]
    if not (subject.dtype.is_integer() or subject.dtype == pl.String):
        raise InputError("subject_id", file, str(subject.dtype), "int64 or text", "cast the column")
    if not (time.dtype in (pl.Date, pl.Null) or isinstance(time.dtype, pl.Datetime)):
        raise InputError("prediction_time", file, str(time.dtype), "a datetime", "cast the column")
    if isinstance(time.dtype, pl.Datetime) and time.dtype.time_zone:
        time = time.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    id = subject.cast(pl.String).str.strip_chars().str.normalize("NFC")
    frame = frame.with_columns(id, time.cast(pl.Datetime("us")))
    given = [name for name in VALUES if name in frame.columns]
    for name in given:
        held = frame[name].dtype
        if held != pl.Null and not _HOLDS[name](held):
            raise InputError(name, file, str(held), str(VALUES[name]), "cast the column")
    return frame.with_columns(pl.col(name).cast(VALUES[name]) for name in given)


def write_labels(frame: pl.DataFrame, path: Path, label_type: str, ids: pl.DataFrame) -> int:
    """A cohort's rows as a MEDS label table, of survival with boolean_value as the event and float_value as the days to it.

    Args:
        frame: of a cohort. label_type: boolean, categorical, numeric or time_to_event.
        ids: subject_id, meds_id of everybody (`meds_ids`): MEDS wants whole numbers, the same as in an export of the study.
    Returns: how many subjects have another id there than here.
    Raises: InputError for labels and rows that a MEDS label table has no place for.
    """
    import pyarrow.parquet as pq
    from meds.schema import LabelSchema

    if label_type != "time_to_event" and label_type not in _COLUMN:
        several = label_type == "booleans"
        raise InputError(
            "several labels at once" if several else "subtypes have no label",
            path.name,
            expected="one a row",
            fix="write a study for each of them" if several else "write the cohort of a study that predicts one",
        )
    if without := frame["prediction_time"].null_count():
        fix = "let the cohort query return a prediction_time"
        raise InputError("rows without prediction_time", path.name, without, "a time in every row", fix)
    told = _SURVIVAL if label_type == "time_to_event" else {_COLUMN[label_type]: "label"}
    values = [pl.col(held).cast(VALUES[name]).alias(name) for name, held in told.items()]
    rows = frame.join(ids, on="subject_id", maintain_order="left")
    table = rows.select(
        pl.col("meds_id").alias("subject_id"), pl.col("prediction_time").cast(pl.Datetime("us")), *values
    )
    with atomic_path(path) as fresh:
        pq.write_table(LabelSchema.align(table.to_arrow()), fresh)
    other = rows.filter(pl.col("subject_id") != pl.col("meds_id").cast(pl.String))
    return other["subject_id"].n_unique()
