"""Planted studies over five seeds: planted.py GENERATOR OUT [--names order,null] [--seeds 1,2,3,4,5] [--learners …].

GENERATOR is a script that writes a study: GENERATOR NAME OUT --seed N, with truth.json beside study.toml. Prints each
learner's mean AUROC beside the best that is possible, the twins of those on the graph (shuffled edges, none), the share of
what is possible, and what `chosen` was. --keep FILE: what is printed is kept there, too. --raw: the same studies without their
[knowledge], so that codes have no ancestors.
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


def aurocs(
    generator: Path, out: Path, name: str, seed: int, learners: str, trials: int, raw: bool
) -> tuple[dict[str, float], list[str]]:
    """AUROC of every learner, control and of the truth; what was chosen in each fold."""
    folder = out / f"{name}-{seed}"
    subprocess.run(
        [sys.executable, generator, name, folder, "--seed", str(seed)], check=True, stdout=subprocess.DEVNULL
    )
    study = folder / "study.toml"
    text = re.sub(r"\n\[learn\].*", "", study.read_text(), flags=re.DOTALL)
    if raw:
        text = re.sub(r"\[knowledge\.[^\[]*", "", text)
    study.write_text(text + f"\n[learn]\ntrials = {trials}\nlearners = {json.dumps(learners.split(','))}\n")
    run = clinome.run(clinome.Study.read(folder))
    results = json.loads((run.folder / "results.json").read_text())
    found = {n: r["metrics"]["auroc"]["mean"] for n, r in results["learners"].items()}
    twins = {n: r["mean"] for n, r in results["controls"].items()}
    picked = [one["name"] for one in results["chosen"]]
    return {**found, **twins, "(best)": json.loads((folder / "truth.json").read_text())["best"]}, picked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("generator", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--names", default="order,null")
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--learners", default="default")
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--raw", action="store_true")
    args = parser.parse_args()

    def say(line: str) -> None:
        print(line, flush=True)
        if args.keep:
            with args.keep.open("a") as file:
                file.write(line + "\n")

    for name in args.names.split(","):
        rows = []
        for seed in args.seeds.split(","):
            where = args.generator.resolve(), args.out.resolve()
            found, picked = aurocs(*where, name, int(seed), args.learners, args.trials, args.raw)
            rows.append(found)
            say(f"{name} {seed} chosen: {', '.join(picked)}; { ({k: round(v, 3) for k, v in found.items()}) }")
        best = np.array([r["(best)"] for r in rows])
        possible = np.where(best > 0.55, best - 0.5, np.nan)  # of nothing there is no share
        for learner in rows[0]:
            values = np.array([r[learner] for r in rows])
            sd, share = np.std(values, ddof=1) if len(values) > 1 else np.nan, (values - 0.5) / possible
            say(f"{name}  {learner:28s} mean {values.mean():.4f}  sd {sd:.4f}  of the possible {share.mean():+.2f}")


if __name__ == "__main__":
    main()
