"""Kaplan–Meier estimate of survival: the one computation behind scores, calibration, decision curves, tables and plots.

Source: Kaplan & Meier 1958, doi:10.1080/01621459.1958.10501452. Numbers are lifelines' (tested).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Z = 1.959963984540054
"""Normal quantile of a two-sided 95% interval."""


@dataclass(frozen=True)
class KaplanMeier:
    """A survival curve, a step function that falls at times with events.

    times: (t,) each duration that occurs, rising. at_risk: (t,) rows followed until then or longer. events: (t,) events
    at each time. survival: (t,) probability of no event until and at each time.
    """

    times: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    survival: np.ndarray

    def at(self, times: np.ndarray) -> np.ndarray:
        """(k,) the curve at any times; 1 before the first."""
        return step(self.times, self.survival, times)

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """(t,) low and (t,) high of the pointwise 95% interval, on the scale of log(−log S), variance by Greenwood.

        1 until the first event, 0 once nobody is left without one.
        """
        left, s = self.at_risk - self.events, self.survival
        terms = np.divide(self.events, self.at_risk * left, out=np.zeros(len(s)), where=left > 0)
        inside = (s > 0) & (s < 1)
        log = np.log(s, out=np.full(len(s), -1.0), where=inside)
        half = Z * np.sqrt(np.cumsum(terms)) / log
        low, high = (np.exp(log * np.exp(sign * half)) for sign in (-1, 1))
        return np.where(inside, low, s), np.where(inside, high, s)

    @property
    def median(self) -> float | None:
        """The first time at which half have had the event; None where the curve stays above."""
        reached = self.survival <= 0.5 + 1e-12
        return float(self.times[reached.argmax()]) if reached.any() else None


def kaplan_meier(duration: np.ndarray, event: np.ndarray) -> KaplanMeier:
    """The Kaplan–Meier curve of right-censored durations; who is censored at a time was at risk there.

    Args:
        duration: (n,) time to event or censoring, any unit. event: (n,) above 0 where the event was seen.
    Example:
        >>> curve = kaplan_meier(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 0, 1, 0]))
        >>> curve.at(np.array([0.5, 1.0, 3.5])).tolist(), curve.at_risk.tolist(), curve.median
        ([1.0, 0.75, 0.375], [4.0, 3.0, 2.0, 1.0], 3.0)
    """
    return _product_limit(duration, event > 0, np.ones(len(event)))


def reverse_kaplan_meier(duration: np.ndarray, event: np.ndarray) -> KaplanMeier:
    """The curve of censoring, for inverse weights: who has an event at a time is not at risk of being censored there."""
    return _product_limit(duration, event <= 0, event <= 0)


def step(times: np.ndarray, survival: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(k,) a right-continuous step function that starts at 1."""
    return np.asarray(np.append(1.0, survival)[np.searchsorted(times, at, side="right")])


def _product_limit(duration: np.ndarray, gone: np.ndarray, exposed: np.ndarray) -> KaplanMeier:
    """exposed: whether a row is at risk at its own time too."""
    time, inverse = np.unique(duration, return_inverse=True)
    lost, there = (np.bincount(inverse, weights=w, minlength=len(time)) for w in (gone, exposed))
    left = len(duration) - np.cumsum(np.bincount(inverse, minlength=len(time))) + there
    kept = np.cumprod(1 - np.divide(lost, left, out=np.zeros(len(time)), where=lost > 0))
    return KaplanMeier(time, left, lost, kept)
