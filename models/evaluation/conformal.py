"""Conformal prediction sets: the outcomes that a prediction cannot rule out, right in a given share of patients.

Split conformal with a threshold a class, so that each class is covered, the rare one too: a class is in the set where its
probability is no lower than what all but a tenth of that class's calibration rows have. Calibrated on training rows by
models that had not seen them; those models had fewer rows to learn from, so coverage is not guaranteed but measured: on
rows held out, and by subgroup.
Source: Vovk, Gammerman & Shafer 2005, ch. 4 (label-conditional); Ding et al. 2023, arXiv:2306.09335.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from ..base.snapshot import Snapshot
from ..base.task import task_of
from .bootstrap import Resamples
from .fold_scores import FoldScores
from .intervals import ratio
from .subgroups import HIDDEN

LEVEL = 0.9
"""Share of patients whose set is to hold their outcome."""


def limits(y: np.ndarray, p: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """(classes,) the least probability with which a class is in the set; 0 where too few rows tell.

    Args:
        y: (n,) class of each calibration row. p: (n, classes) probabilities.
    Example:
        >>> limits(np.zeros(9, dtype=int), np.linspace(0.1, 0.9, 9)[:, None], 0.8).tolist()
        [0.2]
    """
    out = np.zeros(p.shape[1])
    for k in range(p.shape[1]):
        own = np.sort(p[y == k, k])
        least = int(np.floor((len(own) + 1) * (1 - level) + 1e-9))  # so many of its own may fall short
        out[k] = own[least - 1] if least else 0.0
    return out


def conformal_sets(task: str, one: FoldScores, level: float = LEVEL) -> np.ndarray | None:
    """(rows, classes) bool: which classes are in each held-out row's set; None for tasks without classes.

    Args:
        one: a learner on a fold, with `inner`.
    """
    if task_of(task).label_type not in ("boolean", "categorical") or one.inner is None:
        return None
    least = limits(np.asarray(one.inner.y, dtype=np.int64), _by_class(one.inner.score), level)
    return np.asarray(_by_class(one.score) >= least - 1e-12)


def coverage(
    snapshot: Snapshot, predictions: pl.DataFrame, resamples: Resamples, groups: pl.DataFrame, level: float = LEVEL
) -> dict[str, Any]:
    """How often the sets hold the outcome, and how large they are: of all, by outcome and by subgroup.

    Args:
        predictions: of one learner, with the column `set` (`models.evaluation.predictions`). groups: one column of text
            a grouping, one row a row of the snapshot.
    Returns: level, covered (mean, low, high), size (classes a set), single, empty (shares), groups: by, group, patients,
        covered; {} without sets. Groups of fewer than HIDDEN patients are left out.
    """
    if "set" not in predictions.columns or predictions["set"].null_count() or predictions.is_empty():
        return {}
    rows = predictions["row"].to_numpy()
    names = pl.Series([str(name) for name in snapshot.classes])
    outcome = names[task_of(snapshot.task).targets(snapshot.rows[rows], snapshot.classes).astype(np.int64)]
    held = predictions.select(pl.col("set").list.contains(outcome)).to_series()
    hit, size = held.cast(pl.Float64).to_numpy(), predictions["set"].list.len().to_numpy()
    several = predictions.select("repeat", "fold").n_unique() > 1
    subject, found = snapshot.rows["subject_id"].rank("dense").to_numpy()[rows], []
    sides = np.column_stack([hit, np.ones(len(hit))])
    for table in (pl.DataFrame({"outcome": outcome}), groups[rows] if groups.width else groups):
        for by in table.columns:
            value = table[by].to_numpy()
            for group in sorted(table[by].drop_nulls().unique()):
                mask = value == group
                patients = len(np.unique(subject[mask]))
                if patients >= HIDDEN:
                    covered = ratio(resamples.totals(rows[mask], sides[mask]), resamples, several)
                    found.append({"by": by, "group": str(group), "patients": patients, "covered": covered})
    return {
        "level": level, "covered": ratio(resamples.totals(rows, sides), resamples, several), "size": float(size.mean()),
        "single": float((size == 1).mean()), "empty": float((size == 0).mean()), "groups": found,
    }  # fmt: skip


def _by_class(score: np.ndarray) -> np.ndarray:
    """(n, classes) probabilities; of one risk a row both sides."""
    return score if score.ndim == 2 else np.column_stack([1 - score, score])
