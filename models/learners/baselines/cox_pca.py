"""Cox on the first principal components of all layers: the reference for survival on omics."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.attribution import Attribution
from ...base.snapshot import Snapshot
from ...estimators.ridge import fit_cox
from ...metrics.task_metrics import targets
from ...preprocessing.omics_layer import by_name, is_mutation, mutation_values
from ...preprocessing.scaling import CLIP
from ...preprocessing.steps.layer_steps import LayerSteps
from ..base import BaseLearner

COMPONENTS = 20


class CoxPCA(BaseLearner):
    """All layers side by side, clipped at ±5, scaled, 20 components, an unpenalised Cox model (lifelines).

    The one learner that does not take the fold's shared scale: it is the reference that others publish against, and
    winsorised values made it weaker (TCGA kirc .676 to .623), which would have flattered every comparison with it.
    Batches are corrected and values imputed as for every learner; what is missing then, and layers, are the training mean. Where the model does not converge (few events) a little penalty
    is added, tenfold each time; `penalizer` in the state says how much.
    """

    name = "cox_pca"
    fitted = ("layers", "mean", "sd", "centre", "beta", "penalizer")

    def reason(self, snapshot: Snapshot) -> str | None:
        if snapshot.task != "survival":
            return "cox_pca is for survival"
        return None if snapshot.layers else "cox_pca needs an omics layer"

    def fit(self, snapshot: Snapshot, train: np.ndarray, tuning: np.ndarray) -> None:
        rows = np.sort(np.concatenate([train, tuning]))
        y = targets(snapshot.rows[rows], "survival", ())
        self.layers: list[dict[str, Any]] = [
            {"name": name, "features": layer.var["feature"].to_list(), "mutations": is_mutation(layer),
             "clipped": is_mutation(layer) or layer.scale != "log1p"}
            for name, layer in snapshot.layers.items()
        ]  # fmt: skip
        for known in self.layers:
            layer = snapshot.layers[known["name"]]
            steps = LayerSteps() if known["mutations"] else LayerSteps.fit(layer, rows[layer.profiled[rows]])
            if not steps.none:
                known["steps"] = steps.state()
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
        out = []
        for known in self.layers:
            layer, width = by_name(snapshot, known["name"], known["features"]), len(known["features"])
            mutations = known["mutations"]
            steps = LayerSteps.restored(known.get("steps", {}))
            x = mutation_values(layer, rows)[:, :width].toarray() if mutations else steps.values(layer, rows)
            x[~layer.profiled[rows]] = np.nan
            out.append(np.clip(x, -CLIP, CLIP) if known["clipped"] else x)
        return np.hstack(out).astype(np.float64)

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        return np.where(np.isfinite(x), (x - self.mean) / self.sd, 0.0)

    def predict(self, snapshot: Snapshot, rows: np.ndarray) -> np.ndarray:
        z = self._scaled(self._values(snapshot, rows)) - self.centre
        return np.asarray(z @ self.beta)

    def attribute(self, snapshot: Snapshot, rows: np.ndarray) -> dict[str, Attribution] | None:
        """Exact: coefficient times scaled value less its training mean."""
        whole = (self._scaled(self._values(snapshot, rows)) - self.centre) * self.beta
        out: dict[str, Attribution] = {}
        at = 0
        for known in self.layers:
            width = len(known["features"])
            out[known["name"]], at = Attribution(known["features"], whole[:, at : at + width]), at + width
        return out


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
