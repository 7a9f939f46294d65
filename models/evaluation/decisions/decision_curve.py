"""Decision curves: net benefit over thresholds, against acting on everyone and on no one.

Who acts at a risk of t holds a missed event to be (1 − t)/t times as bad as acting in vain.
Source: Vickers & Elkin 2006, doi:10.1177/0272989X06295361; survival: Vickers et al. 2008, doi:10.1186/1472-6947-8-53.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...base.task import task_of
from ...metrics.cumulative_incidence import cumulative_incidence
from ..calibration import at_horizon, horizon, rivals_among
from ..fold_scores import FoldScores

THRESHOLDS = np.arange(1, 100) / 100


def net_benefit(
    y: np.ndarray,
    p: np.ndarray,
    thresholds: np.ndarray = THRESHOLDS,
    at: float | None = None,
    rival: np.ndarray | None = None,
) -> np.ndarray:
    """(t,) true positives a row, less false positives a row weighed by t/(1 − t).

    Args:
        y: (n,) 0/1, or survival (n, 2) duration_days and event; p: (n,) risks (survival: until `at` days).
        rival: (n,) survival, who ended with a competing event: without the event for good.
    """
    order = np.argsort(-p, kind="stable")
    acted = np.searchsorted(-p[order], -thresholds, side="right")
    odds = thresholds / (1 - thresholds)
    if y.ndim == 1:
        events = np.append(0, np.cumsum(y[order]))[acted]
    else:
        time = np.array([at if at is not None else np.inf])
        other = np.zeros(len(y), dtype=bool) if rival is None else rival
        parts = (order[:k] for k in acted)
        had = [
            cumulative_incidence(y[part, 0], y[part, 1], other[part]).at(time)[0] if len(part) else 0.0
            for part in parts
        ]
        events = acted * np.array(had)
    return np.asarray((events - odds * (acted - events)) / len(p))


def decision_curves(task: str, parts: Mapping[str, Sequence[FoldScores]]) -> dict[str, Any]:
    """thresholds, and for each learner, for `everyone` and for `no one` the net benefit; means over repeats.

    Rows of a repeat are pooled: risks of different folds are on one scale. Thresholds end where nobody is acted on.
    Returns: {} for tasks without one risk a row.
    """
    first = next(iter(parts.values()), [])
    kind = task_of(task)
    one_risk = kind.label_type == "boolean" or kind.over_time
    if not one_risk or not first or (kind.over_time and first[0].followed is None):
        return {}
    at = horizon(first) if kind.over_time else None
    curves = {name: _mean(task, found, at) for name, found in parts.items()}
    once = [one for one in first if one.repeat == first[0].repeat]
    y, rival = np.concatenate([one.y for one in once]), rivals_among(once)
    curves |= {"everyone": net_benefit(y, np.ones(len(y)), at=at, rival=rival), "no one": np.zeros(len(THRESHOLDS))}
    highest = max(float(_risks(task, found).max()) for found in parts.values())
    kept = max(highest, THRESHOLDS[1]) >= THRESHOLDS
    return {"thresholds": THRESHOLDS[kept].tolist(), "horizon_days": at,
            "curves": {name: values[kept].tolist() for name, values in curves.items()}}  # fmt: skip


def useful(decision: Mapping[str, Any], name: str = "chosen") -> tuple[float, float] | None:
    """The widest run of thresholds at which acting on a learner beats acting on everyone and on no one; None if none."""
    curves = {key: np.array(values) for key, values in decision["curves"].items()}
    better = curves[name] > np.maximum(curves["everyone"], curves["no one"]) + 1e-9
    edges = np.flatnonzero(np.diff(np.r_[False, better, False]))
    runs = sorted(zip(edges[::2], edges[1::2], strict=True), key=lambda run: run[0] - run[1])
    return (decision["thresholds"][runs[0][0]], decision["thresholds"][runs[0][1] - 1]) if runs else None


def _risks(task: str, parts: Sequence[FoldScores]) -> np.ndarray:
    return np.concatenate([at_horizon(one) if task_of(task).over_time else one.score for one in parts])


def _mean(task: str, parts: Sequence[FoldScores], at: float | None) -> np.ndarray:
    each = []
    for repeat in sorted({one.repeat for one in parts}):
        mine = [one for one in parts if one.repeat == repeat]
        y = np.concatenate([one.y for one in mine])
        each.append(net_benefit(y, _risks(task, mine), at=at, rival=rivals_among(mine)))
    return np.asarray(np.mean(each, axis=0))
