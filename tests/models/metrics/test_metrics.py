"""Metrics against scikit-learn, scikit-survival, lifelines and numbers that can be worked out by hand.

Every case is random with ties; weights are whole numbers, so that a weighted metric is the metric of repeated rows.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import polars as pl
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.utils import concordance_index
from scipy.stats import spearmanr
from sklearn import metrics as sk
from sksurv import metrics as sks
from sksurv.util import Surv

from clinome.models.estimators.risk_sets import breslow
from clinome.models.evaluation.bootstrap import Resamples
from clinome.models.evaluation.survival_curves import follow, grid
from clinome.models.metrics import influence
from clinome.models.metrics.calibration_error import calibration_error
from clinome.models.metrics.concordance import c_index, matrices, pairs
from clinome.models.metrics.discrimination import auroc
from clinome.models.metrics.kaplan_meier import kaplan_meier
from clinome.models.metrics.metric import MANY, Metric, Scored, SurvivalCurves
from clinome.models.metrics.registry import METRICS
from clinome.models.metrics.task_metrics import evaluate, inner_score, measures, targets

CASES = range(200)


def _same(value: float) -> Any:
    return pytest.approx(value, rel=0, abs=1e-9)


def _binary(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 90))
    y = rng.integers(0, 2, n)
    y[:2] = 0, 1
    return y, rng.integers(0, int(rng.integers(2, 40)), n) / 40


def _followed(seed: int, n: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray, SurvivalCurves]:
    """Outcomes with tied times, risks with ties, more outcomes to train on, and curves at times of follow-up."""
    rng = np.random.default_rng(seed)
    n = n or int(rng.integers(12, 80))
    cause = rng.normal(size=2 * n)
    died, lost = rng.exponential(np.exp(-cause)), rng.exponential(1.5, 2 * n)
    y = np.column_stack([np.minimum(died, lost).round(1) + 0.1, died <= lost]).astype(float)
    y[[0, n], 0], y[[0, n], 1] = (0.05, 99.0), (1.0, 0.0)
    risk = (cause + rng.normal(size=2 * n)).round(1)
    times = np.unique(rng.choice(y[1:n, 0], 6))
    times = times[times < y[:n, 0].max()]
    curves = np.sort(rng.random((n, len(times))), axis=1)[:, ::-1]
    return y[:n], risk[:n], y[n:], SurvivalCurves(y[n:], times, curves)


def _surv(y: np.ndarray) -> np.ndarray:
    return np.asarray(Surv.from_arrays(y[:, 1] > 0, y[:, 0]))


def test_binary_metrics_are_scikit_learns() -> None:
    for seed in CASES:
        y, p = _binary(seed)
        guess = (p >= 0.5).astype(int)
        found = evaluate("binary", y, p)
        assert found["auroc"] == _same(sk.roc_auc_score(y, p))
        assert found["auprc"] == _same(sk.average_precision_score(y, p))
        assert found["brier"] == _same(sk.brier_score_loss(y, p))
        assert found["accuracy"] == _same(sk.accuracy_score(y, guess))
        assert found["balanced_accuracy"] == _same(sk.balanced_accuracy_score(y, guess))
        assert found["macro_f1"] == _same(sk.f1_score(y, guess, average="macro"))
        assert found["mcc"] == _same(sk.matthews_corrcoef(y, guess))


def test_multiclass_metrics_are_scikit_learns() -> None:
    for seed in CASES:
        rng = np.random.default_rng(seed)
        y = np.append([0, 1, 2], rng.integers(0, 3, int(rng.integers(1, 60))))
        p = rng.integers(1, 9, (len(y), 3)) + 0.0
        p /= p.sum(axis=1, keepdims=True)
        guess = p.argmax(axis=1)
        found = evaluate("multiclass", y, p)
        assert found["auroc"] == _same(sk.roc_auc_score(y, p, multi_class="ovr"))
        assert found["brier"] == _same(sk.brier_score_loss(y, p))
        assert found["accuracy"] == _same(sk.accuracy_score(y, guess))
        assert found["balanced_accuracy"] == _same(sk.balanced_accuracy_score(y, guess))
        assert found["macro_f1"] == _same(sk.f1_score(y, guess, average="macro"))
        assert found["mcc"] == _same(sk.matthews_corrcoef(y, guess))


def test_regression_and_clustering_are_scikit_learns_and_scipys() -> None:
    for seed in CASES:
        rng = np.random.default_rng(seed)
        y, score = rng.integers(0, 9, 30) + 0.0, rng.integers(0, 9, 30) + 0.0
        found = {key: METRICS[key].value(Scored(y, score)) for key in ("r2", "mae", "spearman")}
        assert found["r2"] == _same(sk.r2_score(y, score))
        assert found["mae"] == _same(sk.mean_absolute_error(y, score))
        assert found["spearman"] == _same(spearmanr(y, score).statistic)
        nmi = sk.normalized_mutual_info_score(y > 4, score)
        assert METRICS["nmi"].value(Scored(y > 4, score)) == _same(nmi)


def test_c_index_is_lifelines_and_scikit_survivals() -> None:
    for seed in CASES:
        y, risk, _, _ = _followed(seed)
        found = c_index(y[:, 0], y[:, 1], risk)
        assert found == _same(concordance_index(y[:, 0], -risk, y[:, 1]))
        assert found == _same(sks.concordance_index_censored(y[:, 1] > 0, y[:, 0], risk)[0])


def test_scores_over_time_are_scikit_survivals() -> None:
    scored = 0
    for seed in CASES:
        y, risk, train, followed = _followed(seed)
        found = evaluate("survival", y, risk, (), followed)
        if len(followed.times) < 2:
            continue
        scored += 1
        ibs = sks.integrated_brier_score(_surv(train), _surv(y), followed.curves, followed.times)
        assert found["ibs"] == _same(ibs), seed
        each, mean = sks.cumulative_dynamic_auc(_surv(train), _surv(y), risk, followed.times)
        if np.isfinite(each).all():
            assert found["td_auc"] == _same(mean), seed
    assert scored > 150


def test_survival_curves_are_kaplan_meiers_and_breslows() -> None:
    for seed in range(20):
        y, risk, _, _ = _followed(seed)
        at = np.linspace(0, 3, 40)
        fitted = KaplanMeierFitter().fit(y[:, 0], y[:, 1]).survival_function_at_times(at).to_numpy()
        np.testing.assert_allclose(kaplan_meier(y[:, 0], y[:, 1]).at(at), fitted, atol=1e-9)
        frame = pl.DataFrame({"t": y[:, 0], "e": y[:, 1], "x": risk - risk.mean()}).to_pandas()
        cox = CoxPHFitter(baseline_estimation_method="breslow").fit(frame, "t", "e")
        own = breslow(y[:, 0], y[:, 1], cox.params_["x"] * frame["x"].to_numpy(), at)
        hazard = cox.baseline_cumulative_hazard_["baseline cumulative hazard"]
        expected = np.append(0.0, hazard.to_numpy())[np.searchsorted(hazard.index.to_numpy(), at, side="right")]
        np.testing.assert_allclose(own, expected, atol=1e-9)


def test_curves_of_a_good_risk_score_better_and_of_noise_like_those_of_nobody() -> None:
    rng = np.random.default_rng(0)
    cause = rng.normal(size=800)
    died, lost = rng.exponential(np.exp(-1.5 * cause)), rng.exponential(3, 800)
    y = np.column_stack([np.minimum(died, lost), died <= lost]).astype(float)
    train, held = y[:500], y[500:]
    ibs = {}
    for name, risk in {"good": cause, "lying": -cause, "flat": np.zeros(800), "huge": 1e6 * cause}.items():
        followed = follow(train, train, risk[:500], risk[500:], grid(y))
        assert ((followed.curves >= 0) & (followed.curves <= 1)).all() and (np.diff(followed.curves) <= 0).all()
        ibs[name] = evaluate("survival", held, risk[500:], (), followed)["ibs"] or 0.0
    assert ibs["good"] < ibs["flat"] - 0.02
    assert ibs["lying"] == pytest.approx(ibs["flat"], abs=1e-6)
    assert ibs["huge"] == pytest.approx(ibs["good"], abs=1e-6)


def test_higher_risk_means_sooner() -> None:
    days, event = np.array([1.0, 2.0, 3.0]), np.ones(3)
    assert c_index(days, event, np.array([3.0, 2.0, 1.0])) == 1.0
    assert c_index(days, event, np.zeros(3)) == 0.5


def test_many_rows_are_counted_by_merging_as_few_are_one_by_one() -> None:
    for seed in range(60):
        y, risk, _, _ = _followed(seed)
        comparable, concordant = matrices(y[:, 0], y[:, 1], risk)
        found, died = pairs(y[:, 0], y[:, 1], risk), y[:, 1] > 0
        np.testing.assert_array_equal(found.early[died], np.column_stack([comparable.sum(1), concordant.sum(1)]))
        assert not found.early[~died].any()
        np.testing.assert_array_equal(found.late, np.column_stack([comparable.sum(0), concordant.sum(0)]))
    rng = np.random.default_rng(0)
    days, event, risk = rng.integers(0, 900, 5000), rng.integers(0, 2, 5000), rng.integers(0, 700, 5000)
    assert c_index(days, event, risk) == _same(concordance_index(days, -risk, event))


def test_one_class_or_nobody_with_an_event_gives_none_and_a_reason() -> None:
    found = evaluate("binary", np.zeros(4, dtype=int), np.linspace(0, 1, 4))
    assert {m for m, v in found.items() if v is None} == {"auroc", "auprc"}
    assert evaluate("multiclass", np.zeros(4, dtype=int), np.full((4, 3), 1 / 3))["auroc"] is None
    censored = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0]])
    followed = follow(censored, censored, np.arange(4.0), np.arange(4.0), np.array([1.5, 2.5]))
    nobody = evaluate("survival", censored, np.arange(4.0), (), followed)
    assert (nobody["c_index"], nobody["td_auc"]) == (None, None)
    assert evaluate("survival", censored, np.arange(4.0)) == {"c_index": None, "td_auc": None, "ibs": None}
    assert METRICS["r2"].value(Scored(np.ones(4), np.arange(4.0))) is None
    assert inner_score("binary", np.zeros(4, dtype=int), np.linspace(0, 1, 4)) == 0.5
    why = {key: metric.why_null for key, metric in METRICS.items()}
    assert "one class" in why["auroc"] and "event" in why["c_index"] and "follow-up" in why["ibs"]


@pytest.mark.parametrize("task", ("binary", "multiclass", "regression", "survival"))
def test_a_resampled_metric_is_the_metric_of_rows_drawn_so_often(task: str) -> None:
    for seed in range(25):
        rng = np.random.default_rng(seed)
        followed = None
        if task == "survival":
            y, score, _, followed = _followed(seed)
        elif task == "binary":
            y, score = _binary(seed)
        elif task == "regression":
            score = rng.integers(0, 12, 30) / 4
            y = (score + rng.normal(size=30)).round(1) + 50
        else:
            y = np.append([0, 1, 2], rng.integers(0, 3, 30))
            score = rng.dirichlet(np.ones(3), 33).round(1)
        weights = rng.integers(0, 3, (4, len(y))).astype(float)
        weights[0] = 1
        whole = evaluate(task, y, score, (), followed)
        found = measures(task, y, score, 3 if task == "multiclass" else 0, followed)
        assert set(found) >= {m for m, v in whole.items() if v is not None}
        for metric, measure in found.items():
            up, down = measure(weights)
            value = whole[metric]
            assert (down[0] == 0) if value is None else (up[0] / down[0] == pytest.approx(value, abs=1e-6)), metric
            if metric in ("ece", "ibs", "td_auc"):  # their bins and censoring weights stay those of the whole
                continue
            for b in range(1, 4):
                again = np.repeat(np.arange(len(y)), weights[b].astype(int))
                value = evaluate(task, y[again], score[again])[metric]
                drawn = up[b] / down[b] if down[b] > 0 else None
                assert drawn == (None if value is None else pytest.approx(value, abs=1e-6)), (seed, metric)


def test_many_rows_to_the_first_order_vary_as_all_of_them_do(monkeypatch: pytest.MonkeyPatch) -> None:
    n = MANY + 1000
    rng = np.random.default_rng(0)
    y, rows = (rng.random(n) < 0.2).astype(int), np.arange(n)
    p = 1 / (1 + np.exp(-(y + rng.normal(size=n)).round(2)))
    outcome, risk, _, followed = _followed(0, n)
    resamples = Resamples.of(rows, rows, seed=0, times=60)
    drawn = []
    for many in (MANY, 10 * n):
        for place in ("discrimination", "concordance", "survival"):
            monkeypatch.setattr(f"clinome.models.metrics.{place}.MANY", many)
        found = measures("binary", y, p) | measures("survival", outcome, risk, 0, followed)
        drawn.append({m: up / down for m, (up, down) in resamples.score(rows, found).items()})
    for metric in ("auroc", "auprc", "c_index", "td_auc"):
        assert np.abs(drawn[0][metric] - drawn[1][metric]).max() < 0.3 * drawn[1][metric].std()
        assert drawn[0][metric].std() == pytest.approx(drawn[1][metric].std(), rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("task", ("binary", "survival"))
def test_seventy_thousand_rows_are_resampled_in_seconds(task: str) -> None:
    """A thousand resamples of every metric; processor time, so that a busy machine does not count."""
    n = 70_000
    rng = np.random.default_rng(0)
    start = time.process_time()
    resamples = Resamples.of(np.arange(n), np.arange(n), seed=0)
    if task == "binary":
        found = measures("binary", rng.integers(0, 2, n), rng.random(n))
    else:
        died, lost, risk = rng.exponential(size=n), rng.exponential(size=n), rng.normal(size=n)
        y = np.column_stack([np.minimum(died, lost), died <= lost]).astype(float)
        found = measures("survival", y, risk, 0, follow(y[:5000], y[:5000], risk[:5000], risk, grid(y)))
    drawn = resamples.score(np.arange(n), found)
    assert all((down > 0).all() for _, down in drawn.values())
    assert time.process_time() - start < 20


def test_influence_sums_to_what_it_is_an_influence_on() -> None:
    for seed in range(30):
        y, p = _binary(seed)
        assert influence.auprc_rows(y > 0, p).sum() == pytest.approx(y.sum() * sk.average_precision_score(y, p))
        own, (right, every) = influence.auroc_rows(y > 0, y == 0, p)
        np.testing.assert_allclose(own.sum(axis=0), [2 * right, 2 * every])
        assert right / every == pytest.approx(auroc(y, p))


def test_calibration_error_of_a_calibrated_and_of_a_lying_score() -> None:
    y = np.tile([0, 0, 0, 1], 50)
    assert calibration_error(y, np.full(200, 0.25), bins=5) == pytest.approx(0.0, abs=0.01)
    assert calibration_error(y, np.full(200, 0.95), bins=5) == pytest.approx(0.7, abs=0.01)


def test_multiclass_knows_a_class_that_the_held_out_part_lacks() -> None:
    y = np.array([0, 0, 1, 1])
    p = np.array([[0.8, 0.1, 0.1], [0.3, 0.4, 0.3], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1]])
    found = evaluate("multiclass", y, p, ("a", "b", "c"))
    assert found["accuracy"] == pytest.approx(0.75)
    assert found["auroc"] == pytest.approx(1.0)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0.8) / 2)


def test_targets_are_class_numbers_or_durations_with_events() -> None:
    rows = pl.DataFrame({"label": ["b", "a", "b"], "duration_days": [3, 1, 2], "event": [True, False, True]})
    assert targets(rows, "multiclass", ("a", "b")).tolist() == [1, 0, 1]
    assert targets(rows, "survival", ()).tolist() == [[3, 1], [1, 0], [2, 1]]


@pytest.mark.parametrize("key", [key for key in METRICS if key not in ("td_auc", "incidence_auc", "ibs")])
def test_a_measure_of_weights_is_the_metric_of_repeated_rows(key: str) -> None:
    """Also where a metric says nothing of its own: resamples are then scored one by one."""
    rng = np.random.default_rng(3)
    y: np.ndarray = rng.integers(0, 3, 40)
    score: np.ndarray = rng.integers(0, 3, 40) + 0.0
    if key in ("auroc", "auprc", "brier", "ece"):
        y, score = y % 2, rng.random(40).round(1)
    if key == "brier_multiclass":
        score = rng.dirichlet(np.ones(3), 40)
    if key == "c_index":
        y, score = np.column_stack([rng.integers(1, 20, 40), rng.integers(0, 2, 40)]) + 0.0, rng.random(40)
    if METRICS[key].__module__.endswith(".multilabel"):
        y, score = rng.integers(0, 2, (40, 3)) + 0.0, rng.random((40, 3)).round(1)
    if METRICS[key].__module__.endswith(".responses"):
        y, score = rng.normal(size=(40, 3)).round(1), rng.random((40, 3)).round(1)
        y[rng.random((40, 3)) < 0.3] = np.nan
    part, metric = (
        Scored(y, score, classes=3 if key in ("accuracy", "balanced_accuracy", "macro_f1", "mcc") else 0),
        METRICS[key],
    )
    weights = rng.integers(0, 3, (5, 40)) + 0.0
    own, plain = metric.measure(part), Metric.measure(metric, part)
    assert own is not None and plain is not None
    (up, down), (slow, known) = own(weights), plain(weights)
    assert (down > 0).tolist() == (known > 0).tolist() and known.all()
    if key != "ece":  # its bins stay those of the whole part
        np.testing.assert_allclose(up / down, slow, atol=1e-9)


def test_every_metric_says_its_range_direction_and_why_it_can_be_missing() -> None:
    for metric in METRICS.values():
        low, high = metric.limits
        assert (
            low < high and metric.label and metric.why_null and (metric.chance is None or low <= metric.chance <= high)
        )
