"""Planted batches over five seeds: batches.py GENERATOR OUT [--seeds 1,2,3,4,5] [--keep FILE].

Runs the planted study `batch`, whose fourth batch is held out, with `correct` none, linear and combat, and `confounded`, where the
outcome goes by batch. Prints the AUROC in the held-out batch, and what `clinome quality` says of batch and outcome.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

import clinome


def auroc(folder: Path, correct: str, learners: str) -> tuple[dict[str, float], list[str]]:
    """AUROC of each learner in the held-out batch, and findings of batch against outcome, with V and its interval."""
    study = folder / "study.toml"
    text = study.read_text().split("\n[learn]")[0]
    lines = [line for line in text.splitlines() if not line.startswith("correct")]
    at = lines.index("[omics.rna]") + 1
    lines[at:at] = [f'correct = "{correct}"']
    learn = f"\n[learn]\ntrials = 1\nworkers = 1\nlearners = {json.dumps(learners.split(','))}\n"
    study.write_text("\n".join(lines) + learn)
    run = clinome.run(clinome.Study.read(folder), name=correct)
    results, quality = (json.loads((run.folder / f"{name}.json").read_text()) for name in ("results", "quality"))
    said = [
        f"{one['severity']}: {one['sentence']}"
        for one in quality["findings"]
        if one["kind"] in ("outcome_by_group", "corrected_outcome")
    ]
    return {name: one["metrics"]["auroc"]["mean"] for name, one in results["learners"].items()}, said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("generator", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--learners", default="ridge_late")
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()

    def say(line: str) -> None:
        print(line, flush=True)
        if args.keep:
            with args.keep.open("a") as file:
                file.write(line + "\n")

    found: dict[tuple[str, str], list[float]] = {}
    for seed in args.seeds.split(","):
        for name, methods in (("batch", ("none", "linear", "combat")), ("confounded", ("none", "combat"))):
            folder = args.out.resolve() / f"{name}-{seed}"
            make = [sys.executable, args.generator, name, folder, "--seed", seed]
            subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
            best = json.loads((folder / "truth.json").read_text())["best"]
            for correct in methods:
                scores, said = auroc(folder, correct, args.learners)
                say(
                    f"{name} {seed} {correct}: { {k: round(v, 3) for k, v in scores.items()} }, best {best:.3f}; {said}"
                )
                for learner, score in scores.items():
                    found.setdefault((name, f"{correct} {learner}"), []).append(score)
    for (name, what), scores_of in found.items():
        say(f"{name}  {what:24s} mean {np.mean(scores_of):.4f}  sd {np.std(scores_of, ddof=1):.4f}")


if __name__ == "__main__":
    main()
