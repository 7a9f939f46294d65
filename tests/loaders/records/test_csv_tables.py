"""Encounters as a study describes them: golden rows, the three clocks, known_time against a naive reference."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinome.loaders.errors import InputError
from clinome.loaders.identifiers.curie import KNOWN_LATE
from clinome.loaders.identifiers.genes import GeneTable
from clinome.loaders.records.csv_tables import read_encounters
from clinome.loaders.specs import Records
from clinome.loaders.tables import EVENTS, NEVER, REJECTS, VISITS, Known, Loaded, Tally

ANYONE = Known(None, None, GeneTable.empty())
FILE = """\
stay,who,in,out,dx,insulin,los,type
1,a,2020-01-01,2020-01-05,C341,Up,4,ward
2,a,2020-02-01,2020-02-02,i10,No,many,icu
3,b,2020-03-01,,E119,?,2,ward
3,b,2020-03-01,,E119,?,2,ward
2,a,2020-02-01,2020-02-02,I11,No,1,icu
4,b,2020-03-05,2020-03-01,I10,No,1,ward
5,,2020-03-05,2020-03-06,I10,No,1,ward
6,z,2020-03-05,2020-03-06,I10,No,1,ward
7,b,31.02.2020,2020-03-06,I10,No,1,ward
"""
END = (3, 23, 59)


def end_of_day(year: int, month: int, day: int) -> dt.datetime:
    return dt.datetime(year, month, day, 23, 59, 59, 999999)


def _moment(when: object) -> dt.datetime | None:
    """(day, hour, minute) of January 2020."""
    if when is None:
        return None
    if when == "end of the first":
        return end_of_day(2020, 1, 1)
    assert isinstance(when, tuple)
    return end_of_day(2020, 1, when[0]) if when == END else dt.datetime(2020, 1, *when)


SPEC = Records(
    (), missing=("?",), name="enc", subject="who", visit="stay", time="in", end="out", codes={"dx": "ICD10CM"},
    columns={"insulin": "DRUG"}, absent=("No",), values={"los": "d"}, keep=("type",),
)  # fmt: skip


def _read(folder: Path, text: str, spec: Records = SPEC, known: Known = ANYONE) -> Loaded:
    path = folder / "enc.csv"
    path.write_text(text)
    return read_encounters(replace(spec, path=(path,)), known)


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return _read(tmp_path, FILE, known=Known(frozenset("ab"), None, GeneTable.empty()))


def test_every_row_ends_somewhere(loaded: Loaded) -> None:
    assert loaded.tally == Tally(read=9, written=3, merged=1, rejected=5)
    assert loaded.rejects.schema == REJECTS
    assert loaded.rejects.sort("row").select("row", "column").rows() == [
        (2, "los"), (5, "stay"), (6, "out"), (7, "who"), (8, "who"), (9, "in"),
    ]  # fmt: skip
    assert loaded.rejects["file"].unique().to_list() == ["enc.csv"]


def test_visits_keep_what_the_study_keeps_under_safe_names(loaded: Loaded) -> None:
    assert loaded.visits is not None
    assert dict(list(loaded.visits.schema.items())[: len(VISITS)]) == VISITS
    day = dt.datetime(2020, 3, 1)
    assert loaded.visits.rows()[2] == ("3", "b", day, None, "encounter", "records.enc", "ward")
    assert loaded.visits.columns[-1] == "type_"


def test_no_two_kept_columns_become_one(tmp_path: Path) -> None:
    """`end` is reserved and gets an underscore, but `end_` is there already; so is visit_id, the visits table's own."""
    spec = replace(SPEC, end=None, values={}, columns={}, keep=("end", "end_", "END", "visit_id", "end"))
    rows = "stay,who,in,dx,end,end_,END,visit_id\n1,a,2020-01-01,I10,first,second,third,fourth\n"
    visits = _read(tmp_path, rows, spec).visits
    assert visits is not None
    kept = visits.drop(VISITS).row(0, named=True)
    assert kept == {"end__": "first", "end_": "second", "END_": "third", "visit_id_": "fourth"}


def test_events(loaded: Loaded) -> None:
    assert loaded.events is not None and loaded.events.schema == EVENTS
    known = {(e["visit_id"], e["code"]): e for e in loaded.events.to_dicts()}
    assert set(known) == {
        ("1", "ICD10CM:C34.1"), ("1", "DRUG:insulin"), ("1", "VALUE:los"), ("2", "ICD10CM:I10"),
        ("3", "ICD10CM:E11.9"), ("3", "VALUE:los"), ("2", "VALUE:los"),
    }  # fmt: skip
    assert (known["2", "VALUE:los"]["numeric_value"], known["2", "VALUE:los"]["text_value"]) == (None, "many")
    assert known["1", "ICD10CM:C34.1"]["known_time"] == end_of_day(2020, 1, 5)
    assert known["1", "DRUG:insulin"]["known_time"] == end_of_day(2020, 1, 1)
    assert known["1", "DRUG:insulin"]["text_value"] == "Up"
    assert (known["1", "VALUE:los"]["numeric_value"], known["1", "VALUE:los"]["unit"]) == (4.0, "d")
    assert known["3", "ICD10CM:E11.9"]["known_time"] == NEVER, "the visit has no end yet: nobody says when it was known"
    assert loaded.clock == "dated"
    assert loaded.counts["ICD codes given their dot"] == 2


def test_order_ranks_what_is_left(tmp_path: Path) -> None:
    text = "who,stay,dx\na,100,250\na,9,25083\nb,7,8\na,9,1\nb,,1\n"
    spec = Records((), name="enc", subject="who", visit="stay", order="stay", codes={"dx": "ICD9CM"})
    loaded = _read(tmp_path, text, spec)
    assert loaded.visits is not None and loaded.clock == "order"
    starts = dict(zip(loaded.visits["visit_id"], loaded.visits["start_time"], strict=True))
    assert starts == {"100": dt.datetime(2000, 1, 3), "9": dt.datetime(2000, 1, 2), "7": dt.datetime(2000, 1, 2)}
    assert (loaded.visits["start_time"] == loaded.visits["end_time"]).all()
    assert loaded.tally == Tally(5, 3, 0, 2)


def test_plain_events_on_the_relative_clock_without_header(tmp_path: Path) -> None:
    spec = Records((), name="e", subject=0, time=1, unit="hours", codes={"2": "LOINC"})
    loaded = _read(tmp_path, "a,12,2160-0\na,12,2160-0\na,-1,718-7\na,9e9,718-7\na,x,718-7\na,,718-7\n", spec)
    assert loaded.tally == Tally(6, 2, 1, 3)
    assert loaded.events is not None and loaded.visits is None and loaded.clock == "relative"
    assert loaded.events.select("time", "known_time", "code").rows() == [
        (dt.datetime(1999, 12, 31, 23),) * 2 + ("LOINC:718-7",),
        (dt.datetime(2000, 1, 1, 12),) * 2 + ("LOINC:2160-0",),
    ]


def test_known_time_before_time_is_rejected(tmp_path: Path) -> None:
    spec = Records((), name="e", subject="s", time="t", known_time="k", codes={"c": "ICD10CM"})
    rows = (
        "s,t,k,c\na,2020-01-02,2020-01-01,I10\na,2020-01-02,2020-01-09,I10\na,2020-01-02,,I11\na,2020-01-02,soon,I12\n"
    )
    loaded = _read(tmp_path, rows, spec)
    assert loaded.tally == Tally(4, 2, 0, 2) and loaded.events is not None
    assert loaded.events["known_time"].to_list() == [end_of_day(2020, 1, 9), NEVER]


@pytest.mark.parametrize(
    ("admitted", "discharged", "ends", "diagnosis", "drug"),
    [
        ("2020-01-01T13:15", "2020-01-03T08:00", (3, 8, 0), (3, 8, 0), (1, 13, 15)),
        ("2020-01-01T13:15", "2020-01-03", END, END, (1, 13, 15)),
        ("2020-01-01T13:15", "", None, None, (1, 13, 15)),
        ("2020-01-01", "2020-01-03", END, END, "end of the first"),
    ],
)
def test_when_what_is_known(
    tmp_path: Path, admitted: str, discharged: str, ends: object, diagnosis: object, drug: object
) -> None:
    """A date without a time is the whole day; a visit that has not ended has no diagnosis yet."""
    rows = f"stay,who,in,out,dx,insulin,los,type\n1,a,{admitted},{discharged},I10,Up,4,ward\n"
    loaded = _read(tmp_path, rows)
    assert loaded.visits is not None and loaded.events is not None
    assert loaded.visits["end_time"].item() == _moment(ends)
    known = dict(loaded.events.select("code", "known_time").rows())
    assert known["ICD10CM:I10"] == (_moment(diagnosis) or NEVER)
    assert known["DRUG:insulin"] == known["VALUE:los"] == _moment(drug)
    assert loaded.counts.get("events of which nobody says when they were known: no input", 0) == int(diagnosis is None)


def test_a_stay_that_ends_on_the_day_it_began_is_a_day(tmp_path: Path) -> None:
    """As hospitals count it: at which hour he left on that day, nobody says."""
    loaded = _read(tmp_path, "stay,who,in,out,dx,insulin,los,type\n1,a,2020-01-01T19:15,2020-01-01,I10,No,4,w\n")
    assert loaded.visits is not None and loaded.tally == Tally(1, 1, 0, 0)
    assert loaded.visits["end_time"].item() == dt.datetime(2020, 1, 2, 19, 14, 59, 999999)


def test_an_end_before_the_beginning_is_quoted_as_the_file_has_it(tmp_path: Path) -> None:
    rows = "stay,who,in,out,dx,insulin,los,type\n1,a,2020-01-05T19:15,2020-01-01,I10,No,4,w\n"
    rejects = _read(tmp_path, rows + "2,a,2020-01-01,2020-01-02,I10,No,4,w\n").rejects
    assert rejects.select("got", "expected").rows() == [("2020-01-01", "not before in")]


def test_an_end_that_stands_for_none_is_kept(tmp_path: Path) -> None:
    rows = "stay,who,in,out,dx,insulin,los,type\n1,a,2020-01-05T19:15,9999-12-31,I10,No,4,w\n"
    loaded = _read(tmp_path, rows)
    assert loaded.tally == Tally(1, 1, 0, 0)


def test_a_column_of_midnights_is_one_of_dates(tmp_path: Path) -> None:
    spec = Records((), name="e", subject="s", time="t", codes={"c": "LOINC"})
    rows = "s,t,c\n" + "".join(f"a,2020-01-0{day} 00:00:00,2160-{day}\n" for day in (1, 2, 3))
    events = _read(tmp_path, rows, spec).events
    assert events is not None
    assert events["known_time"].to_list() == [end_of_day(2020, 1, day) for day in (1, 2, 3)]
    clocked = _read(tmp_path, rows + "a,2020-01-04 08:00:00,2160-4\n", spec).events
    assert clocked is not None
    assert clocked["known_time"].to_list() == clocked["time"].to_list(), "who writes hours means midnight"


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": None}, {"time": None}, {"order": "stay"}, {"unit": "months"}, {"visit": None}, {"time": "inn"},
        {"codes": {"nothing": "ICD10CM"}}, {"keep": ("nothing",)},
        {"visit": None, "end": None, "keep": (), "codes": {}, "columns": {}, "values": {}},
    ],
)  # fmt: skip
def test_a_spec_that_cannot_be_read_is_an_input_error(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        _read(tmp_path, FILE, replace(SPEC, **wrong))  # type: ignore[arg-type]


_day = st.integers(0, 60).map(lambda n: dt.date(2020, 1, 1) + dt.timedelta(days=n))
_row = st.tuples(st.sampled_from("abc"), _day, st.none() | _day, st.none() | _day, st.sampled_from(["I10", "C341", ""]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_row, min_size=1, max_size=8), named=st.booleans())
def test_known_time_defaults(tmp_path: Path, rows: list[tuple[str, dt.date, object, object, str]], named: bool) -> None:
    lines = [f"{i},{s},{t},{e or ''},{k or ''},{c},up" for i, (s, t, e, k, c) in enumerate(rows)]
    spec = Records(
        (), name="e", subject="s", visit="v", time="t", end="e", known_time="k" if named else None,
        codes={"c": "ICD10CM"}, columns={"d": "DRUG"},
    )  # fmt: skip
    loaded = _read(tmp_path, "\n".join(["v,s,t,e,k,c,d", *lines]), spec)
    want = []
    for i, (s, t, e, k, c) in enumerate(rows):
        if (e is not None and e < t) or (named and k is not None and k < t):  # type: ignore[operator]
            continue
        for code in ([f"ICD10CM:{ {'C341': 'C34.1'}.get(c, c) }"] if c else []) + ["DRUG:d"]:
            late = code.split(":")[0] in KNOWN_LATE
            known = (k if named else e if late else t) or NEVER.date()
            want.append((s, str(i), code, t, known))
    assert loaded.events is not None
    got = [(e["subject_id"], e["visit_id"], e["code"], e["time"].date(), e["known_time"].date())
           for e in loaded.events.to_dicts()]  # fmt: skip
    assert sorted(got) == sorted(want)
    assert loaded.tally.written == len({visit for _, visit, *_ in want})


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_garbage_is_accounted_for(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(FILE.encode())
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=12)):
        raw[at] = data.draw(st.sampled_from(b'\x00\xff",;\t\n9-z '))
    path = tmp_path / "enc.csv"
    path.write_bytes(bytes(raw[: data.draw(st.integers(1, len(raw)))]))
    try:
        loaded = read_encounters(replace(SPEC, path=(path,)), ANYONE)
    except InputError:
        return
    assert loaded.visits is not None and loaded.events is not None
    assert loaded.visits.height == loaded.tally.written
    assert loaded.visits["visit_id"].is_unique().all()
    assert set(loaded.events["visit_id"]) <= set(loaded.visits["visit_id"])
    assert loaded.events["time"].null_count() == 0 and loaded.events["code"].null_count() == 0
    assert (loaded.events["known_time"] >= loaded.events["time"]).all()


def test_the_same_file_gives_the_same_tables(tmp_path: Path) -> None:
    first, second = _read(tmp_path, FILE), _read(tmp_path, FILE)
    for a, b in ((first.events, second.events), (first.visits, second.visits), (first.rejects, second.rejects)):
        assert isinstance(a, pl.DataFrame) and isinstance(b, pl.DataFrame) and a.equals(b)
