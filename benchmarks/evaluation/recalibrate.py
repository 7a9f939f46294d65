"""Would recalibrating on inner scores help? recalibrate.py OUT [--seeds 6].

Each learner is fitted as in a study, on simulated cohorts. Its held-out risks are scored as they are, and through a
regression of the outcome on the inner out-of-fold risks of the training rows (`fusion.calibrate`). Prints calibration
slope, intercept, calibration error and Brier score of both: means over cohorts, all folds of one together. What gains by it
does it (`recalibrate` of a learner): best_feature, forest, boosting.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from clinome.graphs.snapshot.snapshot import Layer, Snapshot
from clinome.models.base.folds import make_folds, parts
from clinome.models.base.specs import Evaluate
from clinome.models.base.task import task_of
from clinome.models.estimators.late_fusion import calibrate, scaled
from clinome.models.evaluation.calibration import calibrated
from clinome.models.evaluation.fold_scores import FoldScores
from clinome.models.experiment.tuning import inner_plan, tune
from clinome.models.learners.registry import make
from clinome.models.metrics.calibration_error import calibration_error, confidence
from clinome.models.metrics.task_metrics import targets

LEARNERS = ("covariates", "best_feature", "ridge_late", "forest", "boosting")
KINDS = {  # patients, features, features that carry, share with the event (0: three classes)
    "150 patients, 200 features, half": (150, 200, 10, 0.5),
    "400 patients, 200 features, a fifth": (400, 200, 10, 0.2),
    "1,500 patients, 40 features, a tenth": (1500, 40, 10, 0.1),
    "400 patients, 200 features, three classes": (400, 200, 10, 0.0),
}


def cohort(seed: int, n: int, p: int, carrying: int, share: float) -> Snapshot:
    """Standard normal features of which some carry the risk, two of them known as covariates too."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    risk = 0.5 * x[:, :carrying].sum(axis=1)
    task, classes, label = (
        "binary",
        ("0", "1"),
        (rng.random(n) < 1 / (1 + np.exp(-(risk - np.quantile(risk, 1 - share))))),
    )
    y: np.ndarray = label.astype(int)
    if not share:
        noisy = risk + rng.logistic(size=n)
        task, classes = "multiclass", ("a", "b", "c")
        y = np.array(classes)[np.digitize(noisy, np.quantile(noisy, [1 / 3, 2 / 3]))]
    names = [f"opaque:F{j:04d}" for j in range(p)]
    var = pl.DataFrame({"feature": names}).with_columns(pl.lit(None, pl.String).alias(c) for c in ("symbol", "gene"))
    layer = Layer("rna", "expression", "none", var, x.astype(np.float32), np.ones(n, dtype=bool))
    rows = pl.DataFrame({"subject_id": [f"P{i:06d}" for i in range(n)], "label": y})
    rows = rows.insert_column(1, pl.lit(None, pl.Datetime("us")).alias("prediction_time"))
    covariates = pl.DataFrame({"a": x[:, 0] + rng.normal(size=n), "b": x[:, 1] + rng.normal(size=n)})
    snapshot = Snapshot(task=task, rows=rows, covariates=covariates, layers={"rna": layer}, events=None,
                        links=pl.DataFrame(), folds=pl.DataFrame(), clock="dated", classes=classes)  # fmt: skip
    return replace(snapshot, folds=make_folds(rows, task, Evaluate()))


def both(snapshot: Snapshot, name: str) -> tuple[list[FoldScores], list[FoldScores]]:
    """One learner's held-out parts, as it was fitted and recalibrated on inner scores."""
    plain, mended = [], []
    y, task = targets(snapshot.rows, snapshot.task, snapshot.classes), snapshot.task
    for fold in range(5):
        train, tuning, held = parts(snapshot.folds, 0, fold)
        learner = make(name)
        learner.recalibrates = False  # type: ignore[attr-defined]  # as it is, and then by hand
        tuned = tune(learner, snapshot, inner_plan(snapshot, train, tuning, fold), trials=1, seed=fold)
        fitted = learner.with_setting(tuned.setting, fold)
        fitted.fit(snapshot, train, tuning)
        score = fitted.predict(snapshot, held)
        final = calibrate(task_of(task).logits(tuned.oof), y[tuned.rows], task)
        plain.append(FoldScores(name, 0, fold, held, y[held], score))
        mended.append(replace(plain[-1], score=scaled(score, final, task)))
    return plain, mended


def judged(task: str, parts_: list[FoldScores]) -> list[float]:
    """Slope, intercept, error, Brier score of all folds together; of several classes the most probable one's error."""
    score, y = (np.concatenate([getattr(one, side) for one in parts_]) for side in ("score", "y"))
    if task == "multiclass":
        right, sure = confidence(y, score)
        brier = ((score - np.eye(score.shape[1])[y]) ** 2).sum(axis=1).mean()
        return [np.nan, np.nan, calibration_error(right, sure), float(brier)]
    found = calibrated("binary", parts_, np.arange(len(y)))
    assert found is not None
    return [
        np.nan if found.slope is None else found.slope,
        found.intercept,
        found.ece,
        float(np.mean((score - y) ** 2)),
    ]


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
                found[name].append([judged(snapshot.task, its) for its in both(snapshot, name)])
        for name, rows in found.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # several classes have no one slope
                (a, b, c, d), (e, f, g, h) = np.nanmean(rows, axis=0)
            lines.append(
                f"  {name:13s} {a:6.2f} -> {e:4.2f} {b:+7.2f} -> {f:+5.2f} {c:7.3f} -> {g:5.3f} {d:8.4f} -> {h:6.4f}"
            )
    print("\n".join(lines))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
