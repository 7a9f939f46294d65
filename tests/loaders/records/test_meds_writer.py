"""Written MEDS: the same events come back, whatever the codes, times, values; subjects are numbers that stay theirs."""

from __future__ import annotations

import datetime as dt
import stat
import tempfile
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meds import schema as meds

from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records.events import as_events
from clinome.loaders.records.meds import writer
from clinome.loaders.records.meds.reader import read_meds
from clinome.loaders.records.meds.subject_ids import MAP, forget_subjects, meds_ids
from clinome.loaders.records.meds.writer import MedsData, write_meds
from clinome.loaders.specs import Records
from clinome.loaders.tables import EVENTS, NEVER, Known, Loaded

ANYONE = Known(None, None, GeneTable.empty())
T = dt.datetime(2020, 1, 1)
CODES = ("ICD10CM:C34.1", "MEDS:MEDS_DEATH", "MEDS:LAB//50912//mg/dL", "DRUG:a//b", "EICU:treatment/a|b", "OMOP:condition/x//y",
         "MEDS:A:B", "SNOMEDPROC:387713003", "VALUE:creatinine", "DRUG:NS")  # fmt: skip
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "12", "7"]),
        st.one_of(st.none(), st.integers(-(10**6), 10**6)),
        st.sampled_from(CODES),
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
        st.one_of(st.none(), st.text("aä \"',\n", max_size=4)),
        st.sampled_from([0, 90, None]),
        st.sampled_from(["v1", None]),
        st.sampled_from(["mg/dL", None]),
    ),
    min_size=1,
    max_size=20,
)


def events_of(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    """known: minutes after the time, None: nobody knows."""
    made = [
        {"subject_id": s, "time": None if t is None else T + dt.timedelta(minutes=t), "code": c, "numeric_value": v, "text_value": x,  # type: ignore[arg-type]
         "known_time": None if t is None or k is None else T + dt.timedelta(minutes=t + k), "visit_id": visit, "unit": unit}  # type: ignore[operator]
        for s, t, c, v, x, k, visit, unit in rows
    ]  # fmt: skip
    layout = {name: kind for name, kind in EVENTS.items() if name != "source"}
    return as_events(pl.DataFrame(made, schema=layout), "records.ehr")


def read(folder: Path) -> Loaded:
    return read_meds(Records((folder,), format="meds", name="ehr"), ANYONE)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 8))
def test_the_same_events_come_back(rows: list[tuple[object, ...]], shard: int) -> None:
    events = events_of(rows)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "SHARD", shard)
        ids = meds_ids(set(events["subject_id"]), Path(folder))
        write_meds(Path(folder) / "out", MedsData("x", ids, events.lazy()), "1")
        seen: list[set[int]] = []
        for file in (Path(folder) / "out" / "data").glob("*.parquet"):
            table = pq.read_table(file)
            meds.DataSchema.validate(table)
            seen.append(set(table["subject_id"].to_pylist()))
        assert sum(map(len, seen)) == events["subject_id"].n_unique()  # nobody is in two shards
        loaded = read(Path(folder) / "out")
    assert loaded.tally.rejected == 0 and loaded.events is not None
    key = list(EVENTS)
    assert loaded.events.sort(key, nulls_last=True).equals(events.sort(key, nulls_last=True))


def test_visits_patients_and_the_clock_come_back(tmp_path: Path) -> None:
    events = events_of([("1", 0, "VALUE:hr", 80.5, None, None, "a", None)])
    visits = pl.DataFrame({"visit_id": ["a", "b"], "subject_id": ["1", "x9"], "start_time": [T, T], "end_time": [T, None],
                           "kind": ["icu stay", None], "source": ["records.ehr"] * 2, "ward": ["M", None]})  # fmt: skip
    patients = pl.DataFrame({"subject_id": ["1", "x9"], "gender": ["female", None], "age": [50, 60]})
    ids = meds_ids({"1", "x9"}, tmp_path)
    write_meds(tmp_path / "out", MedsData("x", ids, events.lazy(), "relative", visits, patients), "1")
    loaded = read(tmp_path / "out")
    assert loaded.clock == "relative" and loaded.patients is not None and loaded.visits is not None
    number = str(dict(ids.iter_rows())["x9"])
    assert loaded.patients.rows() == [("1", "female", 50), (number, None, 60)]
    assert loaded.visits.select("visit_id", "subject_id", "kind", "ward").rows() == [("a", "1", "icu stay", "M"), ("b", number, None, None)]  # fmt: skip
    assert loaded.events is not None and loaded.events["code"].to_list() == ["VALUE:hr"]
    assert loaded.events["known_time"].to_list() == [NEVER]
    # one event, a gender, two beginnings and an end of visits; two rows of visits, two of patients
    assert (loaded.tally.read, loaded.tally.merged, loaded.tally.rejected) == (9, 4, 0)
    known = Known(frozenset({"1"}), None, GeneTable.empty())
    alone = read_meds(Records((tmp_path / "out",), format="meds", name="ehr"), known)
    assert alone.visits is not None and alone.visits["subject_id"].to_list() == ["1"]


def test_numbers_of_subjects_stay_theirs(tmp_path: Path) -> None:
    first = dict(meds_ids({"7", "P1", "007"}, tmp_path).iter_rows())
    assert first["7"] == 7 and len(set(first.values())) == 3
    again = dict(meds_ids({"7", "P1", "8", "9", "a"}, tmp_path).iter_rows())
    assert {id: again[id] for id in ("7", "P1")} == {id: first[id] for id in ("7", "P1")}
    assert len(set(again.values()) | {first["007"]}) == 6
    assert stat.S_IMODE((tmp_path / MAP).stat().st_mode) == 0o600
    forget_subjects({"P1"}, tmp_path)
    assert "P1" not in (tmp_path / MAP).read_text()


def test_both_forms_of_mimics_labs(tmp_path: Path) -> None:
    """As MIMIC-IV's own ETL writes them: the specimen without a value, and the result when it was stored."""
    (tmp_path / "data").mkdir()
    pl.DataFrame(
        {"subject_id": [1, 1, 1], "time": [T, T + dt.timedelta(hours=2), T + dt.timedelta(hours=3)], "numeric_value": [None, 1.3, 7.4],
         "code": ["LAB//SPECIMEN_COLLECTED//50912//STAT", "LAB//RESULT//50912//mg/dL", "LAB//RESULT//50820//UNK"]},
    ).write_parquet(tmp_path / "data" / "0.parquet")  # fmt: skip
    (tmp_path / "metadata").mkdir()
    pl.DataFrame(
        {"code": ["LAB//RESULT//50912//mg/dL"], "description": ["Creatinine"], "parent_codes": [["LOINC/2160-0"]]}
    ).write_parquet(tmp_path / "metadata" / "codes.parquet")
    loaded = read(tmp_path)
    assert loaded.events is not None and loaded.links is not None and loaded.concepts is not None
    assert loaded.events.select("code", "numeric_value", "unit").rows() == [
        ("MEDS:LAB//SPECIMEN_COLLECTED//50912//STAT", None, None), ("VALUE:mimic/50912", 1.3, "mg/dL"), ("VALUE:mimic/50820", 7.4, None),
    ]  # fmt: skip
    assert (loaded.events["known_time"] == loaded.events["time"]).all()
    assert loaded.links.select("subject", "object").rows() == [("VALUE:mimic/50912", "LOINC:2160-0")]
    assert dict(loaded.concepts.select("id", "name").rows())["VALUE:mimic/50912"] == "Creatinine"
