"""Contingency tables: Cramér's V with its interval, Fisher's exact test of many columns, log-rank test of groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from ..estimators.risk_sets import cumulative_hazard

_EXPECTED = 5.0
"""Cochran's rule: below such expected counts chi² is no longer chi²."""
_TABLES = 1_999


@dataclass(frozen=True)
class Association:
    """How strongly groups and outcome go together: v from 0 to 1, low and high of its 95 % interval, p."""

    v: float
    low: float
    high: float
    p: float


def cramers_v(counts: np.ndarray, seed: int = 0) -> Association | None:
    """Cramér's V, corrected for what chance gives, with a 95 % interval.

    p is that of chi²; where a count below five is expected, from random tables of the same margins.
    Args:
        counts: (groups, outcomes) patients.
    Returns: None where there is one group or one outcome.
    Source: Bergsma 2013, doi:10.1016/j.jkss.2012.10.002 (bias); Smithson 2003 (interval by noncentral chi²).
    Example:
        >>> round(cramers_v(np.array([[50, 0], [0, 50]])).v, 2)
        0.99
    """
    table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return None
    n, freedom, ways = float(table.sum()), (table.shape[0] - 1) * (table.shape[1] - 1), min(table.shape) - 1
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    expected = np.outer(rows, columns) / n
    seen = float(((table - expected) ** 2 / expected).sum())
    p = float(stats.chi2.sf(seen, freedom))
    if expected.min() < _EXPECTED:
        drawn = stats.random_table(rows, columns).rvs(_TABLES, random_state=np.random.default_rng(seed))
        as_far = (((drawn - expected) ** 2 / expected).sum(axis=(1, 2)) >= seen * (1 - 1e-12)).sum()
        p = float((as_far + 1) / (_TABLES + 1))

    def v(excess: float) -> float:
        return float(min(1.0, np.sqrt(excess / n / ways)))

    low, high = _noncentrality(seen, freedom)
    return Association(v(max(0.0, seen - freedom)), v(low), v(high), p)


def _noncentrality(seen: float, freedom: int) -> tuple[float, float]:
    """The noncentral chi² distributions of which `seen` is the upper and the lower 2.5 % point."""

    def solve(level: float) -> float:
        def gap(at: float) -> float:
            return float(stats.ncx2.cdf(seen, freedom, at) if at > 0 else stats.chi2.cdf(seen, freedom)) - level

        if gap(0.0) <= 0:
            return 0.0
        return float(optimize.brentq(gap, 0.0, seen + 10 * np.sqrt(seen + freedom) + 40))

    return solve(0.975), solve(0.025)


def fisher_columns(x: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Fisher's exact test of every column of (n, p) bool against a group; two-sided, (p,) p-values.

    A column in which all are alike has NaN.
    Args:
        group: (n,) bool.
    """
    n, inside = len(group), int(group.sum())
    total, held = x.sum(axis=0), x[group].sum(axis=0)
    found = np.full(x.shape[1], np.nan)
    for k in np.unique(total):
        if k in (0, n) or inside in (0, n):
            continue
        support = np.arange(max(0, k - (n - inside)), min(k, inside) + 1)
        chance = np.exp(_log_choose(inside, support) + _log_choose(n - inside, k - support) - _log_choose(n, k))
        for a in np.unique(held[total == k]):
            seen = chance[a - support[0]]
            found[(total == k) & (held == a)] = min(1.0, float(chance[chance <= seen * (1 + 1e-7)].sum()))
    return found


def _log_choose(n: int, k: np.ndarray) -> np.ndarray:
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))


def observed_expected(duration: np.ndarray, event: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Events seen in each group, and those that the whole cohort's hazard would give it: both (groups,), groups sorted.

    Args:
        duration: (n,) days. event: (n,) bool. group: (n,) labels.
    """
    hazard = cumulative_hazard(duration, event)
    at = np.unique(group, return_inverse=True)[1]
    return np.bincount(at, event.astype(np.float64)), np.bincount(at, hazard)


def events_columns(x: np.ndarray, duration: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Exact binomial test of every column of (n, p) bool: of all events, those of the column against the share expected.

    Where a group is small the log-rank test's chi² finds too much; this does not (both together: the larger p).
    Returns: (p,) two-sided p-values, twice the smaller tail.
    """
    hazard, died = cumulative_hazard(duration, event), int(event.sum())
    seen, expected = x[event].sum(axis=0), x.T.astype(np.float64) @ hazard
    share = np.clip(expected / max(hazard.sum(), 1e-12), 0.0, 1.0)
    tails = np.minimum(stats.binom.cdf(seen, died, share), stats.binom.sf(seen - 1, died, share))
    return np.asarray(np.minimum(1.0, 2 * tails))


def log_rank(duration: np.ndarray, event: np.ndarray, group: np.ndarray) -> float:
    """p-value of the log-rank test of two or more groups; NaN without events or with one group."""
    from lifelines.statistics import multivariate_logrank_test

    if not event.any() or len(np.unique(group)) < 2:
        return float("nan")
    return float(multivariate_logrank_test(duration, group, event).p_value)


def wilson(k: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wilson's 95 % interval of shares k / n, which stays within 0 and 1: share, low, high.

    Source: Wilson 1927.
    Example:
        >>> [round(float(one), 3) for one in wilson(np.array(5), np.array(10))]
        [0.5, 0.237, 0.763]
    """
    z, share = 1.959964, k / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return share, middle - half, middle + half
