"""Rank features by what they did to held-out predictions, with an effect, an interval and a stability over folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
