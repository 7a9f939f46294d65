"""ACES task files: what is read, what is refused, the windows by hand and against a walk, criteria that look past the index."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from small_study import save
from timelines import START, at, timelines

from clinome.graphs.prediction_tasks.aces.labels import with_aces
from clinome.graphs.prediction_tasks.aces.task import Bound, parse_aces, read_aces
from clinome.graphs.prediction_tasks.records import Records
from clinome.graphs.prediction_tasks.task_file import read_target
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError
from clinome.loaders.specs import Patients

INHOSPITAL = """
description: Death in hospital, from the first day on.
predicates:
  admission: {code: {regex: "^HOSPITAL_ADMISSION//.*"}}
  discharge: {code: HOSPITAL_DISCHARGE}
  death: {code: MEDS_DEATH}
  discharge_or_death: {expr: "or(discharge, death)"}
  high: {code: LAB//lactate, value_min: 2, value_min_inclusive: false}
trigger: admission
windows:
  input:
    start: NULL
    end: trigger + 24h
    start_inclusive: True
    end_inclusive: True
    has: {_ANY_EVENT: "(2, None)"}
    index_timestamp: end
  gap:
    start: trigger
    end: start + 48h
    start_inclusive: False
    end_inclusive: True
    has: {admission: "(None, 0)", discharge: "(None, 0)", death: "(None, 0)"}
  target:
    start: gap.end
    end: start -> discharge_or_death
    start_inclusive: False
    end_inclusive: True
    label: death
"""
IN, OUT, DIED, LAB = "MEDS:HOSPITAL_ADMISSION//ED", "MEDS:HOSPITAL_DISCHARGE", "MEDS:MEDS_DEATH", "MEDS:LAB//lactate"


def task(text: str = INHOSPITAL, **more: Any) -> Any:
    return parse_aces({**yaml.safe_load(text), **more}, "t")


STAYS: list[tuple[Any, ...]] = [
    ("a", 0, LAB, 0, 1.0), ("a", 1, IN), ("a", 6, DIED), ("a", 6, OUT),  # dies in hospital
    ("b", 0, LAB, 0, 1.0), ("b", 1, IN), ("b", 6, OUT), ("b", 9, DIED),  # goes home
    ("c", 0, LAB, 0, 1.0), ("c", 1, IN), ("c", 2.5, OUT),  # is home within two days: left out by the future
    ("d", 1, IN), ("d", 6, OUT),  # too little before
    ("e", 0, LAB, 0, 1.0), ("e", 1, IN), ("e", 3, LAB),  # nobody says how it ended
]  # fmt: skip


def hospital(folder: Path) -> Tables:
    return timelines(folder, events=STAYS)


def test_a_task_as_it_is_published(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(INHOSPITAL)
    read = read_target("task.yaml", tmp_path)
    made = with_aces(read, Records(hospital(tmp_path / "tables")))  # type: ignore[arg-type]
    assert made.rows.rows() == [("a", at(2), True), ("b", at(2), False), ("e", at(2), None)]
    assert made.steps == (
        ("with a moment to predict at", 5), ("window input: _ANY_EVENT", 4), ("window gap: admission, discharge, death", 3),
    )  # fmt: skip
    said = "\n".join(made.notes)
    assert made.notes[0] == "task (ACES): death in window target, index: input.end, for each admission"
    assert (
        "conditioned on the future: window gap (admission, discharge, death) reaches beyond the prediction in 4 of 4 rows, and "
        "leaves 1 (25.0 %) of them out"
    ) in said
    assert "1 of 3 rows (33.3 %) unknown: an event that bounds the label's window never comes" in said


def test_a_label_window_that_is_not_seen_whole_is_unknown(tmp_path: Path) -> None:
    text = INHOSPITAL.replace("start -> discharge_or_death", "start + 5d")
    events = (
        [(who, 0, LAB, 0, 1.0) for who in "abc"] + [(who, 1, IN) for who in "abc"] + [("c", 4, DIED), ("a", 90, OUT)]
    )
    tables = timelines(tmp_path, events=events, people=[("a", 0, 90), ("b", 0, 7), ("c", 0, 4)])
    made = with_aces(task(text), Records(tables))
    assert made.rows["label"].to_list() == [False, None, True]


def test_visits_stand_for_admissions_where_they_are_no_events(tmp_path: Path) -> None:
    predicates = {"admission": {"code": "VISIT_START"}, "discharge": {"code": "VISIT_END"}, "death": {"code": "MEDS_DEATH"},
                  "discharge_or_death": {"expr": "or(discharge, death)"}}  # fmt: skip
    visits = [("v1", "a", 1, 6), ("v2", "b", 1, 6)]
    tables = timelines(
        tmp_path, visits=visits, events=[("a", 6, DIED), ("a", 0, LAB), ("a", 1, LAB), ("b", 0, LAB), ("b", 1, LAB)]
    )
    made = with_aces(task(predicates=predicates), Records(tables))
    assert made.rows["label"].to_list() == [True, False]


PREDICATES = {
    "x": {"code": "X//1"},
    "y": {"code": {"any": ["X//2", "X//3"]}},
    "both": {"expr": "and(x, y)"},
    "low": {"code": "X//1", "value_max": 2},
}
bounds = st.sampled_from(["trigger", "trigger + 1d", "trigger - 2d", "trigger -> y", "trigger <- x", "trigger + 3d"])
seen = st.sampled_from(["x", "y", "both", "low", "_ANY_EVENT"])
days = st.integers(0, 8)
record = st.lists(
    st.tuples(days, st.sampled_from(["MEDS:X//1", "MEDS:X//2", "MEDS:X//3"]), st.sampled_from([1.0, 3.0])),
    max_size=7,
    unique=True,
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(record, min_size=1, max_size=3),
    bounds,
    bounds,
    st.booleans(),
    st.booleans(),
    seen,
    st.integers(0, 2),
    st.sampled_from(["x", "y"]),
)
def test_windows_against_a_walk(
    people: list[Any], start: str, end: str, left: bool, right: bool, counted: str, least: int, label: str
) -> None:
    window = {
        "start": start,
        "end": end,
        "start_inclusive": left,
        "end_inclusive": right,
        "has": {counted: f"({least}, None)"},
    }
    windows = {
        "asked": window, "input": {"start": None, "end": "trigger", "index_timestamp": "end"},
        "target": {"start": "asked.end", "end": "start + 2d", "start_inclusive": False, "label": label},
    }  # fmt: skip
    told = [(f"p{i}", d, c, d, n) for i, one in enumerate(people) for d, c, n in one]
    told += [("other", 99, c, 99, 1.0) for c in ("MEDS:X//1", "MEDS:X//2", "MEDS:X//3")]
    with TemporaryDirectory() as folder:
        made = with_aces(
            parse_aces({"predicates": PREDICATES, "trigger": "x", "windows": windows}, "t"),
            Records(timelines(Path(folder), events=told)),
        )
    want = {}
    for i, one in enumerate(people):
        says: dict[str, list[int]] = {
            "x": [d for d, c, _ in one if c == "MEDS:X//1"],
            "y": [d for d, c, _ in one if c != "MEDS:X//1"],
        }
        says["low"] = [d for d, c, n in one if c == "MEDS:X//1" and n < 2]
        says["both"] = sorted(set(says["x"]) & set(says["y"]))
        says["_ANY_EVENT"] = sorted({d for d, *_ in one})
        for t in sorted(set(says["x"])):
            a, b = (bound(text, t, says) for text in (start, end))
            if a is None or b is None:
                continue
            inside = [d for d in says[counted] if (d >= a if left else d > a) and (d <= b if right else d < b)]
            if a > b:
                inside = []
            if len(inside) >= least:
                want[f"p{i}", at(t)] = any(b < d <= b + 2 for d in says[label])
    got = {(s, t): y for s, t, y in made.rows.iter_rows() if s != "other"}
    assert got == want


def bound(text: str, t: int, says: dict[str, list[int]]) -> int | None:
    _, how, what = (*text.split(), "", "")[:3]
    if how == "->":
        return min((d for d in says[what] if d > t), default=None)
    if how == "<-":
        return max((d for d in says[what] if d < t), default=None)
    return t + (int(how + what[0]) if how else 0)


def test_bounds_that_refer_to_the_other_side() -> None:
    windows = {
        "w": {"start": "end - 1 day 12h", "end": "trigger", "label": "x"},
        "i": {"start": None, "end": "w.start", "index_timestamp": "end"},
    }
    read = parse_aces({"predicates": PREDICATES, "trigger": "x", "windows": windows}, "t")
    assert read.windows["w"].start == Bound("end", timedelta(days=-1, hours=-12)) and list(read.windows) == ["w", "i"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predicates": {"admission": {"code": "???"}}}, r"predicates.admission: a predicate without its codes"),
        ({"predicates": {"admission": {"code": None}}}, "without its codes"), ({"predicates": {"admission": "???"}}, "predicates.admission: a predicate without its codes"), ({"predicates": {"a": {"expr": "not(b)"}}}, "expression"),
        ({"predicates": {"a": {"expr": "or(b, c)"}}}, "unknown name; got 'b'"), ({"trigger": "nobody"}, "unknown name; got 'nobody'"),
        ({"predicates": {"a": {"expr": "or(b, b)"}, "b": {"expr": "or(a, a)"}}, "trigger": "a"}, "in a circle"), ({"windows": 3}, "a section was expected"),
        ({"predicates": {"a": {"code": "x", "value_min": "y"}}}, "no number"), ({"predicates": {"a": {"codes": "x"}}}, "unknown key; got 'codes'"),
        ({"predicates": {"a": {"expr": "and( , )"}}}, "expression"), ({"trigger": None}, "no trigger"),
        ({"predicates": {"a": {"code": {"any": ["x"], "regex": "y"}}}}, "a pattern and a list"),
        ({"predicates": {"a": {"code": "x", "expr": "or(a)"}}}, "beside codes or numbers; got 'code'"),
        ({"predicates": {"a": {"code": "x", "value_min": 1, "value_min_inclusive": "false"}}}, "value_min_inclusive: neither true nor false"),
        ({"metadata": 1, "extra": 2}, "unknown key; got 'extra'"), ({"windows": {}}, "0 windows with label"),
    ],
)  # fmt: skip
def test_mistakes(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        task(**change)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trigger + 24h", "trigger + 24 fortnights", "a length of time"), ("start + 48h", "start ++ 48h", "a length of time"),
        ("gap.end", "gop.end", "unknown name; got 'gop.end'"), ("gap.end", "target.end", "circle"), ("start + 48h", "end + 48h", "refers to itself"),
        ('"(2, None)"', "lots", "a count that cannot be read"), ("label: death", "label: birth", "unknown name; got 'birth'"),
        ("index_timestamp: end", "index_timestamp: start", "no moment of the prediction"), ("trigger + 24h", "24h", "a bound that cannot be read"),
        ("label: death", "label: ???", "0 windows with label.*the predicate that is the outcome"),
        ("start_inclusive: True", "start_inclusive: 3", "true nor false"), ("end: start + 48h", "label: death\n    end: start + 48h", "2 windows with label"),
    ],
)  # fmt: skip
def test_mistakes_in_windows(old: str, new: str, message: str) -> None:
    assert old in INHOSPITAL
    with pytest.raises(InputError, match=message):
        task(INHOSPITAL.replace(old, new))


def test_files_that_are_none(tmp_path: Path) -> None:
    for text, message in (
        (b"a: 1\nb: [", "line 2: not a YAML file"),
        (b"\xff\xfe\xff", "not UTF-8"),
        (b"- 3", "a section was expected"),
    ):
        (tmp_path / "t.yaml").write_bytes(text)
        with pytest.raises(InputError, match=message):
            read_aces(tmp_path / "t.yaml")
    with pytest.raises(InputError, match="no such task file"):
        read_aces(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="windows of its own"):
        read_target("t.yaml", tmp_path, horizon_days=3)


def test_predicates_that_nothing_is_are_told(tmp_path: Path) -> None:
    tables = timelines(tmp_path, events=[("a", 0, LAB), ("a", 1, IN), ("a", 5, DIED)])
    made = with_aces(task(), Records(tables))
    assert "predicate discharge: no event of this study is so" in made.notes and datetime(2020, 1, 1) == START
    with pytest.raises(
        InputError, match=r'predicate discharge: no event of this study is so.*predicates = "mine.yaml"'
    ):
        with_aces(task(trigger="discharge"), Records(tables))


def test_of_whom_a_task_asks(tmp_path: Path) -> None:
    """Patients by an undated event or a property; static parts of an expression hold at every moment of their patient."""
    sexes = [("a", None, "MEDS:SEX//male"), ("b", None, "MEDS:SEX//male"), ("c", None, "MEDS:SEX//female")]
    tables = timelines(tmp_path, events=[*STAYS, *sexes])
    people = pl.DataFrame({"subject_id": list("abcde"), "age": [70, 40, 50, 20, 60], "site": ["X"] * 5})
    save(tables, Patients((Path("p.csv"),)), patients=people)
    both = Records(tables)
    men = with_aces(task(patient_demographics={"male": {"code": "SEX//male"}}), both)
    assert men.rows["subject_id"].to_list() == ["a", "b"] and men.steps[0] == ("patients: male", 2)
    old = with_aces(
        task(patient_demographics={"old": {"code": "AGE", "value_min": 60, "value_min_inclusive": True}}), both
    )
    assert old.rows["subject_id"].to_list() == ["a", "e"]
    here = with_aces(task(patient_demographics={"here": {"code": {"regex": "^site//X"}}}), both)
    assert here.rows.height == 3
    man = {**yaml.safe_load(INHOSPITAL)["predicates"], "male": {"code": "SEX//male", "static": True},
           "man_in": {"expr": "and(male, admission)"}, "either": {"expr": "or(male, discharge)"}}  # fmt: skip
    made = with_aces(task(predicates=man, trigger="man_in"), both)
    assert made.rows["subject_id"].to_list() == ["a", "b"]
    with pytest.raises(
        InputError,
        match=r"no patient of this study is so; got 'tall'; expected MEDS:SEX//female, MEDS:SEX//male, age, site//X",
    ):
        with_aces(task(patient_demographics={"tall": {"code": "TALL"}}), both)
    with pytest.raises(InputError, match="has no moment; got 'male'"):
        task(predicates=man, trigger="male")
    with pytest.raises(InputError, match="static predicate that nothing asks for; got 'male'"):
        task(predicates={name: what for name, what in man.items() if name not in ("man_in", "either")})
    with pytest.raises(InputError, match="an expression of the patient"):
        task(patient_demographics={"x": {"expr": "or(a, b)"}})


def test_other_columns_of_an_event(tmp_path: Path) -> None:
    events = [
        ("a", 1, IN, 1, None, "v1"),
        ("a", 2, IN, 2, None, "v2"),
        ("a", 3, DIED),
        ("a", 4, OUT),
        ("b", 1, IN, 1, None, "v1"),
    ]
    predicates = {
        "admission": {"code": {"regex": "^HOSPITAL_ADMISSION"}, "other_cols": {"visit_id": "v2"}},
        "death": {"code": "MEDS_DEATH"},
    }
    windows = {
        "input": {"end": "trigger", "index_timestamp": "end"},
        "target": {"start": "trigger", "end": "start + 1 day, 12:00:00", "label": "death"},
    }
    made = with_aces(task(predicates=predicates, windows=windows), Records(timelines(tmp_path, events=events)))
    assert made.rows.rows() == [("a", at(2), True)]
    with pytest.raises(
        InputError, match="other_cols: unknown key; got 'ward'; expected text_value, unit, visit_id, source"
    ):
        task(predicates={"admission": {"code": "x", "other_cols": {"ward": "3"}}})


def test_the_start_itself_may_be_the_end_where_both_are_in_the_window(tmp_path: Path) -> None:
    events = [("a", 1, IN), ("a", 1, OUT), ("a", 5, OUT), ("a", 4, DIED)]
    windows = {"input": {"end": "trigger", "index_timestamp": "end"}, "stay": {"start": "trigger", "end": "start -> discharge"},
               "target": {"start": "stay.end", "end": "start + 3d", "label": "death"}}  # fmt: skip
    records = Records(timelines(tmp_path, events=events))
    assert with_aces(task(windows=windows), records).rows["label"].to_list() == [True]  # the stay ends as it begins
    windows["stay"]["start_inclusive"] = False  # type: ignore[assignment]
    assert with_aces(task(windows=windows), records).rows["label"].to_list() == [False]


def test_a_file_of_predicates_maps_what_a_task_leaves_open(tmp_path: Path) -> None:
    open_task = yaml.safe_load(INHOSPITAL)
    open_task["predicates"]["death"] = "???"
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(open_task))
    (tmp_path / "mine.yaml").write_text("metadata: {by: us}\npredicates:\n  death: {code: MEDS_DEATH}\n")
    with pytest.raises(InputError, match=r"predicates.death: a predicate without its codes.*predicates = …"):
        read_target("t.yaml", tmp_path)
    read = read_target({"task": "t.yaml", "predicates": "mine.yaml"}, tmp_path)
    assert read.predicates["death"].codes == ("MEDS_DEATH",)  # type: ignore[union-attr]
    (tmp_path / "mine.yaml").write_text("predicates: {}\ntrigger: x\n")
    with pytest.raises(InputError, match="its predicates: unknown key; got 'trigger'"):
        read_target({"task": "t.yaml", "predicates": "mine.yaml"}, tmp_path)
