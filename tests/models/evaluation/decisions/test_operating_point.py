"""Operating points: thresholds keep their rule where they are set, counts on held-out rows are those of a plain count."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn import metrics as sk
from snapshots import make_snapshot

from clinome.models.base.splits import grouped
from clinome.models.evaluation.decisions.early_warning import alert_gain, utility
from clinome.models.evaluation.decisions.operating_point import BUDGETS, Rule, operating_points
from clinome.models.evaluation.fold_scores import FoldScores, Inner, draw

_RULES = ("sensitivity >= 0.8", "specificity >= 90%", "ppv >= .5", "alerts <= 10%", "net benefit at 0.2")


def _shares(y: np.ndarray, alert: np.ndarray) -> dict[str, float]:
    caught, vain = (y * alert).sum(), ((1 - y) * alert).sum()
    return {"sensitivity": caught / max(y.sum(), 1), "specificity": 1 - vain / max((1 - y).sum(), 1),
            "ppv": caught / max(alert.sum(), 1), "alerts": alert.mean(), "net benefit": caught - 0.25 * vain}  # fmt: skip


@example([(False, 0)] * 4 + [(False, 1)] * 6 + [(True, 0), (True, 1), (True, 1)], "net benefit at 0.2")  # a tie
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=40), st.sampled_from(_RULES))
def test_a_threshold_is_the_one_that_trying_all_of_them_finds(rows: list[tuple[bool, int]], text: str) -> None:
    rule = Rule.parse(text)
    y, p = np.array([int(a) for a, _ in rows]), np.array([b / 10 for _, b in rows])
    tried = {t: _shares(y, (p >= t).astype(float)) for t in sorted(set(p), reverse=True)}
    match rule.what:
        case "alerts":
            kept = [t for t, s in tried.items() if s["alerts"] <= rule.value + 1e-9]
        case "net benefit":
            best = max(s["net benefit"] for s in tried.values())
            kept = [t for t, s in tried.items() if best > 1e-9 and s["net benefit"] >= best - 1e-9][:1]
        case what:
            kept = [t for t, s in tried.items() if s[what] >= rule.value - 1e-9]
    # of those that keep the rule: for sensitivity the fewest alerts, else the most of what can be had
    expected = (kept[0] if rule.what == "sensitivity" else kept[-1]) if kept else np.inf
    if rule.what == "sensitivity" and not y.sum():
        return  # nobody to find: any threshold keeps the rule
    assert rule.threshold(y, p) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ("", "sensitivity", "auroc >= 0.8", "alerts >= 10%", "ppv >= 1.5", "risk >= 0", "ppv >= 30% x")
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"rule|share"):
        Rule.parse(text)


def _parts(y: np.ndarray, folds: int = 4) -> list[FoldScores]:
    rng = np.random.default_rng(1)
    score = 1 / (1 + np.exp(-(2 * y - 1 + rng.normal(0, 1, len(y)))))
    rows = np.arange(len(y))
    out = []
    for k in range(folds):
        rest = rows[rows % folds != k]
        out.append(
            FoldScores(
                "chosen", 0, k, rows[k::folds], y[k::folds], score[k::folds], inner=Inner(rest, y[rest], score[rest])
            )
        )
    return out


def test_held_out_shares_are_those_of_a_plain_count() -> None:
    snapshot = make_snapshot("binary", n=400, layers=())
    y = snapshot.rows["label"].cast(pl.Int64).to_numpy()
    parts = _parts(y)
    rule = Rule.parse("sensitivity >= 0.8")
    found = operating_points(snapshot, parts, draw(snapshot, [one.rows for one in parts], 0), rule)
    alert = np.zeros(len(y))
    for one in parts:
        assert one.inner is not None
        alert[one.rows] = one.score >= rule.threshold(one.inner.y, one.inner.score)
    plain = _shares(y, alert)
    plain |= {"balanced_accuracy": sk.balanced_accuracy_score(y, alert), "mcc": sk.matthews_corrcoef(y, alert)}
    for name in ("sensitivity", "specificity", "ppv", "alerts", "balanced_accuracy", "mcc"):
        assert found["points"][0][name]["mean"] == pytest.approx(plain[name])
        assert found["points"][0][name]["low"] < plain[name] < found["points"][0][name]["high"]
    assert abs(found["points"][0]["sensitivity"]["mean"] - 0.8) < 0.1
    assert [round(point["alerts"]["mean"], 1) for point in found["points"][-3:]] == [0.1, 0.2, 0.3]
    assert len(found["points"]) == 1 + len(BUDGETS) and "found" not in found["points"][0]


def test_held_out_outcomes_move_no_threshold() -> None:
    snapshot = make_snapshot("binary", n=200, layers=())
    y = snapshot.rows["label"].cast(pl.Int64).to_numpy()
    parts = _parts(y)
    resamples = draw(snapshot, [one.rows for one in parts], 0)
    other = [replace(one, y=1 - one.y) for one in parts]
    rule = Rule.parse("ppv >= 0.6")
    a, b = (operating_points(snapshot, some, resamples, rule)["points"][0]["threshold"] for some in (parts, other))
    assert a == b


def test_a_rule_that_nothing_keeps_alerts_nobody() -> None:
    snapshot = make_snapshot("binary", n=200, layers=())
    y = snapshot.rows["label"].cast(pl.Int64).to_numpy()
    flat = [
        replace(one, score=0 * one.score + 0.5, inner=one.inner._replace(score=0 * one.inner.score + 0.5))
        for one in _parts(y)
        if one.inner
    ]
    found = operating_points(snapshot, flat, draw(snapshot, [one.rows for one in flat], 0), Rule("ppv", 0.99))
    assert found["points"][0]["threshold"] is None and found["points"][0]["unmet"] == 4
    assert found["points"][0]["alerts"]["mean"] == 0 and found["points"][0]["ppv"]["mean"] is None


def test_patients_with_many_predictions_are_counted_as_patients() -> None:
    """Two patients, four hours each; the first is alerted in the hour before its event, the other in vain."""
    base = make_snapshot("binary", n=8, layers=())
    start = datetime(2020, 1, 1)
    rows = pl.DataFrame({"subject_id": list("aaaabbbb"), "prediction_time": [start + timedelta(hours=h % 4) for h in range(8)],
                         "label": [0, 0, 1, 1, 0, 0, 0, 0]})  # fmt: skip
    snapshot = replace(base, rows=rows)
    y, p = rows["label"].to_numpy(), np.array([0.1, 0.1, 0.9, 0.9, 0.1, 0.9, 0.1, 0.1])
    one = FoldScores("chosen", 0, 0, np.arange(8), y, p, inner=Inner(np.arange(8), y, p))
    found = operating_points(snapshot, [one], draw(snapshot, [one.rows], 0), Rule("risk", 0.5))["points"][0]
    assert found["found"]["mean"] == 1 and found["in_vain"]["mean"] == 1
    assert found["alerts_per_day"] == pytest.approx(3 / (8 / 24))
    family = replace(base, rows=grouped(rows, pl.Series(["f"] * 8)))
    found = operating_points(family, [one], draw(family, [one.rows], 0), Rule("risk", 0.5))["points"][0]
    assert found["found"]["mean"] == 1 and found["in_vain"]["mean"] == 1  # b is no case, though its brother is


def test_a_group_of_patients_is_not_one_patient_with_several_predictions() -> None:
    base = make_snapshot("binary", n=200, layers=())
    families = replace(base, rows=grouped(base.rows, pl.Series(np.arange(200) // 4)))
    parts = _parts(base.rows["label"].cast(pl.Int64).to_numpy())
    found = operating_points(families, parts, draw(families, [one.rows for one in parts], 0), Rule("risk", 0.5))[
        "points"
    ][0]
    assert "found" not in found and "alerts_per_day" not in found


@pytest.mark.parametrize("task", ("multiclass", "survival"))
def test_other_tasks_have_none(task: str) -> None:
    snapshot = make_snapshot(task, n=30, layers=())
    one = FoldScores(
        "chosen",
        0,
        0,
        np.arange(30),
        np.zeros(30),
        np.zeros(30),
        inner=Inner(np.arange(30), np.zeros(30), np.zeros(30)),
    )
    assert operating_points(snapshot, [one], draw(snapshot, [one.rows], 0)) == {}


def test_the_highest_utility_is_that_of_trying_all_thresholds() -> None:
    """Stays of 24 hours, a third of them ill at hour 18, labelled from hour 12 on; a noisy score that rises before."""
    rng = np.random.default_rng(0)
    start, hours, stays = datetime(2020, 1, 1), 24, 60
    label = np.array([[int(s % 3 == 0 and h >= 12) for h in range(hours)] for s in range(stays)]).ravel()
    rows = pl.DataFrame({
        "subject_id": np.repeat([f"s{i:02d}" for i in range(stays)], hours),
        "prediction_time": [start + timedelta(hours=h) for _ in range(stays) for h in range(hours)], "label": label,
    })  # fmt: skip
    snapshot = replace(make_snapshot("binary", n=8, layers=()), rows=rows)
    p = 1 / (1 + np.exp(-(2.0 * label - 1 + rng.normal(0, 1, len(label)))))
    every = np.arange(len(label))
    one = FoldScores("chosen", 0, 0, every, label, p, inner=Inner(every, label, p))
    found = operating_points(snapshot, [one], draw(snapshot, [every], 0), Rule.parse("highest utility"))["points"][0]
    gain, best = alert_gain(rows["subject_id"].rank("dense").to_numpy(), np.tile(np.arange(24.0), stays), label)
    tried = [utility(gain, best, p >= t) for t in np.unique(p)]
    assert found["utility"]["mean"] == pytest.approx(max(one for one in tried if one is not None))
    assert (
        found["utility"]["low"] < found["utility"]["mean"] < found["utility"]["high"]
        and found["rule"] == "highest utility"
    )
