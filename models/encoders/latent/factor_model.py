"""Factor model of several layers: a few shared factors behind the columns of all of them, missing layers left out exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STEPS, CLOSE = 200, 1e-5
"""Steps of expectation and maximisation at the most; stopped where none of the shared weights moves by more than this share."""
EXACT = 1000
"""Rows or columns up to which all principal components are computed; beyond, those that are wanted, by random projections."""
LEAST_NOISE = 1e-3
"""Variance of a column's noise, at the least."""


@dataclass(frozen=True)
class FactorModel:
    """Factor analysis of groups of columns: x_m = mean_m + W_m z + e, z ~ N(0, I), e ~ N(0, s_m I) for each layer m.

    Each layer has a noise of its own, so that a wide or noisy layer does not drown the others. What is known of a row's
    factors is their posterior by the layers that it has: with precision A = I + sum of W_m' W_m / s_m over these,
    z = A⁻¹ sum of W_m' (x_m - mean_m) / s_m. Of one layer alone this is probabilistic PCA, which is PCA but for a scale.
    Factors are turned to lie apart in the weights, those that explain most first.

    mean: (p_m,) a layer; weights: (p_m, k); noise: variances s_m, one a layer.
    Source: Tipping & Bishop 1999, doi:10.1111/1467-9868.00196; groups with noise of their own: Klami 2015,
        doi:10.1109/TNNLS.2014.2376974; the same idea, with sparse weights, is MOFA: Argelaguet 2018,
        doi:10.15252/msb.20178124.
    Example:
        model = FactorModel.fit([rna, methylation], [has_rna, has_methylation], 8)
        z = model.factors([rna, methylation], [has_rna, has_methylation])
    """

    mean: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]
    noise: tuple[float, ...]

    @classmethod
    def fit(cls, layers: Sequence[np.ndarray], present: Sequence[np.ndarray], width: int, seed: int = 0) -> FactorModel:
        """By maximum likelihood (EM), from principal components of all layers side by side.

        Args:
            layers: (n, p_m) each, columns on one scale, no NaN; rows that lack a layer hold anything.
            present: (n,) bool each. width: factors, at most as many as there are rows less one, and columns.
        """
        width = max(1, min(width, len(layers[0]) - 1, sum(x.shape[1] for x in layers)))
        mean = tuple(_mean(x[here]) for x, here in zip(layers, present, strict=True))
        centred = [np.where(here[:, None], x - m, 0.0) for x, here, m in zip(layers, present, mean, strict=True)]
        sizes = [x.shape[1] for x in layers]
        centred, axes = zip(*(_row_space(x) for x in centred), strict=True)
        model = cls(mean, *_principal(centred, present, sizes, width, seed))
        for _ in range(STEPS if len(layers) > 1 else 0):
            before = model.weights
            model = model._improved(centred, present, sizes)
            moved = sum(float(((a - b) ** 2).sum()) for a, b in zip(before, model.weights, strict=True))
            if moved <= CLOSE**2 * sum(float((one**2).sum()) for one in model.weights):
                break
        whole = (w if a is None else a @ w for w, a in zip(model.weights, axes, strict=True))
        return cls(mean, tuple(whole), model.noise)._turned()

    @property
    def width(self) -> int:
        """Factors."""
        return int(self.weights[0].shape[1])

    def factors(self, layers: Sequence[np.ndarray], present: Sequence[np.ndarray]) -> np.ndarray:
        """(n, k) posterior means; 0 of a row without any layer."""
        told = np.zeros((len(layers[0]), self.width))
        for x, here, mean, w, noise in zip(layers, present, self.mean, self.weights, self.noise, strict=True):
            told[here] += (x[here] - mean) @ w / noise
        return np.asarray(np.einsum("nij,nj->ni", self.spread(present), told))

    def spread(self, present: Sequence[np.ndarray]) -> np.ndarray:
        """(n, k, k) A⁻¹, the posterior covariance of each row's factors by the layers that it has."""
        patterns, of_row = np.unique(np.column_stack([*present]), axis=0, return_inverse=True)
        shares = np.stack([w.T @ w / noise for w, noise in zip(self.weights, self.noise, strict=True)])
        precision = np.eye(self.width) + np.einsum("pm,mij->pij", patterns.astype(np.float64), shares)
        return np.asarray(np.linalg.inv(precision)[of_row.ravel()])

    def explained(self) -> np.ndarray:
        """(layers, k) share of a layer's variance, as the model has it, that each factor explains."""
        each = [
            (w**2).sum(axis=0) / ((w**2).sum() + len(w) * noise)
            for w, noise in zip(self.weights, self.noise, strict=True)
        ]
        return np.asarray(each)

    def _improved(
        self, centred: Sequence[np.ndarray], present: Sequence[np.ndarray], sizes: Sequence[int]
    ) -> FactorModel:
        """One step of EM. centred: less the mean, 0 where a row lacks the layer; sizes: columns before `_row_space`."""
        spread = self.spread(present)
        told = sum(x @ w / noise for x, w, noise in zip(centred, self.weights, self.noise, strict=True))
        z = np.einsum("nij,nj->ni", spread, told)
        weights, noise = [], []
        for x, here, size in zip(centred, present, sizes, strict=True):
            square = z[here].T @ z[here] + spread[here].sum(axis=0)
            w = np.linalg.solve(square + 1e-9 * np.eye(self.width), z.T @ x).T
            left = float((x**2).sum() - np.einsum("pk,kp->", w, z.T @ x))
            weights.append(w)
            noise.append(max(left / max(int(here.sum()) * size, 1), LEAST_NOISE))
        return FactorModel(self.mean, tuple(weights), tuple(noise))

    def _turned(self) -> FactorModel:
        """The same model, its factors turned so that sum of W' W / s is diagonal, and each points where most weights are above 0."""
        shares = sum(w.T @ w / noise for w, noise in zip(self.weights, self.noise, strict=True))
        values, axes = np.linalg.eigh(shares)
        axes = axes[:, np.argsort(-values, kind="stable")]
        turned = [w @ axes for w in self.weights]
        sign = np.where(sum((w**3).sum(axis=0) for w in turned) < 0, -1.0, 1.0)
        return FactorModel(self.mean, tuple(w * sign for w in turned), self.noise)


def _mean(x: np.ndarray) -> np.ndarray:
    return np.asarray(x.mean(axis=0, dtype=np.float64) if len(x) else np.zeros(x.shape[1]))


def _row_space(x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """(n, n) coordinates and (p, n) axes of a layer with more columns than rows; else as it is.

    Weights lie in the space of the rows, and noise that is alike in all directions does not change when they are turned:
    so the model is the same, and a step costs nothing for wide layers.
    """
    if x.shape[1] <= len(x) or len(x) > EXACT:
        return x, None
    values, turn = np.linalg.eigh(x @ x.T)
    length = np.sqrt(np.maximum(values, 0))
    return turn * length, x.T @ (turn / np.where(length > 1e-6 * max(length.max(initial=0), 1e-12), length, np.inf))


def _principal(
    centred: Sequence[np.ndarray], present: Sequence[np.ndarray], sizes: Sequence[int], width: int, seed: int
) -> tuple[tuple[np.ndarray, ...], tuple[float, ...]]:
    """Weights and noise by principal components of layers side by side, each at one total variance; of one layer the answer."""
    from sklearn.utils.extmath import randomized_svd

    total = [max(float((x**2).sum()), 1e-12) for x in centred]
    unit = [np.sqrt(t) if len(centred) > 1 else 1.0 for t in total]
    whole = np.hstack([x / u for x, u in zip(centred, unit, strict=True)])
    few = min(whole.shape) <= EXACT
    svd = np.linalg.svd(whole, full_matrices=False) if few else randomized_svd(whole, width, random_state=seed)
    s, v = svd[1], svd[2]
    n, ends = len(whole), np.cumsum([x.shape[1] for x in centred])
    axes, scores = v[:width].T, s[:width]
    weights, noise = [], []
    for x, here, size, scale, part in zip(centred, present, sizes, unit, np.split(axes, ends[:-1]), strict=True):
        rows = max(int(here.sum()), 1)
        variance = (scores * scale) ** 2 / (n if len(centred) > 1 else rows)
        explained = float(((part**2) * variance).sum())
        s_m = max((float((x**2).sum()) / rows - explained) / max(size - width, 1), LEAST_NOISE)
        weights.append(part * np.sqrt(np.maximum(variance - (s_m if len(centred) == 1 else 0.0), 1e-8)))
        noise.append(s_m)
    return tuple(weights), tuple(noise)
