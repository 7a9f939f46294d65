"""Feature effects: how much each feature moved a learner's held-out scores, and in which direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from ..base.learner import Learner
from ..base.snapshot import Snapshot
from ..base.task import task_of
from ..preprocessing.activity.activity_block import activity_names
from ..preprocessing.covariates import COVARIATES
from ..preprocessing.fold import FoldPreprocessing
from ..preprocessing.notes_block import NOTES, term_counts
from ..preprocessing.omics_layer import by_name, is_mutation, mutation_values
from ..preprocessing.records.event_counts import code_counts, last_values
from ..preprocessing.records.records_block import RECORDS
from ..preprocessing.steps.layer_steps import dense_values

ROWS = 300
"""Held-out rows beyond this are sampled: the mean over them says the same."""
SCHEMA = {"block": pl.String, "feature": pl.String, "importance": pl.Float64, "slope": pl.Float64}


def effects(learner: Learner, snapshot: Snapshot, rows: np.ndarray, seed: int) -> pl.DataFrame | None:
    """block, feature, importance (mean |attribution|), slope (per standard deviation of the feature).

    A feature's slope is the covariance of its attribution with its standardised value over these rows: for a linear
    model the coefficient. NaN where the feature is text or does not vary, and where the task has several classes: there is
    no score that it could raise. None where the learner cannot attribute.
    """
    if len(rows) > ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, ROWS, replace=False))
    attributed = learner.attribute(snapshot, rows)
    if attributed is None:
        return None
    out = [pl.DataFrame(schema=SCHEMA)]
    for block, one in attributed.items():
        slope = np.full(len(one.names), np.nan)
        if task_of(snapshot.task).signed(snapshot.classes):
            slope = slopes(one.values, feature_values(snapshot, block, one.names, rows))
        table = {"block": block, "feature": list(one.names), "importance": one.importance(), "slope": slope}
        out.append(pl.DataFrame(table, schema=SCHEMA))
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


def feature_values(snapshot: Snapshot, block: str, names: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """(n, p) values of a block's features in these rows, by name; NaN where one is unknown, or is text.

    block: a layer's or view's name (of notes log1p of how often a term stands there), of activities (standardised over all
    rows: a fold's differ from them in scale), "records" (the last number of a code that has numbers, else log1p of how often
    it occurs) or "covariates". Of any other block nothing is known.
    """
    if block == RECORDS and snapshot.events is not None:
        counts, last = code_counts(snapshot, rows, list(names)), last_values(snapshot, rows, list(names))
        return np.where(np.isfinite(last).any(axis=0), last, counts)
    values = np.full((len(rows), len(names)), np.nan)
    if block == COVARIATES:
        table = snapshot.covariates[rows]
        for j, name in enumerate(names):
            if name in table.columns and (table[name].dtype.is_numeric() or table[name].dtype == pl.Boolean):
                values[:, j] = table[name].cast(pl.Float64).to_numpy()
    elif block in snapshot.views and snapshot.views[block].kind == NOTES:
        values[:] = np.log1p(term_counts(snapshot, block, names, rows).toarray())
        values[~snapshot.views[block].profiled[rows]] = np.nan
    elif block in activity_names(snapshot) and block not in snapshot.layers:
        scored = FoldPreprocessing.fit(snapshot, np.arange(snapshot.rows.height), [block]).blocks[block]
        place = {name: j for j, name in enumerate(scored.names)}
        known = [(i, place[name]) for i, name in enumerate(names) if name in place]
        to, at = np.array(known, dtype=np.int64).reshape(-1, 2).T
        values[:, to] = np.asarray(scored.transform(snapshot, rows))[:, at]
        values[~scored.present(snapshot, rows)] = np.nan
    elif block in snapshot.layers or block in snapshot.views:
        layer = by_name(snapshot, block, names)
        found = mutation_values(layer, rows).toarray() if is_mutation(layer) else dense_values(layer, rows)
        values[:] = found[:, : len(names)]
        values[~layer.profiled[rows]] = np.nan
    return values
