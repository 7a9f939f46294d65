"""Mutual information: columns that tell most of the outcome, in whatever shape."""

from __future__ import annotations

import numpy as np

from .selector import Selector, largest

KEPT = 100
"""Columns kept at the most."""


class MutualInformation(Selector):
    """Mutual information of each column and the outcome in nats, by nearest neighbours (scikit-learn); the KEPT largest.

    Survival: of martingale residuals. Several labels: the mean.
    Source: Kraskov, Stögbauer & Grassberger 2004, doi:10.1103/PhysRevE.69.066138; Ross 2014,
        doi:10.1371/journal.pone.0087357.
    """

    def choose(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = mutual_information(x, self.response(y), self.seed)
        return scores, largest(scores, KEPT)


def mutual_information(x: np.ndarray, target: np.ndarray, seed: int = 0) -> np.ndarray:
    """(p,) nats; target: (n, k) from `Task.working_response`."""
    from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

    if not x.shape[1]:
        return np.zeros(0)
    if target.shape[1] > 1 and (target.sum(axis=1) == 1).all():
        return np.asarray(mutual_info_classif(x, target.argmax(axis=1), random_state=seed))
    each = []
    for one in target.T:
        names = np.isin(one, (0, 1)).all()
        estimate = mutual_info_classif if names else mutual_info_regression
        each.append(estimate(x, one.astype(int) if names else one, random_state=seed))
    return np.asarray(np.mean(each, axis=0))
