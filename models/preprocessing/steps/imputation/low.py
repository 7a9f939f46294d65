"""Left-censored imputation: what is missing for it was too low to be seen (missing not at random, mass spectrometry)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm


@dataclass(frozen=True)
class LowImputation:
    """A missing value is what is to be expected below the limit of detection of its feature.

    The training values are the upper part of a normal distribution, of which the share p is missing. Its mean and sd come
    from the regression of the known quantiles on those of the normal one, and the value is the mean below its quantile p:
    mu - sd · φ(Φ⁻¹(p)) / p, never more than the lowest value seen. It is not drawn at random: a patient's risk would hang on a
    seed, and a draw's spread, which tests need, only adds noise to a prediction.

    value: (features,) float32; NaN where no training row has one: such a value stays missing.
    Source: QRILC, Lazar et al. 2016, Journal of Proteome Research 15:1116 (its mean in place of its draw).
    Example:
        >>> bool(LowImputation.fit(np.array([[np.nan], [2.0], [3.0], [4.0]])).value[0] < 2)
        True
    """

    value: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray) -> LowImputation:
        """x: (n, features) of training rows on a logarithmic scale, NaN where missing."""
        n, known = len(x), np.isfinite(x).sum(axis=0)
        value = np.full(x.shape[1], np.nan)
        ordered = np.sort(x, axis=0)
        for m in np.unique(known[known > 0]):  # features with as many known values have the same quantiles
            columns = np.flatnonzero(known == m)
            seen = ordered[:m, columns].astype(np.float64)
            gone = max((n - m) / n, 0.5 / n)
            q = norm.ppf(gone + (1 - gone) * (np.arange(m) + 0.5) / m)
            off = q - q.mean()
            sd = off @ seen / max(float(off @ off), 1e-12)
            mu = seen.mean(axis=0) - sd * q.mean()
            value[columns] = np.minimum(mu - sd * norm.pdf(norm.ppf(gone)) / gone, seen[0])
        return cls(value.astype(np.float32))

    def transform(self, x: np.ndarray) -> np.ndarray:
        """(n, features), filled."""
        return np.asarray(np.where(np.isnan(x), self.value.astype(x.dtype), x))

    def state(self) -> dict[str, Any]:
        return {"method": "low", **vars(self)}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> LowImputation:
        return cls(state["value"])
