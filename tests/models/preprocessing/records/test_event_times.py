"""Event times against a naive reference: every dated event once, between its two knots; unknown tokens are zeros."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from snapshots import make_snapshot

from clinome.models.preprocessing.records.code_hierarchy import CodeHierarchy
from clinome.models.preprocessing.records.event_times import KNOTS, hats, times_of


def naive(snapshot, row: int, tokens: list[str], clock: str) -> np.ndarray:  # type: ignore[no-untyped-def]
    found, tree = np.zeros((len(KNOTS), len(tokens))), CodeHierarchy.of(snapshot.links)
    dated = snapshot.events.filter(pl.col("row") == row, pl.col("days").is_not_null())
    for i, (code, text, days) in enumerate(dated.select("code", "text_value", "days").iter_rows()):
        place = np.log2(1 + (days if clock == "dated" else dated.height - 1 - i))
        for token in (code, *tree.ancestors(code), *([f"{code}={text}"] if text is not None else [])):
            for k, knot in enumerate(KNOTS) if token in tokens else ():
                far = abs(place - knot) / 2 if KNOTS[0] <= place <= KNOTS[-1] else float(knot != KNOTS[-1])
                found[k, tokens.index(token)] += max(0.0, 1 - far)
    return np.log1p(found)


@pytest.mark.parametrize("clock", ["dated", "order"])
def test_each_dated_event_counts_once_about_when_it_was(clock: str) -> None:
    snapshot = replace(make_snapshot(n=25, layers=(), records=True), clock=clock)
    tokens = ["DRUG:insulin=Up", "ICD10CM:J44", "NEVER:1", "LOINC:2160-0", "HISTORY:asthma"]
    rows = np.array([20, 3, 11])
    made = times_of(snapshot, rows, tokens).toarray().reshape(3, len(KNOTS), len(tokens))
    for at, row in enumerate(rows):
        np.testing.assert_allclose(made[at], naive(snapshot, row, tokens, clock), atol=1e-5)
    assert made[:, :, :2].any() and not made[:, :, 2].any() and not made[:, :, 4].any()  # a history has no date


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=20))
def test_hats_sum_to_one_and_move_on_with_time(days: list[float]) -> None:
    made = hats(np.sort(days))
    np.testing.assert_allclose(made.sum(1), 1)
    assert (np.diff(made @ np.array(KNOTS)) >= -1e-9).all()
