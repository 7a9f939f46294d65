"""Profiles of a layer's samples: first principal components, and how far each sample lies from its nearest others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .finding import CHECK, Checked, Finding, ids
from .study_data import LayerData, StudyData

COMPONENTS = 5
FEWEST_SAMPLES, FEWEST_FEATURES = 20, 10
FAR, FARTHER = 7.0, 1.5
"""An outlying sample: its distance to its fifth nearest is FAR robust standard deviations (of the log) above the median,
and FARTHER times the median."""
_NEAREST, _FEW = 5, 0.05
_ROWS, _CELLS = 2_000, 20_000_000
_WILD = 10.0


@dataclass(frozen=True)
class Profiles:
    """Samples of a layer, standardised by feature.

    rows: (m,) the samples that are compared, at most 2,000. scores: (m, 5) principal components. shares: (5,) of the
    variance. distance: (m,) to the fifth nearest sample, a feature (root mean square).
    """

    rows: np.ndarray
    scores: np.ndarray
    shares: np.ndarray
    distance: np.ndarray

    @property
    def far(self) -> np.ndarray:
        """(m,) bool: samples far from all others. Where one in twenty is, they are a kind of their own, and no outliers."""
        log = np.log(np.maximum(self.distance, 1e-12))
        middle = np.median(log)
        spread = max(1.4826 * float(np.median(np.abs(log - middle))), 1e-3)
        far = (log - middle > FAR * spread) & (self.distance > FARTHER * np.exp(middle))
        return np.asarray(far if far.mean() <= _FEW else np.zeros_like(far))


def profiles_of(layer: LayerData) -> Profiles | None:
    """Components and distances of a dense layer; None where there are too few samples or features.

    A value that is missing counts as the feature's mean, one beyond ten standard deviations as ten: so that a few wild
    features do not decide. Of large layers 2,000 samples, and the most complete features that fit 20 million cells.
    """
    if not layer.dense or layer.values.shape[0] < FEWEST_SAMPLES or layer.values.shape[1] < FEWEST_FEATURES:
        return None
    rows = np.flatnonzero(~np.isnan(layer.values).all(axis=1))
    if len(rows) > _ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, _ROWS, replace=False))
    if len(rows) < FEWEST_SAMPLES:
        return None
    x = standardised(layer.values[rows], _CELLS // len(rows))
    if x.shape[1] < FEWEST_FEATURES:
        return None
    gram = (x @ x.T).astype(np.float64)
    return Profiles(rows, *_components(gram), _distances(gram, x.shape[1]))


def standardised(values: np.ndarray, most: int) -> np.ndarray:
    """(n, p) float32 by feature: mean 0, standard deviation 1, 0 where missing; constant and half-empty features are out."""
    there = np.isfinite(values)
    share = there.mean(axis=0)
    kept = np.flatnonzero(share >= 0.5)
    kept = np.sort(kept[np.argsort(-share[kept], kind="stable")][:most])
    x, there = values[:, kept], there[:, kept]
    n = there.sum(axis=0)
    mean = np.where(there, x, 0).sum(axis=0, dtype=np.float64) / n
    z = np.where(there, x - mean.astype(np.float32), np.float32(0))
    sd = np.sqrt(np.einsum("ij,ij->j", z, z, dtype=np.float64) / n).astype(np.float32)
    varies = sd > 1e-12
    return np.asarray(np.clip(z[:, varies] / sd[varies], -_WILD, _WILD))


def _components(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.sparse.linalg import eigsh

    n = len(gram)
    middle = gram - gram.mean(axis=0) - gram.mean(axis=1)[:, None] + gram.mean()
    values, vectors = eigsh(middle, k=min(COMPONENTS, n - 1), v0=np.ones(n) + np.arange(n) / n)
    order = np.argsort(-values)
    values, vectors = np.maximum(values[order], 0), vectors[:, order]
    sign = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    return vectors * sign * np.sqrt(values), values / max(float(np.trace(middle)), 1e-12)


def _distances(gram: np.ndarray, features: int) -> np.ndarray:
    own = np.diag(gram)
    squared = np.maximum(own[:, None] + own[None, :] - 2 * gram, 0)
    np.fill_diagonal(squared, np.inf)
    k = min(_NEAREST, len(gram) - 1) - 1
    return np.asarray(np.sqrt(np.partition(squared, k, axis=1)[:, k] / features))


def outlying_samples(data: StudyData, profiles: dict[str, Profiles]) -> Checked:
    """Patients whose profile in a layer is far from everybody's."""
    found = []
    for layer in data.layers:
        profile = profiles.get(layer.name)
        if profile is None or not profile.far.any():
            continue
        who = ids(layer.samples["subject_id"].gather(profile.rows[profile.far]))
        facts = {"layer": layer.name, "patients": len(who), "of": len(profile.rows)}
        found.append(Finding("values", "outlying_samples", CHECK, f"omics.{layer.name}", facts, who))
    return Checked(tuple(found))
