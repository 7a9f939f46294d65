"""Intervals and paired differences: patients drawn anew, in one split and over folds; Holm."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from snapshots import make_snapshot

from clinome.models.evaluation.bootstrap import Resamples
from clinome.models.evaluation.comparison import compare
from clinome.models.evaluation.fold_scores import FoldScores, LearnerScores, draw, judge
from clinome.models.evaluation.intervals import FOLDS, SPLIT, holm, mean_over_folds, spread, summary
from clinome.models.metrics.task_metrics import targets
from clinome.snapshot import Snapshot


def _judged(snapshot: Snapshot, score: np.ndarray, folds: int, seed: int = 0) -> LearnerScores:
    """Fixed scores of all rows, as if they were held out in so many folds (by subject)."""
    y = targets(snapshot.rows, snapshot.task, snapshot.classes)
    subject = snapshot.rows["subject_id"].rank("dense").to_numpy()
    rows = [np.flatnonzero(subject % folds == k) for k in range(folds)]
    resamples = draw(snapshot, rows, seed)
    return judge(snapshot, [FoldScores("x", 0, k, r, y[r], score[r]) for k, r in enumerate(rows)], resamples)


def _scores(snapshot: Snapshot, noise: float, seed: int) -> np.ndarray:
    y = targets(snapshot.rows, snapshot.task, snapshot.classes)
    return np.asarray(1 / (1 + np.exp(-(2 * y - 1 + np.random.default_rng(seed).normal(0, noise, len(y))))))


def test_over_folds_the_variance_is_doubled() -> None:
    drawn = np.random.default_rng(0).normal(0.1, 0.02, 1000)
    low, high, p = spread(0.1, drawn, several=True)
    error = np.sqrt(2) * drawn.std(ddof=1)
    assert (high - low) / 2 == pytest.approx(1.959964 * error)
    assert p == pytest.approx(2 * stats.norm.sf(0.1 / error))
    assert (low > 0) == (p < 0.05)


def test_one_split_has_the_percentiles() -> None:
    drawn = np.random.default_rng(0).normal(0.1, 0.02, 1000)
    low, high, p = spread(0.1, drawn, several=False)
    assert [low, high] == pytest.approx(np.quantile(drawn, (0.025, 0.975)))
    assert p == pytest.approx(2 / 1001)


def test_no_difference_at_all_is_not_significant() -> None:
    assert spread(0.0, np.zeros(1000), several=True) == (0.0, 0.0, 1.0)
    assert spread(0.0, np.zeros(1000), several=False) == (0.0, 0.0, 1.0)
    assert spread(0.1, np.full(1000, 0.1), several=True) == (0.1, 0.1, 0.0)


@pytest.mark.parametrize("folds", (1, 5))
def test_a_better_score_is_found_and_an_equal_one_is_not(folds: int) -> None:
    snapshot = make_snapshot("binary", n=300, layers=())
    good, bad = (_judged(snapshot, _scores(snapshot, noise, seed), folds) for noise, seed in ((1, 1), (6, 2)))
    found = compare("good", good, "bad", bad, "auroc")
    assert found.method == (SPLIT if folds == 1 else FOLDS)
    assert found.low is not None and found.high is not None and found.difference is not None
    assert 0 < found.low < found.difference < found.high
    assert found.p is not None and found.p < 0.05
    same = compare("good", good, "good", good, "auroc")
    assert (same.difference, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)


def test_rows_of_one_subject_move_together() -> None:
    """Each subject ten times over tells no more than once: the interval must not shrink."""
    once = make_snapshot("binary", n=60, layers=())
    snapshot = make_snapshot("binary", n=600, layers=(), rows_per_subject=10)
    label = np.repeat(once.rows["label"].to_numpy(), 10)
    snapshot = Snapshot(**{**vars(snapshot), "rows": snapshot.rows.with_columns(label=label)})
    score = _scores(once, 1.0, 3)
    one, ten = _judged(once, score, 1).table()["auroc"], _judged(snapshot, np.repeat(score, 10), 1).table()["auroc"]
    assert ten["mean"] == pytest.approx(one["mean"])
    assert ten["high"] - ten["low"] == pytest.approx(one["high"] - one["low"], rel=0.15)


def test_only_folds_that_both_have_are_compared() -> None:
    snapshot = make_snapshot("binary", n=120, layers=())
    whole = _judged(snapshot, _scores(snapshot, 1, 1), 3)
    two = LearnerScores(
        whole.places[:2], {"auroc": whole.values["auroc"][:2]}, {"auroc": whole.drawn["auroc"][:2]}, "binary", 9
    )
    assert compare("a", whole, "b", two, "auroc").difference == 0.0
    none = LearnerScores(whole.places, {"auroc": [None] * 3}, {"auroc": np.full((3, 1000), np.nan)}, "binary", 9)
    found = compare("a", whole, "b", none, "auroc")
    assert (found.difference, found.low, found.high, found.p) == (None, None, None, None)


def test_summary_skips_what_has_no_value_and_says_so() -> None:
    drawn = np.random.default_rng(0).normal(0.7, 0.05, (3, 1000))
    drawn[1] = np.nan
    found = summary([0.6, None, 0.8], drawn, (0.0, 1.0), 20)
    assert (found["mean"], found["folds"]) == (pytest.approx(0.7), [0.6, None, 0.8])
    assert found["sd"] == pytest.approx(np.std([0.6, 0.8], ddof=1))
    assert 0.5 < found["low"] < 0.7 < found["high"] < 0.9  # type: ignore[operator]
    nothing = summary([None], np.full((1, 1000), np.nan), (0.0, 1.0), 0)
    assert (nothing["mean"], nothing["low"]) == (None, None)


def test_intervals_stay_within_what_a_metric_can_be() -> None:
    drawn = np.random.default_rng(0).normal(0.98, 0.05, (5, 1000))
    assert summary([0.98] * 5, drawn, (0.0, 1.0), 20)["high"] == 1.0


@pytest.mark.parametrize(("value", "low", "high"), ((1.0, 0.025 ** (1 / 12), 1.0), (0.0, 0.0, 1 - 0.025 ** (1 / 12))))
def test_a_perfect_score_is_not_certain(value: float, low: float, high: float) -> None:
    """As Clopper and Pearson have it for 12 right out of 12."""
    found = summary([value] * 3, np.full((3, 1000), value), (0.0, 1.0), 12)
    assert (found["low"], found["high"]) == (pytest.approx(low), pytest.approx(high))
    exact = stats.binomtest(12, 12).proportion_ci(0.95, "exact").low
    assert exact == pytest.approx(0.025 ** (1 / 12))


def test_a_fold_without_value_in_a_resample_is_left_out_of_its_mean() -> None:
    drawn = np.array([[1.0, np.nan, np.nan], [0.0, 0.5, np.nan]])
    np.testing.assert_array_equal(mean_over_folds(drawn), [0.5, 0.5, np.nan])


def test_resamples_draw_held_out_subjects_with_replacement() -> None:
    subject, held = np.repeat(np.arange(50), 2), np.arange(20, 60)
    found = Resamples.of(subject, held, seed=1, times=200)
    assert found.weights.shape == (200, 20)
    assert (found.weights.sum(axis=1) == 20).all()
    assert (found.patient[:20] == -1).all() and (found.patient[20:22] == 0).all()
    blocks = np.concatenate(list(found.blocks(held)))
    np.testing.assert_array_equal(blocks[:, 0], blocks[:, 1])
    np.testing.assert_array_equal(Resamples.of(subject, held, seed=1, times=200).weights, found.weights)


def test_holm_by_hand() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
