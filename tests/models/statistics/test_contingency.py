"""Contingency tables against scipy and lifelines: exact tests, Cramér's V and its interval, events observed and expected."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import NelsonAalenFitter
from scipy import stats

from clinome.models.statistics.contingency import (
    Association,
    cramers_v,
    events_columns,
    fisher_columns,
    log_rank,
    observed_expected,
)


def v_of(table: np.ndarray) -> Association:
    found = cramers_v(table)
    assert found is not None
    return found


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 12))
def test_fisher_of_every_column_is_scipys(seed: int, n: int, p: int) -> None:
    rng = np.random.default_rng(seed)
    x, group = rng.random((n, p)) < rng.random(p), rng.random(n) < 0.4
    found = fisher_columns(x, group)
    for j in range(p):
        if x[:, j].all() or not x[:, j].any() or group.all() or not group.any():
            assert np.isnan(found[j])
            continue
        table = [[(x[:, j] & side).sum(), (~x[:, j] & side).sum()] for side in (group, ~group)]
        assert found[j] == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-6)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_cramers_v_has_chi2s_p_and_lies_in_its_interval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(20, 60, (int(rng.integers(2, 5)), int(rng.integers(2, 4))))
    found = v_of(table)
    assert found.p == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
    assert 0 <= found.low <= found.high <= 1
    assert found.low <= found.v + 1e-9 and found.v <= found.high + 1e-9
    assert v_of(table.T).v == pytest.approx(found.v)


def test_cramers_v_of_sparse_tables_is_a_test_by_lot() -> None:
    table = np.array([[3, 0], [2, 1], [0, 3], [1, 2]])
    found = v_of(table)
    exact = stats.fisher_exact(table, method=stats.MonteCarloMethod(n_resamples=9_999, rng=np.random.default_rng(1)))
    assert found.p == pytest.approx(exact.pvalue, abs=0.08)
    assert found.p == v_of(table).p
    assert cramers_v(np.array([[3, 4]])) is None


def test_the_interval_of_cramers_v_covers_what_it_should() -> None:
    """Two groups of 150 with outcomes in a half and 70 %: V = 0.206 in the population."""
    rng, held = np.random.default_rng(3), 0
    p, q = 0.5, 0.7
    truth = abs(p - q) / 2 / np.sqrt((p + q) / 2 * (1 - (p + q) / 2))
    for _ in range(400):
        a, b = rng.binomial(150, (p, q))
        found = v_of(np.array([[a, 150 - a], [b, 150 - b]]))
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 400 <= 0.98


def survival(seed: int, n: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.ceil(rng.exponential(30, n)), rng.random(n) < 0.6, rng.choice(["a", "b", "c"], n)


def test_observed_and_expected_events_are_nelson_aalens_and_add_up() -> None:
    duration, event, group = survival(1)
    seen, expected = observed_expected(duration, event, group)
    curve = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(duration, event).cumulative_hazard_.iloc[:, 0]
    hazard = np.array([curve[curve.index <= one].iloc[-1] for one in duration])
    assert seen.sum() == event.sum() and expected.sum() == pytest.approx(event.sum())
    assert expected == pytest.approx([hazard[group == name].sum() for name in "abc"], rel=1e-6)


def test_tests_over_time_keep_their_level_in_small_groups() -> None:
    """A group of six among 120: no more than one in twenty such tests by lot has p < 0.05, and one in two hundred p < 0.005."""
    rng, found = np.random.default_rng(0), []
    for seed in range(150):
        duration, event, _ = survival(seed)
        x = np.zeros((120, 20), dtype=bool)
        for j in range(20):
            x[rng.choice(120, 6, replace=False), j] = True
        found.append(events_columns(x, duration, event))
    p = np.concatenate(found)
    assert (p < 0.05).mean() < 0.05 and (p < 0.005).mean() < 0.006
    duration, event, group = survival(1)
    assert np.isnan(log_rank(duration, np.zeros_like(event), group))
    assert log_rank(np.where(group == "a", 0.2, 1.0) * duration, event, group) < 1e-4
