"""Survival curves from risks: one Cox model of one covariate, fitted on risks of rows that no model had seen.

Learners predict risks, which order patients and say no more. To be scored over time (`models.metrics.survival`) each learner's risks
become curves in the same way: slope and Breslow baseline are fitted on the training rows, with the risk that the inner
folds of the tuning gave each of them. A learner that knows nothing gets slope 0, the same curve for everyone. Nothing is
fitted on held-out rows.
"""

from __future__ import annotations

import numpy as np

from ..estimators.ridge import fit_cox
from ..estimators.risk_sets import breslow
from ..metrics.metric import SurvivalCurves

TIMES = 20
"""At how many times within follow-up curves are scored."""
SPAN = (0.1, 0.9)
"""From which to which quantile of the event times: beyond, censoring weights are those of a few."""
_LOOSE = 10.0
"""Inverse penalty of the slope: it only keeps a perfect order of few rows finite."""


def grid(y: np.ndarray) -> np.ndarray:
    """(t,) days, rising: the times at which all curves of a cohort are scored; none where nobody has an event."""
    died = y[y[:, 1] > 0, 0]
    return np.unique(np.quantile(died, np.linspace(*SPAN, TIMES))) if len(died) else np.zeros(0)


def follow(
    train: np.ndarray, known: np.ndarray, inner: np.ndarray, risk: np.ndarray, times: np.ndarray
) -> SurvivalCurves:
    """Held-out risks as survival curves.

    Args:
        train: (m, 2) duration_days and event of all training rows.
        known, inner: (k, 2) outcomes and (k,) risks of training rows, each by a model that had not seen it.
        risk: (n,) held-out risks on the same scale. times: from `grid`.
    """
    centre, spread = float(inner.mean()), float(inner.std())
    if spread > 1e-12:
        z, new = (np.clip((v - centre) / spread, -5, 5) for v in (inner, risk))
        slope = max(0.0, float(fit_cox(z[:, None], known[:, 0], known[:, 1], _LOOSE)[0]))
    else:
        z, new, slope = np.zeros(len(inner)), np.zeros(len(risk)), 0.0
    hazard = breslow(known[:, 0], known[:, 1], slope * z, times)
    return SurvivalCurves(train, times, np.exp(-hazard * np.exp(slope * new)[:, None]))
