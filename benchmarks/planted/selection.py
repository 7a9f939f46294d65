"""Feature selection on planted studies: selection.py GENERATOR OUT [--seeds 5] [--select stability,univariate,…].

GENERATOR is planted.py, whose `selection` (2,000 features in blocks of ten, correlation 0.6; 20 of them true) and `null` it
makes in OUT. Each method selects once on all patients, and once on those of the study's training part, from z-scores. Prints
how many it selects, the false discovery proportion (the true feature or one of its block is true), how many of the 20 blocks
are hit, and seconds of processor; on `null` how many features.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import fmean

import numpy as np
import polars as pl

from clinome.models.base.specs import SELECTIONS
from clinome.models.preprocessing.scaling import Scale
from clinome.models.preprocessing.selection.registry import make_selector


def study(generator: Path, out: Path, case: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, set[int]]:
    """Values, outcome, training rows, and the blocks that are true."""
    folder = out / f"{case}{seed}"
    subprocess.run([sys.executable, generator, case, folder, "--seed", str(seed)], check=True, capture_output=True)
    patients = pl.read_csv(folder / "patients.csv")
    x = pl.read_csv(folder / "rna.csv").drop("patient_id").to_numpy()
    held = pl.read_csv(folder / "folds.csv")["subject_id"]
    planted = json.loads((folder / "truth.json").read_text())["planted"] or []
    train = np.flatnonzero(~patients["patient_id"].is_in(held.implode()).to_numpy())
    return x, patients["outcome"].to_numpy().astype(float), train, {int(name[1:]) // 10 for name in planted}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("generator", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--select", default="stability,univariate")
    args = parser.parse_args()
    names = [one for one in args.select.split(",") if one in SELECTIONS]
    for case in ("selection", "null"):
        studies = [study(args.generator, args.out, case, seed + 1) for seed in range(args.seeds)]
        for name in names:
            for part in ("all patients", "training part"):
                found, false, hit, seconds = [], [], [], []
                for x, y, train, blocks in studies:
                    rows = train if part == "training part" else np.arange(len(y))
                    z = Scale.fit(x[rows]).filled(x[rows])
                    start = time.process_time()
                    chosen = np.flatnonzero(make_selector(name, "binary", 0).fit(z, y[rows]).get_support()) // 10
                    seconds.append(time.process_time() - start)
                    found.append(len(chosen))
                    false.append(float(np.mean([one not in blocks for one in chosen])) if len(chosen) else 0.0)
                    hit.append(len(blocks & set(chosen.tolist())))
                text = f"{case:10s} {name:20s} {part:14s} selected {found}"
                if case == "selection":
                    text += f" false {fmean(false):.3f} blocks hit {fmean(hit):.1f} of 20"
                print(f"{text} {fmean(seconds):.1f} s", flush=True)


if __name__ == "__main__":
    main()
