"""Alarms of patients who are asked again and again: how many there are, which events they meet in time, and how early.

An alarm is a row at or above the threshold. It meets an event that was ahead of it within the task's horizon; one before that
is in vain, however the patient fared later. The lead time of an event is from the first alarm that meets it to the event.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from ...base.snapshot import Snapshot
from ..bootstrap import Resamples
from ..intervals import ratio

_DAY = 86_400.0
_HOUR = 3600.0


def alarms(
    snapshot: Snapshot, rows: np.ndarray, y: np.ndarray, alert: np.ndarray, resamples: Resamples, several: bool
) -> dict[str, Any]:
    """Alarms by patient and event, of held-out rows, each once; {} where no patient has several of them.

    Args:
        rows: (n,) rows of the snapshot. y: (n,) bool, whether an event is ahead. alert: (n,) bool.
        several: whether it is a mean over folds.
    Returns: alerts_per_100 (alarms to 100 patients), found (events alarmed while ahead; an event is a patient's, of one
        moment where the cohort says it in `event_time`), in_vain (patients without an event who were ever alerted), each of
        the two mean, low, high; where predictions follow within a day alerts_per_day (a patient-day); where the
        cohort has `event_time` lead_hours with its quartiles lead_hours_low and lead_hours_high, of the events found.
    """
    patient = np.unique(snapshot.rows["subject_id"].rank("dense").to_numpy()[rows], return_inverse=True)[1]
    patients = int(patient.max(initial=-1)) + 1  # what is drawn may be groups of them
    if len(rows) == patients:
        return {}
    left = _hours_to_event(snapshot, rows)
    met = y & alert & ~(left <= 0)
    event, at = _events(snapshot, rows, y, patient)
    found = np.bincount(event, met[y], minlength=len(at)) > 0
    ill, ever = (np.bincount(patient[mask], minlength=patients) > 0 for mask in (y, alert))
    first = np.unique(patient, return_index=True)[1]
    out: dict[str, Any] = {
        "alerts_per_100": float(100 * alert.sum() / patients),
        "found": ratio(resamples.totals(at, np.column_stack([found, np.ones(len(at))])), resamples, several),
        "in_vain": ratio(resamples.totals(rows[first], np.column_stack([ever & ~ill, ~ill])), resamples, several),
    }
    if days := _days(snapshot, rows):
        out["alerts_per_day"] = float(alert.sum() / days)
    if "event_time" in snapshot.rows.columns:
        lead = np.full(len(at), -np.inf)
        np.fmax.at(lead, event, np.where(met[y], left[y], -np.inf))
        known = lead[np.isfinite(lead)]
        quartiles = np.quantile(known, (0.25, 0.5, 0.75)).tolist() if len(known) else [None] * 3
        out |= dict(zip(("lead_hours_low", "lead_hours", "lead_hours_high"), quartiles, strict=True))
    return out


def _hours_to_event(snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
    """(n,) hours from each row to its event; NaN where nobody says when it came."""
    if "event_time" not in snapshot.rows.columns:
        return np.full(len(rows), np.nan)
    ahead = (pl.col("event_time") - pl.col("prediction_time")).dt.total_microseconds() / (1e6 * _HOUR)
    return snapshot.rows[rows].select(ahead.cast(pl.Float64).fill_null(np.nan)).to_series().to_numpy()


def _events(snapshot: Snapshot, rows: np.ndarray, y: np.ndarray, patient: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(positive rows,) which event is ahead of each, and (events,) a row of the snapshot of its patient."""
    moment = snapshot.rows["event_time"] if "event_time" in snapshot.rows.columns else None
    when = np.zeros(len(rows), np.int64) if moment is None else moment.dt.epoch("us").fill_null(-1).to_numpy()[rows]
    pairs = np.column_stack([patient, when])[y]
    _, one, event = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    return event.reshape(-1), rows[y][one]


def _days(snapshot: Snapshot, rows: np.ndarray) -> float | None:
    """Days that these patients were watched: from prediction to prediction, the last for as long as the median step, and
    so the last before a step of a day or more, as it lies between two stays: nobody watched there.

    None where the median step is as long, as that of visits is.
    """
    once = snapshot.rows[rows].select("subject_id", "prediction_time")
    if once["prediction_time"].null_count():
        return None
    step = (pl.col("prediction_time").diff().over("subject_id").dt.total_seconds() / _DAY).alias("step")
    steps = once.sort("subject_id", "prediction_time").select(step)["step"].drop_nulls()
    middle = steps.median()
    if not isinstance(middle, float) or middle >= 1:
        return None
    watched = np.where(steps.to_numpy() < 1, steps.to_numpy(), middle)
    return float(watched.sum() + middle * once["subject_id"].n_unique())
