"""Results of learners over folds: predictions, metrics, comparisons; and results.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from ..evaluation.calibration import Calibration
from ..evaluation.comparison import Comparison
from ..evaluation.fold_scores import FoldScores
from ..metrics.task_metrics import inner_score
from .refit import FinalFit


@dataclass(frozen=True)
class Results:
    """All that a run found.

    predictions: learner, repeat, fold, row, subject_id, prediction_time, y_true (survival: duration_days, event),
        score or score_CLASS; each held-out row once a repeat. survival also: the probability of no event until
        horizon_days.
    metrics: learner -> metric -> mean, sd, low, high, folds. chosen: what it was in each fold, and by which scores.
    attributions: repeat, fold, block, feature, importance, slope, of `chosen` on held-out rows.
    controls: permuted labels (and twins of the learners on the graph): metric, mean, sd, low, high, folds.
    calibration: learner -> slope, intercept, error. decision: net benefit over thresholds. optimism: what `chosen` scored
        where it was picked, and where it was held out. horizon_days: survival, until when risks and `survival` are.
    competing: survival, whether another event can come first: risks until then are incidence beside it.
    operating: what acting on `chosen` from a threshold on would mean (`models.evaluation.decisions.operating_point`).
    seconds, peak_mb, settings: by learner. cut: what the time limit left out. failed: learners of the user's own that
        raised or answered with no prediction, and are in nothing else: learner, repeat, fold, reason.
    final_fit: what all rows picked, fitted on all of them, for new patients; None where that was not asked for.
    """

    task: str
    metric: str
    predictions: pl.DataFrame
    metrics: dict[str, dict[str, dict[str, Any]]]
    chosen: list[dict[str, Any]]
    comparisons: list[Comparison]
    controls: dict[str, dict[str, Any]]
    attributions: pl.DataFrame
    seconds: dict[str, float]
    peak_mb: dict[str, float | None]
    settings: dict[str, list[dict[str, Any]]]
    cut: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    total_seconds: float = 0.0
    final_fit: FinalFit | None = None
    calibration: dict[str, Calibration] = field(default_factory=dict)
    decision: dict[str, Any] = field(default_factory=dict)
    operating: dict[str, Any] = field(default_factory=dict)
    optimism: dict[str, Any] = field(default_factory=dict)
    horizon_days: float | None = None
    competing: bool = False

    def as_json(self) -> dict[str, Any]:
        """results.json, as docs/results.md says; `metric` is what learners are compared by, `model` what all rows picked."""
        peaks = [v for v in self.peak_mb.values() if v is not None]
        return {
            "task": self.task,
            "metric": self.metric,
            "chosen": self.chosen,
            "learners": {
                name: {"metrics": found, "seconds": self.seconds.get(name, 0.0), "peak_mb": self.peak_mb.get(name),
                       "settings": self.settings.get(name, []),
                       "calibration": c.as_json() if (c := self.calibration.get(name)) else None}
                for name, found in self.metrics.items()
            },
            "comparisons": [c.as_json() for c in self.comparisons],
            "controls": self.controls,
            "optimism": self.optimism,
            "decision": self.decision,
            "operating": self.operating,
            "horizon_days": self.horizon_days,
            "competing": self.competing,
            "seconds": self.total_seconds,
            "peak_mb": max(peaks, default=None),
            "cut": self.cut,
            "failed": self.failed,
            "model": None if self.final_fit is None else self.final_fit.as_json(),
        }  # fmt: skip


def optimism(
    chosen: Sequence[dict[str, Any]], parts: Sequence[FoldScores], task: str, metric: str = ""
) -> dict[str, Any]:
    """What `chosen` scored on the rows by which it was picked, and on the held-out ones: means over folds.

    By `inner_score`, the measure that it was picked by. Inner models had fewer rows to learn from, so the
    difference is the optimism of picking less what more rows gain.
    """
    held_out = {one.place: inner_score(task, one.y, one.score, metric) for one in parts}
    pairs = [(one["inner"][one["name"]], held_out[one["repeat"], one["fold"]]) for one in chosen]
    if not pairs:
        return {}
    inner, outer = (float(np.mean(side)) for side in zip(*pairs, strict=True))
    return {"inner": inner, "held_out": outer, "difference": inner - outer, "folds": len(pairs)}
