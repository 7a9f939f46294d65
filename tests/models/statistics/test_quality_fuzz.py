"""Data quality on odd tables: it answers, in sentences, whatever columns, gaps, infinities and empty parts it meets."""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from quality_study import clean, cohort
from scipy import sparse

from clinome.models.statistics.data_quality.check import check
from clinome.models.statistics.data_quality.study_data import LayerData, StudyData
from clinome.reports.quality.sentences import sentence

N = 40
NAMES = ("age", "site", "birth_date", "death_date", "observed_from", "observed_until", "x", "plate", "weight")


def columns() -> st.SearchStrategy[pl.Series]:
    """A property of any type, with gaps."""
    numbers = st.sampled_from([0.0, -1.0, -9.0, 999.0, 1e300, -1e300, float("inf"), float("nan"), 0.1, 5.0, 1e-300])
    cells: list[tuple[st.SearchStrategy[object], pl.DataType | type[pl.DataType]]] = [
        (numbers, pl.Float64),
        (st.integers(-5, 5), pl.Int64),
        (st.sampled_from(["a", "b", "", "ü", "PAT"]), pl.String),
        (st.booleans(), pl.Boolean),
        (st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)), pl.Datetime("us")),
        (st.none(), pl.Null),
        (st.integers(0, 2**62), pl.Int64),
    ]
    return st.sampled_from(cells).flatmap(
        lambda one: st.lists(st.one_of(st.none(), one[0]), min_size=N, max_size=N).map(
            lambda v: pl.Series(v, dtype=one[1])
        )
    )


def layers() -> st.SearchStrategy[LayerData]:
    kinds = st.sampled_from(["expression", "methylation", "copy_number", "mutation", "protein"])

    @st.composite
    def one(draw: st.DrawFn) -> LayerData:
        n, p = draw(st.sampled_from([0, 1, 25, N])), draw(st.sampled_from([0, 1, 30]))
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        values = rng.choice(np.array([0, 1, -1, np.nan, np.inf, -9, 9999, 0.5, 1e30], dtype=np.float32), (n, p))
        if draw(st.booleans()):
            values = np.where(rng.random((n, p)) < 0.9, rng.normal(size=(n, p)), values).astype(np.float32)
        if draw(st.integers(0, 3)) == 0:
            values[:] = np.nan
        who = [f"s{i:02d}" if i % 7 else None for i in range(n)]
        samples = pl.DataFrame(
            {"subject_id": who, "batch": [draw(st.sampled_from([None, "a", "b"])) for _ in range(n)], "site": [None] * n, "time": [None] * n},
            schema={"subject_id": pl.String, "batch": pl.String, "site": pl.String, "time": pl.Datetime("us")},
        )  # fmt: skip
        sparsely = draw(st.integers(0, 3)) == 0
        found = sparse.csr_matrix(np.nan_to_num(values, posinf=1, neginf=0)) if sparsely else values
        return LayerData(
            draw(st.sampled_from(["one", "two"])), draw(kinds), "none", tuple(f"g{j}" for j in range(p)), found, samples
        )

    return one()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(NAMES), columns()), max_size=5),
    st.lists(layers(), max_size=2),
    st.booleans(),
    st.integers(0, 9),
)
def test_odd_tables_are_answered_in_sentences(
    properties: list[tuple[str, pl.Series]], some: list[LayerData], dated: bool, seed: int
) -> None:
    usual, _ = clean(seed, N)
    subjects = tuple(f"s{i:02d}" for i in range(N))
    people = pl.DataFrame({"subject_id": subjects, **{name: column for name, column in properties}})
    events = usual.events
    assert events is not None
    events = events.with_columns(
        pl.lit("s") + pl.col("subject_id").str.slice(-2), pl.col("numeric_value") * (1 if dated else float("inf"))
    )
    data = StudyData(subjects, people, tuple({one.name: one for one in some}.values()), events if seed % 3 else None, None,
                     usual.rejects, usual.sources, usual.today, "dated" if dated else "order")  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = check(data)
    assert all(sentence(one).endswith((".", "?")) for one in found.findings)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.sampled_from(["binary", "multiclass", "survival"]), st.integers(5, 60))
def test_odd_outcomes_are_answered(seed: int, task: str, n: int) -> None:
    """Small cohorts, outcomes of one kind, missing outcomes."""
    data, _ = clean(seed, n)
    snapshot = cohort(data, np.random.default_rng(seed), task)
    rows = snapshot.rows
    name = "event" if task == "survival" else "label"
    alike = rows.with_columns(pl.lit(rows[name][0]).alias(name))
    gaps = rows.with_columns(pl.when(pl.int_range(pl.len()) % 2 > 0).then(name).alias(name))
    undated = rows.with_columns(prediction_time=pl.lit(None, pl.Datetime("us")))
    for table in (rows, alike, gaps, undated):
        found = check(data, replace(snapshot, rows=table))
        assert all(sentence(one).endswith((".", "?")) for one in found.findings)
