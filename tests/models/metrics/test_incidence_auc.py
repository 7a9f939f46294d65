"""AUC of incidence: by hand, against a loop over pairs, scikit-learn, scikit-survival, and a process without censoring."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from clinome.models.evaluation.bootstrap import Resamples
from clinome.models.metrics.cumulative_incidence import cumulative_incidence
from clinome.models.metrics.metric import MANY, Scored, SurvivalCurves
from clinome.models.metrics.registry import METRICS
from clinome.models.metrics.survival import td_auc
from clinome.models.metrics.task_metrics import evaluate, measures

TIMES = np.array([1.0, 2.0, 4.0])
Patients = tuple[np.ndarray, np.ndarray, np.ndarray]


def _patients(n: int, seed: int, lost: float = 0.1) -> Patients:
    """Score, outcomes (n, 2), who had the competing event; hazards of both rise with the score, lost patients at random."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n).round(1)
    rates = (0.15 * np.exp(x), 0.15 * np.exp(0.5 * x), np.full(n, lost))
    days = np.stack([rng.exponential(1 / rate) if rate.all() else np.full(n, np.inf) for rate in rates])
    first = days.argmin(axis=0)
    return x, np.column_stack([days.min(axis=0).round(2) + 0.01, first == 0]).astype(float), first == 1


def _followed(y: np.ndarray, rival: np.ndarray, times: np.ndarray = TIMES) -> SurvivalCurves:
    """Weights of the rows themselves, as timeROC takes them."""
    return SurvivalCurves(
        np.column_stack([y[:, 0], (y[:, 1] > 0) | rival]), times, np.ones((len(y), len(times))), rival
    )


def test_by_hand() -> None:
    """Event at day 1 (score 3), competing at 2 (4), event at 3 (2), free at 9 (1); nobody lost. At day 2.5 one case, of the
    three others one lies above it: 2/3; of the two free of either none: 1. At day 4 two cases, two others: of four pairs two
    are right, with both definitions 1 of 2 and all of 2. Incidence rises by 1/4 and 1/4: (2/3 + 1/2) / 2."""
    y, rival = np.array([[1.0, 1], [2, 0], [3, 1], [9, 0]]), np.array([False, True, False, False])
    followed = _followed(y, rival, np.array([2.5, 4.0]))
    risk = np.array([3.0, 4.0, 2.0, 1.0])
    assert td_auc(y, risk, followed, rivals=True) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert td_auc(y, risk, followed) == pytest.approx(1.0)


def _loop(y: np.ndarray, risk: np.ndarray, rival: np.ndarray, either: np.ndarray) -> float:
    """Blanche et al. 2013, definition 2, pair by pair; the mean by steps of Aalen and Johansen's incidence."""

    def free_of_loss(t: float) -> float:
        kept = 1.0
        for when in np.unique(either[either[:, 1] == 0, 0]):
            if when <= t:
                lost = (either[:, 0] == when) & (either[:, 1] == 0)
                kept *= 1 - lost.sum() / ((either[:, 0] > when) | lost).sum()
        return kept

    value, whole, before = 0.0, 0.0, 0.0
    for t in TIMES:
        right = pairs = 0.0
        for i in range(len(y)):
            if not (y[i, 1] and y[i, 0] <= t):
                continue
            for j in range(len(y)):
                if y[j, 0] > t:
                    weight = 1 / free_of_loss(t)
                elif rival[j]:
                    weight = 1 / free_of_loss(y[j, 0])
                else:
                    continue
                weight /= free_of_loss(y[i, 0])
                pairs += weight
                right += weight * (1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0)
        incidence = float(cumulative_incidence(y[:, 0], y[:, 1], rival).at(np.array([t]))[0])
        if pairs:
            value, whole = value + (incidence - before) * right / pairs, whole + incidence - before
        before = incidence
    return value / whole


@pytest.mark.parametrize("seed", range(6))
def test_it_is_that_of_a_loop_over_pairs(seed: int) -> None:
    x, y, rival = _patients(50, seed, lost=0.2)
    _, train, ended = _patients(70, seed + 100, lost=0.2)
    followed = replace(_followed(y, rival), train=np.column_stack([train[:, 0], (train[:, 1] > 0) | ended]))
    assert evaluate("survival", y, x, (), followed)["incidence_auc"] == pytest.approx(
        _loop(y, x, rival, followed.train)
    )


def test_where_nobody_is_lost_it_is_scikit_learns_of_had_the_event_or_not() -> None:
    x, y, rival = _patients(300, 1, lost=0.0)
    for t in TIMES:
        had, free = (y[:, 0] <= t) & (y[:, 1] > 0), y[:, 0] > t
        followed = _followed(y, rival, np.array([t]))
        assert td_auc(y, x, followed, rivals=True) == pytest.approx(roc_auc_score(had, x))
        assert td_auc(y, x, followed) == pytest.approx(roc_auc_score(had[had | free], x[had | free]))


def test_where_no_other_event_came_it_is_the_auc_over_time() -> None:
    x, y, rival = _patients(200, 2)
    y = np.column_stack([y[:, 0], (y[:, 1] > 0) | rival])
    followed = _followed(y, np.zeros(200, dtype=bool))
    assert td_auc(y, x, followed, rivals=True) == pytest.approx(
        td_auc(y, x, followed)
    )  # scikit-survival's: test_metrics.py
    assert "incidence_auc" not in evaluate("survival", y, x, (), replace(followed, rival=None))
    assert "incidence_auc" not in evaluate("survival", y, x) and "incidence_auc" not in measures("survival", y, x)


def test_losing_patients_leaves_it_where_it_is() -> None:
    """What is weighed out: of the same process with nobody and with a third of the rows lost, the same number."""
    found: dict[float, list[float]] = {}
    for lost in (0.0, 0.25):
        x, y, rival = _patients(40_000, 3, lost=lost)
        followed = _followed(y, rival, np.array([3.0]))
        found[lost] = [td_auc(y, x, followed, rivals=rivals) or 0.0 for rivals in (True, False)]
    assert found[0.25] == pytest.approx(found[0.0], abs=0.008)
    assert found[0.0][0] < found[0.0][1] - 0.02  # who died of anything else had high scores, too
    shuffled = np.random.default_rng(0).permutation(x)
    assert td_auc(y, shuffled, followed, rivals=True) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("n", (300, MANY + 500))
def test_resampled_it_is_the_metric_with_weights_of_one_and_varies(n: int) -> None:
    x, y, rival = _patients(n, 4)
    followed = _followed(y, rival)
    measure = measures("survival", y, x, 0, followed)["incidence_auc"]
    up, down = measure(np.ones((1, n)))
    assert up[0] / down[0] == pytest.approx(METRICS["incidence_auc"].value(Scored(y, x, 0, followed)))
    weights = Resamples.of(np.arange(n), np.arange(n), seed=0, times=40).weights
    up, down = measure(np.asarray(weights, dtype=float))
    assert 0.002 < (up / down).std() < 0.05
