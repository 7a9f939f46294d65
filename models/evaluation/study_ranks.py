"""Ranks over studies: mean ranks of several learners, whether they differ at all, and which of them do.

The studies are the sample here: each counts once, whatever its size. Source: Demšar 2006, JMLR 7:1–30.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.05
LEAST = 6
"""Studies that a rank test needs: of five, one learner winning on every one gives p = 2/2⁵ = 0.06 at the best."""


@dataclass(frozen=True)
class Ranking:
    """Learners over studies.

    mean: (k,) mean rank of each learner, 1 the best, ties shared. chi2, f, p: Friedman's statistic corrected for ties,
    Iman and Davenport's F from it and its p; None for fewer than three learners, or LEAST studies.
    difference: what two mean ranks must differ by (Nemenyi, 5 %); None where p is, or where p says that nothing differs.
    groups: (first, last) places in the order of mean ranks, of learners that are not shown to differ.
    """

    mean: np.ndarray
    studies: int
    chi2: float | None = None
    f: float | None = None
    p: float | None = None
    difference: float | None = None
    groups: tuple[tuple[int, int], ...] = ()


def rank(scores: np.ndarray) -> Ranking:
    """Ranks, Friedman's test, Nemenyi's critical difference.

    Args:
        scores: (studies, learners), higher is better, none missing.
    Example:
        >>> rank(np.array([[0.9, 0.8], [0.7, 0.6]])).mean.tolist()
        [1.0, 2.0]
    """
    n, k = scores.shape
    ranks = stats.rankdata(-scores, axis=1)
    mean = np.asarray(ranks.mean(axis=0))
    if k < 3 or n < LEAST or np.ptp(ranks) == 0:
        return Ranking(mean, n)
    chi2 = float(stats.friedmanchisquare(*ranks.T).statistic)
    left = n * (k - 1) - chi2
    f = float((n - 1) * chi2 / left) if left > 1e-9 else float("inf")
    p = float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))
    if p >= LEVEL:
        return Ranking(mean, n, chi2, f, p, None, ((0, k - 1),))
    difference = critical_difference(k, n)
    return Ranking(mean, n, chi2, f, p, difference, tuple(together(np.sort(mean), difference)))


def critical_difference(learners: int, studies: int, level: float = LEVEL) -> float:
    """Nemenyi's: mean ranks of two learners that differ by more differ at this level, over all pairs.

    Example:
        >>> round(critical_difference(4, 14), 2)
        1.25
    """
    q = float(stats.studentized_range.ppf(1 - level, learners, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(learners * (learners + 1) / (6 * studies)))


def together(mean: np.ndarray, difference: float) -> list[tuple[int, int]]:
    """The longest runs of sorted mean ranks whose ends differ by no more than this: (first, last), two or more long."""
    ends = [int(np.searchsorted(mean, low + difference + 1e-12, side="right")) - 1 for low in mean]
    return [(i, end) for i, end in enumerate(ends) if end > i and (i == 0 or ends[i - 1] < end)]


def signed_rank(differences: np.ndarray) -> float | None:
    """Wilcoxon's two-sided p over studies, zeros shared between both sides; None for fewer than LEAST studies."""
    if len(differences) < LEAST:
        return None
    if not np.any(differences):
        return 1.0
    return float(stats.wilcoxon(differences, zero_method="zsplit").pvalue)


def mean_interval(differences: np.ndarray) -> tuple[float, float] | None:
    """95 % of the mean over studies by Student's t, the studies being the sample; None for fewer than three."""
    n = len(differences)
    if n < 3:
        return None
    half = float(stats.t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n))
    return float(differences.mean()) - half, float(differences.mean()) + half
