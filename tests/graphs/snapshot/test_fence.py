"""The fence against a naive double loop, and what it does with facts that lack a time."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from clinome.graphs.snapshot.fence import fence, no_fence

ORIGIN = datetime(2000, 1, 1)
FACTS: dict[str, Any] = {
    "subject_id": pl.String,
    "time": pl.Datetime("us"),
    "known_time": pl.Datetime("us"),
    "fact": pl.Int64,
}
INDEX: dict[str, Any] = {"row": pl.Int64, "subject_id": pl.String, "prediction_time": pl.Datetime("us")}

subjects = st.sampled_from(["a", "b", "c"])
moments = st.one_of(st.none(), st.integers(0, 6).map(lambda n: ORIGIN + timedelta(days=n)))


def naive(facts: list[Any], index: list[Any]) -> set[tuple[int, int]]:
    kept = set()
    for row, subject, at in index:
        for other, time, known, fact in facts:
            if other != subject:
                continue
            clocks = [clock for clock in (time, known) if clock is not None]
            if all(at is not None and clock <= at for clock in clocks):
                kept.add((row, fact))
    return kept


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(subjects, moments, moments), max_size=12), st.lists(st.tuples(subjects, moments), max_size=6))
def test_fence_is_the_double_loop(facts: list[Any], index: list[Any]) -> None:
    facts = [(*fact, number) for number, fact in enumerate(facts)]
    index = [(number, *row) for number, row in enumerate(index)]
    got = fence(pl.DataFrame(facts, FACTS, orient="row"), pl.DataFrame(index, INDEX, orient="row"))
    assert set(got.select("row", "fact").rows()) == naive(facts, index)
    assert got.height == len(naive(facts, index))


def test_known_later_than_it_happened_is_beyond() -> None:
    day = [ORIGIN + timedelta(days=n) for n in range(10)]
    facts = pl.DataFrame(
        [("a", day[1], day[1], 0), ("a", day[1], day[6], 1), ("a", None, None, 2)], FACTS, orient="row"
    )
    index = pl.DataFrame([(0, "a", day[5])], INDEX, orient="row")
    assert sorted(fence(facts, index)["fact"]) == [0, 2]
    assert sorted(no_fence(facts, index)["fact"]) == [0, 1, 2]


def test_the_moment_itself_is_inside() -> None:
    facts = pl.DataFrame([("a", ORIGIN, ORIGIN, 0)], FACTS, orient="row")
    index = pl.DataFrame([(0, "a", ORIGIN)], INDEX, orient="row")
    assert fence(facts, index).height == 1
