"""Survival heads and learners: survival_heads.py DATA OUT [--only kirc,luad] [--learners …].

TCGA cohorts on their published folds, each learner once a fold by its default setting: networks with Cox's head and with the
discrete-time one (`[learn] survival_head`), beside `cox_pca`, `ridge_late`, and the trees of the extra `survival`. DATA holds
tcga/ and knowledge/. Prints and writes OUT/survival_heads.txt: mean C-index and integrated Brier score over folds (risks become
curves by the inner folds' risks, as in a run; the discrete head has its own), and seconds of the fits.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import lung
import numpy as np

import clinome
from clinome.console import Console
from clinome.models.base.folds import parts
from clinome.models.evaluation.survival_curves import follow, grid
from clinome.models.experiment.tuning import inner_plan, tune
from clinome.models.learners.base import BaseLearner, with_head
from clinome.models.learners.registry import make
from clinome.models.metrics.metric import SurvivalCurves
from clinome.models.metrics.task_metrics import evaluate, targets

LEARNERS = "ridge_late,cox_pca,forest,survival_forest,boosting,survival_boosting,propagation,patient_gnn"


def line(cohort: str, snapshot: clinome.Snapshot, name: str, head: str) -> str:
    """One learner with one head on every fold."""
    y = targets(snapshot.rows, "survival", ())
    times, found, start = grid(y), [], time.perf_counter()
    for fold in range(snapshot.folds["fold"].n_unique()):
        train, tuning, held = parts(snapshot.folds, 0, fold)
        rows, made = np.concatenate([train, tuning]), with_head(make(name), head)
        learner = made.with_setting({}, fold)
        learner.fit(snapshot, train, tuning)
        assert isinstance(learner, BaseLearner)
        risk, curves = learner.predict(snapshot, held), learner.survival(snapshot, held, times)
        if curves is None:
            inner = tune(made, snapshot, inner_plan(snapshot, train, tuning, fold), trials=1, seed=fold)
            followed = follow(y[rows], y[inner.rows], inner.oof, risk, times)
        else:
            followed = SurvivalCurves(y[rows], times, curves)
        one = evaluate("survival", y[held], risk, (), followed)
        found.append([one["c_index"], one["ibs"]])
    c, ibs = np.mean(np.array(found, dtype=float), axis=0)
    return f"{cohort:7s} {name:18s} {head:9s} {c:.4f}   {ibs:.4f}  {time.perf_counter() - start:7.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="kirc,luad")
    parser.add_argument("--learners", default=LEARNERS)
    args = parser.parse_args()
    said = ["cohort  learner            head      c_index  ibs     seconds"]
    print(*said)
    for cohort in args.only.split(","):
        out = args.out.resolve() / cohort
        out.mkdir(parents=True, exist_ok=True)
        (out / "study.toml").write_text(lung.published(args.data.resolve(), out, cohort, 1))
        study = clinome.Study.read(out)
        clinome.load(study, console=Console())
        with clinome.open(study) as graph:
            snapshot = graph.snapshot(graph.cohort())
        for name in args.learners.split(","):
            for head in ("cox", "discrete") if getattr(make(name), "headed", False) else ("cox",):
                said.append(line(cohort, snapshot, name, head))
                print(said[-1], flush=True)
    (args.out / "survival_heads.txt").write_text("\n".join(said) + "\n")


if __name__ == "__main__":
    main()
