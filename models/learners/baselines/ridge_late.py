"""Late-fusion ridge: one L2-regularised linear model a block: the model to beat on small cohorts."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, Self

import numpy as np

from ...base.attribution import Attribution
from ...base.folds import carve, deal
from ...base.learner import Setting
from ...base.snapshot import Snapshot
from ...base.task import task_of
from ...estimators.late_fusion import calibrate, fit_weights, standardise
from ...estimators.ridge import SMALL, Ridge, fit_ridge
from ...estimators.univariate import Matrix
from ...preprocessing.blocks import Block, JoinedBlocks, column_names, pieces, restored_block, saved_block
from ...preprocessing.fold import FoldPreprocessing
from ...preprocessing.records.records_block import RECORDS
from ...preprocessing.records.windowed_block import WINDOWED
from ...preprocessing.selection.registry import by_outcome
from ..base import BaseLearner, has_inputs

_FEW = 10
PARTS = 3
"""Of the rows, which take turns at being left out. Five say no more: over five TCGA cohorts and two seeds the mean
concordance is .668 with five, .663 with four, .665 with three."""


class RidgeLate(BaseLearner):
    """Logistic, multinomial or Cox ridge on each block; the score is the sum of their weighted, standardised logits.

    A block that a patient lacks says nothing about that patient. Weights are each block's skill in out-of-fold scores
    of the training rows (for independent, equally spread scores that is close to naive Bayes); `fusion = "stacked"`
    learns them, drawn to the former; `fusion = "early"` joins all blocks before one model. `windows = "all"` adds what
    records say over windows of time (`preprocessing.records.windowed_block`), at several times the cost.
    """

    name = "ridge_late"
    several_numbers = True
    fitted = ("task", "classes", "centre", "spread", "weights", "final")
    grid: tuple[Setting, ...] = ({}, {"fusion": "early"}, {"fusion": "stacked"}, {"windows": "all"})

    def reason(self, snapshot: Snapshot) -> str | None:
        return has_inputs(snapshot)

    def fused(self, fusion: str) -> Self:
        made, own = copy(self), {} if fusion == "late" else {"fusion": fusion}
        made.grid = (own, {**own, "windows": "all"})
        return made

    def idle(self, setting: Setting, snapshot: Snapshot) -> bool:
        return "windows" in setting and snapshot.events is None

    def blocks(self, snapshot: Snapshot, rows: np.ndarray) -> list[Block | JoinedBlocks]:
        """Fitted blocks that become one model each."""
        windowed = {RECORDS: WINDOWED} if self.setting.get("windows") == "all" else {}
        fitted = FoldPreprocessing.fit(snapshot, rows, [windowed.get(name, name) for name in column_names(snapshot)])
        return [fitted.joined(snapshot, rows)] if self.setting.get("fusion") == "early" else [*fitted.blocks.values()]

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        self.task, self.classes = snapshot.task, len(snapshot.classes)
        rows, part = self._parts(snapshot, train, tuning)
        task = task_of(self.task)
        y = task.targets(snapshot.rows[rows], snapshot.classes)
        self.members: list[tuple[Block | JoinedBlocks, Ridge, np.ndarray]] = []
        scores = []
        anew = self._selected_anew(snapshot, rows, y, part) if by_outcome(snapshot.layers) else None
        for block in self.blocks(snapshot, rows):
            here = block.present(snapshot, rows)
            outcomes = np.unique(task.groups(y[here]))
            if here.sum() < _FEW or len(outcomes) < 2 or not _varies(part[here]):
                continue
            x = block.transform(snapshot, rows[here])
            if not x.shape[1]:
                continue
            model = self.fit_block(x, y[here], part[here])
            self.members.append((block, model, np.asarray(x.mean(axis=0), dtype=np.float64).ravel()))
            score = np.full((len(rows), model.oof.shape[1]), np.nan)
            score[here] = model.oof if anew is None else anew.get(block.name, np.zeros_like(score))[here]
            scores.append(score)
        self._fuse(scores, y, part)

    def fit_block(self, x: Matrix, y: np.ndarray, part: np.ndarray) -> Ridge:
        """One block's model, its strength chosen by the rows' parts."""
        return fit_ridge(x, y, part, self.task, self.classes, self.metric)

    def _selected_anew(
        self, snapshot: Snapshot, rows: np.ndarray, y: np.ndarray, part: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Block -> (n, k) scores of each row by a model whose features, too, were selected without it.

        Features selected with a row's outcome make its score too good, and all predictions too sure of themselves.
        0 where nothing was selected; NaN for rows that were never left out, or lack the block.
        """
        out: dict[str, np.ndarray] = {}
        for one in np.unique(part[part >= 0]):
            rest, left = part != one, part == one
            for block in self.blocks(snapshot, rows[rest]):
                here = block.present(snapshot, rows)
                score = out.setdefault(block.name, np.full((len(rows), task_of(self.task).width(self.classes)), np.nan))
                score[left & here] = 0.0
                x, told = block.transform(snapshot, rows[rest & here]), y[rest & here]
                inner = deal(snapshot.rows, self.task, rows[rest & here], PARTS, self.seed)
                if x.shape[1] and len(told) >= _FEW and len(np.unique(task_of(self.task).groups(told))) > 1:
                    model = self.fit_block(x, told, inner)
                    score[left & here] = model.score(block.transform(snapshot, rows[left & here]))
        return out

    def _parts(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All rows, and the fold in which each is left out: few rows take turns, of many only the tuning ones are."""
        rows = np.sort(np.concatenate([train, tuning]))
        if len(rows) <= SMALL:
            return rows, deal(snapshot.rows, self.task, rows, PARTS, self.seed)
        left_out = tuning if len(tuning) else carve(snapshot.rows, self.task, rows, self.seed)[1]
        return rows, np.where(np.isin(rows, left_out), 0, -1)

    def _fuse(self, scores: list[np.ndarray], y: np.ndarray, part: np.ndarray) -> None:
        k = task_of(self.task).width(self.classes)
        scored = part >= 0
        s = np.stack(scores, axis=1)[scored] if scores else np.zeros((int(scored.sum()), 0, k))
        y = y[scored]
        self.centre, self.spread = standardise(s, task_of(self.task).own_units)
        z = np.nan_to_num((s - self.centre) / (self.spread if self.spread.ndim == 2 else self.spread[:, None]))
        self.skill = np.array([_skill(self.task, y, s[:, m]) for m in range(s.shape[1])])
        self.weights = self.skill if self.skill.any() else np.ones(s.shape[1])
        if self.setting.get("fusion") == "stacked" and s.shape[1] > 1:
            self.weights = fit_weights(z, y, self.task, self.weights, shrink=10.0)
        self.final = calibrate(np.einsum("nmk,m->nk", z, self.weights), y, self.task)

    def _logits(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        k = task_of(self.task).width(self.classes)
        total = np.zeros((len(rows), k))
        for m, (block, model, _) in enumerate(self.members):
            here = block.present(snapshot, rows)
            score = model.score(block.transform(snapshot, rows[here]))
            total[here] += self.weights[m] * (score - self.centre[m]) / self.spread[m]
        return np.asarray(self.final[0] * total + self.final[1:])

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        logits = self._logits(snapshot, rows)
        return task_of(self.task).probability(logits)

    def state(self) -> dict[str, Any]:
        members = [
            {"block": saved_block(block), "coef": model.coef, "intercept": model.intercept, "mean": mean,
             "c": model.c, "gamma": model.gamma, "inner": model.inner}
            for block, model, mean in self.members
        ]  # fmt: skip
        return {**super().state(), "members": members}

    def restore(self, state: Mapping[str, Any]) -> Self:
        super().restore(state)
        self.members = [
            (self._restored(m["block"]),
             Ridge(m["coef"], m["intercept"], np.zeros((0, 0)), m["inner"], m["c"], m["gamma"]), m["mean"])
            for m in state["members"]
        ]  # fmt: skip
        return self

    def _restored(self, saved: Mapping[str, Any]) -> Any:
        return restored_block(saved)

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> dict[str, Attribution] | None:
        """Exact: coefficient times value less its training mean, in logits; multiclass: of the predicted class."""
        task = task_of(self.task)
        guess = task.told(self._logits(snapshot, rows))
        out: dict[str, Attribution] = {}
        for m, (block, model, mean) in enumerate(self.members):
            here = block.present(snapshot, rows)
            factor = self.final[0] * self.weights[m] / self.spread[m]
            coef = factor * (
                model.coef - model.coef.mean(axis=1, keepdims=True) * (model.coef.shape[1] > 1 and task.exclusive)
            )
            for name, (features, part) in self._told(block, snapshot, rows[here], coef.T[guess[here]], mean).items():
                contribution = np.zeros((len(rows), len(features)))
                contribution[here] = part
                out[name] = Attribution(features, contribution)
        return out

    def _told(
        self, block: Any, snapshot: Snapshot, rows: np.ndarray, coef: np.ndarray, mean: np.ndarray
    ) -> dict[str, tuple[list[str], np.ndarray]]:
        """Layer -> its features, and (n, features) what they contributed to a member's score. coef: (n, columns)."""
        names = {one.name: one.names for one in (block.blocks if isinstance(block, JoinedBlocks) else [block])}
        contribution = (_dense(block.transform(snapshot, rows)) - mean) * coef
        return {name: (names[name], part) for name, part in pieces(block, contribution).items()}


def _dense(x: Matrix) -> np.ndarray:
    return x if isinstance(x, np.ndarray) else x.toarray()


def _varies(part: np.ndarray) -> bool:
    """Whether someone is left out, and someone is left to learn from."""
    return bool((part >= 0).any() and (part != part.max()).any())


def _skill(task: str, y: np.ndarray, score: np.ndarray) -> float:
    kind, known = task_of(task), np.isfinite(score).all(axis=1)
    return kind.skill(y[known], kind.score(score[known])) if known.any() else 0.0
