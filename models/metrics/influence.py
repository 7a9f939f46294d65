"""Influence functions: what one more of each patient would change in a metric, to the first order.

A rank metric sums over pairs. With thousands of rows a resample's value is its sum over patients, each weighing its own
pairs while the others stay as they are; what that leaves out is one part in the number of rows. (`concordance.pairs` is
the same for Harrell's C.)
"""

from __future__ import annotations

import numpy as np


def ties(score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rising order of a score, and where in it each group of equal scores begins."""
    order = np.argsort(score, kind="stable")
    return order, np.flatnonzero(np.r_[True, np.diff(score[order]) > 0])


def auroc_rows(positive: np.ndarray, negative: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) each row's pairs ordered rightly (ties half) and all its pairs; (2,) the sums over all pairs.

    Args:
        positive, negative: (n,) how much each row counts as the one and as the other.
    """
    order, first = ties(score)
    up, down = (np.add.reduceat(w[order], first) for w in (positive, negative))
    group = np.empty(len(score), dtype=np.int64)
    group[order] = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(score))))
    below, above = np.cumsum(down) - down / 2, up.sum() - np.cumsum(up) + up / 2
    right = positive * below[group] + negative * above[group]
    pairs = positive * down.sum() + negative * up.sum()
    return np.column_stack([right, pairs]), np.array([up @ below, up.sum() * down.sum()])


def auprc_rows(positive: np.ndarray, score: np.ndarray) -> np.ndarray:
    """(n,) each row's part in positives × average precision; they sum to it."""
    order, first = ties(-score)
    up, down = (np.add.reduceat(w[order].astype(np.float64), first) for w in (positive, ~positive))
    right, wrong = np.cumsum(up), np.cumsum(down)
    square = np.maximum(right + wrong, 1.0) ** 2
    gain, loss = (np.cumsum((up * v / square)[::-1])[::-1] for v in (wrong, right))
    group = np.empty(len(score), dtype=np.int64)
    group[order] = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(score))))
    precision = right / np.maximum(right + wrong, 1.0)
    return np.where(positive, precision[group] + gain[group], -loss[group])


def td_auc_rows(case: np.ndarray, control: np.ndarray, share: np.ndarray, risk: np.ndarray) -> tuple[np.ndarray, float]:
    """(n,) each row's influence on the mean cumulative/dynamic AUC, summing to 0; and that AUC.

    Args: as `ipcw.auc_parts` gives them, and (n,) risks.
    """
    rows, value = np.zeros(len(risk)), 0.0
    for one, other, part in zip(case.T, control.T, share, strict=True):
        own, (right, pairs) = auroc_rows(one, other, risk)
        rows += part * (own[:, 0] - right / pairs * own[:, 1]) / pairs
        value += part * right / pairs
    return rows, float(value)
