"""Several labels at once: coded in the stay or in the window, rolled up; against a walk through each patient in plain Python."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timelines import at, moments, timelines

from clinome.graphs.prediction_tasks.code_set import CodeSet
from clinome.graphs.prediction_tasks.index_rows import index_rows
from clinome.graphs.prediction_tasks.labels import TaskLabels, with_task
from clinome.graphs.prediction_tasks.records import Records
from clinome.graphs.prediction_tasks.roll_up import category
from clinome.graphs.prediction_tasks.task import PredictionTask, RollUp, Target, Window
from clinome.graphs.prediction_tasks.task_file import find_task
from clinome.loaders.errors import InputError

HF, HF_TOO, MI, GOUT, DIED = "ICD9CM:428.0", "ICD9CM:428.21", "ICD9CM:410.1", "ICD9CM:274.9", "MEDS:MEDS_DEATH"
DAY, INF = timedelta(days=1), float("inf")
PATIENTS = pl.Series(["a", "b", "c"])
SETS = {"hf": CodeSet.of(["ICD9CM:428"], descendants=True), "mi": CodeSet.of([MI])}
OF_STAY = PredictionTask("t", Target("codes_of_stay", SETS))


def ask(folder: Path, task: PredictionTask, rows: list[tuple[Any, ...]], **tables: Any) -> tuple[list[Any], TaskLabels]:
    made = with_task(moments(*rows), task, Records(timelines(folder, **tables), lenient=True), "booleans")
    return made.rows.sort("subject_id", "prediction_time")["label"].to_list(), made


def test_what_is_coded_in_the_stay_and_was_not_known_at_its_beginning(tmp_path: Path) -> None:
    events = [
        ("a", 5, HF, 9, None, "a2"), ("a", 5, MI, 5, None, "a2"), ("a", 0, MI, 2, None, "a1"), ("a", 6, GOUT, 9, None, "a2"),
        ("b", 5, MI, INF, None, "b1"), ("c", 7, HF, 9, None, None), ("d", 5, HF, 9, None, "d1"),
    ]  # fmt: skip
    visits = [
        ("a1", "a", 0, 2),
        ("a2", "a", 5, 9),
        ("b1", "b", 5, 9),
        ("c1", "c", 5, 9),
        ("d1", "d", 5, None),
        ("e1", "e", 5, 6),
    ]
    rows = [(who, 5, f"{who}{2 if who == 'a' else 1}") for who in "abcde"]
    got, made = ask(tmp_path, OF_STAY, rows, events=events, visits=visits)
    assert got == [["hf"], ["mi"], ["hf"], None, []] and made.classes == ("hf", "mi")
    assert "1 of 5 rows (20.0 %) unknown: nobody says when the stay ended" in "\n".join(made.notes)


def test_next_visit_diagnoses_ask_everybody_whose_visit_begins_and_nobody_by_what_comes(tmp_path: Path) -> None:
    events = [(p, 0, HF, 2, None, f"{p}1") for p in "abc"] + [(p, 0, MI, 2, None, f"{p}1") for p in "ab"]
    events += [("a", 9, HF_TOO, 12, None, "a2"), ("b", 9, GOUT, 12, None, "b2")]
    visits = [(f"{p}{k}", p, 9 * (k - 1), 9 * (k - 1) + 3) for p in "abc" for k in (1, 2) if (p, k) != ("c", 2)]
    tables = timelines(tmp_path, events=events, visits=visits)
    task = find_task({"task": "next_visit_diagnoses", "patients": 2}, Path())
    index, notes = index_rows(task.index, Records(tables), PATIENTS)
    assert index.select("subject_id", "prediction_time").rows() == [("a", at(9)), ("b", at(9))]
    assert any("3 stays left out, before which fewer than 1" in note for note in notes)
    made = with_task(index, task, Records(tables), "booleans")
    assert made.classes == ("ICD9CM:410", "ICD9CM:428"), "gout is known of nobody before"
    assert made.rows["label"].to_list() == [["ICD9CM:428"], []]
    served = with_task(index, task, Records(tables), "booleans", ("ICD9CM:274", "ICD9CM:428"))
    assert served.rows["label"].to_list() == [["ICD9CM:428"], ["ICD9CM:274"]], (
        "a model's labels, whoever holds them here"
    )
    with pytest.raises(InputError, match=r"too few labels.*the commonest are held by 2, 2"):
        find = find_task({"task": "next_visit_diagnoses", "patients": 3}, Path())
        with_task(index, find, Records(tables), "booleans")


def test_an_order_is_clock_enough_and_the_visit_itself_is_not_known_before(tmp_path: Path) -> None:
    events = [("a", 1, HF, 1, None, "a1"), ("a", 2, MI, 2, None, "a2")]
    tables = timelines(tmp_path, events=events, visits=[("a1", "a", 1, 1), ("a2", "a", 2, 2)], clock="order")
    task = find_task("next_visit_diagnoses", Path())
    assert not task.in_days
    index, _ = index_rows(task.index, Records(tables), PATIENTS)
    assert index["prediction_time"].to_list() == [at(1.5)] and index["visit_id"].to_list() == ["a2"]
    assert with_task(index, OF_STAY, Records(tables), "booleans").rows["label"].to_list() == [["mi"]]


def test_groups_by_knowledge_by_what_lies_below_and_codes_without_one(tmp_path: Path) -> None:
    links = [
        (HF, "IS_A", "CCS:108"),
        (MI, "IS_A", "CCS:100"),
        ("CCS:108", "IS_A", "CCS:9"),
        ("ICD9CM:274.0", "IS_A", "CCS:54"),
    ]
    events = [("a", 1, HF), ("a", 1, MI), ("b", 2, "ICD9CM:274"), ("b", 2, "ICD9CM:999")]
    target = Target("codes", roll_up=RollUp("CCS", patients=1))
    task = PredictionTask("t", target, Window(horizon=9 * DAY))
    tables = timelines(tmp_path, events=events, links=links)
    made = with_task(moments(("a", 0), ("b", 3)), task, Records(tables), "booleans", ("CCS:100", "CCS:108", "CCS:54"))
    assert made.rows["label"].to_list() == [["CCS:100", "CCS:108"], []]
    assert "1 diagnoses, of 1 codes, have no CCS, and make no label" in made.notes
    own = PredictionTask("t", Target("codes", roll_up=RollUp("CCSR", patients=1)), Window(horizon=9 * DAY))
    with pytest.raises(InputError, match="no code of this study leads up to CCSR"):
        with_task(moments(("a", 0)), own, Records(tables), "booleans")
    assert category("ICD10CM:I63.9") == "ICD10CM:I63" and category("LOINC:2160-0") == "LOINC:2160-0"


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [("next_visit_diagnoses", "boolean", 'kind = "multilabel"'), ("readmission", "booleans", "several are asked"),
     ({"classes": {"a": ["ICD9CM:428"], "b": ["ICD9CM:410"]}}, "booleans", "horizon_days")],
)  # fmt: skip
def test_labels_that_it_cannot_give(target: Any, kind: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_task(target, Path()).check(kind)


days = st.integers(0, 9)
event = st.tuples(
    days, st.sampled_from([HF, HF_TOO, MI, GOUT]), st.one_of(st.integers(0, 4), st.just(INF)), st.integers(0, 2)
)
visit = st.tuples(days, st.integers(1, 3))
person = st.fixed_dictionaries(
    {"events": st.lists(event, max_size=6), "visits": st.lists(visit, max_size=3), "until": st.one_of(st.none(), st.integers(3, 14)),
     "died": st.one_of(st.none(), st.none(), days), "asked": st.lists(days, max_size=4, unique=True)}
)  # fmt: skip


def in_window(one: dict[str, Any], t: int, gap: int, horizon: int) -> Any:
    """The labels in (t + gap, t + gap + horizon], None: unknown, "out": dead by then."""
    begin, end, died = t + gap, t + gap + horizon, one["died"]
    if died is not None and died <= t:
        return "out"
    if gap and died is not None and died <= begin:
        return None
    if not (died is not None and died <= end) and one["until"] is not None and one["until"] < end:
        return None
    found = {HF: "hf", HF_TOO: "hf", MI: "mi"}
    return sorted({found[c] for d, c, *_ in one["events"] if c in found and begin < d <= end})


@settings(max_examples=40, deadline=None)
@given(st.lists(person, min_size=1, max_size=3), st.integers(0, 2), st.integers(1, 5))
def test_labels_in_a_window(people: list[dict[str, Any]], gap: int, horizon: int) -> None:
    task = PredictionTask("t", Target("codes", SETS), Window(gap=gap * DAY, horizon=horizon * DAY))
    events: list[Any] = [(f"p{i}", d, c, d + k) for i, one in enumerate(people) for d, c, k, _ in one["events"]]
    events += [(f"p{i}", one["died"], DIED) for i, one in enumerate(people) if one["died"] is not None]
    seen = [(f"p{i}", None, one["until"]) for i, one in enumerate(people)]
    asked = [(f"p{i}", t) for i, one in enumerate(people) for t in one["asked"]]
    with TemporaryDirectory() as folder:
        _, made = ask(Path(folder), task, asked, events=events, people=seen)
    got = {(s, t): label for s, t, label in made.rows.select("subject_id", "prediction_time", "label").iter_rows()}
    want = {(s, at(t)): in_window(people[int(s[1:])], t, gap, horizon) for s, t in asked}
    assert got == {key: label for key, label in want.items() if label != "out"}


@settings(max_examples=40, deadline=None)
@given(st.lists(person, min_size=1, max_size=3))
def test_labels_of_a_stay(people: list[dict[str, Any]]) -> None:
    """Visits that do not touch, each asked at its beginning; events belong to the one they name."""
    events: list[Any] = []
    visits: list[Any] = []
    want: dict[Any, list[str]] = {}
    for i, one in enumerate(people):
        stays = [(f"p{i}/{n}", 20 * n + a, 20 * n + a + length) for n, (a, length) in enumerate(one["visits"])]
        visits += [(id, f"p{i}", a, b) for id, a, b in stays]
        mine = [(a + 0.0, c, a + k, n) for d, c, k, n in one["events"] if n < len(stays) for a in [stays[n][1]]]
        events += [(f"p{i}", d, c, k, None, stays[n][0]) for d, c, k, n in mine]
        for n, (_, a, _) in enumerate(stays):
            found = {HF: "hf", HF_TOO: "hf", MI: "mi"}
            want[f"p{i}", at(a)] = sorted({found[c] for _, c, k, m in mine if m == n and c in found and k > a})
    rows = [(s, a, id) for id, s, a, _ in visits]
    with TemporaryDirectory() as folder:
        _, made = ask(Path(folder), OF_STAY, rows, events=events, visits=visits or [("z", "z", 0, 1)])
    got = {(s, t): label for s, t, label in made.rows.select("subject_id", "prediction_time", "label").iter_rows()}
    assert got == want
