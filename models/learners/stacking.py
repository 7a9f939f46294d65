"""Stacking and model choice: what the training part picked, by scores of rows that the learners had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.task import task_of
from ..estimators.late_fusion import calibrate, fit_weights
from ..metrics.task_metrics import inner_score
from .registry import anchors, is_floor

STACK = "stack"
NEAR = 0.02
"""Learners whose inner score lies further below the best one's are not stacked: averaging needs near equals."""
ANCHOR_NEAR = 0.08
ANCHOR_WEIGHT = 3.0
"""Plain linear models, which few networks beat on small cohorts: they stay in from further off, and weigh more before
the data speak. Set on four TCGA cohorts and six planted ones; inner scores of a few hundred rows err by 0.03 or more."""
SHRINK = 100.0
MARGIN = 0.03
"""How much worse than the best single learner the stack may look, by rows that its weights have not seen."""


@dataclass(frozen=True)
class Choice:
    """How held-out scores of the learners become those of `chosen`.

    weights: of each member's standardised score; centre, spread: (k,) of its inner scores, spread a number where the columns
    share a unit; final: `fusion.calibrate`'s.
    inner: every candidate's inner score, and the stack's (cross-validated).
    """

    name: str
    weights: Mapping[str, float]
    centre: Mapping[str, np.ndarray]
    spread: Mapping[str, float | np.ndarray]
    final: np.ndarray
    inner: Mapping[str, float]

    def combine(self, scores: Mapping[str, np.ndarray], task: str) -> np.ndarray:
        """Predictions of the members -> predictions of `chosen`. A single learner's stay as they are."""
        if self.name != STACK:
            return scores[self.name]
        logits = self.final[0] * sum(w * self._standard(m, scores[m], task) for m, w in self.weights.items())
        return task_of(task).probability(logits + self.final[1:])

    def _standard(self, member: str, score: np.ndarray, task: str) -> np.ndarray:
        return np.asarray(np.clip((task_of(task).logits(score) - self.centre[member]) / self.spread[member], -5, 5))

    def share(self) -> dict[str, float]:
        """Each member's part, summing to one."""
        total = sum(self.weights.values()) or 1.0
        return {name: w / total for name, w in self.weights.items()}

    def state(self) -> dict[str, Any]:
        return {"name": self.name, "weights": dict(self.weights), "centre": dict(self.centre),
                "spread": dict(self.spread), "final": self.final, "inner": dict(self.inner)}  # fmt: skip


def choose(scores: Mapping[str, np.ndarray], y: np.ndarray, part: np.ndarray, task: str, metric: str = "") -> Choice:
    """Choose among learners by their inner scores.

    A stack of those near the best, rather than the best: the argmax of noisy inner scores is mostly luck (measured: the
    best single one is 0.01 to 0.02 worse). Weights are non-negative and drawn to the prior ones (`anchors`), by less
    the more rows there are. Where one learner stands alone, or is clearly better than the stack on rows that the
    weights have not seen, it is taken alone.

    Args:
        scores: learner -> out-of-fold predictions of the same rows; the plainest learner first.
        y: targets of these rows. part: (n,) in which of a few parts each row lies, subjects whole.
        metric: by which they are chosen; "": the task's own.
    """
    kind, held = task_of(task), anchors()
    inner = {name: inner_score(task, y, s, metric) for name, s in scores.items()}
    able = {n: v for n, v in inner.items() if not is_floor(n)} or inner
    single = max(able, key=lambda name: able[name])
    alone = Choice(single, {single: 1.0}, {}, {}, np.zeros(0), inner)
    span = _span(able[single], metric)
    near = {name: span * (ANCHOR_NEAR if name in held else NEAR) for name in able}
    members = [n for n, value in able.items() if value >= able[single] - near[n] and _varies(scores[n])]
    if len(members) < 2:
        return alone
    logits = {m: kind.logits(scores[m]) for m in members}
    centre = {m: v.mean(axis=0) for m, v in logits.items()}
    spread = {m: _spread(v - centre[m], kind.own_units) for m, v in logits.items()}
    z = np.stack([np.clip((logits[m] - centre[m]) / spread[m], -5, 5) for m in members], axis=1)
    prior = np.array([ANCHOR_WEIGHT if m in held else 1.0 for m in members])
    prior /= prior.sum()
    honest = np.zeros((len(y), z.shape[2]))
    for k in np.unique(part):
        a, b = part != k, part == k
        inside = _weigh(z[a], y[a], task, prior)
        honest[b] = np.einsum("nmk,m->nk", z[b], inside)
        if (
            kind.numeric or kind.own_units or metric
        ):  # judged in its unit, or maybe by a class; of others the order is enough
            slope, *intercept = calibrate(np.einsum("nmk,m->nk", z[a], inside), y[a], task)
            honest[b] = slope * honest[b] + intercept
    shown = kind.probability(honest) if metric else kind.score(honest)
    inner[STACK] = inner_score(task, y, shown, metric)
    if inner[STACK] < able[single] - span * MARGIN:
        return alone
    weights = _weigh(z, y, task, prior)
    final = calibrate(np.einsum("nmk,m->nk", z, weights), y, task)
    return Choice(STACK, dict(zip(members, weights.tolist(), strict=True)), centre, spread, final, inner)


def _spread(away: np.ndarray, each: bool) -> float | np.ndarray:
    """The root mean square of (n, k); each: (k,) of the columns by themselves, inf of one that never varies."""
    if not each:
        return float(np.sqrt((away**2).mean()))
    found = np.sqrt((away**2).mean(axis=0))
    return np.where(found > 1e-9, found, np.inf)


def _span(best: float, metric: str) -> float:
    """How wide NEAR and MARGIN are: they were set on metrics between 0.5 and 1. Of one that a study names, the best score
    may be far below (AUPRC of a rare outcome): they shrink with it."""
    return float(np.clip(2 * best, 0.0, 1.0)) if metric else 1.0


def _weigh(z: np.ndarray, y: np.ndarray, task: str, prior: np.ndarray) -> np.ndarray:
    weights = fit_weights(z, y, task, prior, SHRINK)
    return weights if weights.any() else prior


def _varies(score: np.ndarray) -> bool:
    return bool(np.ptp(score, axis=0).max() > 1e-9)
