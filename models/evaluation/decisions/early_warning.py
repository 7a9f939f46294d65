"""PhysioNet/CinC 2019 utility of early warnings: what an alert of each hour is worth beside none.

An alert is worth most six hours before the onset of sepsis, nothing from twelve hours before on backwards and three hours
after it, and costs a little where there is none; a silence costs from six hours before the onset on. 1 is the best that
could be done, 0 never to alert.
Source: Reyna et al. 2020, doi:10.1097/CCM.0000000000004145.
"""

from __future__ import annotations

import numpy as np

EARLIEST, BEST, LATEST = -12.0, -6.0, 3.0
"""Hours from the onset between which an alert counts, and when it is worth most."""
HIT, MISS, FALSE_ALARM = 1.0, -2.0, -0.05
"""Worth of the best alert, of the worst silence, and of an alert where there is none."""


def alert_gain(stay: np.ndarray, hour: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) what an alert is worth less what silence is worth, and (n,) whether the best would be to alert.

    Args:
        stay: (n,) ids. hour: (n,) hours on each stay's own clock. label: (n,) 0/1: 1 from six hours before the onset on,
            as the challenge has it.
    Example:
        >>> gain, best = alert_gain(np.zeros(3), np.array([0.0, 6.0, 20.0]), np.array([0, 1, 1]))
        >>> gain.round(2).tolist(), best.tolist()
        ([0.0, 1.0, 0.0], [True, True, False])
    """
    index = np.unique(stay, return_inverse=True)[1]
    first = np.full(index.max(initial=-1) + 1, np.inf)
    positive = label > 0
    np.minimum.at(first, index[positive], hour[positive])
    from_onset = hour - (first[index] - BEST)  # -inf where a stay has none
    ill = np.isfinite(from_onset)
    early, late = from_onset <= BEST, (from_onset > BEST) & (from_onset <= LATEST)
    rising = np.where(ill, HIT * (from_onset - EARLIEST) / (BEST - EARLIEST), -np.inf)
    falling = np.where(ill, HIT * (LATEST - from_onset) / (LATEST - BEST), 0.0)
    silence = np.where(ill & late, MISS * (from_onset - BEST) / (LATEST - BEST), 0.0)
    alert = np.select([~ill, early, late], [FALSE_ALARM, np.maximum(rising, FALSE_ALARM), falling], 0.0)
    return alert - silence, ill & (from_onset >= EARLIEST) & (from_onset <= LATEST)


def utility(gain: np.ndarray, best: np.ndarray, alert: np.ndarray) -> float | None:
    """Normalised utility of alerts: 1 the best decisions, 0 none; None where nobody falls ill.

    Args:
        gain, best: of `alert_gain`. alert: (n,) bool.
    """
    most = float(gain[best].sum())
    return float(gain[alert].sum()) / most if most > 0 else None
