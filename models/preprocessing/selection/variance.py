"""Variance: the columns that vary most. It does not look at the outcome."""

from __future__ import annotations

import numpy as np

from .selector import Selector, largest

KEPT = 1000
"""Columns kept at the most."""


class Variance(Selector):
    """Variance filter: the KEPT columns whose values, before they are scaled, vary most.

    Example:
        >>> Variance().fit(np.array([[1.0, 5.0], [1.0, 9.0]]), np.zeros(2)).get_support().tolist()
        [False, True]
    """

    raw = True

    def choose(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        spread = np.nan_to_num(np.nanvar(x, axis=0))
        return spread, largest(spread, KEPT)
