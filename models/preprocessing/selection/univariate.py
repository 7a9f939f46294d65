"""Univariate selection: one test a column, the false discovery rate held."""

from __future__ import annotations

import numpy as np

from ...estimators.univariate import association
from .selector import Selector

RATE = 0.05
"""False discovery rate."""


class Univariate(Selector):
    """Univariate F test of each column with the outcome, those kept whose Benjamini–Hochberg q is at most RATE.

    Of classes it is the ANOVA's, of a number or of martingale residuals (survival) that of a straight line; of several
    labels the smallest p a column, times the number of labels. `scores`: 1 − q.
    Source: Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x; Therneau, Grambsch & Fleming 1990,
        doi:10.1093/biomet/77.1.147.
    """

    def choose(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from scipy.stats import false_discovery_control

        p = p_values(x, self.response(y))
        q = false_discovery_control(p) if len(p) else p
        return 1 - q, q <= RATE


def p_values(x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(p,) of the F test; target: (n, k) from `Task.working_response`."""
    from scipy.stats import f

    n, k = target.shape
    one_hot = k > 1 and bool((target.sum(axis=1) == 1).all())
    columns = [target[:, target.any(axis=0)]] if one_hot else [target[:, [j]] for j in range(k)]
    found = []
    for one in columns:
        free = one.shape[1] - 1 if one_hot else 1
        share = np.minimum(association(x, one), 1 - 1e-15)
        found.append(
            f.sf(share / max(free, 1) / ((1 - share) / max(n - free - 1, 1)), max(free, 1), max(n - free - 1, 1))
        )
    return np.asarray(np.minimum(np.min(found, axis=0) * len(found), 1.0))
