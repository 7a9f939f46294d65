"""Calibration: does a risk of 30 % mean thirty of a hundred? Slope, intercept and error of held-out predictions.

Binary: a logistic regression of the outcome on the predicted logit. Survival: a Cox model of the outcome on the predicted
complementary log-log risk at one time. Beside a competing event: a logistic regression of the event until that time on the
predicted logit, in which who had the other one is without it and who was censored before is weighed out, and the observed risk
is Aalen and Johansen's. A slope below 1 says that predictions are too extreme, above 1 too timid; the
intercept (slope held at 1) says whether they are too low (above 0) or too high on the whole.
Source: Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7; competing events: van Geloven et al. 2022,
doi:10.1136/bmj-2021-069249.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..base.task import task_of
from ..estimators.ridge import fit_cox
from ..estimators.risk_sets import risk_sets
from ..metrics.calibration_error import bins_of, calibration_error
from ..metrics.cumulative_incidence import cumulative_incidence
from ..metrics.kaplan_meier import kaplan_meier, reverse_kaplan_meier
from .fold_scores import FoldScores
from .intervals import DOUBLED

Interval = tuple[float | None, float | None, float | None]
_Z = 1.959963984540054
_EDGE = 1e-6
_UNKNOWN: Interval = (None, None, None)


@dataclass(frozen=True)
class Calibration:
    """slope and intercept with 95 % intervals (by patient), ece; predicted and observed: mean risk and share of events."""

    slope: float | None
    slope_low: float | None
    slope_high: float | None
    intercept: float
    intercept_low: float
    intercept_high: float
    ece: float
    predicted: float
    observed: float

    def as_json(self) -> dict[str, float | None]:
        return asdict(self)


def calibrated(task: str, parts: Sequence[FoldScores], subject: np.ndarray) -> Calibration | None:
    """The calibration of one learner's held-out predictions, all folds and repeats together.

    Args:
        parts: its folds. subject: (rows of the snapshot,) any ids: rows of one count as one in the intervals.
    Returns: None for tasks without one risk a row, and where nobody or everybody has the event.
    """
    rows = np.concatenate([one.rows for one in parts])
    y = np.concatenate([one.y for one in parts])
    widen = float(np.sqrt(DOUBLED)) if len({one.place for one in parts}) > 1 else 1.0
    kind = task_of(task)
    if kind.label_type == "boolean":
        p = np.concatenate([one.score for one in parts])
        return (
            _binary(y, p, subject[rows], _vary([one.score for one in parts]), widen) if 0 < y.sum() < len(y) else None
        )
    if kind.over_time and all(one.followed is not None for one in parts):
        risks = [at_horizon(one) for one in parts]
        p, varies = np.concatenate(risks), _vary(risks)
        rival = rivals_among(parts)
        if not y[:, 1].any():
            return None
        if rival is not None:
            return _competing(y, rival, p, subject[rows], horizon(parts), varies, widen)
        return _survival(y, p, subject[rows], horizon(parts), varies, widen)
    return None


def horizon(parts: Sequence[FoldScores]) -> float:
    """Days: the middle of the times at which survival is scored."""
    times = parts[0].followed.times if parts[0].followed is not None else np.zeros(1)
    return float(times[len(times) // 2])


def at_horizon(one: FoldScores) -> np.ndarray:
    """(n,) survival: the risk of an event until the horizon."""
    if one.followed is None:
        return np.full(len(one.rows), np.nan)
    return np.asarray(1 - one.followed.curves[:, len(one.followed.times) // 2])


def rivals_among(parts: Sequence[FoldScores]) -> np.ndarray | None:
    """(n,) who ended with the competing event, of all parts in their order; None where there is none."""
    found = [one.followed.rival for one in parts if one.followed is not None and one.followed.rival is not None]
    return np.concatenate(found) if len(found) == len(parts) else None


def logistic(
    x: np.ndarray, y: np.ndarray, offset: np.ndarray, cluster: np.ndarray, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(k,) coefficients of a logistic regression and their (k,) standard errors, rows of a cluster counted together.

    weight: (n,) of each row; None: one.

    Newton's method with a ridge of 1e-6, so that a perfect separation stays finite; errors by the sandwich of Liang &
    Zeger 1986, doi:10.1093/biomet/73.1.13.
    """
    w, weight = np.zeros(x.shape[1]), np.ones(len(y)) if weight is None else weight
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(x @ w + offset, -30, 30)))
        bread = (x.T * (weight * p * (1 - p))) @ x + 1e-6 * np.eye(len(w))
        step = np.linalg.solve(bread, x.T @ (weight * (y - p)))
        w = np.clip(w + step, -30, 30)
        if np.abs(step).max() < 1e-10:
            break
    own = x * (weight * (y - p))[:, None]
    index = np.unique(cluster, return_inverse=True)[1]
    each = np.column_stack([np.bincount(index, weights=column) for column in own.T])
    inverse = np.linalg.inv(bread)
    return w, np.sqrt(np.diag(inverse @ (each.T @ each) @ inverse))


def cox_slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Coefficient of a Cox model of one covariate (Breslow's ties) and its standard error by the information."""
    slope = float(fit_cox(x[:, None], y[:, 0], y[:, 1], 1e6)[0])
    order, last = risk_sets(y[:, 0])
    z, weight = x[order], np.exp(slope * (x[order] - x.max()))
    at_risk, first, second = (np.cumsum(weight * z**k)[last] for k in range(3))
    information = float((y[order, 1] * (second / at_risk - (first / at_risk) ** 2)).sum())
    return slope, 1 / np.sqrt(information) if information > 0 else np.inf


def _binary(y: np.ndarray, p: np.ndarray, cluster: np.ndarray, varies: bool, widen: float) -> Calibration:
    logit, one = _logit(p), np.ones(len(y))
    level, level_error = logistic(one[:, None], y, logit, cluster)
    slope: Interval = _UNKNOWN
    if varies:
        line, line_error = logistic(np.column_stack([one, logit]), y, 0 * logit, cluster)
        slope = _around(line[1], line_error[1], widen)
    intercept = _around(level[0], level_error[0], widen)
    return _made(slope, intercept, calibration_error(y, p), float(p.mean()), float(y.mean()))


def _survival(y: np.ndarray, p: np.ndarray, cluster: np.ndarray, at: float, varies: bool, widen: float) -> Calibration:
    """The intercept is the shift of all log cumulative hazards at which the mean risk is the share that was seen."""
    from scipy.optimize import brentq

    widen *= float(np.sqrt(len(p) / len(np.unique(cluster))))  # rows of one patient count once
    p = np.clip(p, _EDGE, 1 - _EDGE)
    hazard, when = -np.log1p(-p), np.array([at])
    risk = np.log(hazard)
    slope = _around(*cox_slope(risk, y), widen) if varies else _UNKNOWN
    observed = 1 - float(kaplan_meier(y[:, 0], y[:, 1]).at(when)[0])
    events = max(float(((y[:, 0] <= at) & (y[:, 1] > 0)).sum()), 1.0)
    aim = float(np.clip(observed, 1e-4, 1 - 1e-4))
    shift = brentq(lambda a: float(np.mean(-np.expm1(-hazard * np.exp(a)))) - aim, -30.0, 30.0)
    intercept = _around(float(shift), 1 / np.sqrt(events), widen)
    gaps = [len(b) * abs(1 - kaplan_meier(y[b, 0], y[b, 1]).at(when)[0] - p[b].mean()) for b in bins_of(p)]
    return _made(slope, intercept, float(sum(gaps) / len(p)), float(p.mean()), observed)


def _competing(
    y: np.ndarray, rival: np.ndarray, p: np.ndarray, cluster: np.ndarray, at: float, varies: bool, widen: float
) -> Calibration:
    """Rows whose state at the horizon is known stand for those censored before: weights 1/G of their own time, or of it."""
    when, any_event = np.array([at]), np.maximum(y[:, 1] > 0, rival)
    left = reverse_kaplan_meier(y[:, 0], any_event).at(np.minimum(y[:, 0], at))
    known = ((y[:, 0] > at) | any_event) & (left > 0)
    weight = np.divide(1.0, left, out=np.zeros(len(y)), where=known)
    had = ((y[:, 0] <= at) & (y[:, 1] > 0)).astype(np.float64)
    logit, one = _logit(p), np.ones(len(y))
    level, level_error = logistic(one[:, None], had, logit, cluster, weight)
    slope: Interval = _UNKNOWN
    if varies:
        line, line_error = logistic(np.column_stack([one, logit]), had, 0 * logit, cluster, weight)
        slope = _around(line[1], line_error[1], widen)

    def seen(rows: np.ndarray) -> float:
        return float(cumulative_incidence(y[rows, 0], y[rows, 1], rival[rows]).at(when)[0])

    gaps = [len(b) * abs(seen(b) - p[b].mean()) for b in bins_of(p)]
    intercept = _around(level[0], level_error[0], widen)
    return _made(slope, intercept, float(sum(gaps) / len(p)), float(p.mean()), seen(np.arange(len(y))))


def _vary(risks: Sequence[np.ndarray]) -> bool:
    """Whether the risks of any one fold differ: what differs between folds alone is what each had to learn from."""
    return any(np.ptp(one) > _EDGE for one in risks if len(one))


def _made(
    slope: Interval, intercept: tuple[float, float, float], ece: float, predicted: float, observed: float
) -> Calibration:
    names = [f"{side}{end}" for side in ("slope", "intercept") for end in ("", "_low", "_high")]
    values: dict[str, Any] = dict(zip(names, (*slope, *intercept), strict=True))
    return Calibration(**values, ece=ece, predicted=predicted, observed=observed)


def _around(value: float, error: float, widen: float) -> tuple[float, float, float]:
    return float(value), float(value - _Z * widen * error), float(value + _Z * widen * error)


def _logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(p) - np.log1p(-p))
