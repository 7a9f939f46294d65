"""ComBat: batch effects of location and scale, shrunk by empirical Bayes, fitted on training rows; new batches are served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .moments import BatchMoments

STEPS = 1000
_ALONE = 1e12
"""Prior variance of one feature by itself: nothing draws it anywhere."""
CLOSE = 1e-6
"""Shift and spread are settled when none of them moves by more than this, of itself."""


@dataclass(frozen=True)
class ComBat:
    """ComBat without covariates: (x - mean) / sd is shifted by the batch's `shift` and divided by its `spread`, then put back.

    Each batch's shift and spread of a feature are drawn towards what the batch does to all features. A batch's estimate
    rests on its own rows and on the training rows' mean and sd, never on labels. So one that training did not see is
    estimated from the rows that come with it (`with_new`), and nothing of the training moves: addon adjustment.
    The outcome is not protected as a covariate, as is done for testing: a new patient has none.

    names: batches. mean, sd: (features,) of the training rows, sd within batches. shift, spread: (batches, features).
    Source: Johnson, Li & Rabinovic 2007, Biostatistics 8:118 (parametric); Hornung et al. 2017, Bioinformatics 33:397 (addon).
    Example:
        >>> x, batch = np.array([[0.0, 1], [2, 3], [10, 21], [12, 23]]), np.array(["a", "a", "b", "b"])
        >>> ComBat.fit(x, batch).transform(x, batch).mean(axis=0).tolist()
        [6.0, 12.0]
    """

    names: list[str]
    mean: np.ndarray
    sd: np.ndarray
    shift: np.ndarray
    spread: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray, batch: np.ndarray) -> ComBat:
        """x: (n, features) of training rows, NaN where missing; batch: (n,) text."""
        moments = BatchMoments.of(x, batch)
        mean, variance = moments.overall()
        usable = np.isfinite(variance) & (variance > 1e-12 * np.maximum(np.nan_to_num(mean) ** 2, 1e-12))
        sd = np.where(usable, np.sqrt(np.where(usable, variance, 1)), np.inf)  # of a flat feature nothing is said
        empty = np.zeros((0, x.shape[1]))
        return cls([], np.nan_to_num(mean), sd, empty, empty)._with(moments)

    def with_new(self, x: np.ndarray, batch: np.ndarray) -> ComBat:
        """The same, with the batches that it does not know estimated from these rows."""
        new = ~np.isin(batch, self.names)
        return self._with(BatchMoments.of(x[new], batch[new])) if new.any() else self

    def transform(self, x: np.ndarray, batch: np.ndarray) -> np.ndarray:
        """(n, features) of the type of x. Batches that are not known are estimated from these rows."""
        known = self.with_new(x, batch)
        place = {name: i for i, name in enumerate(known.names)}
        at = np.array([place[name] for name in batch.tolist()], dtype=np.int64)
        usable = np.isfinite(known.sd)
        sd = np.where(usable, known.sd, 1)
        off = np.where(usable, known.mean + sd * known.shift, 0.0)  # (batches, features): where a batch's mean lies
        back = np.where(usable, known.mean, 0.0)
        made = np.empty_like(x)
        for i in np.unique(at):
            made[at == i] = (x[at == i] - off[i]) / known.spread[i] + back
        return made

    def _with(self, moments: BatchMoments) -> ComBat:
        usable = np.isfinite(self.sd)
        shift, spread = np.zeros_like(moments.mean), np.ones_like(moments.mean)
        for i in range(len(moments.names)):
            z = (moments.mean[i][usable] - self.mean[usable]) / self.sd[usable]
            variance = moments.variance[i][usable] / self.sd[usable] ** 2
            found = _shrunk(moments.count[i][usable], z, variance)
            shift[i][usable], spread[i][usable] = found[0], np.sqrt(found[1])
        return ComBat(
            [*self.names, *moments.names],
            self.mean,
            self.sd,
            np.vstack([self.shift, shift]),
            np.vstack([self.spread, spread]),
        )

    def state(self) -> dict[str, Any]:
        return {"method": "combat", **vars(self)}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> ComBat:
        return cls(**{name: one for name, one in state.items() if name != "method"})


def _shrunk(n: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(features,) shift and variance of one batch after empirical Bayes; the paper's gamma* and delta*², eq. 3.1.

    n, mean, variance: of the standardised values. A feature without a value in the batch has the batch's prior means; a
    batch of one row, of which no variance is known, is only shifted.
    """
    seen, spread = np.isfinite(mean), np.isfinite(variance)
    if not seen.any():
        return np.zeros_like(mean), np.ones_like(mean)
    centre, tau = float(mean[seen].mean()), float(mean[seen].var()) if seen.sum() > 1 else _ALONE
    m, s = (float(variance[spread].mean()), float(variance[spread].var(ddof=1))) if spread.sum() > 1 else (1.0, 0.0)
    if not spread.sum() > 1 and spread.any():
        m = float(variance[spread].mean())  # one feature: nothing to lend strength from
    mean, squares = np.where(seen, mean, 0), np.where(spread, variance, 0) * np.maximum(n - 1, 0)
    shift, delta = mean.copy(), np.full_like(mean, m if m > 0 else 1.0)
    a, b = (2 + m**2 / s, m + m**3 / s) if s > 0 else (np.inf, np.inf)
    weight = n * tau
    for _ in range(STEPS):
        new = (weight * mean + delta * centre) / (weight + delta)
        total = squares + n * (mean - new) ** 2
        after = (0.5 * total + b) / (0.5 * n + a - 1) if np.isfinite(a) else delta
        moved = max(
            np.max(np.abs(new - shift) / np.maximum(np.abs(shift), 1e-6)), np.max(np.abs(after - delta) / delta)
        )
        shift, delta = new, after
        if moved < CLOSE:
            break
    return shift, delta
