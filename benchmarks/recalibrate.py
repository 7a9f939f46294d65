"""Would recalibrating on inner scores help? recalibrate.py OUT [--seeds 6].

Each learner runs as in a study, on simulated cohorts of three kinds. Its held-out risks are scored as they are, and after a
logistic regression of the outcome on the logit of the inner out-of-fold risks of the training rows (Platt 1999). Prints
calibration slope, intercept, calibration error and Brier score of both: means over cohorts, all folds of one together.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from clinome.graphs.snapshot import Layer, Snapshot
from clinome.models.calibration import calibrated, logistic
from clinome.models.catalogue import make
from clinome.models.folds import make_folds, parts
from clinome.models.judge import FoldScores
from clinome.models.metrics import targets
from clinome.models.specs import Evaluate
from clinome.models.tune import seed_of
from clinome.models.unit import Unit, run_unit

LEARNERS = ("covariates", "best_feature", "ridge_late", "forest", "boosting")
KINDS = {  # patients, features, features that carry, share with the event
    "150 patients, 200 features, half": (150, 200, 10, 0.5),
    "400 patients, 200 features, a fifth": (400, 200, 10, 0.2),
    "1,500 patients, 40 features, a tenth": (1500, 40, 10, 0.1),
}


def cohort(seed: int, n: int, p: int, carrying: int, share: float) -> Snapshot:
    """Standard normal features of which some carry the risk, two of them known as covariates too."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    risk = 0.5 * x[:, :carrying].sum(axis=1)
    y = (rng.random(n) < 1 / (1 + np.exp(-(risk - np.quantile(risk, 1 - share))))).astype(int)
    names = [f"opaque:F{j:04d}" for j in range(p)]
    var = pl.DataFrame({"feature": names}).with_columns(pl.lit(None, pl.String).alias(c) for c in ("symbol", "gene"))
    layer = Layer("rna", "expression", "none", var, x.astype(np.float32), np.ones(n, dtype=bool))
    rows = pl.DataFrame({"subject_id": [f"P{i:06d}" for i in range(n)], "label": y})
    rows = rows.insert_column(1, pl.lit(None, pl.Datetime("us")).alias("prediction_time"))
    covariates = pl.DataFrame({"a": x[:, 0] + rng.normal(size=n), "b": x[:, 1] + rng.normal(size=n)})
    snapshot = Snapshot(task="binary", rows=rows, covariates=covariates, layers={"rna": layer}, events=None,
                        links=pl.DataFrame(), folds=pl.DataFrame(), clock="dated", classes=("0", "1"))  # fmt: skip
    return replace(snapshot, folds=make_folds(rows, "binary", Evaluate()))


def both(snapshot: Snapshot, name: str) -> tuple[list[FoldScores], list[FoldScores]]:
    """One learner's held-out parts, as they are and recalibrated."""
    plain, mended = [], []
    y = targets(snapshot.rows, "binary", snapshot.classes)
    for fold in range(5):
        train, tuning, held = parts(snapshot.folds, 0, fold)
        unit = Unit(0, 0, fold, train, tuning, held, seed_of(1, 0, fold), trials=1, attribute=False)
        done = run_unit(snapshot, [make(name)], unit)
        assert done.score is not None and done.tuned is not None
        inner, outer = (np.log(p / (1 - p)) for p in (np.clip(v, 1e-6, 1 - 1e-6) for v in (done.tuned.oof, done.score)))
        known = y[done.tuned.rows]
        w, _ = logistic(np.column_stack([np.ones(len(inner)), inner]), known, 0 * inner, np.arange(len(inner)))
        plain.append(FoldScores(name, 0, fold, held, y[held], done.score))
        mended.append(replace(plain[-1], score=1 / (1 + np.exp(-(w[0] + max(w[1], 0.0) * outer)))))
    return plain, mended


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=6)
    args = parser.parse_args()
    lines = [f"means over {args.seeds} cohorts; as it is -> recalibrated on inner scores"]
    for kind, (n, p, carrying, share) in KINDS.items():
        lines += ["", kind, f"  {'learner':13s} {'slope':>14s} {'intercept':>16s} {'error':>16s} {'Brier':>18s}"]
        found = defaultdict(list)
        for seed in range(1, args.seeds + 1):
            snapshot = cohort(seed, n, p, carrying, share)
            for name in LEARNERS:
                row = []
                for its in both(snapshot, name):
                    c = calibrated("binary", its, np.arange(n))
                    assert c is not None
                    score, y = (np.concatenate([getattr(one, side) for one in its]) for side in ("score", "y"))
                    row.append([np.nan if c.slope is None else c.slope, c.intercept, c.ece, np.mean((score - y) ** 2)])
                found[name].append(row)
        for name, rows in found.items():
            (a, b, c, d), (e, f, g, h) = np.nanmean(rows, axis=0)
            lines.append(
                f"  {name:13s} {a:6.2f} -> {e:4.2f} {b:+7.2f} -> {f:+5.2f} {c:7.3f} -> {g:5.3f} {d:8.4f} -> {h:6.4f}"
            )
    print("\n".join(lines))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
