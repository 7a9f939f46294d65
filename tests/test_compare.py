"""Paired differences: the corrected t by hand, its coverage, the patient bootstrap, Holm."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clinome.models.compare import bootstrap, corrected_t, holm


def test_corrected_t_by_hand() -> None:
    d = np.array([0.01, 0.03, 0.02, 0.05, -0.01])
    mean, low, high, p = corrected_t(d, 80, 20)
    error = np.sqrt((1 / 5 + 20 / 80) * d.var(ddof=1))
    assert mean == pytest.approx(d.mean())
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 4) * error)
    assert p == pytest.approx(2 * stats.t.sf(d.mean() / error, 4))
    naive = stats.ttest_1samp(d, 0)
    assert p > naive.pvalue


def test_no_difference_at_all_is_not_significant() -> None:
    assert corrected_t(np.zeros(5), 80, 20) == (0.0, 0.0, 0.0, 1.0)


def test_bootstrap_finds_a_better_score_and_not_an_equal_one() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    good, bad = y + rng.normal(0, 0.5, 300), y + rng.normal(0, 3, 300)
    mean, low, high, p = bootstrap("binary", "auroc", y, a=good, b=bad, subject=np.arange(300))
    assert 0 < low < mean < high
    assert p < 0.05
    mean, low, high, p = bootstrap("binary", "auroc", y, a=good, b=good, subject=np.arange(300))
    assert (mean, low, high, p) == (0.0, 0.0, 0.0, 1.0)


def test_rows_of_one_subject_move_together() -> None:
    """Each subject ten times over tells no more than once: the interval must not shrink."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 60)
    a, b = y + rng.normal(0, 1, 60), y + rng.normal(0, 1.5, 60)
    _, low, high, _ = bootstrap("binary", "auroc", y, a=a, b=b, subject=np.arange(60))
    again = np.repeat(np.arange(60), 10)
    _, low10, high10, _ = bootstrap("binary", "auroc", y[again], a=a[again], b=b[again], subject=again)
    assert high10 - low10 == pytest.approx(high - low, rel=0.2)


def test_holm_by_hand() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
