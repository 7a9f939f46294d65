"""Survival curves from risks: one Cox model of one covariate, fitted on risks of rows that no model had seen.

Learners predict risks, which order patients and say no more. To be scored over time (`models.metrics.survival`) each learner's risks
become curves in the same way: slope and Breslow baseline are fitted on the training rows, with the risk that the inner
folds of the tuning gave each of them. A learner that knows nothing gets slope 0, the same curve for everyone. Nothing is
fitted on held-out rows.

Where another event can come first, the same risk has a slope and a baseline of that event too, and the curve is one minus the
cumulative incidence of both: the probability of the event in this world, in which some die before it.
Source: Benichou & Gail 1990, doi:10.2307/2532098; cause-specific Cox models.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from ..estimators.ridge import fit_cox
from ..estimators.risk_sets import breslow
from ..metrics.metric import SurvivalCurves

TIMES = 20
"""At how many times within follow-up curves are scored."""
SPAN = (0.1, 0.9)
"""From which to which quantile of the event times: beyond, censoring weights are those of a few."""
_LOOSE = 10.0
"""Inverse penalty of the slope: it only keeps a perfect order of few rows finite."""
_STEPS = 200
"""Into how many steps, by events of either kind, the time until a curve's end is cut for its incidence."""


class Rivals(NamedTuple):
    """Who ended with the competing event, bool: of all training rows, of those with a risk, of the held-out rows."""

    train: np.ndarray
    known: np.ndarray
    held_out: np.ndarray


def rivals_of(rows: pl.DataFrame) -> np.ndarray | None:
    """(rows,) bool: who ended with the competing event; None where the cohort states none, or nobody did."""
    if "competing" not in rows.columns:
        return None
    ended = (rows["competing"].cast(pl.Int64).fill_null(0) > 0).to_numpy()
    return ended if ended.any() else None


def grid(y: np.ndarray) -> np.ndarray:
    """(t,) days, rising: the times at which all curves of a cohort are scored; none where nobody has an event."""
    died = y[y[:, 1] > 0, 0]
    return np.unique(np.quantile(died, np.linspace(*SPAN, TIMES))) if len(died) else np.zeros(0)


def follow(
    train: np.ndarray,
    known: np.ndarray,
    inner: np.ndarray,
    risk: np.ndarray,
    times: np.ndarray,
    rivals: Rivals | None = None,
) -> SurvivalCurves:
    """Held-out risks as survival curves.

    Args:
        train: (m, 2) duration_days and event of all training rows.
        known, inner: (k, 2) outcomes and (k,) risks of training rows, each by a model that had not seen it.
        risk: (n,) held-out risks on the same scale. times: from `grid`.
        rivals: who ended with a competing event, where there is one.
    """
    centre, spread = float(inner.mean()), float(inner.std())
    varies = spread > 1e-12
    z, new = ((np.clip((v - centre) / spread, -5, 5) if varies else np.zeros(len(v))) for v in (inner, risk))
    slope = max(0.0, _slope(z, known)) if varies else 0.0
    if rivals is None:
        hazard = breslow(known[:, 0], known[:, 1], slope * z, times)
        return SurvivalCurves(train, times, np.exp(-hazard * np.exp(slope * new)[:, None]))
    other = np.column_stack([known[:, 0], rivals.known])
    against = _slope(z, other) if varies and other[:, 1].any() else 0.0
    ended = np.unique(known[((known[:, 1] > 0) | rivals.known) & (known[:, 0] <= times.max(initial=0.0)), 0])
    cuts = np.unique(np.quantile(ended, np.linspace(0, 1, _STEPS), method="nearest")) if len(ended) else ended
    at = np.union1d(cuts, times)
    mine = breslow(known[:, 0], known[:, 1], slope * z, at), slope * new
    theirs = breslow(known[:, 0], other[:, 1], against * z, at), against * new
    either = np.column_stack([train[:, 0], (train[:, 1] > 0) | rivals.train])
    incidence = _incidence(mine, theirs)[:, np.searchsorted(at, times)]
    return SurvivalCurves(either, times, 1 - incidence, np.asarray(rivals.held_out, dtype=bool))


def _slope(z: np.ndarray, y: np.ndarray) -> float:
    return float(fit_cox(z[:, None], y[:, 0], y[:, 1], _LOOSE)[0])


def _incidence(mine: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(n, t) cumulative incidence of the first event, hazards of both constant within each step.

    Args: mine, theirs: (t,) cumulative baseline hazard, and (n,) log hazard ratios.
    """
    first, second = (np.diff(base, prepend=0.0) * np.exp(ratio)[:, None] for base, ratio in (mine, theirs))
    both = first + second
    left = np.exp(-np.cumsum(both, axis=1))
    lost = np.column_stack([np.ones(len(left)), left[:, :-1]]) - left
    share = np.divide(first, both, out=np.zeros_like(both), where=both > 0)
    return np.asarray(np.cumsum(share * lost, axis=1))
