"""Risk sets: who is still under observation at each time, ties of time together; and hazards from them (Breslow)."""

from __future__ import annotations

import numpy as np


def risk_sets(duration: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows by falling time, and for each place the last place of its tie.

    Everyone at risk at the time of a place stands up to that last place, so that a cumulative sum of any weights, taken
    there, is the sum over the risk set.
    Args:
        duration: (n,) days to the event or to the end of observation.
    Returns: order (n,) int64, last (n,) int64.
    Example:
        >>> order, last = risk_sets(np.array([1.0, 3.0, 3.0]))
        >>> np.cumsum(np.ones(3))[last]
        array([2., 2., 3.])
    """
    order = np.argsort(-duration, kind="stable")
    time = -duration[order]
    return order, np.searchsorted(time, time, side="right") - 1


def breslow(duration: np.ndarray, event: np.ndarray, log_hazard: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(t,) cumulative baseline hazard at these times.

    Args:
        duration, event, log_hazard: (n,) each.
    Source: Breslow 1972, J. R. Stat. Soc. B 34:216.
    """
    order, last = risk_sets(duration)
    at_risk = np.cumsum(np.exp(log_hazard[order]))[last]
    steps = np.cumsum((event[order] / at_risk)[::-1])
    rising = duration[order][::-1]
    return np.asarray(np.append(0.0, steps)[np.searchsorted(rising, times, side="right")])


def cumulative_hazard(duration: np.ndarray, event: np.ndarray) -> np.ndarray:
    """(n,) Nelson–Aalen estimate of the cumulative hazard of these rows, at each row's own time."""
    return breslow(duration, event, np.zeros(len(duration)), duration)
