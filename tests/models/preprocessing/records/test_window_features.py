"""Window features against a naive reference; what is chosen on training rows; what an order clock has not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress
from snapshots import garbage, make_snapshot

from clinome.models.learners.base import BaseLearner
from clinome.models.learners.registry import make
from clinome.models.preprocessing.records import window_features as module
from clinome.models.preprocessing.records.code_hierarchy import CodeHierarchy
from clinome.models.preprocessing.records.event_counts import asked_again, counts
from clinome.models.preprocessing.records.window_columns import WindowColumns
from clinome.models.preprocessing.records.window_features import (
    EVER,
    STATISTICS,
    choose_spans,
    window_features,
    windows,
)
from clinome.models.preprocessing.records.windowed_block import WindowedRecordsBlock

ROWS, SPANS = 4, (EVER, 7.0, 0.25)
LINKS = pl.DataFrame({"subject": ["C:a", "C:b"], "predicate": ["IS_A"] * 2, "object": ["C:up", "C:up"]})
TREE = CodeHierarchy.of(LINKS)
EVENT = st.tuples(
    st.integers(0, ROWS - 1),
    st.none() | st.sampled_from([0.0, 0.1, 0.25, 3.0, 7.0, 8.5, 400.0]),
    st.sampled_from(["C:a", "C:b", "C:c"]),
    st.none() | st.sampled_from([0.0, -2.5, 1.0, 1e5, float("nan")]),
    st.none() | st.just("Up"),
)


Event = tuple[int, float | None, str, float | None, str | None]


def table(events: list[Event]) -> pl.DataFrame:
    schema = {
        "row": pl.Int64,
        "days": pl.Float64,
        "code": pl.String,
        "numeric_value": pl.Float64,
        "text_value": pl.String,
    }
    ordered = sorted(events, key=lambda e: (e[0], -np.inf if e[1] is None else -e[1]))
    return pl.DataFrame(ordered, schema=schema, orient="row")


def naive(
    events: pl.DataFrame, row: int, span: float
) -> tuple[dict[str, list[float]], dict[str, list[tuple[float, float]]]]:
    """Days of each token's events, and (days, number) of each code's."""
    days: dict[str, list[float]] = {}
    numbers: dict[str, list[tuple[float, float]]] = {}
    for at, day, code, number, text in events.iter_rows():
        if at == row and day is not None and day <= span:
            for token in (code, *TREE.ancestors(code), *([f"{code}={text}"] if text else [])):
                days.setdefault(token, []).append(day)
            if number is not None and np.isfinite(number):
                numbers.setdefault(code, []).append((day, number))
    return days, numbers


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENT, max_size=25), st.sampled_from([1, 3, 1 << 19]))
def test_every_window_is_what_one_would_count_by_hand(events: list[Event], block: int) -> None:
    given_events, before = table(events), module.BLOCK
    module.BLOCK = block
    try:
        made = windows(given_events, ROWS, LINKS, SPANS)
    finally:
        module.BLOCK = before
    for one in made:
        for row in range(ROWS):
            days, numbers = naive(given_events, row, one.span)
            count, recency = one.count[row].toarray()[0], one.recency[row].toarray()[0]
            assert count.tolist() == [len(days.get(token, ())) for token in one.tokens]
            last = [1 / (1 + min(days[token])) if token in days else 0 for token in one.tokens]
            np.testing.assert_allclose(recency, last, rtol=1e-6)
            for name in STATISTICS:
                cells = one.numbers[name][row]
                assert [one.codes[j] for j in cells.indices] == sorted(numbers)
                for j, value in zip(cells.indices, cells.data, strict=True):
                    expected = statistic(name, numbers[one.codes[j]])
                    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-4)


def statistic(name: str, numbers: list[tuple[float, float]]) -> float:
    day, number = np.array(numbers).T
    if name == "slope":
        return float(linregress(-day, number).slope) if len(set(day)) > 1 else float("nan")
    return float({"first": number[0], "min": number.min(), "max": number.max(), "mean": number.mean()}[name])


def test_windows_follow_the_time_scale_of_the_training_rows() -> None:
    snapshot = make_snapshot(n=40, layers=(), records=True)
    rows = np.arange(30)
    assert choose_spans(snapshot, rows) == (EVER, 90.0)
    assert snapshot.events is not None
    hours = replace(snapshot, events=snapshot.events.with_columns(pl.col("days") / 90))
    assert choose_spans(hours, rows) == (EVER, 1.0)
    strange = snapshot.events.with_columns(days=pl.when(pl.col("row") >= 30).then(0.01).otherwise("days"))
    assert choose_spans(replace(snapshot, events=strange), rows) == (EVER, 90.0)
    assert choose_spans(replace(snapshot, clock="order"), rows) == (EVER,)
    assert choose_spans(replace(snapshot, events=snapshot.events.head(0)), rows) == (EVER,)


def test_who_is_asked_over_and_over_has_what_moves_from_row_to_row() -> None:
    snapshot, rows = make_snapshot(n=40, layers=(), records=True), np.arange(40)
    once = WindowColumns.fit(snapshot, rows, 2)
    assert {"first", "slope", "mean"} <= set(once.statistics)
    for each, again in [(3, False), (4, True)]:
        many = snapshot.rows.with_columns(subject_id=pl.Series([f"s{i // each}" for i in rows]))
        rolling = replace(snapshot, rows=many)
        assert asked_again(rolling, rows) == again and not asked_again(snapshot, rows)
        columns = WindowColumns.fit(rolling, rows, 2)
        if not again:
            assert repr(columns.state()) == repr(once.state())
            continue
        assert columns.spans == (EVER, choose_spans(rolling, rows)[-1])
        assert set(columns.statistics) == {"min", "max", "mean"}
        assert (columns.recent < len(columns.tokens)).all() and len(columns.recent)
        (window,) = window_features(rolling, columns.spans[1:])
        told = columns.numbers(rolling, rows)
        for j, (code, name) in enumerate(zip(columns.code_of_measured, columns.statistics, strict=True)):
            expected = window.numbers[name][:, window.codes.index(code)]
            np.testing.assert_array_equal(told[:, [j]].toarray(), expected.toarray().reshape(-1, 1))
        held = WindowColumns.restored(columns.state())
        np.testing.assert_array_equal(held.numbers(rolling, rows).toarray(), told.toarray())
        unknown = WindowColumns.fit(replace(rolling, clock="order"), rows, 2)
        assert unknown.spans == (EVER,) and set(unknown.statistics) == {"min", "max", "mean"}


def test_an_order_clock_has_neither_recency_nor_slopes() -> None:
    snapshot = replace(make_snapshot(n=40, layers=(), records=True), clock="order")
    columns = WindowColumns.fit(snapshot, np.arange(30), 2)
    assert not columns.tokens and set(columns.statistics) == {"first", "min", "max", "mean"}
    assert columns.occurrence(snapshot, np.arange(40)).shape == (40, 0)


def test_the_block_is_of_its_training_rows_and_serves_codes_that_nobody_has() -> None:
    snapshot, train, held = make_snapshot(n=90, layers=(), records=True), np.arange(60), np.arange(60, 90)
    block, other = (
        WindowedRecordsBlock().fit(snapshot, train),
        WindowedRecordsBlock().fit(garbage(snapshot, held), train),
    )
    assert repr(block.state()) == repr(other.state())
    x = block.transform(snapshot, held)
    assert x.shape == (30, len(block.entities())) and np.isfinite(x.data).all() and np.abs(x.data).max() <= 10
    again = WindowedRecordsBlock().restore(block.state())
    np.testing.assert_array_equal(again.transform(snapshot, held).toarray(), x.toarray())
    assert snapshot.events is not None
    strange = replace(snapshot, events=snapshot.events.with_columns(code=pl.lit("NEVER:1")))
    assert not block.transform(strange, held)[:, : len(block.owner)].toarray().any()
    contributed = block.gather(np.ones((2, x.shape[1])))
    assert contributed.shape == (2, len(block.names)) and contributed.sum() == 2 * len(block.owner)


@pytest.mark.parametrize("later", [0.5, 40.0])
def test_what_a_window_says_moves_with_the_time_of_the_event(later: float) -> None:
    """The same numbers, in or out of a week."""
    events = table([(0, later, "C:a", 1.0, None), (0, 100.0, "C:a", 5.0, None)])
    ever, week = windows(events, 1, LINKS, (EVER, 7.0))
    assert ever.count[0, ever.tokens.index("C:up")] == 2
    assert week.count[0, week.tokens.index("C:up")] == (later < 7)
    assert ever.numbers["slope"][0, 0] == pytest.approx(-4 / (100 - later), rel=1e-4)


def test_counts_over_all_time_are_those_of_event_counts() -> None:
    snapshot = make_snapshot(n=40, layers=(), records=True)
    assert snapshot.events is not None
    dated = replace(snapshot, events=snapshot.events.drop_nulls("days"))
    c, (ever,) = counts(dated), windows(dated.events, 40, dated.links, (EVER,))  # type: ignore[arg-type]
    assert ever.tokens == c.tokens
    np.testing.assert_array_equal(ever.count.toarray(), c.total.toarray())


def test_no_trial_is_spent_on_windows_where_there_are_no_records() -> None:
    learner, with_records = make("ridge_late"), make_snapshot(n=20, records=True)
    assert isinstance(learner, BaseLearner)
    assert not learner.idle({"windows": "all"}, with_records)
    assert learner.idle({"windows": "all"}, replace(with_records, events=None)) and not learner.idle({}, with_records)
