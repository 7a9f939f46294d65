"""Biomarker ranking: features by what they did to held-out predictions, with effect, interval and stability over folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from ..base.snapshot import Snapshot
from ..base.task import task_of
from ..statistics.rank_tests import benjamini_hochberg
from .association import p_values

SCHEMA = {
    "layer": pl.String, "feature": pl.String, "symbol": pl.String, "effect": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "stability": pl.Float64, "rank": pl.Int64, "q": pl.Float64, "importance": pl.Float64,
}  # fmt: skip
"""biomarkers.csv (docs/results.md)."""


@dataclass(frozen=True)
class FoldAttribution:
    """What one block of features did to the held-out scores of one fold.

    The harness makes one of these a fold and block, from the learner that `chosen` was in that fold, on its held-out
    rows only. A feature is a CURIE for layers, a code for records, a column (or `column=value`) for covariates. Folds
    may name different features (a vocabulary is fitted in the fold): one that a fold does not name did nothing there.

    Args:
        repeat: index of the repeat, from 0.
        fold: index of the fold within the repeat, from 0.
        block: layer name, "records" or "covariates".
        feature: p names, no name twice.
        importance: (p,) mean of |attribution| over the fold's held-out rows, >= 0. One unit over all blocks of a fold
            (they are divided by their sum over blocks here, so folds may differ in unit).
        slope: (p,) signed change of the score per standard deviation of the feature, over the fold's held-out rows
            (covariance of attribution and standardised feature). NaN: the learner cannot say.
    Raises: ValueError if lengths differ, a name comes twice, or an importance is negative or not finite.
    """

    repeat: int
    fold: int
    block: str
    feature: Sequence[str]
    importance: np.ndarray
    slope: np.ndarray

    def __post_init__(self) -> None:
        p = len(self.feature)
        if self.importance.shape != (p,) or self.slope.shape != (p,):
            got = f"importance {self.importance.shape}, slope {self.slope.shape}"
            raise ValueError(f"{self.block}: {p} features, but {got}; expected ({p},) twice")
        if len(set(self.feature)) != p:
            raise ValueError(f"{self.block}: a feature is named twice in repeat {self.repeat} fold {self.fold}")
        if not np.isfinite(self.importance).all() or (self.importance < 0).any():
            raise ValueError(f"{self.block}: importance must be finite and >= 0; take the mean of |attribution|")


def biomarkers(
    snapshot: Snapshot,
    attributions: Sequence[FoldAttribution],
    *,
    top: int = 20,
    level: float = 0.95,
    held_out_per_train: float | None = None,
) -> pl.DataFrame:
    """One row a feature, best first: what it did to held-out predictions, and how surely.

    rank is the rank product: the geometric mean, over folds, of the rank of the feature's importance among all
    features of all blocks. One fold cannot carry a feature, folds in which `chosen` was another learner compare, and in
    simulations with planted genes it found more of them than mean importance, mean importance times stability, or the
    mean rank, most of all where attributions were noisy (tests/models/biomarkers/test_ranking.py).

    Args:
        attributions: every block of every fold, of held-out rows.
        top: stability is the share of folds in which the feature is among the first `top`.
        level: of the interval of the effect.
        held_out_per_train: size of the held-out part over that of the training part; 1 / (folds - 1) by default.
    Returns: layer (the block), feature, symbol (null without one), effect (mean over folds of the change in score per
        standard deviation; null where the task has several classes: a direction has no meaning there), low, high
        (Nadeau–Bengio's corrected t over folds; null with one fold), stability (0..1), rank (1..), q
        (Benjamini–Hochberg over all rows of the table, of the tests in `p_values`; null where the feature does not vary),
        importance (share of all attribution, mean over folds; no sign). What no fold attributed anything to is left out.
        No attributions, no rows.
    Raises: ValueError if a fold names a block twice.
    Source: Breitling 2004 (rank product), doi:10.1016/j.febslet.2004.07.055; Nadeau and Bengio 2003,
        doi:10.1023/A:1024068626366.
    """
    if not attributions:
        return pl.DataFrame(schema=SCHEMA)
    names, importance, slope = aligned(attributions)
    kept = importance.max(0) > 0
    names, importance, slope = [n for n, k in zip(names, kept, strict=True) if k], importance[:, kept], slope[:, kept]
    if not names:
        return pl.DataFrame(schema=SCHEMA)
    rank_in_fold = stats.rankdata(-importance, axis=1, method="average")
    folds = {(a.repeat, a.fold) for a in attributions}
    per_repeat = len(folds) / len({repeat for repeat, _ in folds})
    ratio = held_out_per_train if held_out_per_train is not None else 1 / max(per_repeat - 1, 1)
    if not task_of(snapshot.task).signed(snapshot.classes):
        slope = np.full(slope.shape, np.nan)
    effect, low, high = corrected_interval(slope, ratio, level)
    table = pl.DataFrame(
        {
            "layer": [block for block, _ in names],
            "feature": [feature for _, feature in names],
            "symbol": _symbols(snapshot, names),
            "effect": effect,
            "low": low,
            "high": high,
            "stability": (rank_in_fold <= top).mean(0),
            "product": np.log(rank_in_fold).mean(0),
            "importance": importance.mean(0),
            "q": benjamini_hochberg(_p_values(snapshot, names)),
        }
    )
    order = ["product", "importance", "layer", "feature"]
    table = table.sort(order, descending=[False, True, False, False]).with_row_index("rank", offset=1)
    return table.with_columns(pl.col("effect", "low", "high", "q").fill_nan(None)).select(
        pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()
    )


def corrected_interval(
    folds: np.ndarray, held_out_per_train: float, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over folds with an interval that knows that training parts overlap.

    Args:
        folds: (folds, p); NaN: not said in that fold.
        held_out_per_train: adds to 1 / folds as the factor of the variance.
    Returns: mean, low, high, each (p,); low and high are NaN with fewer than two folds.
    Source: Nadeau and Bengio 2003, doi:10.1023/A:1024068626366.
    """
    there = ~np.isnan(folds)
    count = there.sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(there, folds, 0.0).sum(0) / count
        variance = (np.where(there, folds - mean, 0.0) ** 2).sum(0) / (count - 1)
        half = stats.t.ppf((1 + level) / 2, count - 1) * np.sqrt(variance * (1 / count + held_out_per_train))
    half = np.where(count > 1, half, np.nan)
    return mean, mean - half, mean + half


def aligned(attributions: Sequence[FoldAttribution]) -> tuple[list[tuple[str, str]], np.ndarray, np.ndarray]:
    """(block, feature) names; (folds, p) importance as shares of the fold's sum; (folds, p) slope.

    A feature that a fold does not name did nothing there: importance 0, slope 0.
    """
    column: dict[tuple[str, str], int] = {}
    for a in attributions:
        for name in a.feature:
            column.setdefault((a.block, name), len(column))
    fold_index = {fold: i for i, fold in enumerate(sorted({(a.repeat, a.fold) for a in attributions}))}
    importance, slope = np.zeros((len(fold_index), len(column))), np.zeros((len(fold_index), len(column)))
    seen: set[tuple[int, int, str]] = set()
    for a in attributions:
        if (key := (a.repeat, a.fold, a.block)) in seen:
            raise ValueError(f"repeat {a.repeat} fold {a.fold} names the block {a.block!r} twice")
        seen.add(key)
        at = [column[a.block, name] for name in a.feature]
        importance[fold_index[a.repeat, a.fold], at] = a.importance
        slope[fold_index[a.repeat, a.fold], at] = a.slope
    total = importance.sum(1, keepdims=True)
    return list(column), importance / np.where(total > 0, total, 1), slope


def _symbols(snapshot: Snapshot, names: Sequence[tuple[str, str]]) -> list[str | None]:
    known: dict[tuple[str, str], str | None] = {}
    for layer in snapshot.layers.values():
        for feature, symbol in layer.var.select("feature", "symbol").iter_rows():
            known[layer.name, feature] = symbol
    return [known.get(name) for name in names]


def _p_values(snapshot: Snapshot, names: Sequence[tuple[str, str]]) -> np.ndarray:
    p = np.full(len(names), np.nan)
    for block in dict.fromkeys(block for block, _ in names):
        at = [i for i, (b, _) in enumerate(names) if b == block]
        p[at] = p_values(snapshot, block, [names[i][1] for i in at])
    return p
