"""Minimum redundancy, maximum relevance (mRMR): columns that go with the outcome, and little with each other."""

from __future__ import annotations

import numpy as np

from ...estimators.univariate import association
from .selector import Selector

KEPT = 50
"""Columns kept at the most."""


class MinimumRedundancy(Selector):
    """mRMR: one column after the other, each the one with the largest F of the outcome over its mean |correlation| with
    those taken before (the quotient FCQ).

    `scores`: 1 for the first taken, falling to 0.
    Source: Ding & Peng 2005, doi:10.1142/S0219720005001004.
    """

    def choose(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        share = association(x, self.response(y))
        relevance = share / np.maximum(1 - share, 1e-12)
        z = x - x.mean(axis=0)
        z /= np.maximum(np.sqrt((z**2).sum(axis=0)), 1e-12)
        scores, together, open_ = np.zeros(x.shape[1]), np.zeros(x.shape[1]), relevance > 0
        count = min(KEPT, int(open_.sum()))
        for taken in range(count):
            redundancy = together / taken if taken else np.ones_like(together)
            at = int(np.where(open_, relevance / np.maximum(redundancy, 1e-3), -1.0).argmax())
            open_[at], scores[at] = False, 1 - taken / count
            together += np.abs(z.T @ z[:, at])
        return scores, scores > 0
