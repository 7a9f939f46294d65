"""Patients drawn anew, a thousand times: what each metric would have been.

A resample is a weight a patient (how often it was drawn), so that each score is sorted once and all resamples are scored
together; all rows of a patient, in whatever fold or repeat, are drawn together. Parts of more than MANY rows are scored
to the first order (`models.evaluation.influence`): seconds also for 70,000 rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..metrics import concordance
from ..metrics.survival import SurvivalCurves, auc_parts, brier_rows
from ..metrics.task_metrics import bins_of, confidence
from .influence import auprc_rows, auroc_rows, td_auc_rows, ties

RESAMPLES = 1000
MANY = 4000
_CELLS = 4_000_000  # weights held at once: 32 MB

Drawn = tuple[np.ndarray, np.ndarray]
"""(resamples,) numerator and denominator; 0 below where a resample cannot be scored."""


@dataclass(frozen=True)
class Resamples:
    """weights: (resamples, patients) how often each was drawn. patient: (rows,) each row's patient; -1 never held out."""

    weights: np.ndarray
    patient: np.ndarray

    @classmethod
    def of(cls, subject: np.ndarray, held_out: np.ndarray, seed: int, times: int = RESAMPLES) -> Resamples:
        """Draw among the subjects of the held-out rows, with replacement, as many as there are.

        Args:
            subject: (rows,) any ids. held_out: indices of the rows that were held out, each any number of times.
        """
        known, index = np.unique(subject[held_out], return_inverse=True)
        patient = np.full(len(subject), -1, dtype=np.int64)
        patient[held_out] = index
        rng = np.random.default_rng(seed)
        weights = np.empty((times, len(known)), dtype=np.uint8)
        for one in weights:
            drawn = np.bincount(rng.integers(0, len(known), len(known)), minlength=len(known))
            one[:] = np.minimum(drawn, 255)
        return cls(weights, patient)

    def blocks(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """(some resamples, rows) float64 weights, one block after the other."""
        index = self.patient[rows]
        size = max(1, _CELLS // max(len(rows), 1))
        for start in range(0, len(self.weights), size):
            yield self.weights[start : start + size, index].astype(np.float64)

    def score(self, rows: np.ndarray, measures: Mapping[str, Measure]) -> dict[str, Drawn]:
        """name -> (resamples,) numerators and denominators of each measure on these rows."""
        found: dict[str, list[Drawn]] = {name: [] for name in measures}
        for block in self.blocks(rows):
            for name, measure in measures.items():
                found[name].append(measure(block))
        return {name: (np.concatenate([u for u, _ in parts]), np.concatenate([d for _, d in parts]))
                for name, parts in found.items()}  # fmt: skip


Measure = Callable[[np.ndarray], Drawn]
"""(resamples, n) weights -> numerators and denominators."""


def measures(
    task: str, y: np.ndarray, score: np.ndarray, classes: int = 0, followed: SurvivalCurves | None = None
) -> dict[str, Measure]:
    """Every metric of `metrics.evaluate` as a function of weights (with weights of one the same number, tested).

    Bins of the calibration error and censoring weights stay those of the whole part.
    """
    match task:
        case "binary":
            guess = (score >= 0.5).astype(np.int64)
            return {
                **_ranked(y, score),
                "brier": _mean((score - y) ** 2),
                "ece": _ece(y, score),
                "accuracy": _mean(guess == y),
                "macro_f1": _macro_f1(y, guess, 2),
            }
        case "multiclass":
            guess = score.argmax(axis=1)
            return {
                "accuracy": _mean(guess == y),
                "macro_f1": _macro_f1(y, guess, classes or score.shape[1]),
                "auroc": _ovr(y, score),
                "brier": _mean(((score - np.eye(score.shape[1])[y]) ** 2).sum(axis=1)),
                "ece": _ece(*confidence(y, score)),
            }
        case "survival":
            found = {"c_index": _concordance(y, score)}
            if followed is not None:
                rows = brier_rows(y, followed)
                found |= {"td_auc": _td_auc(y, score, followed)} | ({"ibs": _mean(rows)} if len(rows) else {})
            return found
    raise ValueError(f"no resampling for task {task!r}")


def _mean(values: np.ndarray) -> Measure:
    values = np.asarray(values, dtype=np.float64)
    return lambda w: (w @ values, w.sum(axis=1))


def _by_score(w: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Sums of each group of equal scores along the last axis."""
    return w if len(first) == w.shape[-1] else np.add.reduceat(w, first, axis=-1)


def _ranked(y: np.ndarray, score: np.ndarray) -> dict[str, Measure]:
    if len(y) > MANY:
        return _ranked_many(np.asarray(y) > 0, score)
    order, first = ties(score)
    positive = np.asarray(y)[order] > 0

    def groups(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        w = w[:, order]
        return _by_score(w * positive, first), _by_score(w * ~positive, first)

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
    return {"auroc": _first_order(own, whole), "auprc": lambda w: (w @ part, w @ positive * both)}


def _first_order(own: np.ndarray, whole: np.ndarray) -> Measure:
    """Sums over pairs by each row's own pairs: (n, 2) right and all, (2,) their totals."""

    def first_order(w: np.ndarray) -> Drawn:
        up, down = (w @ own - whole).T
        return up, down

    return first_order


def _ovr(y: np.ndarray, score: np.ndarray) -> Measure:
    each = [_ranked(y == k, score[:, k])["auroc"] for k in range(score.shape[1])]

    def ovr(w: np.ndarray) -> Drawn:
        drawn = [measure(w) for measure in each]
        known = np.stack([down > 0 for _, down in drawn])
        value = np.stack([np.divide(up, down, out=np.zeros_like(up), where=down > 0) for up, down in drawn])
        return value.sum(axis=0), known.sum(axis=0).astype(np.float64)

    return ovr


def _ece(y: np.ndarray, p: np.ndarray) -> Measure:
    gap, bins = np.asarray(y - p, dtype=np.float64), bins_of(p)
    member = np.zeros((len(p), len(bins)))
    for k, rows in enumerate(bins):
        member[rows, k] = gap[rows]
    return lambda w: (np.abs(w @ member).sum(axis=1), w.sum(axis=1))


def _macro_f1(y: np.ndarray, guess: np.ndarray, classes: int) -> Measure:
    cell = np.eye(classes * classes)[np.asarray(y) * classes + guess]

    def macro_f1(w: np.ndarray) -> Drawn:
        table = (w @ cell).reshape(-1, classes, classes)
        right, true, said = np.einsum("bkk->bk", table), table.sum(axis=2), table.sum(axis=1)
        f1 = np.divide(2 * right, true + said, out=np.zeros_like(right), where=true + said > 0)
        return (f1 * (true > 0)).sum(axis=1), (true > 0).sum(axis=1).astype(np.float64)

    return macro_f1


def _concordance(y: np.ndarray, risk: np.ndarray) -> Measure:
    if len(y) > MANY:
        found = concordance.pairs(y[:, 0], y[:, 1], risk)
        return _first_order((found.early + found.late)[:, ::-1], found.early.sum(axis=0)[::-1])
    died = y[:, 1] > 0
    comparable, concordant = concordance.matrices(y[:, 0], y[:, 1], risk)

    def exact(w: np.ndarray) -> Drawn:
        first, w = w[:, died].astype(np.float32), w.astype(np.float32)
        up, down = (np.einsum("bj,bj->b", first @ m, w, dtype=np.float64) for m in (concordant, comparable))
        return up, down

    return exact


def _td_auc(y: np.ndarray, risk: np.ndarray, followed: SurvivalCurves) -> Measure:
    case, control, share = auc_parts(y, followed)
    if len(y) > MANY:
        rows, value = td_auc_rows(case, control, share, risk)
        return lambda w: (value + w @ rows, np.full(len(w), 1.0 if len(share) else 0.0))
    order, first = ties(risk)
    case, control = case[order].T, control[order].T

    def td_auc(w: np.ndarray) -> Drawn:
        w = w[:, order]
        total, known = np.zeros(len(w)), np.zeros(len(w))
        for one, other, part in zip(case, control, share, strict=True):
            up, down = _by_score(w * one, first), _by_score(w * other, first)
            pairs = up.sum(axis=1) * down.sum(axis=1)
            below = np.cumsum(down, axis=1) - down / 2
            area = np.divide(np.einsum("bg,bg->b", up, below), pairs, out=np.zeros(len(w)), where=pairs > 0)
            total, known = total + part * area, known + part * (pairs > 0)
        return total, known

    return td_auc
