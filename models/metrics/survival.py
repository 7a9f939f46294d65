"""Survival metrics over time, censoring weighed out (IPCW): integrated Brier score and cumulative/dynamic AUC.

The censoring distribution is the training part's. Numbers are scikit-survival's (tested); they are computed here row by
row, because intervals resample patients. Who had a competing event is not censored: for the Brier score he stays free of the
event for good, with the weight of his own time; for `td_auc` he is neither case nor control from then on (definition 1), for
`incidence_auc` a control, with that weight (definition 2): only there the two groups are everybody, as a risk speaks of them.
Source of the latter two: Gerds & Schumacher 2006, doi:10.1002/bimj.200610301; Schoop et al. 2011, doi:10.1002/bimj.201000073;
Blanche et al. 2013, doi:10.1002/sim.5958 (both definitions).
"""

from __future__ import annotations

import numpy as np

from .cumulative_incidence import cumulative_incidence
from .discrimination import by_score
from .influence import td_auc_rows, ties
from .kaplan_meier import kaplan_meier, reverse_kaplan_meier
from .metric import MANY, Drawn, Measure, Metric, Scored, SurvivalCurves, mean


class TimeDependentAUC(Metric):
    """Cumulative/dynamic AUC, a mean over times (`td_auc`)."""

    key, label, chance, chooses = "td_auc", "AUC over time", 0.5, False  # inside the training part there are no curves
    why_null = "no time lies within follow-up with events before it and patients after it"
    rivals = False

    def value(self, part: Scored) -> float | None:
        return None if part.curves is None else td_auc(part.y, part.score, part.curves, self.rivals)

    def measure(self, part: Scored) -> Measure | None:
        return None if part.curves is None else _td_auc(part.y, part.score, part.curves, self.rivals)


class IncidenceAUC(TimeDependentAUC):
    """Cumulative/dynamic AUC beside a competing event: controls are all who have not had the event, by whatever (`td_auc`).

    Only of cohorts in which a competing event can come first: elsewhere it is `td_auc`, and is not shown.
    """

    key, label, rivals = "incidence_auc", "AUC of incidence over time", True

    def applies(self, part: Scored) -> bool:
        return part.curves is not None and part.curves.rival is not None


class IntegratedBrier(Metric):
    """Integrated Brier score of survival curves, censoring weighed out (`brier_rows`)."""

    key, label, higher_is_better = "ibs", "integrated Brier score", False
    why_null = TimeDependentAUC.why_null

    def value(self, part: Scored) -> float | None:
        rows = np.zeros(0) if part.curves is None else brier_rows(part.y, part.curves)
        return float(rows.mean()) if len(rows) else None

    def measure(self, part: Scored) -> Measure | None:
        rows = np.zeros(0) if part.curves is None else brier_rows(part.y, part.curves)
        return mean(rows) if len(rows) else None


def censoring(train: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Probability of not being censored until and at each of the times `at`; who dies at a time is not at risk there."""
    return reverse_kaplan_meier(train[:, 0], train[:, 1]).at(at)


def usable(y: np.ndarray, followed: SurvivalCurves) -> np.ndarray:
    """(t,) bool: times that lie within the held-out follow-up and at which censoring weights are finite."""
    times = followed.times
    within = (times >= y[:, 0].min(initial=np.inf)) & (times < y[:, 0].max(initial=-np.inf))
    return np.asarray(within & (censoring(followed.train, times) > 0))


def brier_rows(y: np.ndarray, followed: SurvivalCurves) -> np.ndarray:
    """(n,) each row's integrated Brier score; their mean is the study's `ibs`. Empty where fewer than two times count.

    Source: Graf et al. 1999, doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5.
    """
    at = usable(y, followed)
    if at.sum() < 2:
        return np.zeros(0)
    times, curve = followed.times[at], followed.curves[:, at]
    own, then = _weights(y, followed), 1 / censoring(followed.train, times)
    over = y[:, :1] <= times
    score = curve**2 * (over & (y[:, 1:] > 0)) * own[:, None] + (1 - curve) ** 2 * ~over * then
    if followed.rival is not None:
        score += (1 - curve) ** 2 * (over & followed.rival[:, None]) * own[:, None]
    return np.asarray(np.trapezoid(score, times, axis=1) / (times[-1] - times[0]))


def auc_parts(
    y: np.ndarray, followed: SurvivalCurves, rivals: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, t) weights of the cases and (n, t) of the controls at each time that has both, and (t,) each time's share.

    Shares are drops of the held-out rows' Kaplan–Meier curve, as in scikit-survival's mean AUC; they sum to one.
    Args:
        rivals: who had the competing event by then is a control too, beside those free of either; shares are then steps of
            the event's cumulative incidence (Aalen–Johansen).
    """
    at = usable(y, followed)
    times, over = followed.times[at], y[:, :1] <= followed.times[at]
    own = _weights(y, followed)[:, None]
    case = (over & (y[:, 1:] > 0)) * own
    control = (~over).astype(np.float64)
    if rivals and followed.rival is not None:
        control = control / censoring(followed.train, times) + (over & followed.rival[:, None]) * own
        share = np.diff(cumulative_incidence(y[:, 0], y[:, 1], followed.rival).at(times), prepend=0.0)
    else:
        share = -np.diff(np.append(1.0, kaplan_meier(y[:, 0], y[:, 1]).at(times)))
    both = (case.sum(axis=0) > 0) & (control.sum(axis=0) > 0)
    case, control, share = case[:, both], control[:, both], share[both]
    return case, control, share / share.sum() if share.sum() > 0 else share


def _weights(y: np.ndarray, followed: SurvivalCurves) -> np.ndarray:
    """(n,) 1/G at each row's own time; 0 where G is 0, as nobody there stands for the others."""
    g = censoring(followed.train, y[:, 0])
    return np.asarray(np.divide(1.0, g, out=np.zeros(len(y)), where=g > 0))


def td_auc(y: np.ndarray, risk: np.ndarray, followed: SurvivalCurves, rivals: bool = False) -> float | None:
    """Mean cumulative/dynamic AUC: at each time, do those who had their event lie above those who have not yet?

    Args:
        rivals: as in `auc_parts`.
    Returns: None where at no time there are both.
    Source: Uno et al. 2007, doi:10.1198/016214507000000149; mean over times: Lambert & Chevret 2016,
        doi:10.1177/0962280213515571; beside a competing event: Blanche et al. 2013, doi:10.1002/sim.5958.
    """
    case, control, share = auc_parts(y, followed, rivals)
    if not len(share):
        return None
    order = np.argsort(risk, kind="stable")
    first = np.flatnonzero(np.r_[True, np.diff(risk[order]) > 0])
    positive, negative = (np.add.reduceat(w[order], first, axis=0) for w in (case, control))
    below = np.cumsum(negative, axis=0) - negative / 2
    return float(share @ ((positive * below).sum(axis=0) / (positive.sum(axis=0) * negative.sum(axis=0))))


def _td_auc(y: np.ndarray, risk: np.ndarray, followed: SurvivalCurves, rivals: bool) -> Measure:
    case, control, share = auc_parts(y, followed, rivals)
    if len(y) > MANY:
        rows, value = td_auc_rows(case, control, share, risk)
        return lambda w: (value + w @ rows, np.full(len(w), 1.0 if len(share) else 0.0))
    order, first = ties(risk)
    case, control = case[order].T, control[order].T

    def td_auc(w: np.ndarray) -> Drawn:
        w = w[:, order]
        total, known = np.zeros(len(w)), np.zeros(len(w))
        for one, other, part in zip(case, control, share, strict=True):
            up, down = by_score(w * one, first), by_score(w * other, first)
            pairs = up.sum(axis=1) * down.sum(axis=1)
            below = np.cumsum(down, axis=1) - down / 2
            area = np.divide(np.einsum("bg,bg->b", up, below), pairs, out=np.zeros(len(w)), where=pairs > 0)
            total, known = total + part * area, known + part * (pairs > 0)
        return total, known

    return td_auc
