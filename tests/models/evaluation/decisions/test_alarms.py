"""Alarms by patient and event: against a walk through every patient's hours, and by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from statistics import quantiles

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snapshots import make_snapshot

from clinome.models.evaluation.decisions.alarms import alarms
from clinome.models.evaluation.fold_scores import FoldScores, draw
from clinome.snapshot import Snapshot

START = datetime(2020, 1, 1)
HORIZON = 6
_BASE = make_snapshot("binary", n=8, layers=())


def _hourly(stays: list[tuple[int, int | None]]) -> tuple[Snapshot, np.ndarray]:
    """Of each stay its hours, and the hour of its event: rows until then, labelled within the horizon of it."""
    rows = []
    for i, (hours, onset) in enumerate(stays):
        for hour in range(hours if onset is None else min(hours, onset)):
            at = None if onset is None or onset > hour + HORIZON else START + timedelta(hours=onset)
            rows.append((f"p{i:02d}", START + timedelta(hours=hour), int(at is not None), at))
    table = pl.DataFrame(rows, {"subject_id": pl.String, "prediction_time": pl.Datetime("us"), "label": pl.Int64,
                                "event_time": pl.Datetime("us")}, orient="row")  # fmt: skip
    return replace(_BASE, rows=table), table["label"].to_numpy().astype(bool)


def _found(snapshot: Snapshot, y: np.ndarray, alert: np.ndarray) -> dict[str, object]:
    rows = np.arange(len(y))
    one = FoldScores("chosen", 0, 0, rows, y, alert.astype(float))
    return alarms(snapshot, rows, y, alert, draw(snapshot, [one.rows], 0), several=False)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(2, 20), st.none() | st.integers(1, 19)), min_size=2, max_size=8),
    st.integers(0, 2**31),
)
def test_alarms_are_those_of_a_walk_through_every_stay(stays: list[tuple[int, int | None]], seed: int) -> None:
    snapshot, y = _hourly(stays)
    if snapshot.rows.height == snapshot.rows["subject_id"].n_unique():
        return
    alert = np.random.default_rng(seed).random(len(y)) < 0.3
    leads, met, vain, quiet = [], [], [], []
    for who in snapshot.rows["subject_id"].unique():
        mine = snapshot.rows.with_columns(alert=pl.Series(alert)).filter(subject_id=who).sort("prediction_time")
        onset = mine["event_time"].drop_nulls()
        if len(onset):
            early = [(onset[0] - row["prediction_time"]) / timedelta(hours=1)
                     for row in mine.iter_rows(named=True) if row["label"] and row["alert"]]  # fmt: skip
            met.append(bool(early))
            leads += [max(early)] if early else []
        else:
            quiet.append(who)
            vain.append(mine["alert"].any())
    found = _found(snapshot, y, alert)
    share = {name: found[name]["mean"] for name in ("found", "in_vain")}  # type: ignore[index]
    assert share["found"] == (pytest.approx(np.mean(met)) if met else None)
    assert share["in_vain"] == (pytest.approx(np.mean(vain)) if quiet else None)
    assert found["alerts_per_100"] == pytest.approx(100 * alert.sum() / snapshot.rows["subject_id"].n_unique())
    three = [found[name] for name in ("lead_hours_low", "lead_hours", "lead_hours_high")]
    wanted = [None] * 3 if not leads else quantiles(leads, n=4, method="inclusive") if len(leads) > 1 else leads * 3
    assert three == pytest.approx(wanted)


def test_an_alarm_from_before_the_horizon_is_no_lead() -> None:
    """p00 has its event at hour 12: alerted at hour 1, in vain, and at hour 9; p01 never has one, and is alerted twice."""
    snapshot, y = _hourly([(20, 12), (12, None)])
    hour, who = (
        (snapshot.rows["prediction_time"] - START).dt.total_hours().to_numpy(),
        snapshot.rows["subject_id"].to_numpy(),
    )
    alert = ((who == "p00") & np.isin(hour, (1, 9, 10))) | ((who == "p01") & np.isin(hour, (3, 4)))
    found = _found(snapshot, y, alert)
    assert (found["lead_hours"], found["alerts_per_100"]) == (3.0, 250.0)
    assert found["alerts_per_day"] == pytest.approx(5 / (24 / 24))
    without = replace(snapshot, rows=snapshot.rows.drop("event_time"))
    assert "lead_hours" not in _found(without, y, alert)
    assert _found(without, y, alert)["found"] == found["found"]


def test_each_event_of_a_patient_is_one() -> None:
    """Two events of one patient, the first alerted; an alert at the very moment of the event comes too late."""
    rows = [("a", 0, 4), ("a", 2, 4), ("a", 4, 4), ("a", 20, 24), ("a", 22, 24), ("b", 0, None), ("b", 1, None)]
    at = [START + timedelta(hours=h) for _, h, _ in rows]
    event = [None if e is None else START + timedelta(hours=e) for _, _, e in rows]
    table = pl.DataFrame({"subject_id": [who for who, _, _ in rows], "prediction_time": at, "event_time": event,
                          "label": [int(e is not None) for _, _, e in rows]})  # fmt: skip
    y = table["label"].to_numpy().astype(bool)
    snapshot = replace(_BASE, rows=table)
    found = _found(snapshot, y, np.array([False, True, True, False, False, False, False]))
    assert found["found"]["mean"] == 0.5 and found["lead_hours"] == 2.0  # type: ignore[index]
    assert found["alerts_per_day"] == pytest.approx(2 / ((2 + 2 + 16 + 2 + 1 + 2 * 2) / 24))
    later = (
        pl.when(pl.col("prediction_time") >= START + timedelta(hours=20)).then(timedelta(days=9)).otherwise(timedelta())
    )
    apart = replace(_BASE, rows=table.with_columns(pl.col("prediction_time", "event_time") + later))
    again = _found(apart, y, np.array([False, True, True, False, False, False, False]))
    assert again["alerts_per_day"] == pytest.approx(
        2 / ((2 + 2 + 2 + 2 + 1 + 2 * 2) / 24)
    )  # nine days between two stays
    late = _found(snapshot, y, np.array([False, False, True, False, False, False, False]))
    assert late["found"]["mean"] == 0 and late["lead_hours"] is None  # type: ignore[index]
