"""MEDS folders: the package's own schema in, our events out; garbage rejected and counted."""

import datetime as dt
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meds import schema as meds

from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records.meds.reader import CODES, DATA, read_meds
from clinome.loaders.specs import Records
from clinome.loaders.tables import CONCEPTS, EVENTS, LINKS, Known, Loaded, Tally

ANYONE = Known(None, None, GeneTable.empty())
T = dt.datetime(2020, 1, 1)


def _read(path: Path, known: Known = ANYONE) -> Loaded:
    return read_meds(Records((path,), name="ehr"), known)


def _write(folder: Path, frame: pl.DataFrame, name: str = "0") -> Path:
    file = folder / "data" / f"{name}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(file)
    return file


def _folder(folder: Path) -> Path:
    table = pa.table({
        "subject_id": [1, 1, 2, 2], "time": [None, T, T, T],
        "code": ["GENDER//F", "DIAGNOSIS//ICD//10//C341", "LAB//50912//mg/dL", meds.death_code],
        "numeric_value": pa.array([None, None, 1.5, None], pa.float32()),
    })  # fmt: skip
    data = folder / meds.data_subdirectory / "train"
    data.mkdir(parents=True)
    pq.write_table(meds.DataSchema.align(table), data / "0.parquet")
    codes = pa.table({
        "code": ["DIAGNOSIS//ICD//10//C341", "X"], "description": ["upper lobe", None],
        "parent_codes": [["ICD10CM/C34", "DIAGNOSIS//ICD//10//C341"], None],
    })  # fmt: skip
    (folder / meds.code_metadata_filepath).parent.mkdir()
    pq.write_table(meds.CodeMetadataSchema.align(codes), folder / meds.code_metadata_filepath)
    return folder


def test_folders_are_called_as_in_the_standard() -> None:
    assert meds.data_subdirectory == DATA
    assert Path(meds.code_metadata_filepath) == CODES


def test_a_meds_folder(tmp_path: Path) -> None:
    loaded = _read(_folder(tmp_path))
    assert loaded.events is not None and loaded.events.schema == EVENTS
    assert loaded.events.select("subject_id", "time", "known_time", "code", "numeric_value").rows() == [
        ("1", None, None, "MEDS:GENDER//F", None),
        ("1", T, T, "ICD10CM:C34.1", None),
        ("2", T, T, "MEDS:LAB//50912//mg/dL", 1.5),
        ("2", T, T, "MEDS:MEDS_DEATH", None),
    ]
    assert loaded.tally == Tally(4, 4, 0, 0) and loaded.clock == "dated"
    assert loaded.counts["static events"] == 1


def test_code_metadata(tmp_path: Path) -> None:
    loaded = _read(_folder(tmp_path))
    assert loaded.concepts is not None and loaded.concepts.schema == CONCEPTS
    assert loaded.links is not None and loaded.links.schema == LINKS
    assert loaded.concepts.select("id", "name").rows() == [
        ("ICD10CM:C34.1", "upper lobe"), ("MEDS:X", None), ("ICD10CM:C34", None),
    ]  # fmt: skip
    assert loaded.links.select("subject", "predicate", "object").rows() == [("ICD10CM:C34.1", "IS_A", "ICD10CM:C34")]


def test_the_data_folder_or_one_file_read_alike(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    whole = _read(folder)
    for path in (folder / "data", folder / "data" / "train" / "0.parquet"):
        again = _read(path).events
        assert whole.events is not None and again is not None and again.equals(whole.events)
    assert _read(folder / "data").links is not None


def test_rows_are_refused_with_a_reason(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {
            "subject_id": ["a", "a", None, "z", "a", "a", "a"],
            "time": [T, T, T, T, T, T, T],
            "code": ["C:1", "C:1", "C:1", "C:1", "", "C:2", "C:3"],
            "numeric_value": [1.0, 1.0, 1.0, 1.0, 1.0, float("inf"), float("nan")],
            "known_time": [None, None, None, None, None, None, T - dt.timedelta(days=1)],
        }
    )
    _write(tmp_path, rows)
    loaded = _read(tmp_path, Known(frozenset("a"), None, GeneTable.empty()))
    assert loaded.tally == Tally(read=7, written=2, merged=1, rejected=4)
    assert loaded.rejects.sort("row").select("row", "column").rows() == [
        (3, "subject_id"), (4, "subject_id"), (5, "code"), (6, "numeric_value"), (7, "known_time"),
    ]  # fmt: skip
    assert loaded.events is not None and loaded.events["numeric_value"].to_list() == [1.0, None]


def test_shards_zones_and_further_columns(tmp_path: Path) -> None:
    base = {"code": ["ICD9CM:250"], "numeric_value": pl.Series([1.0], dtype=pl.Float32)}
    zoned = pl.Series([T]).dt.replace_time_zone("Europe/Berlin").dt.cast_time_unit("ns")
    _write(tmp_path, pl.DataFrame({"subject_id": [-7], "time": zoned, **base}), "0")
    known = T + dt.timedelta(days=3)
    _write(tmp_path, pl.DataFrame({"subject_id": ["b"], "time": [T], **base, "known_time": [known], "visit_id": [12],
                                   "unit": ["mg"]}), "1")  # fmt: skip
    loaded = _read(tmp_path)
    assert loaded.events is not None
    assert loaded.events.select("subject_id", "time", "known_time", "visit_id", "unit").rows() == [
        ("-7", T - dt.timedelta(hours=1), T - dt.timedelta(hours=1), None, None),
        ("b", T, known, "12", "mg"),
    ]


def test_times_that_python_cannot_hold_are_refused(tmp_path: Path) -> None:
    far = pl.Series([2**62, 0]).cast(pl.Datetime("us"))
    _write(tmp_path, pl.DataFrame({"subject_id": [1, 1], "time": far, "code": ["A:1", "A:1"]}))
    assert _read(tmp_path).tally == Tally(2, 1, 0, 1)


@pytest.mark.parametrize("change", [{"time": ["2020"]}, {"time": [5]}, {"subject_id": [1.5]}, {"code": [1]}])
def test_columns_of_other_types_are_an_input_error(tmp_path: Path, change: dict[str, list[object]]) -> None:
    _write(tmp_path, pl.DataFrame({"subject_id": [1], "time": [T], "code": ["A:1"], **change}))
    with pytest.raises(InputError):
        _read(tmp_path)


def test_hopeless_folders_are_an_input_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError):
            _read(path)
    file = _write(tmp_path, pl.DataFrame({"subject_id": [1], "code": ["A:1"]}))
    with pytest.raises(InputError, match="time"):
        _read(tmp_path)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match="Parquet"):
        _read(tmp_path)
    _write(tmp_path, pl.DataFrame(schema={"subject_id": pl.Int64, "time": pl.Datetime("us"), "code": pl.String}))
    with pytest.raises(InputError, match="no row"):
        _read(tmp_path)


_event = st.fixed_dictionaries(
    {
        "subject_id": st.none() | st.sampled_from(["a", "b", " ", "a\0"]),
        "time": st.none() | st.datetimes(),
        "code": st.none() | st.sampled_from(["A:1", "ICD10CM//I10", "", "x\0"]) | st.text(max_size=4),
        "numeric_value": st.none() | st.floats(),
        "known_time": st.none() | st.datetimes(),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_event, min_size=1, max_size=8))
def test_any_rows_add_up(tmp_path: Path, rows: list[dict[str, object]]) -> None:
    dtypes = (pl.String(), pl.Datetime("us"), pl.String(), pl.Float64(), pl.Datetime("us"))
    schema = dict(zip(("subject_id", "time", "code", "numeric_value", "known_time"), dtypes, strict=True))
    _write(tmp_path, pl.DataFrame(rows, schema=schema))
    loaded = _read(tmp_path)
    assert loaded.events is not None and loaded.events.height == loaded.tally.written
    assert set(loaded.events["subject_id"]) <= {"a", "b"}
    assert loaded.events["code"].null_count() == 0
    dated = loaded.events.filter(pl.col("time").is_not_null())
    assert (dated["known_time"] >= dated["time"]).all()
    assert loaded.events.filter(pl.col("time").is_null())["known_time"].count() == 0
    assert loaded.events["numeric_value"].drop_nulls().is_finite().all()
