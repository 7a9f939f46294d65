"""MEDS label tables: what is read as a cohort, what is written, and that the meds package's schema accepts it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from meds.schema import LabelSchema
from small_study import fill
from timelines import at, timelines

from clinome.graphs.cohort.cohort import make_cohort
from clinome.graphs.cohort.meds_labels import read_labels, write_labels
from clinome.graphs.prediction_tasks.task_file import find_task
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.loaders.errors import InputError
from clinome.loaders.records.meds.subject_ids import MAP, meds_ids

TIME = datetime(2020, 1, 5)


def table(path: Path, **columns: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    pl.DataFrame({"subject_id": [1, 2], "prediction_time": [TIME, TIME], **columns}).write_parquet(path)
    return path


@pytest.mark.parametrize(
    ("column", "values"),
    [("boolean_value", [True, False]), ("integer_value", [0, 1]), ("categorical_value", ["a", "b"]), ("float_value", [0.5, None])],
)  # fmt: skip
def test_the_value_that_a_table_holds(tmp_path: Path, column: str, values: list[Any]) -> None:
    rows = read_labels(table(tmp_path / "l.parquet", **{column: values, "site": ["x", "y"]}))
    assert rows["subject_id"].to_list() == ["1", "2"] and rows["label"].to_list() == values
    assert rows.columns == ["subject_id", "prediction_time", "site", "label"]


def test_shards_time_zones_and_tables_without_labels(tmp_path: Path) -> None:
    table(tmp_path / "s" / "0.parquet", prediction_time=[datetime(2020, 1, 5, tzinfo=UTC)] * 2)
    table(
        tmp_path / "s" / "1.parquet", subject_id=["003", " b"], boolean_value=pl.Series([None, None], dtype=pl.Boolean)
    )
    rows = read_labels(tmp_path / "s")
    assert rows["subject_id"].to_list() == ["1", "2", "003", "b"] and "label" not in rows.columns
    assert rows["prediction_time"].to_list() == [TIME] * 4


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"boolean_value": [True, None], "integer_value": [None, 1]}, "labels in several columns; got 'boolean_value, integer_value'"),
        ({"prediction_time": ["x", "y"]}, "prediction_time; got 'String'"), ({"subject_id": [0.5, 1.0]}, "subject_id; got 'Float64'"),
        ({"boolean_value": ["True", "False"]}, "boolean_value; got 'String'"), ({"boolean_value": [5, 0]}, "boolean_value; got 'Int64'"),
        ({"integer_value": [0.7, 1.2]}, "integer_value; got 'Float64'"), ({"float_value": ["x", "1"]}, "float_value; got 'String'"),
    ],
)  # fmt: skip
def test_what_is_no_label_table(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_labels(table(tmp_path / "l.parquet", **columns))


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such label table"):
        read_labels(tmp_path / "none.parquet")
    pl.DataFrame({"subject_id": [1]}).write_parquet(tmp_path / "l.parquet")
    with pytest.raises(InputError, match="expected a column prediction_time"):
        read_labels(tmp_path / "l.parquet")


@pytest.mark.parametrize("kind", ["boolean", "categorical", "numeric", "time_to_event"])
@pytest.mark.parametrize("ids", [["7", "12"], ["007", "b"], ["7", "b"]])
def test_what_is_written_is_read_again(tmp_path: Path, ids: list[str], kind: str) -> None:
    outcomes: dict[str, dict[str, list[Any]]] = {
        "boolean": {"label": [0, 1]}, "categorical": {"label": ["x", "y"]}, "numeric": {"label": [0.5, 2.0]},
        "time_to_event": {"duration_days": [1.5, 2.0], "event": [0, 1]},
    }  # fmt: skip
    outcome = outcomes[kind]
    frame = pl.DataFrame({"subject_id": ids, "prediction_time": [TIME, TIME], **outcome})
    names = meds_ids([*ids, "a"], tmp_path)
    numbered = write_labels(frame, tmp_path / "l.parquet", kind, names)
    LabelSchema.validate(pq.read_table(tmp_path / "l.parquet"))
    rows = read_labels(tmp_path / "l.parquet", kind)
    assert numbered == sum(one in ("007", "b") for one in ids) and (tmp_path / MAP).stat().st_mode & 0o777 == 0o600
    names = names.select(source_id="subject_id", subject_id=pl.col("meds_id").cast(pl.String))
    rows = rows.join(names, on="subject_id", maintain_order="left").with_columns(subject_id="source_id")
    assert rows["subject_id"].to_list() == ids
    kept = "event" if kind == "time_to_event" else "label"
    assert [int(x) if kind in ("boolean", "time_to_event") else x for x in rows[kept]] == outcome[kept]


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("booleans", pl.Series("label", [["a"], []]), "several labels at once"),
        ("boolean", pl.Series("prediction_time", [TIME, None]), "rows without prediction_time; got 1"),
    ],
)
def test_what_a_label_table_has_no_place_for(tmp_path: Path, kind: str, change: pl.Series, message: str) -> None:
    frame = pl.DataFrame({"subject_id": ["1", "2"], "prediction_time": [TIME, TIME], "label": [0, 1]})
    with pytest.raises(InputError, match=message):
        write_labels(frame.with_columns(change), tmp_path / "l.parquet", kind, meds_ids(["1", "2"], tmp_path))
    assert not (tmp_path / "l.parquet").exists()


def test_a_table_as_the_cohort_with_its_labels_or_a_target(tmp_path: Path) -> None:
    tables = timelines(tmp_path / "tables", events=[("1", 6, "ICD9CM:428.0"), ("2", 1, "DRUG:x")])
    table(tmp_path / "l.parquet", subject_id=[1, 9], boolean_value=[True, False])
    table(tmp_path / "rows" / "0.parquet")
    given: dict[str, Any] = {"label_type": "boolean", "label": "label", "name": "s", "base": tmp_path, "tables": tables}
    with EmbeddedStore(tmp_path / "store", write=True) as store:
        fill(store, tables)
        own = make_cohort(store, "l.parquet", {}, **given)
        target = find_task({"codes": ["ICD9CM:428.0"]}, tmp_path, horizon_days=9)
        asked = make_cohort(store, "rows/", {}, target=target, **given)
        with pytest.raises(InputError, match="parameters of a table"):
            make_cohort(store, "l.parquet", {"a": 1}, **given)
    assert own.frame.rows() == [("1", at(4), 1)]
    assert [(s.step, s.count) for s in own.steps][:3] == [
        ("in store", 2),
        ("in the label table", 2),
        ("of this study", 1),
    ]
    assert asked.frame["label"].to_list() == [1, 0]
