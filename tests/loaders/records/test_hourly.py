"""Hourly tables, long and wide: golden rows, when a thing is known, what is no input, and a naive reference."""

import datetime as dt
import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinome.graphs.snapshot.fence import fence
from clinome.loaders.errors import InputError
from clinome.loaders.files.removed_ids import SUBJECT, Removed
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records import table_parts
from clinome.loaders.records.hourly import files as hourly_files
from clinome.loaders.records.hourly.reader import read_hourly
from clinome.loaders.registry import read_source
from clinome.loaders.specs import MISSING, Records
from clinome.loaders.tables import EVENTS, NEVER, REJECTS, Known, Loaded, Tally

ANYONE = Known(None, None, GeneTable.empty())
ORIGIN = dt.datetime(2000, 1, 1)
HOUR = dt.timedelta(hours=1)
SPEC = Records((), format="hourly", name="icu")
LONG = {
    "132539": "00:00,RecordID,132539\n00:00,Age,54\n00:00,Height,-1\n00:07,HR,73\n00:07,Na,137\n10:37,HR,77\n10:37,HR,77\n",
    "132540": "00:00,RecordID,132540\n00:00,Age,76\n00:00,Height,175.3\n01:11,HR,neg\n24:30,Na,139\nnoon,HR,70\n25:00,,1\n",
    "132541": "00:00,RecordID,132541\n00:00,Age,60\n00:00,Height,150\n05:00,HR,60\n",
}
WIDE = {
    "p000001": "80|NaN|83.14|0|1|0\n81|7.4|83.14|0|2|0\n82|NaN|83.14|0|3|1\n",
    "p000009": "95|NaN|61.0|1|5|0\n96|NaN|61.0|1|6|0\n96|NaN|61.0|1|6|0\nhigh|NaN|61.0|1||0\n",
}
HEAD = "HR|pH|Age|Gender|ICULOS|SepsisLabel\n"


def files(folder: Path, head: str, stays: dict[str, str], ending: str) -> Path:
    folder.mkdir()
    for stay, rows in stays.items():
        data = (head + rows).encode()
        (folder / f"{stay}.{ending}").write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    return folder


def read(path: Path, known: Known = ANYONE, **more: Any) -> Loaded:
    return read_hourly(replace(SPEC, path=(path,), **more), known)


def table(folder: Path, text: str, **more: Any) -> Loaded:
    path = folder / "icu.csv"
    path.write_text(text)
    return read(path, **more)


def events(loaded: Loaded) -> pl.DataFrame:
    assert loaded.events is not None and loaded.events.schema == EVENTS
    return loaded.events


def hours(time: dt.datetime) -> float:
    return (time - ORIGIN) / HOUR


def test_a_folder_of_long_stays(tmp_path: Path) -> None:
    folder = files(tmp_path / "set-a", "Time,Parameter,Value\n", LONG, "txt")
    loaded = read(folder, missing=(*MISSING, "-1"))
    # merged: the RecordIDs and the row that comes again; rejected: the height of -1, a time and a name
    assert loaded.tally == Tally(read=18, written=11, merged=4, rejected=3)
    found = events(loaded).select("subject_id", "time", "code", "numeric_value", "text_value")
    assert [(s, hours(t), *rest) for s, t, *rest in found.rows()] == [
        ("132539", 7 / 60, "VALUE:HR", 73.0, None), ("132539", 7 / 60, "VALUE:Na", 137.0, None),
        ("132539", 10 + 37 / 60, "VALUE:HR", 77.0, None),
        ("132540", 1 + 11 / 60, "VALUE:HR", None, "neg"), ("132540", 24.5, "VALUE:Na", 139.0, None),
        ("132541", 5.0, "VALUE:HR", 60.0, None),
    ]  # fmt: skip
    assert (events(loaded)["known_time"] == events(loaded)["time"]).all(), "a time of minutes is a moment"
    assert loaded.patients is not None and loaded.clock == "relative" and loaded.visits is None
    assert loaded.patients.select("subject_id", "Age", "Height").rows() == [
        ("132539", 54, None), ("132540", 76, 175.3), ("132541", 60, 150.0),
    ]  # fmt: skip
    assert loaded.patients["observed_from"].to_list() == [ORIGIN] * 3
    assert loaded.rejects.schema == REJECTS
    assert not loaded.rejects["file"].str.contains("1325").any(), "a file's name is a patient's id"
    assert set(loaded.rejects["file"]) == {"set-a: file 1 by name", "set-a: file 2 by name"}


@pytest.mark.parametrize("ending", ["psv", "psv.gz"])
def test_a_folder_of_wide_stays(tmp_path: Path, ending: str) -> None:
    loaded = read(files(tmp_path / "training", HEAD, WIDE, ending))
    assert loaded.tally == Tally(read=7, written=5, merged=1, rejected=1), "an hour that comes twice, and one without"
    found = events(loaded).filter(pl.col("code") != "VALUE:SepsisLabel")
    assert [(s, hours(t), hours(k), c, v) for s, t, k, c, v in found.select(
        "subject_id", "time", "known_time", "code", "numeric_value").rows()] == [
        ("p000001", 0, 1, "VALUE:HR", 80.0), ("p000001", 1, 2, "VALUE:HR", 81.0), ("p000001", 1, 2, "VALUE:pH", 7.4),
        ("p000001", 2, 3, "VALUE:HR", 82.0), ("p000009", 4, 5, "VALUE:HR", 95.0), ("p000009", 5, 6, "VALUE:HR", 96.0),
    ]  # fmt: skip
    assert loaded.patients is not None
    assert loaded.patients.select("subject_id", "Age", "Gender").rows() == [("p000001", 83.14, 0), ("p000009", 61.0, 1)]
    until = [hours(t) for t in loaded.patients["observed_until"]]
    assert until == [3, 6], "until the last hour is over"


@pytest.mark.parametrize("more", [{}, {"labels": ("SepsisLabel",)}])
def test_an_outcome_is_an_event_that_no_fence_lets_through(tmp_path: Path, more: dict[str, Any]) -> None:
    found = events(read(files(tmp_path / "training", HEAD, WIDE, "psv"), **more))
    label = found.filter(pl.col("code") == "VALUE:SepsisLabel")
    assert label["numeric_value"].sum() == 1 and (label["known_time"] == NEVER).all()
    index = pl.DataFrame({"row": [0], "subject_id": ["p000001"], "prediction_time": [dt.datetime(2100, 1, 1)]})
    index = index.with_columns(pl.col("prediction_time").cast(pl.Datetime("us")))
    assert set(fence(found, index)["code"]) == {"VALUE:HR", "VALUE:pH"}


def test_an_outcome_in_every_row_of_a_stay_is_no_input_whatever_it_is_called(tmp_path: Path) -> None:
    text = "stay_id,hour,hr,gone\n" + "".join(f"{s},{h},{60 + s + h},{s % 2}\n" for s in range(4) for h in range(3))
    loaded = table(tmp_path, text)
    assert set(events(loaded)["code"]) == {"VALUE:hr"}
    assert loaded.patients is not None and loaded.patients["gone"].to_list() == [0, 1, 0, 1]
    assert any("taken for properties (gone)" in said for said in loaded.counts)
    assert set(events(table(tmp_path, text, values={"hr": "", "gone": ""}))["code"]) == {"VALUE:hr", "VALUE:gone"}


def test_what_the_section_names_is_what_is_read(tmp_path: Path) -> None:
    text = "who,stay,t,hr,sbp,ward,site_id,died\n" + "".join(
        f"{'ab'[s > 1]},{s},{h},{60 + h},{100 + h},{'xy'[h]},{h},1\n" for s in range(1, 4) for h in range(2)
    )
    keys = {"subject": "who", "visit": "stay", "time": "t", "unit": "minutes"}
    loaded = table(tmp_path, text, **keys, values={"hr": "/min"}, keep=("ward",), labels=("died",))
    assert loaded.patients is None and loaded.visits is not None
    assert loaded.visits.select("visit_id", "subject_id", "ward").rows() == [
        ("1", "a", "x"), ("2", "b", "x"), ("3", "b", "x"),
    ]  # fmt: skip
    found = events(loaded)
    assert set(found["code"]) == {"VALUE:hr", "VALUE:died"} and set(found["visit_id"]) == {"1", "2", "3"}
    assert set(found.filter(pl.col("code") == "VALUE:hr")["unit"]) == {"/min"}
    loaded = table(tmp_path, text, **keys)
    assert set(events(loaded)["code"]) == {"VALUE:hr", "VALUE:sbp", "VALUE:died"}
    said = " ".join(loaded.counts)
    assert "called like ids, not read (site_id)" in said and "columns of text, not read (ward)" in said


def test_columns_called_as_ours_are_none_of_ours(tmp_path: Path) -> None:
    ours = ("row", "stay", "over", "known", "bad", "owner", "first", "until", "cell hr", "kind", "value", "subject")
    text = f"subject_id,hours,{','.join(ours)}\n" + "".join(
        f"{s},{60 * h},{','.join(str(100 * i + 10 * s + h) for i in range(len(ours)))}\n"
        for s in range(2)
        for h in range(2)
    )
    loaded = table(tmp_path, text, unit="minutes", known_time="hours", keep=("stay", "first"))
    found = events(loaded)
    assert set(found["code"]) == {f"VALUE:{name}" for name in {*ours} - {"stay", "first"}}
    assert [hours(t) for t in found["time"].unique().sort()] == [0, 1] and (found["known_time"] == found["time"]).all()
    assert found.filter(pl.col("code") == "VALUE:over")["numeric_value"].to_list() == [200.0, 201.0, 210.0, 211.0]
    assert loaded.patients is not None and loaded.patients.select("stay", "first").rows() == [(100, 600), (110, 610)]


def test_a_stay_is_one_patients(tmp_path: Path) -> None:
    text = "patient_id,stay,hour,hr\na,1,0,80\nb,1,1,81\nb,2,0,82\n"
    loaded = table(tmp_path, text, visit="stay")
    assert loaded.tally == Tally(read=3, written=2, merged=0, rejected=1)
    assert events(loaded).select("subject_id", "visit_id", "numeric_value").rows() == [
        ("a", "1", 80.0),
        ("b", "2", 82.0),
    ]


def test_a_stay_is_one_patients_over_several_tables(tmp_path: Path) -> None:
    """So tables that name stays are one shard, and others one each."""
    folder, shards = files(tmp_path / "icu", "patient_id,stay,hour,hr\n", {"1": "a,1,0,80\n", "2": "b,1,1,81\nb,2,0,82\n"}, "csv"), list[int]()  # fmt: skip

    def counted(read: Any, parts: Any) -> Any:
        shards.append(len(parts))
        return map(read, parts)

    known = replace(ANYONE, shards=counted)
    assert read(folder, known, visit="stay").tally == Tally(read=3, written=2, merged=0, rejected=1)
    assert read(folder, known).tally == Tally(read=3, written=3, merged=0, rejected=0)
    assert shards == [1, 2]


def test_a_long_table_with_codes_and_units(tmp_path: Path) -> None:
    text = (
        'patient_id,hour,loinc,result,uom\na,1,8867-4,80,/min\na,2,2160-0,1.1,mg/dL\na,3,nothing,1,\na,3,8867-4,"1,5",/min\n'
        "b,1,8867-4,70,/min\nb,1.5,8867-4,72,/min\n"
    )
    keys = {"codes": {"loinc": "LOINC"}, "value": "result", "value_unit": "uom"}
    loaded = table(tmp_path, text, **keys)
    assert loaded.tally == Tally(read=6, written=5, merged=0, rejected=1)
    assert events(loaded).select("code", "numeric_value", "unit").rows() == [
        ("LOINC:8867-4", 80.0, "/min"), ("LOINC:2160-0", 1.1, "mg/dL"),
        ("LOINC:8867-4", 70.0, "/min"), ("LOINC:8867-4", 72.0, "/min"),
    ]  # fmt: skip
    assert loaded.losses[0].why.cause == "a decimal comma"


def test_durations_and_days(tmp_path: Path) -> None:
    path = tmp_path / "dyn.parquet"
    frame = pl.DataFrame({"stay_id": [1, 1, 2], "time": [0, 1, 2], "hr": [80.0, None, 90.0], "sbp": [1.0, 2.0, 3.0]})
    frame.with_columns(pl.duration(hours="time").cast(pl.Duration("ms")).alias("time")).write_parquet(path)
    found = events(read(path)).select("subject_id", "time", "known_time", "code")
    assert [(s, hours(t), hours(k), c) for s, t, k, c in found.rows()] == [
        ("1", 0, 1, "VALUE:hr"), ("1", 0, 1, "VALUE:sbp"), ("1", 1, 2, "VALUE:sbp"), ("2", 2, 3, "VALUE:hr"),
        ("2", 2, 3, "VALUE:sbp"),
    ]  # fmt: skip
    daily = events(table(tmp_path, "stay_id,t,hr\n1,0,80\n1,1,90\n", time="t", unit="days"))
    assert (daily["known_time"] - daily["time"]).to_list() == [dt.timedelta(days=1)] * 2
    at_once = events(table(tmp_path, "stay_id,t,hr\n1,0,80\n1,1,90\n", time="t", known_time="t"))
    assert (at_once["known_time"] == at_once["time"]).all()


def test_removed_and_strangers(tmp_path: Path) -> None:
    folder = files(tmp_path / "training", HEAD, WIDE, "psv")
    removed = Removed(b"key", frozenset({Removed(b"key").mark("p000001", SUBJECT)}))
    loaded = read(folder, Known(frozenset({"p000001", "p000009"}), None, GeneTable.empty(), removed=removed))
    assert loaded.tally == Tally(read=7, written=2, merged=1, rejected=4)
    assert set(events(loaded)["subject_id"]) == {"p000009"}
    gone = loaded.rejects.filter(pl.col("expected") == "nobody who was removed")
    assert gone["file"].to_list() == ["training"] * 3 and gone["got"].to_list() == [""] * 3
    loaded = read(folder, Known(frozenset({"p000001"}), None, GeneTable.empty()))
    assert set(events(loaded)["subject_id"]) == {"p000001"}
    assert loaded.rejects.filter(pl.col("expected") == "an id in [patients]").height == 4


@pytest.mark.parametrize(
    ("text", "more", "what"),
    [
        ("stay_id,hr\n1,80\n", {}, "nothing says when"),
        ("hour,hr\n1,80\n", {}, "no column of patients"),
        ("stay_id,charttime,hr\n1,2020-01-01 10:00,80\n", {}, "a column of dates"),
        ("stay_id,observationoffset,hr\n1,60,80\n", {}, "may not be hours"),
        ("stay_id,hour,hr\n1,1,80\n", {"order": "hour"}, "no key of format hourly"),
        ("stay_id,hour,hr\n1,1,80\n", {"labels": ("sepsis",)}, "nothing is called so"),
        ("stay_id,hour,hr\n1,1,80\n", {"labels": ("hr",), "values": {"hr": ""}}, "two parts for one column"),
        ("stay_id,hour,hr\n1,1,80\n", {"value": "hr"}, "a column of names and one of values"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, text: str, more: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        table(tmp_path, text, **more)


def test_a_file_of_another_form_is_named_without_its_id(tmp_path: Path) -> None:
    folder = files(tmp_path / "training", HEAD, WIDE, "psv")
    (folder / "p000010.psv").write_text("HR|hour\n80|1\n")
    with pytest.raises(InputError, match="not of the form of the first file") as error:
        read(folder)
    assert "p0000" not in str(error.value)
    (folder / "p000010.psv").write_bytes(b"")
    with pytest.raises(InputError, match="is empty") as error:
        read(folder)
    assert "p0000" not in str(error.value)


def test_one_stay_in_two_files_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "training"
    folder.mkdir()
    for part in ("a", "b"):
        files(folder / part, HEAD, WIDE, "psv")
    with pytest.raises(InputError, match="several files of one name; got 2"):
        read(folder)


def test_labels_are_a_key_of_hourly_tables_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,t,x\n1,1,1\n")
    spec = Records(
        (path,), format="csv", name="a", subject="id", time="t", unit="hours", values={"x": ""}, labels=("x",)
    )
    with pytest.raises(InputError, match="a key of format hourly"):
        read_source(spec, ANYONE)


CELL = st.one_of(st.none(), st.integers(-5, 200).map(float))
ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), CELL, CELL), min_size=1, max_size=30)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, together=st.integers(1, 3), cells=st.integers(1, 40), size=st.integers(5, 200))
def test_wide_long_and_folders_say_the_same_as_a_naive_reference(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], together: int, cells: int, size: int
) -> None:
    """However the cells are laid out and cut into batches, the events are those of a loop; rows add up."""
    tmp = tmp_path_factory.mktemp("icu")
    rows = list({(who, hour): (who, hour, hr, ph) for who, hour, hr, ph in rows}.values())
    wanted = sorted(
        (who, float(hour), code, value)
        for who, hour, hr, ph in rows for code, value in (("VALUE:hr", hr), ("VALUE:ph", ph)) if value is not None
    )  # fmt: skip
    if not wanted:
        return
    wide = pl.DataFrame(
        rows, schema={"patient_id": pl.String, "hour": pl.Int64, "hr": pl.Float64, "ph": pl.Float64}, orient="row"
    )
    wide.write_parquet(tmp / "wide.parquet")
    long = wide.unpivot(index=["patient_id", "hour"]).select("patient_id", "hour", "variable", "value")
    long.write_csv(tmp / "long.csv")
    (tmp / "stays").mkdir()
    for (who,), part in wide.partition_by("patient_id", as_dict=True).items():
        part.drop("patient_id").write_csv(tmp / "stays" / f"{who}.csv")
    values: dict[str, Any] = {"values": {"hr": "", "ph": ""}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hourly_files, "TOGETHER", together)
        patch.setattr(table_parts, "CELLS", cells)
        patch.setattr(table_parts, "BYTES", size)
        loads = [read(tmp / "wide.parquet", **values), read(tmp / "stays", **values)]
        if {code for _, _, code, _ in wanted} == {"VALUE:hr", "VALUE:ph"}:
            loads.append(read(tmp / "long.csv", codes={"variable": "VALUE"}, value="value", **values))
    for loaded in loads:
        found = events(loaded)
        assert (
            sorted(
                (s, hours(t), c, v) for s, t, c, v in found.select("subject_id", "time", "code", "numeric_value").rows()
            )
            == wanted
        )
        assert (found["known_time"] - found["time"] == HOUR).all()
        assert loaded.tally.read in (len(rows), 2 * len(rows))


def test_stays_of_headers_alone_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "stays").mkdir()
    for name in ("p1", "p2"):
        (tmp_path / "stays" / f"{name}.psv").write_text("HR|Temp|ICULOS\n")
    with pytest.raises(InputError, match="holds no row"):
        read_hourly(Records((tmp_path / "stays",), format="hourly", name="icu"), ANYONE)
    (tmp_path / "stays" / "p2.psv").write_text("HR|Temp|ICULOS\n80|37|1\n81|NaN|2\n")
    read = read_hourly(Records((tmp_path / "stays",), format="hourly", name="icu"), ANYONE)
    assert read.tally == Tally(2, 2, 0, 0)
    assert read.counts["files with a header alone"] == 1


def test_rows_of_another_encoding_are_told_of_large_tables_too(tmp_path: Path) -> None:
    rows = [f"s{n % 5},{n},80,{'Läsion' if n % 2 else 'none'}" for n in range(40)]
    (tmp_path / "icu.csv").write_bytes(("patient_id,hour,HR,note\n" + "\n".join(rows) + "\n").encode("latin-1"))
    (lost,) = [loss for loss in read(tmp_path / "icu.csv").losses if loss.kind == "rows"]
    assert (lost.where, lost.lost, lost.of, lost.ends) == ("icu.csv", 20, 40, True)
