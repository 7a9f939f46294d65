"""Labels of prediction tasks on timelines small enough to be read: ends, same moments, gaps, clean periods, early ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from timelines import at, moments, timelines

from clinome.graphs.prediction_tasks.code_set import CodeSet
from clinome.graphs.prediction_tasks.index_rows import index_rows
from clinome.graphs.prediction_tasks.labels import TaskLabels, with_task
from clinome.graphs.prediction_tasks.records import Records
from clinome.graphs.prediction_tasks.task import EVER, IndexRule, PredictionTask, Target, Window
from clinome.graphs.prediction_tasks.task_file import find_task
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError

HF, DIED, SEPSIS = "ICD9CM:428.0", "MEDS:MEDS_DEATH", "VALUE:SepsisLabel"
CODES = {"target": CodeSet.of([HF])}
DAY = timedelta(days=1)


def coded(horizon: float = 10, **window: Any) -> PredictionTask:
    return PredictionTask("t", Target("codes", CODES), Window(horizon=horizon * DAY, **window))


def ask(
    tables: Tables, task: PredictionTask, *rows: tuple[Any, ...], label_type: str = "boolean"
) -> tuple[list[Any], TaskLabels]:
    made = with_task(moments(*rows), task, Records(tables), label_type)
    found = made.rows.sort("subject_id", "prediction_time")
    columns = ["label"] if "label" in found.columns else ["duration_days", "event"]
    return [row[0] if len(columns) == 1 else row for row in found.select(columns).iter_rows()], made


def notes(made: TaskLabels) -> str:
    return "\n".join(made.notes)


def test_the_window_begins_after_the_index_and_holds_its_end(tmp_path: Path) -> None:
    events = [("at", 5, HF), ("first", 5 + 1e-6, HF), ("last", 15, HF), ("past", 15 + 1e-6, HF), ("before", 4, HF)]
    tables = timelines(tmp_path, events=events)
    rows = [(who, 5) for who in ("at", "before", "first", "last", "past")]
    assert ask(tables, coded(), *rows)[0] == [False, False, True, True, False]


def test_observation_that_ends_early_is_unknown_unless_the_outcome_came(tmp_path: Path) -> None:
    tables = timelines(
        tmp_path, events=[("came", 7, HF), ("late", 14, HF)],
        people=[("came", 0, 8), ("ends", 0, 14.9), ("late", 0, 13), ("whole", 0, 15), ("unsaid", None, None)],
    )  # fmt: skip
    got, made = ask(tables, coded(), *((who, 5) for who in ("came", "ends", "late", "unsaid", "whole")))
    assert got == [True, None, True, False, False]
    assert "1 of 5 rows (20.0 %) unknown: observation ends inside the window" in notes(made)
    assert "1 of 5 rows (20.0 %) of patients of whom nobody says how long" in notes(made)


def test_the_last_record_as_the_end_of_observation(tmp_path: Path) -> None:
    events = [("long", 40, "DRUG:x"), ("short", 9, "DRUG:x"), ("long", 1, HF), ("short", 1, "DRUG:x")]
    got, _ = ask(timelines(tmp_path, events=events), coded(observed="last_record"), ("long", 5), ("short", 5))
    assert got == [False, None]


def test_the_dead_are_not_asked_and_death_in_the_window_is_no(tmp_path: Path) -> None:
    events = [("dead", 4.5, DIED), ("same", 5, DIED), ("dies", 6, DIED), ("dies", 99, HF), ("hf", 99, HF)]
    tables = timelines(tmp_path, events=events, people=[("dies", 0, 6)])
    got, made = ask(tables, coded(), ("dead", 5), ("dies", 5), ("same", 5))
    assert got == [False] and made.steps == (("alive at the prediction", 1),)
    assert "2 of 3 rows are not asked" in notes(made) and "1 of 1 rows (100.0 %) died inside the window" in notes(made)
    both = replace(coded(), target=Target("codes", CODES, or_death=True))
    got, made = ask(tables, both, ("dies", 5))
    assert got == [True] and made.rows["event_time"].to_list() == [at(6)]


def test_a_gap_hides_what_comes_in_it_and_says_so(tmp_path: Path) -> None:
    events = [("gap", 6, HF), ("end", 7, HF), ("open", 7.1, HF), ("both", 6, HF), ("both", 8, HF), ("dies", 6, DIED)]
    tables = timelines(tmp_path, events=events)
    rows = [(who, 5) for who in ("both", "dies", "end", "gap", "open")]
    assert ask(tables, coded(gap=2 * DAY), *rows)[0] == [True, None, False, False, True]
    got, made = ask(tables, coded(gap=2 * DAY, clean=EVER), *rows)
    assert got == [
        None,
        None,
        None,
        None,
        True,
    ] and "4 of 5 rows (80.0 %) unknown: the outcome, or death, comes in the gap" in notes(made)


def test_a_clean_period_looks_at_what_was_known(tmp_path: Path) -> None:
    events = [
        ("old", 1, HF), ("recent", 4, HF), ("hidden", 4, HF, 6), ("told", 1, HF, 5), ("edge", 3, HF), ("future", 6, HF),
        ("never", 4, HF, float("inf")), ("two", 4.5, HF, 9), ("two", 4, HF, 4),
    ]  # fmt: skip
    tables = timelines(tmp_path, events=events)
    rows = [(who, 5) for who in ("edge", "future", "hidden", "never", "old", "recent", "told", "two")]
    got, made = ask(tables, coded(clean=2 * DAY), *rows)
    asked = dict(zip(made.rows["subject_id"], got, strict=True))
    assert asked == {"future": True, "hidden": None, "old": False, "told": False}
    assert made.steps[-1] == ("without the outcome before, as known then", 4)
    assert "the outcome began before the prediction, and was known only after it" in notes(made)
    got, made = ask(tables, coded(clean=EVER), *rows)
    assert dict(zip(made.rows["subject_id"], got, strict=True)) == {"future": True, "hidden": None}


def test_a_record_that_does_not_reach_back_far_enough(tmp_path: Path) -> None:
    tables = timelines(tmp_path, events=[("a", 1, HF), ("b", 3, HF), ("c", 4, HF)], people=[("c", 0, None)])
    _, made = ask(tables, coded(history=3 * DAY), ("a", 5), ("b", 5), ("c", 5))
    assert made.rows["subject_id"].to_list() == ["a", "c"]


def test_readmission_knows_stays_transfers_and_single_visits(tmp_path: Path) -> None:
    visits = [
        ("a1", "a", 0, 3), ("a2", "a", 10, 12), ("a3", "a", 80, 81),  # back after 7 days, then not
        ("b1", "b", 0, 9), ("icu", "b", 2, 9), ("more", "b", 5, 9.5),  # parts of one stay; back at no time
        ("c1", "c", 0, 3), ("c2", "c", 3, 5),  # begins at the very moment
        ("d1", "d", 0, None), ("e1", "e", 0, 0), ("e2", "e", 0, 0),  # no end; two of one moment
        ("f1", "f", 0, 3),
    ]  # fmt: skip
    people = [(who, 0, 90) for who in "abcde"] + [("f", 0, 20)]
    tables = timelines(tmp_path, visits=visits, people=people)
    task = find_task("readmission", Path())
    rows, said = index_rows(task.index, Records(tables), pl.Series(list("abcdef")))
    made = with_task(rows, task, Records(tables), "boolean")
    got = {
        (v, (t - at(0)) / DAY): label
        for _, t, v, label, _ in made.rows.sort("subject_id", "prediction_time").iter_rows()
    }
    assert got == {
        ("a1", 3): True, ("a2", 12): False, ("a3", 81): None, ("b1", 9.5): False, ("c1", 3): True, ("c2", 5): False,
        ("e1", 0): False, ("f1", 3): None,
    }  # fmt: skip
    assert "3 visits overlap with another one" in said[0] and "1 visits without an end" in said[1]
    assert "whose next visit begins at that very moment" in notes(made)


def test_visits_of_a_kind_alone(tmp_path: Path) -> None:
    visits = [("a1", "a", 0, 3, "inpatient"), ("x", "a", 5, 5, "outpatient"), ("a2", "a", 40, 41, "inpatient")]
    tables = timelines(tmp_path, visits=visits)
    task = find_task({"task": "readmission", "kinds": ["inpatient"]}, Path())
    rows, _ = index_rows(task.index, Records(tables), pl.Series(["a"]))
    assert with_task(rows, task, Records(tables), "boolean").rows["label"].to_list() == [False, False]
    wrong = find_task({"task": "readmission", "kinds": ["inpatients"]}, Path())
    with pytest.raises(InputError, match=r"no visit of this kind.*inpatient, outpatient"):
        index_rows(wrong.index, Records(tables), pl.Series(["a"]))


def test_death_in_hospital_asks_who_is_still_there(tmp_path: Path) -> None:
    visits = [
        ("a", "a", 0, 5),
        ("b", "b", 0, 5),
        ("c", "c", 0, 1.5),
        ("d", "d", 0, None),
        ("e", "e", 0, 2.5),
        ("f", "f", 0, 4.5),
    ]
    events = [("a", 5, DIED), ("b", 6, DIED), ("c", 1.5, DIED), ("e", 2, DIED, 3), ("f", 2, DIED, 2)]
    tables = timelines(tmp_path, visits=visits, events=events)
    task = find_task("death_in_hospital", Path())
    rows, said = index_rows(task.index, Records(tables), pl.Series(list("abcdef")))
    made = with_task(rows, task, Records(tables), "boolean")
    # e: a day without a time is the whole day, and e was there after two days; f died at that very moment
    assert dict(made.rows.sort("subject_id").select("subject_id", "label").iter_rows()) == {
        "a": True,
        "b": False,
        "d": None,
        "e": True,
    }
    assert said == ("1 stays that were over by then left out",)
    assert "nobody says when the stay ended" in notes(made)


def test_a_long_stay_is_seen_from_inside(tmp_path: Path) -> None:
    visits = [("a", "a", 0, 7), ("b", "b", 0, 7.1), ("c", "c", 0, 0.9), ("d", "d", 0, None)]
    tables = timelines(tmp_path, visits=visits)
    task = find_task("long_stay", Path())
    rows, _ = index_rows(task.index, Records(tables), pl.Series(list("abcd")))
    assert with_task(rows, task, Records(tables), "boolean").rows["label"].to_list() == [False, True, None]
    late = with_task(moments(("b", 7.05, "b"), ("b", 3), ("b", 8)), task, Records(tables), "boolean")
    assert late.rows["prediction_time"].to_list() == [at(3)]  # after 7 days it is decided, after its end there is none


def test_sepsis_is_asked_every_hour_until_it_begins(tmp_path: Path) -> None:
    hour = 1 / 24
    events = [("a", k * hour, SEPSIS, float("inf"), float(k >= 5)) for k in range(8)]
    events += [("b", k * hour, SEPSIS, float("inf"), 0.0) for k in range(6)]
    tables = timelines(tmp_path, events=events, people=[("a", 0, 8 * hour), ("b", 0, 6 * hour)])
    task = find_task({"task": "sepsis_early_warning", "codes": [SEPSIS], "hours": 3}, Path())
    rows, _ = index_rows(task.index, Records(tables), pl.Series(["a", "b"]))
    assert rows.group_by("subject_id").len().sort("subject_id")["len"].to_list() == [7, 5]
    made = with_task(rows, task, Records(tables), "boolean").rows.sort("subject_id", "prediction_time")
    hours = ((made["prediction_time"] - at(0)).dt.total_seconds() / 3600).to_list()
    assert list(zip(made["subject_id"], hours, made["label"], strict=True)) == [
        ("a", 1.0, False), ("a", 2.0, True), ("a", 3.0, True), ("a", 4.0, True),
        ("b", 1.0, False), ("b", 2.0, False), ("b", 3.0, False), ("b", 4.0, None), ("b", 5.0, None),
    ]  # fmt: skip
    onset = at(5 * hour)
    assert made["event_time"].to_list() == [onset if label else None for label in made["label"]]


def test_what_the_source_says_of_a_stay(tmp_path: Path) -> None:
    says = "VALUE:In-hospital_death"
    events = [("a", 0, says, float("inf"), 1.0), ("b", 0, says, float("inf"), 0.0), ("c", 0, HF),
              ("d", 0, says, None, 1.0, "d1"), ("d", 0, says, None, 0.0, "d2")]  # fmt: skip
    tables = timelines(tmp_path, events=events, people=[(who, 0, 5) for who in "abcd"])
    task = find_task({"task": "said_in_hospital", "codes": [says]}, Path())
    got, made = ask(tables, task, ("a", 2), ("b", 2), ("c", 2), ("d", 2), ("d", 3, "d1"), ("d", 4, "d2"))
    assert got == [True, False, None, None, True, False] and "the source says nothing of the stay" in notes(made)


def test_time_to_event_is_censored_by_death_and_by_the_end_of_observation(tmp_path: Path) -> None:
    events = [
        ("a", 8, HF),
        ("b", 9, DIED),
        ("b", 20, HF),
        ("c", 30, HF),
        ("d", 7, "DRUG:x"),
        ("e", 4, HF),
        ("f", 12, HF),
    ]
    people = [("a", 0, 50), ("b", 0, 9), ("c", 0, 50), ("f", 0, 10)]
    tables = timelines(tmp_path, events=events, people=people)
    task = PredictionTask("t", Target("codes", CODES), Window(horizon=20 * DAY, clean=EVER))
    rows = [(who, 5) for who in "abcdef"]
    got, made = ask(tables, task, *rows, label_type="time_to_event")
    assert got == [(3.0, 1), (4.0, 0), (20.0, 0), (2.0, 0), (5.0, 0)]  # e had it before: not at risk
    for said in (
        "died first, a competing event",
        "followed to the patient's last record",
        "recorded after the observation's stated end",
    ):
        assert f"1 of 5 rows (20.0 %) {said}" in notes(made) or said in notes(made)
    assert made.rows.sort("subject_id")["competing"].to_list() == [0, 1, 0, 0, 0]
    both = replace(task, target=Target("codes", CODES, or_death=True))
    assert ask(tables, both, ("b", 5), label_type="time_to_event")[0] == [(4.0, 1)]
    dies = PredictionTask("t", Target("death"))
    assert ask(tables, dies, ("a", 5), ("b", 5), label_type="time_to_event")[0] == [(45.0, 0), (4.0, 1)]


def test_of_several_classes_the_first_counts(tmp_path: Path) -> None:
    classes = {"hf": CodeSet.of([HF]), "mi": CodeSet.of(["ICD9CM:410"], descendants=True)}
    events = [
        ("a", 8, HF),
        ("a", 7, "ICD9CM:410.0"),
        ("b", 8, HF),
        ("b", 8, "ICD9CM:410.0"),
        ("c", 1, HF),
        ("d", 6, DIED),
        ("d", 7, HF),
    ]
    tables = timelines(tmp_path, events=events, people=[("c", 0, 50), ("e", 0, 6)])
    task = PredictionTask("t", Target("codes", classes), Window(horizon=10 * DAY))
    rows = [(who, 5) for who in "abcde"]
    assert ask(tables, task, *rows, label_type="categorical")[0] == ["mi", "hf", "none", "hf", None]
    both = replace(task, target=Target("codes", classes, or_death=True))
    assert ask(tables, both, ("d", 5), label_type="categorical")[0] == ["death"]


def test_an_index_at_an_event_is_when_it_was_known(tmp_path: Path) -> None:
    events = [("a", 1, HF, 4), ("a", 2, HF, 2), ("b", 1, HF, float("inf"))]
    rule = IndexRule("events", "first", events=CodeSet.of([HF]))
    rows, said = index_rows(rule, Records(timelines(tmp_path, events=events)), pl.Series(["a", "b"]))
    assert rows.select("subject_id", "prediction_time").rows() == [("a", at(2))]
    assert said == ("1 events of which nobody says when they were known left out",)


def test_shards_give_the_same_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [(f"s{k % 7}", k % 11, HF) for k in range(40)]
    tables = timelines(tmp_path, events=events)
    rows = [(f"s{k % 7}", day) for k in range(7) for day in range(0, 10, 3)]
    whole = ask(tables, coded(2), *rows)[0]
    monkeypatch.setattr("clinome.graphs.prediction_tasks.labels.SHARD", 3)
    assert ask(tables, coded(2), *rows)[0] == whole and len(whole) == 28


@pytest.mark.parametrize(
    ("task", "label_type", "message"),
    [
        (PredictionTask("t", Target("codes", CODES)), "boolean", "how long after the prediction"),
        (PredictionTask("t", Target("death"), Window(horizon=DAY)), "categorical", "no classes within a horizon"),
        (PredictionTask("t", Target("long_stay", stay=DAY)), "time_to_event", "no time to an event"),
        (PredictionTask("t", Target("death"), Window(gap=DAY, horizon=DAY)), "time_to_event", "without a gap"),
        (PredictionTask("t", Target("death"), Window(horizon=DAY)), "number", "no label of this kind"),
    ],
)  # fmt: skip
def test_labels_that_a_target_cannot_give(task: PredictionTask, label_type: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        task.check(label_type)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Target("codes"), lambda: Target("death", CODES), lambda: Target("long_stay"), lambda: Target("birth"),
        lambda: Target("death", or_death=True), lambda: Window(gap=-DAY), lambda: Window(horizon=0 * DAY), lambda: Window(until="x"),
        lambda: IndexRule("observation", "end"), lambda: IndexRule("events", "first"), lambda: IndexRule("visits", "end", plus=DAY),
        lambda: PredictionTask("t", Target("death"), Window(horizon=DAY, clean=DAY)),
        lambda: PredictionTask("t", Target("long_stay", stay=DAY), Window(horizon=DAY)),
    ],
)  # fmt: skip
def test_tasks_that_cannot_be(make: Any) -> None:
    with pytest.raises(InputError):
        make()


def test_an_outcome_that_a_study_cannot_tell_is_no_row_of_noes(tmp_path: Path) -> None:
    bare = Records(timelines(tmp_path, events=[("a", 1, HF)]))
    for task, message in (
        (PredictionTask("t", Target("death"), Window(horizon=DAY)), "no death is recorded in this study"),
        (PredictionTask("t", Target("visit"), Window(horizon=DAY)), "this study has no visits"),
    ):
        with pytest.raises(InputError, match=message):
            with_task(moments(("a", 2)), task, bare, "boolean")
        assert with_task(moments(("a", 2)), task, replace(bare, lenient=True), "boolean").rows["label"].to_list() == [
            False
        ]
    for rule, message in (
        (IndexRule(), "has no visits"),
        (IndexRule("stays", "start"), "nobody says when patients were observed"),
    ):
        with pytest.raises(InputError, match=message):
            index_rows(rule, bare, pl.Series(["a"]))
