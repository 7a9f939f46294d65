"""Missing layers: missing_layers.py DATA OUT [--shares 0.3,0.6] [--maskings 5] [--learners ridge_late,boosting] [--keep FILE].

TCGA lgg (RNA, methylation, miRNA; death). A share of all layer–patient pairs is taken away at random, and three ways to live
with it are compared on the same folds, each with the same learners and trials, `chosen` of each:
as it is: the layers are missing. mean: they are the training mean of every feature, and nobody knows that they were missing.
complete: learned from patients who have all layers, and applied to everybody, what is missing the mean.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

import clinome
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.experiment import run as experiment
from clinome.models.learners.registry import make
from clinome.snapshot import Snapshot

sys.path.insert(0, str(Path(__file__).parent))
from chosen import HEAD, LGG

SHARES, MASKINGS = "0.3,0.6", 5


def lgg(data: Path, out: Path) -> Snapshot:
    """The cohort with its five folds."""
    out.mkdir(parents=True, exist_ok=True)
    text = (HEAD + LGG).format(name="lgg", data=data) + "[evaluate]\nfolds = 5\n"
    (out / "study.toml").write_text(text)
    study = clinome.Study.read(out)
    clinome.load(study)
    with clinome.open(study) as graph:
        return Snapshot.of(graph.snapshot(graph.cohort()))


def masked(snapshot: Snapshot, share: float, seed: int) -> Snapshot:
    """Of all layer–patient pairs this share is taken away."""
    n, names = snapshot.rows.height, sorted(snapshot.layers)
    gone = np.zeros(n * len(names), dtype=bool)
    gone[np.random.default_rng(seed).permutation(len(gone))[: round(share * len(gone))]] = True
    layers = {}
    for name, here in zip(names, ~gone.reshape(len(names), n), strict=True):
        layer = snapshot.layers[name]
        values = np.where(here[:, None], layer.values, np.float32(np.nan))
        layers[name] = replace(layer, values=values, profiled=layer.profiled & here)
    return replace(snapshot, layers=layers)


def mean_filled(snapshot: Snapshot) -> Snapshot:
    """Everybody has every layer; what is missing is the mean of the training rows."""
    everyone = np.ones(snapshot.rows.height, dtype=bool)
    layers = {n: replace(one, profiled=everyone, impute="mean") for n, one in snapshot.layers.items()}
    return replace(snapshot, layers=layers)


def complete_cases(snapshot: Snapshot) -> Snapshot:
    """Trained on patients who have all layers; who is held out is held out."""
    whole = np.logical_and.reduce([layer.profiled for layer in snapshot.layers.values()])
    folds = snapshot.folds.filter((pl.col("split") == "held_out") | pl.col("row").is_in(np.flatnonzero(whole)))
    return mean_filled(snapshot).with_folds(folds)


WAYS: dict[str, Callable[[Snapshot], Snapshot]] = {
    "as it is": lambda s: s,
    "mean": mean_filled,
    "complete": complete_cases,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shares", default=SHARES)
    parser.add_argument("--maskings", type=int, default=MASKINGS)
    parser.add_argument("--learners", default="ridge_late,boosting")
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()

    def say(line: str) -> None:
        print(line, flush=True)
        if args.keep:
            with args.keep.open("a") as file:
                file.write(line + "\n")

    snapshot = lgg(args.data.resolve(), args.out.resolve())
    learners = [make(name) for name in args.learners.split(",")]
    for share in map(float, args.shares.split(",")):
        found: dict[str, list[float]] = {}
        for seed in range(args.maskings):
            holed = masked(snapshot, share, seed)
            for way, change in WAYS.items():
                learn = Learn(trials=args.trials, workers=1)
                results = experiment.run(change(holed), learners, Evaluate(), learn, controls=False, keep=False)
                for name, one in results.metrics.items():
                    found.setdefault(f"{way}: {name}", []).append(one["auroc"]["mean"])
            say(f"{share:.0%} masking {seed}: { {what: round(scores[-1], 3) for what, scores in found.items()} }")
        for what, scores in found.items():
            off = np.array(scores) - np.array(found[f"as it is: {what.split(': ')[1]}"])
            say(
                f"{share:.0%}  {what:24s} mean {np.mean(scores):.4f}  sd {np.std(scores, ddof=1):.4f}  less as it is {off.mean():+.4f}"
            )


if __name__ == "__main__":
    main()
