"""Planted studies over five seeds: planted.py GENERATOR OUT [--names order,null] [--seeds 1,2,3,4,5] [--learners …].

GENERATOR is a script that writes a study: GENERATOR NAME OUT --seed N, with truth.json beside study.toml. Prints each
learner's mean AUROC beside the best that is possible.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

import clinome


def aurocs(generator: Path, out: Path, name: str, seed: int, learners: str, trials: int) -> dict[str, float]:
    folder = out / f"{name}-{seed}"
    subprocess.run(
        [sys.executable, generator, name, folder, "--seed", str(seed)], check=True, stdout=subprocess.DEVNULL
    )
    study = folder / "study.toml"
    text = re.sub(r"\n\[learn\].*", "", study.read_text(), flags=re.DOTALL)
    study.write_text(text + f"\n[learn]\ntrials = {trials}\nlearners = {json.dumps(learners.split(','))}\n")
    run = clinome.run(clinome.Study.read(folder))
    results = json.loads((run.folder / "results.json").read_text())
    found = {n: r["metrics"]["auroc"]["mean"] for n, r in results["learners"].items()}
    return {**found, "(best)": json.loads((folder / "truth.json").read_text())["best"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("generator", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--names", default="order,null")
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--learners", default="default")
    parser.add_argument("--trials", type=int, default=1)
    args = parser.parse_args()
    for name in args.names.split(","):
        rows = []
        for seed in args.seeds.split(","):
            rows.append(
                aurocs(args.generator.resolve(), args.out.resolve(), name, int(seed), args.learners, args.trials)
            )
            print(name, seed, {k: round(v, 3) for k, v in rows[-1].items()}, flush=True)
        for learner in rows[0]:
            values = [r[learner] for r in rows]
            print(f"{name}  {learner:14s} mean {np.mean(values):.4f}  sd {np.std(values, ddof=1):.4f}")


if __name__ == "__main__":
    main()
