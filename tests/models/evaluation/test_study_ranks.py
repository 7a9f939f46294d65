"""Ranks over studies against the worked example of the paper they come from, and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clinome.models.evaluation.study_ranks import LEAST, critical_difference, mean_interval, rank, signed_rank, together

NEMENYI = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
"""Critical values at 5 % for this many learners: Demšar 2006, Table 5a."""
SCORES = np.array(
    [[0.9, 0.8, 0.7], [0.6, 0.6, 0.5], [0.7, 0.8, 0.8], [0.5, 0.4, 0.3], [0.9, 0.6, 0.7], [0.9, 0.8, 0.7]]
)


@pytest.mark.parametrize("learners", NEMENYI)
def test_critical_differences_are_those_of_the_paper(learners: int) -> None:
    expected = NEMENYI[learners] * np.sqrt(learners * (learners + 1) / (6 * 14))
    assert critical_difference(learners, 14) == pytest.approx(expected, abs=1e-3)


def test_ranks_by_hand() -> None:
    found = rank(SCORES)
    assert found.mean == pytest.approx(
        np.array([1 + 1.5 + 3 + 1 + 1 + 1, 2 + 1.5 + 1.5 + 2 + 3 + 2, 3 + 3 + 1.5 + 3 + 2 + 3]) / 6
    )
    # the paper's formula of chi², less its ties: 1 − Σ(t³ − t) / (n k (k² − 1)), two pairs of ties here
    plain = 12 * 6 / (3 * 4) * (np.sum(found.mean**2) - 3 * 16 / 4)
    assert found.chi2 == pytest.approx(plain / (1 - 12 / (6 * 3 * 8)))
    assert found.chi2 is not None
    assert found.f == pytest.approx(5 * found.chi2 / (6 * 2 - found.chi2))
    assert found.p == pytest.approx(stats.f.sf(found.f, 2, 10))


def test_friedman_without_ties_is_scipys() -> None:
    scores = np.random.default_rng(0).normal(size=(20, 5)) + np.arange(5) * 0.4
    found = rank(scores)
    assert found.chi2 == pytest.approx(stats.friedmanchisquare(*scores.T).statistic)
    assert found.mean.argmin() == 4 and found.mean.sum() == pytest.approx(15)


def test_bars_join_what_is_close_and_nothing_else() -> None:
    assert together(np.array([1.0, 1.5, 2.9, 3.0, 5.0]), 1.6) == [(0, 1), (1, 3)]
    assert together(np.array([1.0, 3.0, 5.0]), 1.0) == []
    scores = np.stack([np.arange(3.0)] * 12) + np.random.default_rng(1).normal(size=(12, 1))
    found = rank(scores)
    assert found.p is not None and found.p < 1e-6 and found.mean.tolist() == [3, 2, 1]
    assert found.difference is not None and found.difference < 1 and found.groups == ()


def test_too_few_studies_or_nothing_to_tell_give_ranks_and_no_test() -> None:
    for scores in (SCORES[: LEAST - 1], SCORES[:, :2], np.ones((10, 4))):
        found = rank(scores)
        assert found.p is None and found.difference is None and found.groups == ()
    assert signed_rank(np.ones(LEAST - 1)) is None
    assert 2 * 0.5 ** (LEAST - 1) > 0.05 > 2 * 0.5**LEAST  # why LEAST is what it is
    assert mean_interval(np.ones(2)) is None


def test_noise_is_seldom_called_a_difference() -> None:
    rng = np.random.default_rng(2)
    called = np.mean([(rank(rng.normal(size=(10, 4))).p or 1) < 0.05 for _ in range(400)])
    assert called < 0.08


def test_signed_rank_is_wilcoxons() -> None:
    d = np.random.default_rng(3).normal(0.4, 1, 12)
    assert signed_rank(d) == pytest.approx(stats.wilcoxon(d).pvalue)
    assert signed_rank(np.zeros(8)) == 1.0
    low, high = mean_interval(d) or (0.0, 0.0)
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 11, d.mean(), stats.sem(d)))
