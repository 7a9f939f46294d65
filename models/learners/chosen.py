"""What the training part picked: one learner, or a stack of several, by scores of rows that they had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..fusion import calibrate, fit_weights
from ..linear import as_score
from ..metrics import inner_score

STACK = "stack"
MARGIN = 0.005
"""A single learner is preferred to another that comes before it only where it is better by more than this."""
NEAR = 0.04
"""Learners whose inner score lies further below the best one's are not stacked."""
SHRINK = 30.0


@dataclass(frozen=True)
class Choice:
    """How held-out scores of the learners become those of `chosen`.

    weights: of each member's standardised score; centre, spread: (k,) of its inner scores; final: `fusion.calibrate`'s.
    inner: every candidate's inner score, and the stack's (cross-validated).
    """

    name: str
    weights: Mapping[str, float]
    centre: Mapping[str, np.ndarray]
    spread: Mapping[str, float]
    final: np.ndarray
    inner: Mapping[str, float]

    def combine(self, scores: Mapping[str, np.ndarray], task: str) -> np.ndarray:
        """Predictions of the members -> predictions of `chosen`. A single learner's stay as they are."""
        if self.name != STACK:
            return scores[self.name]
        logits = self.final[0] * sum(w * self._standard(m, scores[m], task) for m, w in self.weights.items())
        return as_probability(logits + self.final[1:], task)

    def _standard(self, member: str, score: np.ndarray, task: str) -> np.ndarray:
        return np.asarray(np.clip((as_logits(score, task) - self.centre[member]) / self.spread[member], -5, 5))

    def share(self) -> dict[str, float]:
        """Each member's part, summing to one."""
        total = sum(self.weights.values()) or 1.0
        return {name: w / total for name, w in self.weights.items()}

    def state(self) -> dict[str, Any]:
        return {"name": self.name, "weights": dict(self.weights), "centre": dict(self.centre),
                "spread": dict(self.spread), "final": self.final, "inner": dict(self.inner)}  # fmt: skip


def choose(scores: Mapping[str, np.ndarray], y: np.ndarray, part: np.ndarray, task: str) -> Choice:
    """Choose among learners by their inner scores.

    The stack's weights are non-negative and drawn to equal ones among learners near the best; its own inner score
    comes from weights fitted on other parts of the rows. It is taken where it is at least as good as the best single
    learner, which it mostly is: averaging several good learners also protects from having picked the best by luck.

    Args:
        scores: learner -> out-of-fold predictions of the same rows; the plainest learner first.
        y: targets of these rows. part: (n,) in which of a few parts each row lies, subjects whole.
    """
    inner = {name: inner_score(task, y, s) for name, s in scores.items()}
    able = {n: v for n, v in inner.items() if n != "majority"} or inner
    best = max(able.values())
    single = next(name for name, value in able.items() if value >= best - MARGIN)
    members = [name for name, value in able.items() if value >= best - NEAR and _varies(scores[name])]
    alone = Choice(single, {single: 1.0}, {}, {}, np.zeros(0), inner)
    if len(members) < 2:
        return alone
    logits = {m: as_logits(scores[m], task) for m in members}
    centre = {m: v.mean(axis=0) for m, v in logits.items()}
    spread = {m: float(np.sqrt(((v - centre[m]) ** 2).mean())) for m, v in logits.items()}
    z = np.stack([np.clip((logits[m] - centre[m]) / spread[m], -5, 5) for m in members], axis=1)
    equal = np.full(len(members), 1 / len(members))
    honest = np.zeros((len(y), z.shape[2]))
    for k in np.unique(part):
        a, b = part != k, part == k
        weights = fit_weights(z[a], y[a], task, equal, SHRINK) if a.any() else equal
        honest[b] = np.einsum("nmk,m->nk", z[b], weights)
    inner[STACK] = inner_score(task, y, as_score(task, honest))
    if inner[STACK] < best:
        return alone
    weights = fit_weights(z, y, task, equal, SHRINK)
    if not weights.any():
        weights = equal
    final = calibrate(np.einsum("nmk,m->nk", z, weights), y, task)
    return Choice(STACK, dict(zip(members, weights.tolist(), strict=True)), centre, spread, final, inner)


def as_logits(score: np.ndarray, task: str) -> np.ndarray:
    """(n, k) predictions on an additive scale: logit, log probability, or the risk itself."""
    if task == "survival":
        return score.reshape(-1, 1)
    p = np.clip(score, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(p)) if task == "multiclass" else np.log(p / (1 - p)).reshape(-1, 1)


def as_probability(logits: np.ndarray, task: str) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logits[:, 0]))) if task == "binary" else as_score(task, logits)


def _varies(score: np.ndarray) -> bool:
    return bool(np.ptp(score, axis=0).max() > 1e-9)
