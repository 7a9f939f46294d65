"""A cohort whose labels a prediction task gives, on every store: rows by Cypher or by the task's own rule, with attrition."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from small_study import fill
from stores import Stores
from timelines import at, timelines

from clinome.graphs.cohort.cohort import Cohort, make_cohort, store_cohort
from clinome.graphs.prediction_tasks.task_file import find_task
from clinome.graphs.store.embedded import EmbeddedStore
from clinome.graphs.store.protocol import Store
from clinome.graphs.tables.study_tables import Tables
from clinome.loaders.errors import InputError

HF = "ICD9CM:428.0"
VISITS = [
    ("a1", "a", 0, 3),
    ("a2", "a", 10, 12),
    ("b1", "b", 0, 3),
    ("c1", "c", 0, 2),
    ("c2", "c", 5, 9),
    ("c3", "c", 7, 9),
]
EVENTS = [("a", 10, HF, 12, None, "a2"), ("b", 1, "MEDS:MEDS_DEATH"), ("c", 0, HF, 2, None, "c1")]
PEOPLE = [("a", 0, 100), ("b", 0, 3), ("c", 0, 20)]


def study(folder: Path, **more: Any) -> Tables:
    return timelines(folder / "tables", visits=VISITS, events=EVENTS, people=PEOPLE, **more)


def take(store: Store, tables: Tables, query: str, target: Any, label_type: str = "boolean", **more: Any) -> Cohort:
    task = find_task(target, Path(), **more.pop("window", {}))
    given = {"label": "label", "name": "small", "base": Path(), "tables": tables, **more}
    return make_cohort(store, query, {}, label_type=label_type, target=task, **given)


def test_rows_by_rule_and_by_query(stores: Stores, tmp_path: Path) -> None:
    tables = study(tmp_path)
    with stores.open() as store:
        fill(store, tables)
        rule = take(store, tables, "", "readmission")
        query = take(store, tables, "first_admissions", "readmission")
        asked = take(
            store,
            tables,
            "readmission_rows.cypher",
            {"codes": [HF]},
            base=_query(tmp_path),
            window={"horizon_days": 30},
        )
        assert store_cohort(store, rule, tables.study)
        kept = store.run(
            "MATCH (:Cohort)-[x:INCLUDES]->(p:Patient) RETURN p.id AS id, x.label AS label ORDER BY id, label", {}
        )
    assert rule.frame.select("subject_id", "prediction_time", "visit_id", "label").rows() == [
        ("a", at(3), "a1", 1), ("a", at(12), "a2", 0), ("c", at(2), "c1", 1),
    ]  # fmt: skip
    assert [(s.step, s.count) for s in rule.steps] == [
        ("in store", 3), ("with a moment to predict at", 3), ("alive at the prediction", 2), ("labelled", 2),
    ]  # fmt: skip
    assert rule.notes[0] == "1 visits overlap with another one of their patient: parts of one stay"
    assert "1 of 4 rows (25.0 %) unknown: observation ends" in "\n".join(rule.notes)
    assert rule.query.startswith("// labelled by readmission: another visit within 30 days") and rule.classes == (
        "0",
        "1",
    )
    assert query.frame["label"].to_list() == [1, 1] and [s.step for s in query.steps][-2:] == [
        "alive at the prediction",
        "labelled",
    ]
    assert asked.frame.columns == ["subject_id", "prediction_time", "label", "visit_id", "ward", "event_time"]
    assert asked.frame.select("visit_id", "label").rows() == [("a1", 1)]  # of c nobody can know after day 20
    assert ("one visit each", 2) in [(s.step, s.count) for s in asked.steps]
    assert kept.rows() == [("a", 0), ("a", 1), ("c", 1)]


def _query(folder: Path) -> Path:
    text = (
        "MATCH (p:Patient)-[:ATTENDED]->(v:Visit) WHERE v.id = 'a1' OR v.id = 'c1'\n// step: one visit each\n"
        "RETURN p.id AS subject_id, v.id AS visit_id, v.end_time AS prediction_time, v.kind AS ward"
    )
    (folder / "readmission_rows.cypher").write_text(text)
    return folder


def test_patients_to_predict_keep_their_rows(tmp_path: Path) -> None:
    tables = study(tmp_path)
    with EmbeddedStore(tmp_path / "store", write=True) as store:
        fill(store, tables)
        got = take(store, tables, "", "readmission", to_predict=True)
        nothing = take(store, tables, "", {"codes": ["ICD9CM:999"]}, to_predict=True, window={"horizon_days": 5})
    assert got.frame["label"].to_list() == [1, 0, 1, None]
    assert nothing.frame.height == 4 and not any(nothing.frame["label"].drop_nulls())


def test_survival_and_classes(tmp_path: Path) -> None:
    tables = study(tmp_path)
    with EmbeddedStore(tmp_path / "store", write=True) as store:
        fill(store, tables)
        survival = take(store, tables, "", {"task": "time_to_event", "codes": ["ICD9CM:428"]}, "time_to_event")
        classes = take(store, tables, "", {"classes": {"hf": [HF]}}, "categorical", window={"horizon_days": 10})
    assert survival.frame.select("subject_id", "duration_days", "event").rows() == [("a", 7.0, 1)]  # c had it before
    assert [(s.step, s.count) for s in survival.steps][-2:] == [("labelled", 1), ("at risk", 1)]
    assert classes.classes == ("hf", "none")


@pytest.mark.parametrize(
    ("query", "target", "clock", "message"),
    [
        ("readmission", "readmission", "dated", "the cohort query returns an outcome, and the target another"),
        ("", "readmission", "order", "a window of days in an order"),
        ("MATCH (p:Patient) RETURN p.id AS subject_id", "readmission", "dated", "rows without prediction_time"),
        ("", {"task": "first_onset", "codes": ["ICD9CM:999"]}, "dated", "no event of this study has one of these codes"),
    ],
)  # fmt: skip
def test_what_cannot_be(query: str, target: Any, clock: str, message: str, tmp_path: Path) -> None:
    tables = study(tmp_path, clock=clock)
    with EmbeddedStore(tmp_path / "store", write=True) as store:
        fill(store, tables)
        with pytest.raises(InputError, match=message):
            take(store, tables, query, target)


def test_nothing_after_the_window_changes_who_is_in(tmp_path: Path) -> None:
    """The rows are decided by what was known at the index: a later record adds none, and takes none away."""
    task = find_task({"task": "first_onset", "codes": [HF], "days": 5}, Path())
    for extra in ([], [("a", 90, HF), ("c", 95, "MEDS:MEDS_DEATH"), ("b", 80, HF)]):
        tables = timelines(tmp_path / f"t{len(extra)}", visits=VISITS, events=[*EVENTS, *extra], people=PEOPLE)
        with EmbeddedStore(tmp_path / f"store{len(extra)}", write=True) as store:
            fill(store, tables)
            rows = take(store, tables, "", {"task": "first_onset", "codes": [HF], "days": 5}).frame
        assert rows["visit_id"].to_list() == ["a1"] and task.window.horizon == timedelta(days=5)
