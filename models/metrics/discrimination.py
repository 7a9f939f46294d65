"""Discrimination: AUROC and average precision, whole and of patients drawn anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .influence import auprc_rows, auroc_rows, ties
from .metric import MANY, Drawn, Measure, Metric, Scored


class AUROC(Metric):
    """Area under the ROC curve; multiclass: the mean over classes of each against the rest."""

    key, label, chance = "auroc", "AUROC", 0.5

    def value(self, part: Scored) -> float | None:
        return ovr_auroc(part.y, part.score) if part.score.ndim == 2 else auroc(part.y, part.score)

    def measure(self, part: Scored) -> Measure:
        return _ovr(part.y, part.score) if part.score.ndim == 2 else ranked(part.y, part.score)["auroc"]


class AveragePrecision(Metric):
    """Area under the precision–recall curve, as average precision. Chance is the prevalence."""

    key, label = "auprc", "AUPRC"

    def value(self, part: Scored) -> float | None:
        from sklearn.metrics import average_precision_score

        y = part.y
        return float(average_precision_score(y, part.score)) if 0 < y.sum() < len(y) else None

    def measure(self, part: Scored) -> Measure:
        return ranked(part.y, part.score)["auprc"]


def auroc(y: np.ndarray, score: np.ndarray) -> float | None:
    """Area under the ROC curve by ranks, ties counting half (tested against scikit-learn); None with one class."""
    from scipy.stats import rankdata

    positive = np.asarray(y) > 0
    n = int(positive.sum())
    rest = len(positive) - n
    if not n or not rest:
        return None
    return float((rankdata(score)[positive].sum() - n * (n + 1) / 2) / (n * rest))


def ovr_auroc(y: np.ndarray, p: np.ndarray) -> float | None:
    """Mean over classes of each against the rest; classes that the rows lack are left out."""
    return mean_known([auroc(y == k, p[:, k]) for k in range(p.shape[1])])


def mean_known(values: Sequence[float | None]) -> float | None:
    """The mean of the values that are defined; None where none is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def by_score(w: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Sums of each group of equal scores along the last axis."""
    return w if len(first) == w.shape[-1] else np.add.reduceat(w, first, axis=-1)


def ranked(y: np.ndarray, score: np.ndarray) -> dict[str, Measure]:
    """auroc and auprc of one score as functions of how often each row is drawn. y: (n,) 0/1."""
    if len(y) > MANY:
        return _ranked_many(np.asarray(y) > 0, score)
    order, first = ties(score)
    positive = np.asarray(y)[order] > 0

    def groups(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        w = w[:, order]
        return by_score(w * positive, first), by_score(w * ~positive, first)

    def auroc(w: np.ndarray) -> Drawn:
        up, down = groups(w)
        below = np.cumsum(down, axis=1) - down / 2
        return np.einsum("bg,bg->b", up, below), up.sum(axis=1) * down.sum(axis=1)

    def auprc(w: np.ndarray) -> Drawn:
        up, down = groups(w)
        right, wrong = (np.cumsum(v[:, ::-1], axis=1)[:, ::-1] for v in (up, down))
        all_ = right + wrong
        precision = np.divide(right, all_, out=np.zeros_like(all_), where=all_ > 0)
        both = (right[:, 0] > 0) & (wrong[:, 0] > 0)
        return np.einsum("bg,bg->b", up, precision), right[:, 0] * both

    return {"auroc": auroc, "auprc": auprc}


def _ranked_many(positive: np.ndarray, score: np.ndarray) -> dict[str, Measure]:
    own, whole = auroc_rows(positive * 1.0, ~positive * 1.0, score)
    part, both = auprc_rows(positive, score), 0 < positive.sum() < len(positive)
    return {"auroc": first_order(own, whole), "auprc": lambda w: (w @ part, w @ positive * both)}


def first_order(own: np.ndarray, whole: np.ndarray) -> Measure:
    """Sums over pairs by each row's own pairs: (n, 2) right and all, (2,) their totals."""

    def weighted(w: np.ndarray) -> Drawn:
        up, down = (w @ own - whole).T
        return up, down

    return weighted


def _ovr(y: np.ndarray, score: np.ndarray) -> Measure:
    return macro([ranked(y == k, score[:, k])["auroc"] for k in range(score.shape[1])])


def macro(each: Sequence[Measure]) -> Measure:
    """The mean of several measures, of each resample over those that can be scored in it."""

    def drawn_mean(w: np.ndarray) -> Drawn:
        drawn = [measure(w) for measure in each]
        known = np.stack([down > 0 for _, down in drawn])
        value = np.stack([np.divide(up, down, out=np.zeros_like(up), where=down > 0) for up, down in drawn])
        return value.sum(axis=0), known.sum(axis=0).astype(np.float64)

    return drawn_mean
