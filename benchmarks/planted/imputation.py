"""Planted gaps over five seeds: imputation.py [--seeds 5] [--share 0.4] [--keep FILE].

300 patients, 200 proteins in 20 groups that go together; ten proteins of two groups carry the outcome. Of every protein a share
of the values is taken away at random, or from below (a limit of detection), and each `impute` is compared: the error of what was
filled in, in standard deviations, on held-out patients, and the AUROC of `ridge_late` there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from clinome.graphs.snapshot.snapshot import Layer
from clinome.models.learners.registry import make
from clinome.models.preprocessing.steps.layer_steps import LayerSteps
from clinome.snapshot import Snapshot

N, TRAIN, GROUPS, SIZE = 600, 300, 20, 10
METHODS = ("median", "mean", "knn", "low")


def truth(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(patients, proteins) values without gaps, and the outcome."""
    x = 0.8 * rng.normal(size=(N, GROUPS)).repeat(SIZE, axis=1) + 0.6 * rng.normal(size=(N, GROUPS * SIZE))
    logit = x[:, 0 : 2 * SIZE : 2].sum(axis=1)
    return x, (rng.random(N) < 1 / (1 + np.exp(-1.5 * logit / logit.std()))).astype(np.int64)


def holed(x: np.ndarray, share: float, how: str, rng: np.random.Generator) -> np.ndarray:
    low = x < np.quantile(x[:TRAIN], share, axis=0)
    return np.where(low if how == "too low" else rng.random(x.shape) < share, np.nan, x)


def snapshot(values: np.ndarray, label: np.ndarray, impute: str) -> Snapshot:
    names = [f"opaque:P{j}" for j in range(values.shape[1])]
    var = pl.DataFrame({"feature": names, "symbol": names}).with_columns(gene=pl.lit(None, pl.String))
    here = np.isfinite(values).any(axis=1)
    layer = Layer("protein", "protein", "none", var, values.astype(np.float32), here, impute=impute)
    rows = pl.DataFrame({"subject_id": [f"s{i:04d}" for i in range(len(label))], "label": label})
    links = pl.DataFrame(schema=dict.fromkeys(("subject", "predicate", "object", "score", "source"), pl.String))
    return Snapshot(
        "binary", rows.with_columns(prediction_time=pl.lit(None, pl.Datetime("us"))), pl.DataFrame(), {"protein": layer},
        None, links, pl.DataFrame(), "dated", ("0", "1"),
    )  # fmt: skip


def measured(share: float, how: str, impute: str, seed: int) -> tuple[float, float]:
    """Error of what was filled in, and AUROC, on held-out patients."""
    rng = np.random.default_rng(seed)
    x, label = truth(rng)
    study = snapshot(holed(x, share, how, rng), label, impute)
    train, held, layer = np.arange(TRAIN), np.arange(TRAIN, N), study.layers["protein"]
    filled = LayerSteps.fit(layer, train).values(layer, held)
    median = np.nanmedian(layer.values[train], axis=0)
    gone = np.isnan(layer.values[held])
    error = float(np.sqrt(np.mean((np.where(np.isnan(filled), median, filled) - x[held])[gone] ** 2)))
    learner = make("ridge_late")
    learner.fit(study, train, train[:0])
    return error, float(roc_auc_score(label[held], learner.predict(study, held)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.4)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    lines = [f"{args.share:.0%} of the values gone, mean (sd) over {args.seeds} seeds"]
    for how in ("at random", "too low"):
        for impute in METHODS:
            found = np.array([measured(args.share, how, impute, seed) for seed in range(args.seeds)])
            (error, auroc), (error_sd, auroc_sd) = found.mean(axis=0), found.std(axis=0, ddof=1)
            lines.append(
                f"{how:10s} {impute:7s} error {error:.3f} ({error_sd:.3f})  auroc {auroc:.4f} ({auroc_sd:.4f})"
            )
            print(lines[-1], flush=True)
    if args.keep:
        args.keep.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
