"""`mixture`: a mixture of normal distributions on the factors; as many as BIC says, if patients held out say more than one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from ...base.snapshot import Snapshot
from .clusterer import Clusterer, Division, by_size
from .number import LEVEL, NumberOfClusters

SHAPES = ("diag", "tied", "full")
"""Covariances that are tried: of each component its own without correlations, one of all, each its own."""
PARTS, RIDGE = 5, 1e-3


class Mixture(Clusterer):
    """Normal mixture: its number by BIC; its shape, and whether there is more than one, by the likelihood of patients held out
    inside the training part.

    A patient without a layer is judged by the others: the mixture's marginal.
    Source: BIC: Fraley & Raftery 2002, doi:10.1198/016214502760047131; held-out likelihood: Smyth 2000, doi:10.1023/A:1008940618127.
    """

    name = "mixture"
    measured_by = "bic"

    def divide(self, parts: Sequence[np.ndarray]) -> Division:
        x = np.hstack(parts)
        shape, number = self._number(x)
        found = _mixture(number.k, shape, self.seed, 5).fit(x)
        own = found.predict(x)
        labels = by_size(own)
        order = own[[int(np.argmax(labels == c)) for c in range(int(labels.max()) + 1)]]  # one without patients is none
        self.weights, self.means = found.weights_[order], found.means_[order]
        self.covariances = np.stack([_covariance(found, c) for c in order])
        return Division(labels, number)

    def _number(self, x: np.ndarray) -> tuple[str, NumberOfClusters]:
        """The components of the least BIC, and one unless more are clearly better than one for patients held out."""
        ks = [int(self.setting["k"])] if "k" in self.setting else [1, *self.ks(len(x))]
        told = {(shape, k): held_out(x, k, shape, self.seed) for shape in SHAPES for k in ks}
        shape, best = max(told, key=lambda one: float(told[one].mean()))
        if len(ks) == 1:
            return shape, NumberOfClusters(ks[0], [])
        one = told[max(((s, 1) for s in SHAPES), key=lambda at: float(told[at].mean()))]
        mine = {k: told[shape, k] for k in ks}
        table: list[dict[str, Any]] = [
            {
                "k": k, "likelihood": float(mine[k].mean()), "behind": float((mine[best] - mine[k]).mean()),
                "error": _error(mine[best] - mine[k]), "bic": float(_mixture(k, shape, self.seed, 3).fit(x).bic(x)),
                "shape": shape,
            }
            for k in ks
        ]  # fmt: skip
        gain = told[shape, best] - one
        clear = gain.mean() > _one_sided(LEVEL) * _error(gain)
        least = min(table, key=lambda row: float(row["bic"]))
        return shape, NumberOfClusters(int(least["k"]) if clear else 1, table)

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        self.weights, self.means, self.covariances = np.ones(1), np.zeros((1, 0)), np.zeros((1, 0, 0))
        super().fit(snapshot, train, tuning)

    def assigned(self, parts: Sequence[np.ndarray], present: np.ndarray) -> np.ndarray:
        out = np.zeros(len(present), dtype=np.int64)
        if not parts:
            return out
        x = np.hstack(parts)
        block = np.repeat(np.arange(len(parts)), [part.shape[1] for part in parts])
        for pattern in np.unique(present, axis=0):
            if pattern.any():
                rows, seen = np.flatnonzero((present == pattern).all(axis=1)), np.flatnonzero(pattern[block])
                density = [_log_density(x[np.ix_(rows, seen)], m[seen], c[np.ix_(seen, seen)])
                           for m, c in zip(self.means, self.covariances, strict=True)]  # fmt: skip
                out[rows] = (np.log(self.weights) + np.stack(density, axis=1)).argmax(axis=1)
        return out

    def state(self) -> dict[str, Any]:
        return {**super().state(), "weights": self.weights, "means": self.means, "covariances": self.covariances}

    def restore(self, state: Mapping[str, Any]) -> Self:
        super().restore(state)
        self.weights, self.means, self.covariances = (state[name] for name in ("weights", "means", "covariances"))
        return self


def held_out(x: np.ndarray, k: int, shape: str, seed: int) -> np.ndarray:
    """(n,) the log-likelihood of each patient under a mixture of k fitted without them."""
    part = np.random.default_rng([seed, 5]).permutation(len(x)) % PARTS
    out = np.empty(len(x))
    for one in range(PARTS):
        out[part == one] = _mixture(k, shape, seed, 1).fit(x[part != one]).score_samples(x[part == one])
    return out


def _mixture(k: int, shape: str, seed: int, starts: int) -> Any:
    from sklearn.mixture import GaussianMixture

    return GaussianMixture(k, covariance_type=shape, reg_covar=RIDGE, n_init=starts, random_state=seed)


def _error(x: np.ndarray) -> float:
    """The standard error of a mean."""
    return float(x.std(ddof=1) / np.sqrt(len(x)))


def _one_sided(level: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(1 - level)


def _covariance(found: Any, component: int) -> np.ndarray:
    """(d, d) of one component, whatever its shape is."""
    match found.covariance_type:
        case "diag":
            return np.diag(found.covariances_[component])
        case "tied":
            return np.asarray(found.covariances_)
    return np.asarray(found.covariances_[component])


def _log_density(x: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(n,) the logarithm of a normal density."""
    from scipy.linalg import cholesky, solve_triangular

    root = cholesky(covariance, lower=True)
    z = solve_triangular(root, (x - mean).T, lower=True)
    return np.asarray(-0.5 * (z**2).sum(axis=0) - np.log(np.diag(root)).sum() - 0.5 * len(mean) * np.log(2 * np.pi))
