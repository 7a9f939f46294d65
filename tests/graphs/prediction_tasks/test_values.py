"""Values as an outcome: what is measured after the index, its change, whether it moves to target; nothing of it decides who is in."""

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
from clinome.graphs.prediction_tasks.task import PredictionTask, Reading, Target, Window
from clinome.graphs.prediction_tasks.task_file import find_task
from clinome.loaders.errors import InputError

LAB, DRUG, DAY, INF = "LOINC:4548-4", "RXNORM:6809", timedelta(days=1), float("inf")
CODES = {"target": CodeSet.of([LAB])}


def task(horizon: int = 10, gap: int = 0, **reading: Any) -> PredictionTask:
    target = Target("value", CODES, reading=Reading(**reading))
    return PredictionTask("t", target, Window(gap=gap * DAY, horizon=horizon * DAY))


def ask(folder: Path, asked: PredictionTask, events: list[Any], *rows: Any, kind: str = "numeric") -> TaskLabels:
    made = with_task(moments(*rows), asked, Records(timelines(folder, events=events), lenient=True), kind)
    return TaskLabels(made.rows.sort("subject_id", "prediction_time"), made.steps, made.notes)


def test_a_value_after_the_index_and_who_is_not_measured_is_unknown(tmp_path: Path) -> None:
    events = [
        ("a", 5, LAB, 5, 7.0),
        ("a", 6, LAB, 6, 8.0),
        ("a", 15, LAB, 15, 9.0),
        ("b", 16, LAB, 16, 9.0),
        ("b", 5, LAB, 5, 6.0),
    ]
    for pick, value in (("first", 8.0), ("last", 9.0), ("lowest", 8.0), ("highest", 9.0), ("mean", 8.5)):
        made = ask(tmp_path / pick, task(pick=pick), events, ("a", 5), ("b", 5))
        assert made.rows["label"].to_list() == [value, None] and made.steps[-1] == ("alive at the prediction", 2)
        assert "1 of 2 rows (50.0 %) unknown: not measured in the window" in "\n".join(made.notes)


def test_a_change_is_held_against_what_was_known_at_the_index(tmp_path: Path) -> None:
    events = [
        ("a", 3, LAB, 3, 9.0),
        ("a", 4, LAB, 6, 5.0),
        ("a", 8, LAB, 8, 7.5),
        ("b", 8, LAB, 8, 7.5),
        ("c", 4, LAB, INF, 9.0),
    ]
    made = ask(tmp_path, task(change=True), events, ("a", 5), ("b", 5), ("c", 5))
    assert made.rows["label"].to_list() == [-1.5], "the result of day 4 came on day 6"
    assert made.steps[-1] == ("with a value before, as known then", 1)
    old = ask(tmp_path / "old", task(change=True, baseline=DAY), events, ("a", 5))
    assert old.rows.is_empty()


def test_a_lab_that_moves_to_target_after_a_drug(tmp_path: Path) -> None:
    events = [(p, 10, DRUG) for p in "abcd"] + [("a", 20, DRUG), ("d", 60, LAB, 60, 6.0)]
    events += [
        ("a", 9, LAB, 9, 8.0),
        ("a", 60, LAB, 60, 6.5),
        ("b", 9, LAB, 9, 8.0),
        ("b", 60, LAB, 60, 9.0),
        ("c", 9, LAB, 9, 6.0),
    ]
    tables = timelines(tmp_path, events=events)
    asked = find_task({"task": "lab_to_target", "drugs": [DRUG], "codes": [LAB]}, Path())
    rows, _ = index_rows(asked.index, Records(tables), pl.Series(list("abcd")))
    assert rows["prediction_time"].to_list() == [at(10)] * 4
    made = with_task(rows, asked, Records(tables), "boolean")
    assert dict(made.rows.select("subject_id", "label").iter_rows()) == {"a": True, "b": False}
    assert [count for _, count in made.steps] == [4, 3, 2]


def test_values_in_several_units_are_no_value(tmp_path: Path) -> None:
    tables = timelines(tmp_path, events=[("a", 5, LAB, 5, 7.0), ("a", 6, LAB, 6, 53.0)])
    path = next(tmp_path.rglob("events.parquet"))
    pl.read_parquet(path).with_columns(unit=pl.Series(["%", "mmol/mol"])).write_parquet(path)
    with pytest.raises(InputError, match=r"several units; got '(%|mmol/mol) 1 times"):
        with_task(moments(("a", 1)), task(), Records(tables), "numeric")


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [({"task": "lab_value", "codes": [LAB]}, "boolean", "no bounds"), ({"task": "lab_value", "codes": [LAB]}, "categorical", "no bounds"),
     ({"task": "lab_to_target", "drugs": [DRUG], "codes": [LAB]}, "numeric", "got 'bounds'"), ("readmission", "numeric", "lab_value")],
)  # fmt: skip
def test_labels_that_it_cannot_give(target: Any, kind: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_task(target, Path()).check(kind)


reading = st.tuples(st.integers(0, 9), st.one_of(st.integers(0, 3), st.just(INF)), st.integers(1, 5))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(reading, max_size=6, unique_by=lambda one: one[0]), st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True),
    st.sampled_from(["first", "last", "lowest", "highest"]), st.integers(0, 2), st.integers(1, 5), st.booleans(),
)  # fmt: skip
def test_against_a_walk(told: list[Any], asked: list[int], pick: str, gap: int, horizon: int, change: bool) -> None:
    events = [("a", d, LAB, d + k, float(v)) for d, k, v in told]
    with TemporaryDirectory() as folder:
        made = ask(Path(folder), task(horizon, gap, pick=pick, change=change), events, *(("a", t) for t in asked))
    want = {}
    for t in asked:
        before = sorted((d, v) for d, k, v in told if d <= t and d + k <= t and k != INF)
        after = [float(v) for d, _, v in sorted(told) if t + gap < d <= t + gap + horizon]
        of = {"first": after[:1], "last": after[-1:], "lowest": sorted(after)[:1], "highest": sorted(after)[-1:]}
        picked = of[pick][0] if after else None
        if change and not before:
            continue
        want[at(t)] = None if picked is None else picked - before[-1][1] if change else picked
    assert dict(made.rows.select("prediction_time", "label").iter_rows()) == want
