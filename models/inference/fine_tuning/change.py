"""Few-sample fine-tuning: a saved linear model drawn to few labelled patients of another cohort, its coefficients the prior.

The new score is a·s + b + x·δ: s the saved model's, a and b a recalibration, δ what its coefficients change by, with an L2
penalty that draws it to 0. How much is changed (nothing, a and b, δ too by one of several strengths; or a model of the few
alone) is chosen by cross-validation among the few.
Source: transfer by an offset and a penalised difference: Jiang, He and Zhang 2016 (prior lasso), JASA 111:355; Li, Cai and
Li 2022 (Trans-Lasso), JRSSB 84:149; recalibration: Steyerberg et al. 2004, Statistics in Medicine 23:2567.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from ....loaders.errors import InputError
from ...base.folds import deal
from ...base.learner import Learner
from ...base.snapshot import Snapshot
from ...base.task import Task
from ...estimators.ridge import STRENGTHS
from ...learners.stacking import Choice
from ..model import Member, Model, member_of

LINEAR = ("ridge_late", "lasso", "elastic_net", "covariates")
"""Learners whose score is a sum of linear models of blocks."""
AS_IT_IS, RECALIBRATED, SHRUNK, ANEW = "as it is", "recalibrated", "coefficients changed", "anew"
_PARTS = 5
_GAIN = {RECALIBRATED: 1.0, SHRUNK: 2.0, ANEW: 2.0}
"""What a change must gain in log-likelihood of left-out patients over a smaller one: the few are soon overfitted. Set on
gliomas of two platforms (benchmarks/cohorts/external.py --few): with 1.0 throughout survival lost .03 on ten patients."""


@dataclass(frozen=True)
class Way:
    """How much is changed. strength: C, the inverse penalty of δ."""

    kind: str
    strength: float = 0.0


PLAIN = (Way(AS_IT_IS), Way(RECALIBRATED))
WAYS = (*PLAIN, *(Way(SHRUNK, c) for c in STRENGTHS), *(Way(ANEW, c) for c in STRENGTHS))
"""The least change first."""


@dataclass(frozen=True)
class Change:
    """slope: a; intercept: (k,) b; delta: (p, k) of the columns of all blocks side by side."""

    slope: float
    intercept: np.ndarray
    delta: np.ndarray

    def score(self, s: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(n, k) logits."""
        return np.asarray(self.slope * s + self.intercept + x @ self.delta)


@dataclass(frozen=True)
class LinearPrior:
    """The saved model on a snapshot: s (n, k) its logits, x (n, p) the columns of its blocks side by side, 0 where a row
    lacks a block; widths: columns of each."""

    s: np.ndarray
    x: np.ndarray
    widths: tuple[int, ...]

    @classmethod
    def of(cls, learner: Any, snapshot: Snapshot) -> LinearPrior:
        rows = np.arange(snapshot.rows.height)
        parts = [np.zeros((len(rows), 0))]
        for block, _, _ in learner.members:
            here = block.present(snapshot, rows)
            found = block.transform(snapshot, rows[here])
            found = found.toarray() if sparse.issparse(found) else np.asarray(found)
            part = np.zeros((len(rows), found.shape[1]))
            part[here] = found
            parts.append(part)
        return cls(learner._logits(snapshot, rows), np.hstack(parts), tuple(part.shape[1] for part in parts[1:]))

    def take(self, rows: np.ndarray) -> LinearPrior:
        return replace(self, s=self.s[rows], x=self.x[rows])


def linear_member(model: Model) -> Member:
    """The member of a model that can be fine-tuned. Raises: InputError where there is none."""
    for member in model.members:
        if member.name in LINEAR and not member.own_code:
            return member
    raise InputError("the model holds no linear learner to fine-tune", "model", ", ".join(m.name for m in model.members),
                     ", ".join(LINEAR), 'train it with [learn] learners = ["ridge_late"]')  # fmt: skip


def changed(way: Way, prior: LinearPrior, y: np.ndarray, task: Task) -> Change:
    """Fit a way on these rows: all that `prior` holds."""
    k, p = prior.s.shape[1], prior.x.shape[1]
    nothing = np.zeros((p, k))
    if way.kind == AS_IT_IS or not task.learnable(y):
        return Change(1.0, np.zeros(k), nothing)
    centre, spread = task.unit(y)
    s = (prior.s - centre) / spread if way.kind != ANEW else np.zeros_like(prior.s)
    z, back = _coordinates(prior.x) if way.kind in (SHRUNK, ANEW) else (np.zeros((len(y), 0)), np.zeros((p, 0)))
    a, b, d = _fitted(s, z, y, task, way)
    if way.kind == ANEW:
        a = 0.0
    intercept = centre * (1 - a) + spread * b
    return Change(
        a, np.asarray(intercept if task.intercept else np.zeros(k)), spread * (back @ d) if d.size else nothing
    )


def _fitted(s: np.ndarray, z: np.ndarray, y: np.ndarray, task: Task, way: Way) -> tuple[float, np.ndarray, np.ndarray]:
    """Slope, intercepts and coefficients that minimise the loss; slope and intercepts held by half a row each."""
    from scipy.optimize import minimize

    (n, k), r = s.shape, z.shape[1]
    loss, light = task.loss(y), 1 / n
    ridge = 1 / (way.strength * n) if r else 0.0

    def objective(v: np.ndarray) -> tuple[float, np.ndarray]:
        a, b, d = v[0], v[1 : k + 1], v[k + 1 :].reshape(r, k)
        value, pull = loss(a * s + b + z @ d)
        value += 0.5 * (light * ((a - 1) ** 2 + b @ b) + ridge * float((d**2).sum()))
        slope = [(pull * s).sum() + light * (a - 1), *(pull.sum(axis=0) + light * b)]
        return value, np.concatenate([slope, (z.T @ pull + ridge * d).ravel()])

    start = np.concatenate([[1.0], np.zeros(k + r * k)])
    bounds = [(0.0, 20.0), *[(-20.0, 20.0)] * k, *[(None, None)] * (r * k)]
    found = minimize(objective, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return float(found[0]), found[1 : k + 1], found[k + 1 :].reshape(r, k)


def _coordinates(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, r) principal coordinates of rows at a mean squared norm of one, and the way back (p, r)."""
    unit = float(np.sqrt(max((x**2).sum() / len(x), 1e-12)))
    u, spread, axes = np.linalg.svd(x / unit, full_matrices=False)
    kept = spread > 1e-8 * max(float(spread.max(initial=0.0)), 1e-12)
    return u[:, kept] * spread[kept], axes[kept].T / unit


def chosen_way(prior: LinearPrior, y: np.ndarray, part: np.ndarray, task: Task, ways: Sequence[Way] = WAYS) -> Way:
    """The way that does best on left-out patients of the few; a smaller change unless a larger one gains enough.

    part: (n,) in which fold each is left out.
    """
    found = [_left_out_loss(way, prior, y, part, task) for way in ways]
    best, loss = ways[0], found[0]
    for way, its in zip(ways[1:], found[1:], strict=True):
        needed = 0.0 if way.kind == best.kind else _GAIN.get(way.kind, 0.0)
        if its < loss - needed / len(y):
            best, loss = way, its
    return best


def _left_out_loss(way: Way, prior: LinearPrior, y: np.ndarray, part: np.ndarray, task: Task) -> float:
    score = np.zeros_like(prior.s)
    for one in np.unique(part):
        rest = np.flatnonzero(part != one)
        score[part == one] = changed(way, prior.take(rest), y[rest], task).score(
            prior.s[part == one], prior.x[part == one]
        )
    centre, spread = task.unit(y)
    return float(task.loss(y)((score - centre) / spread)[0])


def few_parts(snapshot: Snapshot, rows: np.ndarray, seed: int) -> np.ndarray:
    """(n,) the fold in which each of the few is left out, patients whole."""
    return deal(snapshot.rows, snapshot.task, rows, min(_PARTS, max(2, len(rows) // 4)), seed)


def fine_tuned(learner: Any, change: Change, widths: Sequence[int]) -> Learner:
    """The linear learner with the change in its coefficients: as exact as the change itself, and saved like any other."""
    made = learner.with_setting(learner.setting, learner.seed).restore(learner.state())
    old, k = learner.final, len(change.intercept)
    members, first = [], 0
    for m, ((block, model, mean), width) in enumerate(zip(learner.members, widths, strict=True)):
        factor = change.slope * old[0] * learner.weights[m] / learner.spread[m]
        coef = factor * model.coef + change.delta[first : first + width]
        intercept = factor * (model.intercept - learner.centre[m])
        members.append((block, replace(model, coef=coef, intercept=intercept), mean))
        first += width
    made.members = members
    made.centre, made.spread = np.zeros((len(members), k)), np.ones(len(members))
    made.weights = np.ones(len(members))
    made.final = np.concatenate([[1.0], change.intercept + change.slope * old[1:]])
    return made  # type: ignore[no-any-return]


def fine_tuned_model(model: Model, tuned: Learner, about: Mapping[str, Any]) -> Model:
    """The fine-tuned learner as a model of its own: the schema and distributions of the one that it came from."""
    alone = Choice(tuned.name, {tuned.name: 1.0}, {}, {}, np.zeros(0), {})
    return replace(model, choice=alone, members=(member_of(tuned),), about={**model.about, "fine_tuned": dict(about)})
