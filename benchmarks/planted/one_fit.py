"""One fit of a learner by its default setting on planted studies: one_fit.py GENERATOR OUT NAME LEARNERS [--seeds 1,2,3,4,5] [--fits 1] [--curves].

Without trials, controls and twins, so that five seeds of a network take minutes: held-out AUROC, passes over the training rows,
and the pass whose weights were kept. --seeds: of the study; --fits: of the learner, several a study; --curves: the losses of every pass.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

import clinome
from clinome.graph import cohort_of, open_graph, snapshot_of
from clinome.models.base.folds import parts
from clinome.models.learners.registry import make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("generator", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("name")
    parser.add_argument("learners")
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--fits", default="1")
    parser.add_argument("--curves", action="store_true")
    args = parser.parse_args()
    found: dict[str, list[float]] = {}
    for seed in args.seeds.split(","):
        folder = args.out / f"{args.name}-{seed}"
        made = [sys.executable, args.generator, args.name, folder, "--seed", seed]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
        study = clinome.Study.read(folder)
        clinome.load(study)
        with open_graph(study) as graph:
            snapshot = snapshot_of(graph, cohort_of(graph))
        train, tuning, held = parts(snapshot.folds, 0, 0)
        y = snapshot.rows["label"].to_numpy().astype(int)[held]
        best = json.loads((folder / "truth.json").read_text())["best"]
        for name, fit in product(args.learners.split(","), map(int, args.fits.split(","))):
            learner = make(name).with_setting({}, fit)
            learner.fit(snapshot, train, tuning)
            auroc = float(roc_auc_score(y, np.asarray(learner.predict(snapshot, held)).ravel()))
            found.setdefault(name, []).append(auroc)
            report = getattr(learner, "report", None)
            passes = "" if report is None else f", {len(report.train)} passes, kept {report.best}"
            which = "" if args.fits == "1" else f" fit {fit}"
            print(f"{args.name} {seed} {name}{which}: {auroc:.3f} of {best:.3f}{passes}", flush=True)
            if args.curves and report is not None:
                for part, losses in (("training", report.train), ("tuning", report.tuning)):
                    print(f"  {part}", *(f"{loss:.3f}" for loss in losses), flush=True)
    for name, values in found.items():
        print(f"{args.name} {name}: mean {np.mean(values):.4f}")


if __name__ == "__main__":
    main()
