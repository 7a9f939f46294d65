"""Fine-tuning curve: what few labelled patients of another cohort bring, on the rest of it, over several draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ...base.folds import strata
from ...base.snapshot import Snapshot
from ...base.task import task_of
from ...metrics.task_metrics import evaluate, main_metric
from .change import ANEW, RECALIBRATED, WAYS, Change, LinearPrior, Way, changed, chosen_way, few_parts

SIZES = (10, 20, 50, 100)
LEAST_REST = 20
"""Labelled patients that are left to judge by."""
BEFORE, RECALIBRATION, TUNED, ALONE = "before", RECALIBRATED, "fine-tuned", "only the few"


@dataclass(frozen=True)
class CurvePoint:
    """One draw of few patients: metric of each way on the rest; chosen: what cross-validation among the few picked."""

    patients: int
    draw: int
    chosen: str
    scores: dict[str, dict[str, float | None]]


def few_first(snapshot: Snapshot, rows: np.ndarray, seed: int) -> np.ndarray:
    """The subjects of these rows in a random order of which every beginning has about the shares of outcomes of all."""
    rng = np.random.default_rng(seed)
    one = pl.DataFrame(
        {"subject": snapshot.rows["subject_id"][rows], "outcome": strata(snapshot.rows, snapshot.task)[rows]}
    )
    one = one.unique("subject", keep="first", maintain_order=True).sort("subject")
    outcome, n = one["outcome"].to_numpy(), one.height
    place = np.zeros(n)
    for value in np.unique(outcome):
        mine = rng.permutation(np.flatnonzero(outcome == value))
        place[mine] = (np.arange(len(mine)) + rng.uniform()) / len(mine)
    return np.asarray(one["subject"].to_numpy()[np.argsort(place, kind="stable")])


def fine_tuning_curve(
    prior: LinearPrior,
    snapshot: Snapshot,
    rows: np.ndarray,
    sizes: Sequence[int],
    draws: int,
    seed: int,
    metric: str = "",
) -> list[CurvePoint]:
    """Of each size several draws: fitted on the few, judged on the rest; nothing of the rest is looked at before.

    Args:
        prior: the saved model on the snapshot. rows: those with an outcome.
        metric: the main one; beside it the Brier score, where there are probabilities.
    """
    task = task_of(snapshot.task)
    y = task.targets(snapshot.rows[rows], snapshot.classes)
    subject = snapshot.rows["subject_id"].to_numpy()[rows]
    here = prior.take(rows)
    metrics = [main_metric(snapshot.task, metric), *(m for m in task.metrics if m.startswith("brier"))]
    points = []
    for draw in range(draws):
        order = few_first(snapshot, rows, seed + draw)
        for size in sizes:
            few = np.isin(subject, order[:size])
            a, b = np.flatnonzero(few), np.flatnonzero(~few)
            part = few_parts(snapshot, rows[a], seed + draw)
            picked = chosen_way(here.take(a), y[a], part, task)
            alone = chosen_way(here.take(a), y[a], part, task, [way for way in WAYS if way.kind == ANEW])
            scores = {}
            for name, way in ((BEFORE, WAYS[0]), (RECALIBRATION, Way(RECALIBRATED)), (TUNED, picked), (ALONE, alone)):
                change = changed(way, here.take(a), y[a], task)
                logits = change.score(here.s[b], here.x[b])
                found = evaluate(snapshot.task, y[b], task.probability(logits), snapshot.classes)
                scores[name] = {metric: found[metric] for metric in metrics}
            points.append(CurvePoint(size, draw, picked.kind, scores))
    return points


def summary(points: Sequence[CurvePoint]) -> list[dict[str, Any]]:
    """A row a size: of each way the mean over draws; of fine-tuned less before the mean and the middle 95 % of the draws."""
    out = []
    for size in sorted({one.patients for one in points}):
        mine = [one for one in points if one.patients == size]
        ways = {way: {metric: _mean([one.scores[way][metric] for one in mine]) for metric in mine[0].scores[way]}
                for way in mine[0].scores}  # fmt: skip
        gain = {}
        for metric in mine[0].scores[BEFORE]:
            pairs = [(one.scores[TUNED][metric], one.scores[BEFORE][metric]) for one in mine]
            each = [a - b for a, b in pairs if a is not None and b is not None]
            low, high = map(float, np.quantile(each, [0.025, 0.975])) if each else (None, None)
            gain[metric] = {"mean": _mean(each), "low": low, "high": high}
        kinds = [one.chosen for one in mine]
        out.append({"patients": size, "draws": len(mine), "ways": ways, "gain": gain,
                    "chosen": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}})  # fmt: skip
    return out


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def settled(
    prior: LinearPrior, snapshot: Snapshot, rows: np.ndarray, patients: int | None, seed: int
) -> tuple[Way, Change, int]:
    """The change that goes into the model: chosen and fitted on all labelled patients, or on so many drawn by lot."""
    order = few_first(snapshot, rows, seed)
    mine = rows[np.isin(snapshot.rows["subject_id"].to_numpy()[rows], order[:patients])]
    task = task_of(snapshot.task)
    y, here = task.targets(snapshot.rows[mine], snapshot.classes), prior.take(mine)
    way = chosen_way(here, y, few_parts(snapshot, mine, seed), task)
    return way, changed(way, here, y, task), len(order[:patients])
