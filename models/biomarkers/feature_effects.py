"""What each feature did to a learner's held-out scores: how much, and in which direction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from ..base.learner import Learner
from ..base.snapshot import Snapshot
from ..preprocessing.covariates import COVARIATES
from ..preprocessing.event_counts import code_counts, last_values
from ..preprocessing.omics_layer import dense_values, is_mutation, mutation_values
from ..preprocessing.records import RECORDS

ROWS = 300
"""Held-out rows beyond this are sampled: the mean over them says the same."""
SCHEMA = {"block": pl.String, "feature": pl.String, "importance": pl.Float64, "slope": pl.Float64}


def effects(learner: Learner, snapshot: Snapshot, rows: np.ndarray, seed: int) -> pl.DataFrame | None:
    """block, feature, importance (mean |attribution|), slope (per standard deviation of the feature).

    A feature's slope is the covariance of its attribution with its standardised value over these rows: for a linear
    model the coefficient. NaN where the feature is text or does not vary. None where the learner cannot attribute.
    """
    if len(rows) > ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, ROWS, replace=False))
    attributed = learner.attribute(snapshot, rows)
    if attributed is None:
        return None
    out = [pl.DataFrame(schema=SCHEMA)]
    for block, a in attributed.items():
        names, values = _values(learner, snapshot, block, rows)
        importance = np.abs(a).mean(axis=0) if len(rows) else np.zeros(a.shape[1])
        out.append(
            pl.DataFrame(
                {"block": block, "feature": names, "importance": importance, "slope": slopes(a, values)}, schema=SCHEMA
            )
        )
    return pl.concat(out)


def slopes(attribution: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(p,) covariance of attribution (n, p) and standardised value (n, p), where the value is known."""
    known = np.isfinite(values)
    n = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = np.where(known, values, 0.0)
        mean = x.sum(axis=0) / n
        centred = np.where(known, x - mean, 0.0)
        sd = np.sqrt((centred**2).sum(axis=0) / n)
        slope = (attribution * centred).sum(axis=0) / n / sd
    return np.where((n > 1) & (sd > 1e-9), slope, np.nan)


def weigh(parts: Mapping[str, pl.DataFrame | None], share: Mapping[str, float]) -> pl.DataFrame:
    """One table for a stack: members' effects, each member's importances brought to a sum of one, by their shares.

    Slopes stay in the members' logits, weighted likewise. Members that cannot attribute are left out.
    """
    found = []
    for name, part in parts.items():
        if part is None or not part.height or share.get(name, 0.0) <= 0:
            continue
        total = float(part["importance"].to_numpy().sum()) or 1.0
        found.append(part.with_columns(pl.col("importance") / total * share[name], pl.col("slope") * share[name]))
    if not found:
        return pl.DataFrame(schema=SCHEMA)
    known = pl.col("slope").filter(pl.col("slope").is_not_nan())
    return (
        pl.concat(found, rechunk=True)
        .group_by("block", "feature", maintain_order=True)
        .agg(pl.col("importance").sum(), pl.when(known.len() > 0).then(known.sum()).otherwise(float("nan")).alias("slope"))
    )  # fmt: skip


def _values(learner: Learner, snapshot: Snapshot, block: str, rows: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Names of a block's features, and their values in these rows (NaN unknown)."""
    if block == RECORDS:
        names = learner.codes()
        counts, last = code_counts(snapshot, rows, names), last_values(snapshot, rows, names)
        return names, np.where(np.isfinite(last).any(axis=0), last, counts)
    if block == COVARIATES:
        table = snapshot.covariates[rows]
        columns = [
            c.cast(pl.Float64).to_numpy() if c.dtype.is_numeric() or c.dtype == pl.Boolean else np.full(len(c), np.nan)
            for c in table
        ]
        return table.columns, np.column_stack(columns).astype(np.float64)
    layer = snapshot.layers[block]
    values = mutation_values(layer, rows).toarray() if is_mutation(layer) else dense_values(layer, rows)
    values = values.astype(np.float64)
    values[~layer.profiled[rows]] = np.nan
    return layer.var["feature"].to_list(), values
