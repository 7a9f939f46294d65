"""MEDS label tables: a cohort read from one, and written as one (subject_id, prediction_time, boolean_value, …)."""

from __future__ import annotations

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
MAP = "subject_id_map.parquet"
"""Beside a written table: which number stands for which patient. Its owner alone may read it."""


_COLUMN = {"boolean": "boolean_value", "categorical": "categorical_value"}
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
    Raises: InputError for what is no label table, and for one whose labels stand in several columns.
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
    parts = [_part(file) for file in files if file.name != MAP]
    rows = pl.concat(parts, how="diagonal_relaxed")
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
    values = [pl.col(name).cast(kind, strict=False) for name, kind in VALUES.items() if name in frame.columns]
    return frame.with_columns(values)


def write_labels(frame: pl.DataFrame, path: Path, label_type: str) -> int:
    """A cohort's rows as a MEDS label table, of survival with boolean_value as the event and float_value as the days to it.

    MEDS wants whole numbers as subjects: ids that are such stay, others are numbered in their order, and `MAP` beside the
    file says which is which.
    Args:
        frame: of a cohort. label_type: boolean, categorical or time_to_event.
    Returns: how many subjects were numbered; 0 where their ids are numbers.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from meds.schema import LabelSchema

    ids = frame["subject_id"]
    whole = ids.cast(pl.Int64, strict=False)
    numbered = 0
    if not (whole.cast(pl.String) == ids).fill_null(False).all():
        names = ids.unique().sort()
        numbers = pl.int_range(1, len(names) + 1, dtype=pl.Int64, eager=True)
        known = pl.DataFrame({"source_id": names, "subject_id": numbers})
        whole = ids.replace_strict(names, numbers, return_dtype=pl.Int64)
        numbered = len(names)
        with atomic_path(path.parent / MAP) as fresh:
            fresh.touch(mode=0o600)
            known.write_parquet(fresh)
    columns = [whole.alias("subject_id"), frame["prediction_time"].cast(pl.Datetime("us"))]
    told = _SURVIVAL if label_type == "time_to_event" else {_COLUMN[label_type]: "label"}
    columns += [frame[held].cast(VALUES[name]).alias(name) for name, held in told.items()]
    table = pl.DataFrame(columns).to_arrow()
    schema = LabelSchema.schema()
    with atomic_path(path) as fresh:
        pq.write_table(table.cast(pa.schema([schema.field(name) for name in table.column_names])), fresh)
    return numbered
