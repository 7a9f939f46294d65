"""Paired differences between learners on the same held-out rows, each with an interval and the name of its method."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from .metrics import evaluate

NADEAU_BENGIO = "Nadeau–Bengio corrected t over folds"
BOOTSTRAP = "patient bootstrap of the held-out part"
RESAMPLES = 1000


@dataclass(frozen=True)
class Comparison:
    """a − b of one metric. p_holm: p corrected for all comparisons of its family (Holm 1979)."""

    a: str
    b: str
    metric: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    method: str
    p_holm: float | None = None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def corrected_t(difference: np.ndarray, n_train: float, n_held_out: float) -> tuple[float, float, float, float]:
    """Mean, low, high (95 %) and p of fold differences; training parts overlap, so the variance is widened.

    t = mean(d) / √((1/J + n_held_out/n_train) · var(d)), J − 1 degrees of freedom.
    Source: Nadeau & Bengio 2003, doi:10.1023/A:1024068626366.
    """
    from scipy import stats

    j, mean = len(difference), float(difference.mean())
    error = float(np.sqrt((1 / j + n_held_out / n_train) * difference.var(ddof=1)))
    if error == 0:
        return mean, mean, mean, 1.0 if mean == 0 else 0.0
    half = float(stats.t.ppf(0.975, j - 1)) * error
    return mean, mean - half, mean + half, float(2 * stats.t.sf(abs(mean) / error, j - 1))


def bootstrap(
    task: str, metric: str, y: np.ndarray, *, a: np.ndarray, b: np.ndarray, subject: np.ndarray, seed: int = 0
) -> tuple[float, float, float, float]:
    """Mean, low, high (95 %, percentiles) and p of the difference, resampling subjects with all their rows.

    Source: Efron & Tibshirani 1993, ch. 16; p is twice the smaller share of resamples on one side of 0.
    """
    order = np.argsort(subject, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(subject[order])) + 1)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(RESAMPLES if len(y) <= 5000 else RESAMPLES // 4):
        sample = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        left, right = evaluate(task, y[sample], a[sample])[metric], evaluate(task, y[sample], b[sample])[metric]
        if left is not None and right is not None:
            found.append(left - right)
    mean = (evaluate(task, y, a)[metric] or 0.0) - (evaluate(task, y, b)[metric] or 0.0)
    if not found:
        return mean, mean, mean, 1.0
    drawn = np.array(found)
    low, high = (float(v) for v in np.quantile(drawn, (0.025, 0.975)))
    side = min((np.sum(drawn <= 0) + 1) / (len(drawn) + 1), (np.sum(drawn >= 0) + 1) / (len(drawn) + 1))
    return mean, low, high, float(min(1.0, 2 * side))


def holm(p: list[float | None]) -> list[float | None]:
    """Holm's step-down correction; None stays None. Source: Holm 1979."""
    known = sorted((value, i) for i, value in enumerate(p) if value is not None)
    out: list[float | None] = [None] * len(p)
    so_far = 0.0
    for rank, (value, i) in enumerate(known):
        so_far = max(so_far, min(1.0, value * (len(known) - rank)))
        out[i] = so_far
    return out
