"""Quantile alignment: a new cohort's values on the distributions of the training, feature by feature, without labels.

`quantile` gives each value that of the training's with the same rank in its cohort, so that any monotone difference
between platforms goes; `standard` moves mean and standard deviation, so that a shift and a stretch do. Both take the two
cohorts for samples of like patients: what differs because the patients do goes too.
Source: Bolstad et al. 2003, Bioinformatics 19:185, with the training's quantiles as the target (Bullard et al. 2010,
BMC Bioinformatics 11:94, for each feature); how far apart: Kolmogorov 1933, Smirnov 1948.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import rankdata

from ....loaders.errors import InputError
from ...base.snapshot import DerivedSnapshot, Layer
from ...preprocessing.omics_layer import AlignedLayer
from ...preprocessing.steps.layer_steps import dense_values
from .distribution import FeatureDistribution

QUANTILE, STANDARD, NONE, RANK = "quantile", "standard", "none", "rank"
METHODS = (QUANTILE, STANDARD, NONE)
LEAST = 10
"""New patients with a value below which nothing can be told of a feature's distribution."""
UNSURE = 50
"""Patients below which an alignment is said to be uncertain."""
FAR = 0.3
"""Median distance from the training's distributions from which one is warned."""
_KS = 1.358
"""Kolmogorov's 5 % point: distances above it times √(1/n + 1/m) are more than chance."""


@dataclass(frozen=True)
class LayerShift:
    """How far a layer's values lie from those of the training, before and after alignment.

    method: quantile, standard, none; or rank: the model knows ranks within each sample, which need no alignment.
    rows: new patients with the layer. features: those of both. untold: of them those that too few have, which are served
        as missing where the layer is aligned.
    before, after: median over features of the largest distance between the two distribution functions (0: the same,
        1: apart). shifted_before, shifted_after: share of features that lie further apart than chance lets them (5 %).
    """

    method: str
    rows: int
    features: int
    untold: int
    before: float | None
    shifted_before: float | None
    after: float | None = None
    shifted_after: float | None = None

    def words(self, layer: str) -> list[str]:
        """What a reader of the predictions has to know."""
        if self.before is None or self.shifted_before is None or self.method == RANK:
            return []
        if self.method == NONE:
            if self.before < FAR:
                return []
            far = f"median distance {self.before:.2f}, {self.shifted_before:.0%} of features shifted"
            ask = "another platform or scale? `--align quantile` maps them"
            return [f"layer {layer}: values lie far from those of the training ({far}): {ask}"]
        distance = f"median distance from the training {self.before:.2f} before, {self.after:.2f} after"
        shifted = f"features shifted {self.shifted_before:.0%} before, {self.shifted_after:.0%} after"
        said = [f"layer {layer}: aligned ({self.method}) from its own {self.rows:,} patients; {distance}; {shifted}"]
        if self.rows < UNSURE:
            said.append(f"layer {layer}: fewer than {UNSURE} patients to align by: uncertain")
        if self.untold:
            said.append(f"layer {layer}: {self.untold:,} features are known of too few to be aligned, and are missing")
        return said


def align(
    served: DerivedSnapshot, known: Mapping[str, FeatureDistribution], methods: Mapping[str, str]
) -> tuple[DerivedSnapshot, dict[str, LayerShift]]:
    """A snapshot in a model's shape, its dense layers aligned to the training; and how far they lie.

    Args:
        served: `InputSchema.serve`'s: features stand as the model knows them.
        known: the model's distributions. methods: layer -> quantile, standard or none; others are left as they are.
    Raises: InputError where fewer than ten patients have a layer that is to be aligned, or the model does not know how
        its values were distributed.
    """
    layers, shifts = dict(served.layers), {}
    for name, layer in served.layers.items():
        method = NONE if layer.scale == RANK else methods.get(name, NONE)
        here = np.flatnonzero(layer.profiled)
        if method != NONE and len(here):
            _check(name, known, len(here))
        if name not in known or len(here) < LEAST:
            continue
        x = dense_values(layer, here)
        made, shift = aligned(x, known[name], method)
        shifts[name] = replace(shift, method=RANK) if layer.scale == RANK else shift
        if method != NONE:
            values = np.full((len(layer.profiled), x.shape[1]), np.nan, dtype=np.float32)
            values[here] = made
            layers[name] = on_model_scale(layer, values)
    return replace(served, layers=layers), shifts


def on_model_scale(layer: Layer, values: np.ndarray) -> AlignedLayer:
    """The layer with other values, behind log1p and ranks already."""
    profiled = layer.profiled & np.isfinite(values).any(axis=1)
    return AlignedLayer(layer.name, layer.kind, "none", layer.var, values, profiled, layer.correct, layer.impute,
                        layer.batch)  # fmt: skip


def aligned(x: np.ndarray, known: FeatureDistribution, method: str) -> tuple[np.ndarray, LayerShift]:
    """(n, features) float32 values aligned to the training, and how far they lie.

    A feature that fewer than ten rows here, or twenty in the training, have is missing then; one that nobody has stays so.
    """
    count = np.isfinite(x).sum(axis=0)
    both = (count > 0) & known.told
    told = both & (count >= LEAST)
    out = np.full(x.shape, np.nan, dtype=np.float32)
    before, after, critical = [], [], []
    for j in np.flatnonzero(told):
        column, here = x[:, j], np.isfinite(x[:, j])
        values = column[here].astype(np.float64)
        training = Quantiles.of(known.bins[j])
        rank = (rankdata(values) - 0.5) / len(values)
        before.append(training.distance(values, rank))
        critical.append(_KS * np.sqrt(1 / len(values) + 1 / known.rows))
        if method == NONE:
            continue
        made = training.at(rank) if method == QUANTILE else _moved(values, known.mean[j], known.sd[j])
        out[here, j] = made
        after.append(training.distance(made, (rankdata(made) - 0.5) / len(made)))
    found = _told(before, critical) + (_told(after, critical) if method != NONE else (None, None))
    shift = LayerShift(
        method, int(np.isfinite(x).any(axis=1).sum()), int(both.sum()), int((both & ~told).sum()), *found
    )
    return (x if method == NONE else out), shift


@dataclass(frozen=True)
class Quantiles:
    """A feature's quantiles: value at each level, straight between the bins' means and half a bin beyond them."""

    level: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, bins: np.ndarray) -> Quantiles:
        k, means = len(bins), bins.astype(np.float64)
        low, high = means[0] - (means[1] - means[0]) / 2, means[-1] + (means[-1] - means[-2]) / 2
        return cls(np.concatenate([[0.0], (np.arange(k) + 0.5) / k, [1.0]]), np.concatenate([[low], means, [high]]))

    def at(self, level: np.ndarray) -> np.ndarray:
        """The values at these levels."""
        return np.asarray(np.interp(level, self.level, self.value))

    def distance(self, values: np.ndarray, rank: np.ndarray) -> float:
        """Kolmogorov–Smirnov: the largest difference between a cohort's distribution function and this one.

        rank: (n,) the former at `values`; where values are tied both are taken in the middle of their step.
        """
        first, last = np.searchsorted(self.value, values, "left"), np.searchsorted(self.value, values, "right") - 1
        middle = (self.level[np.minimum(first, len(self.level) - 1)] + self.level[np.maximum(last, 0)]) / 2
        own = np.where(last >= first, middle, np.interp(values, self.value, self.level))
        return float(np.abs(own - rank).max())


def _moved(values: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    spread = values.std()
    return np.asarray(mean + (values - values.mean()) * (sd / spread if spread > 0 else 0.0))


def _told(distance: list[float], critical: list[float]) -> tuple[float | None, float | None]:
    if not distance:
        return None, None
    return float(np.median(distance)), float(np.mean(np.asarray(distance) > np.asarray(critical)))


def _check(name: str, known: Mapping[str, FeatureDistribution], rows: int) -> None:
    if name not in known:
        raise InputError("the model does not hold how this layer's values were distributed", f"align {name}",
                         expected="a dense layer of twenty patients or more, of a model of this version",
                         fix="train it again, or leave the layer out: --align OTHER_LAYER=quantile")  # fmt: skip
    if rows < LEAST:
        raise InputError(
            "too few new patients to align by", f"align {name}", f"{rows} with the layer", f"{LEAST} or more",
            'predict more of them together, or train on ranks within each sample ([omics.NAME] scale = "rank"), which need '
            "no other patient",
        )  # fmt: skip


def methods_of(asked: str | Mapping[str, str] | None, layers: Mapping[str, bool]) -> dict[str, str]:
    """Layer -> its method.

    Args:
        asked: one method for all dense layers, or layer -> method.
        layers: the model's layers -> whether it is one of mutations, which are never aligned.
    Raises: InputError for a method or layer that is not known.
    """
    given = (
        dict.fromkeys((n for n, mutations in layers.items() if not mutations), asked)
        if isinstance(asked, str)
        else dict(asked or {})
    )
    for name, method in given.items():
        if method not in METHODS:
            fix = ('a model that was trained on ranks ([omics.NAME] scale = "rank") needs no alignment'
                   if method == RANK else "name one of them")  # fmt: skip
            raise InputError("no such alignment", "align", method, ", ".join(METHODS), fix)
        if layers.get(name, True):
            dense = [n for n, mutations in layers.items() if not mutations]
            raise InputError("no layer to align", "align", name, ", ".join(dense) or "a model with a dense layer",
                             "name a layer of numbers that the model knows")  # fmt: skip
    return {str(name): str(method) for name, method in given.items()}


def as_json(shifts: Mapping[str, LayerShift]) -> dict[str, Any]:
    """Layer -> its shift."""
    return {name: dict(vars(one)) for name, one in shifts.items()}
