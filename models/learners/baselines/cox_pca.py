"""Cox on the first principal components of all layers: the reference for survival on omics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from ...base.snapshot import Snapshot
from ...estimators.ridge import fit_cox
from ...metrics.task_metrics import targets
from ...preprocessing.blocks import restored_block, saved_block
from ...preprocessing.fold import FoldPreprocessing
from ...preprocessing.omics_layer import DenseBlock
from ..base import BaseLearner

COMPONENTS = 20


class CoxPCA(BaseLearner):
    """All layers side by side, each column of unit variance, 20 components, an unpenalised Cox model (lifelines).

    Values are those of the fold's blocks, with their tails: the leading components live in them. A missing layer is the training mean. Where the model does not converge (few events) a little penalty
    is added, tenfold each time; `penalizer` in the state says how much.
    """

    name = "cox_pca"
    fitted = ("mean", "sd", "centre", "beta", "penalizer")

    def supports(self, snapshot: Snapshot) -> str | None:
        if snapshot.task != "survival":
            return "cox_pca is for survival"
        return None if snapshot.layers else "cox_pca needs an omics layer"

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        rows = np.sort(np.concatenate([train, tuning]))
        y = targets(snapshot.rows[rows], "survival", ())
        fitted = FoldPreprocessing.fit(snapshot, rows, [*snapshot.layers])
        blocks = (fitted.graph_block(name) for name in fitted.blocks)
        self.blocks = [block.with_tails() if isinstance(block, DenseBlock) else block for block in blocks]
        x = self._values(snapshot, rows)
        with np.errstate(invalid="ignore"):
            known = np.maximum(np.isfinite(x).sum(axis=0), 1)
            self.mean = np.nansum(x, axis=0) / known
            self.sd = np.sqrt(np.nansum((x - self.mean) ** 2, axis=0) / known)
        self.sd[self.sd < 1e-9] = np.inf
        z = self._scaled(x)
        self.centre = z.mean(axis=0)
        _, _, axes = _svd(z - self.centre)
        self.axes = axes[: min(COMPONENTS, len(axes), max(1, len(rows) - 2))]
        self._fit_cox((z - self.centre) @ self.axes.T, y)
        self.beta = np.asarray(self.axes.T @ (self.coef / self.spread))  # (features,) the model in scaled features

    def _fit_cox(self, components: np.ndarray, y: np.ndarray) -> None:
        import warnings

        import pandas as pd
        from lifelines import CoxPHFitter
        from lifelines.exceptions import ConvergenceError

        spread = components.std(axis=0)
        self.spread = np.where(spread > 1e-9, spread, np.inf)
        scaled = components / self.spread
        usable = np.flatnonzero(np.isfinite(self.spread))
        self.coef, self.penalizer = np.zeros(len(self.spread)), float("nan")
        frame = pd.DataFrame(scaled[:, usable]).rename(columns=str).assign(duration=y[:, 0], event=y[:, 1])
        for penalizer in (0.0, 1e-3, 1e-2, 1e-1):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model = CoxPHFitter(penalizer=penalizer).fit(frame, "duration", "event")
            except (ConvergenceError, ValueError, ZeroDivisionError, np.linalg.LinAlgError):
                continue
            found = model.params_.to_numpy(dtype=np.float64)
            if np.isfinite(found).all() and np.abs(found).max(initial=0.0) < 20:
                self.coef[usable], self.penalizer = found, penalizer
                return
        self.coef = fit_cox(scaled, y[:, 0], y[:, 1], 1.0)

    def _values(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        """(n, columns) of all blocks, NaN throughout where a row lacks the layer."""
        out = []
        for block in self.blocks:
            x = np.array(block.transform(snapshot, rows), dtype=np.float64)
            x[~block.present(snapshot, rows)] = np.nan
            out.append(x)
        return np.hstack(out)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        return np.where(np.isfinite(x), (x - self.mean) / self.sd, 0.0)

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        z = self._scaled(self._values(snapshot, rows)) - self.centre
        return np.asarray(z @ self.beta)

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> dict[str, np.ndarray] | None:
        """Exact: coefficient times scaled value less its training mean."""
        whole = (self._scaled(self._values(snapshot, rows)) - self.centre) * self.beta
        ends = np.cumsum([len(block.entities()) for block in self.blocks])
        parts = np.split(whole, ends[:-1], axis=1)
        return {block.name: block.gather(part) for block, part in zip(self.blocks, parts, strict=True)}

    def state(self) -> dict[str, Any]:
        return {**super().state(), "blocks": [saved_block(block) for block in self.blocks]}

    def restore(self, state: Mapping[str, Any]) -> Self:
        super().restore(state)
        self.blocks = [restored_block(saved) for saved in state["blocks"]]
        return self


def _svd(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thin SVD by the smaller side's Gram matrix, signs fixed by each axis's largest entry."""
    if x.shape[0] > x.shape[1]:
        values, v = np.linalg.eigh(x.T @ x)
        order = np.argsort(-values)
        axes = v[:, order].T
    else:
        values, u = np.linalg.eigh(x @ x.T)
        order = np.argsort(-values)
        order = order[values[order] > 1e-10 * max(values.max(), 1e-12)]
        axes = (u[:, order] / np.sqrt(values[order])).T @ x
    sign = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])
    root = np.sqrt(np.maximum(values[order], 0))
    return np.empty((0, 0)), root, axes * sign[:, None]
