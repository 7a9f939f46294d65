"""Events by moment: the same as one group for every moment, which is how one would write it first."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from clinome.graphs.prediction_tasks.records import _by_moment, is_never
from clinome.loaders.tables import NEVER, PolarsType

START = datetime(2020, 1, 1)
KIND = pl.Enum(["a", "b"])
LAYOUT: dict[str, PolarsType] = {
    "subject_id": pl.String, "time": pl.Datetime("us"), "known_time": pl.Datetime("us"), "visit_id": pl.String,
    "class": KIND,
}  # fmt: skip
EVENT = st.tuples(
    st.sampled_from(["s", "t"]), st.integers(0, 3), st.integers(0, 2) | st.none(), st.sampled_from(["v", "w", None]),
    st.sampled_from(["a", "b"]),
)  # fmt: skip


@given(st.lists(EVENT, max_size=25))
def test_one_event_a_moment(drawn: list[tuple[str, int, int | None, str | None, str]]) -> None:
    hour = timedelta(hours=1)
    rows = [
        (subject, START + at * hour, NEVER if late is None else START + (at + late) * hour, visit, kind)
        for subject, at, late, visit, kind in drawn
    ]
    events = pl.DataFrame(rows, schema=LAYOUT, orient="row")
    expected = events.group_by("subject_id", "time", maintain_order=True).agg(
        pl.col("known_time").min(), pl.col("visit_id").first(), pl.col("class").first(),
        never=is_never(pl.col("known_time")).any(),
    )  # fmt: skip
    assert _by_moment(events).equals(expected.sort("subject_id", "time"))
