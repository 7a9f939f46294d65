"""Snapshots of patients who are of several kinds, in the features of each dense layer; no outcome."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from snapshots import make_snapshot

from clinome.graphs.snapshot.snapshot import Layer
from clinome.snapshot import Snapshot

MARKED = 20
"""The first so many features of each layer tell the kinds apart."""


def make_subtypes(
    n: int = 120, kinds: int = 3, seed: int = 0, *, layers: Sequence[str] = ("rna", "methylation"), features: int = 60,
    apart: float = 1.5, missing: float = 0.0, unknown: float = 0.1,
) -> Snapshot:  # fmt: skip
    """A cohort of `kinds` kinds of patients, as many of each, with their kind as the label; with one kind there is none.

    Args: apart: spread of the kinds' means in each marked feature. missing: share of rows without each layer.
        unknown: share of rows whose kind is not told.
    """
    rng = np.random.default_rng([seed, 2])
    base = make_snapshot("binary", n, seed, layers=layers, features=features, missing=0.0, covariates=False)
    kind = rng.permutation(np.arange(n) % kinds)
    made = {}
    for name, layer in base.layers.items():
        means = rng.normal(0, apart, (kinds, features)) * (np.arange(features) < MARKED)
        values = (rng.normal(size=(n, features)) + (means[kind] if kinds > 1 else 0)).astype(np.float32)
        has = rng.uniform(size=n) >= missing
        values[~has] = np.nan
        made[name] = Layer(name, layer.kind, "none", layer.var, values, has)
    label = [None if rng.uniform() < unknown else f"kind {one}" for one in kind]
    rows = base.rows.with_columns(pl.Series("label", label, pl.String))
    return Snapshot(
        task="clustering", rows=rows, covariates=pl.DataFrame(), layers=made, events=None, links=base.links,
        folds=base.folds, clock="dated", classes=tuple(f"kind {one}" for one in range(kinds)),
    )  # fmt: skip
