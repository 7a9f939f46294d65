"""Aalen–Johansen estimate of cumulative incidence: how many have had the event by a time, where another event can come first.

One minus Kaplan–Meier takes who has had the competing event (death before a readmission) for somebody who could still have
the event, and says too much.
Source: Aalen & Johansen 1978, Scand J Stat 5:141; variance: Marubini & Valsecchi 1995, eq. 10.12. Numbers are lifelines'.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .kaplan_meier import Z, kaplan_meier


@dataclass(frozen=True)
class CumulativeIncidence:
    """Shares that rise at times with events.

    times: (t,) each duration that occurs, rising. event, competing: (t,) share that has had it first until and at each time.
    variance: (t,) of the event's.
    """

    times: np.ndarray
    event: np.ndarray
    competing: np.ndarray
    variance: np.ndarray

    def at(self, times: np.ndarray) -> np.ndarray:
        """(k,) the event's share at any times; 0 before the first."""
        return np.asarray(np.append(0.0, self.event)[np.searchsorted(self.times, times, side="right")])

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """(t,) low and (t,) high of the event's pointwise 95% interval, on the scale of log(−log)."""
        inside = (self.event > 0) & (self.event < 1)
        share = np.where(inside, self.event, 0.5)
        half = Z * np.sqrt(np.maximum(self.variance, 0.0)) / (share * -np.log(share))
        low, high = (share ** np.exp(sign * half) for sign in (1, -1))
        return np.where(inside, low, self.event), np.where(inside, high, self.event)


def cumulative_incidence(duration: np.ndarray, event: np.ndarray, competing: np.ndarray) -> CumulativeIncidence:
    """Cumulative incidence of an event beside a competing one, of right-censored durations (Aalen–Johansen).

    Args:
        duration: (n,) time to the first of event, competing event and censoring, any unit.
        event: (n,) above 0 where that was the event.
        competing: (n,) above 0 where it was the competing event.
    Raises: ValueError for a row that ends with both.
    Example:
        >>> found = cumulative_incidence(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 0, 1, 0]), np.array([0, 1, 0, 0]))
        >>> found.event.tolist(), found.competing.tolist()
        ([0.25, 0.25, 0.5, 0.5], [0.0, 0.25, 0.25, 0.25])
    """
    mine, other = np.asarray(event) > 0, np.asarray(competing) > 0
    if (mine & other).any():
        raise ValueError(
            f"competing: got {int((mine & other).sum())} rows that end with both; expected one event a row"
        )
    either = kaplan_meier(duration, (mine | other).astype(np.float64))
    n, left = either.at_risk, either.at_risk - either.events
    place = np.searchsorted(either.times, duration)
    first, second = (np.bincount(place, weights=one, minlength=len(n)) for one in (mine, other))
    before = np.append(1.0, either.survival)[:-1]
    share, rival = (np.cumsum(before * one / n) for one in (first, second))
    gone = np.divide(either.events, n * left, out=np.zeros(len(n)), where=left > 0)
    own, shared = before**2 * first * (n - first) / n**3, before * first / n**2
    variance = share**2 * np.cumsum(gone) - 2 * share * np.cumsum(share * gone) + np.cumsum(share**2 * gone)
    variance += np.cumsum(own) - 2 * (share * np.cumsum(shared) - np.cumsum(share * shared))
    return CumulativeIncidence(either.times, share, rival, variance)
