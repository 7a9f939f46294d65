"""How fast the comparison is: harness.py OUT [--parts two,one,hand,harness,network] [--repeats 3].

450 patients with three dense layers of 1,500 features; 5 folds × 3 repeats, trials = 2, one thread a worker:
  two, one   `ridge_late`, `forest`, `boosting` with controls and the model of all rows, by 2 workers and by 1
  hand       the same learners called by hand in a loop over folds, settings and inner parts (first repeat, one process)
  harness    the harness doing just that, with attributions, comparison and intervals (first repeat, one worker)
  network    as `two`, with `propagation` and its controls
Each part adds a line of JSON to OUT; what they say together is printed, and stands below them. Let nothing else run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from clinome.graphs.snapshot.snapshot import Layer, Snapshot
from clinome.models.base.folds import make_folds
from clinome.models.base.learner import Learner
from clinome.models.base.specs import Evaluate, Learn
from clinome.models.base.threads import one_thread
from clinome.models.experiment import run as harness
from clinome.models.experiment.tuning import inner_plan, seed_of
from clinome.models.learners.registry import make
from clinome.models.preprocessing.blocks import JoinedBlocks
from clinome.models.preprocessing.omics_layer import DenseBlock
from clinome.models.preprocessing.tree_table import TreeTable

PATIENTS, FEATURES, CARRYING, PATHWAY = 450, 1500, 30, 30
LAYERS = {"rna": "expression", "cnv": "copy_number", "protein": "protein"}
PLAIN = ("ridge_late", "forest", "boosting")
TRIALS, FOLDS = 2, 5


def cohort(seed: int = 1) -> Snapshot:
    """A hidden cause shows in the outcome and, weakly, in the first features of each layer, which share a pathway."""
    rng = np.random.default_rng(seed)
    cause = rng.standard_normal(PATIENTS)
    label = (rng.random(PATIENTS) < 1 / (1 + np.exp(-1.5 * cause))).astype(np.int64)
    genes = [f"NCBIGene:{g + 1}" for g in range(FEATURES)]
    var = pl.DataFrame({"feature": genes, "symbol": genes, "gene": genes})
    layers = {}
    for name, kind in LAYERS.items():
        values = rng.standard_normal((PATIENTS, FEATURES))
        values[:, :CARRYING] += 0.4 * cause[:, None]
        layers[name] = Layer(name, kind, "none", var, values.astype(np.float32), np.ones(PATIENTS, dtype=bool))
    links = pl.DataFrame({"subject": genes, "object": [f"REACT:{g // PATHWAY}" for g in range(FEATURES)]}).with_columns(
        predicate=pl.lit("IN_PATHWAY"), score=pl.lit(None, pl.Float64), source=pl.lit("planted")
    )
    return Snapshot(
        task="binary",
        rows=pl.DataFrame({"subject_id": [f"s{i:04d}" for i in range(PATIENTS)], "label": label}).with_columns(
            prediction_time=pl.lit(None, pl.Datetime("us"))
        ),
        covariates=pl.DataFrame(), layers=layers, events=None,
        links=links.select("subject", "predicate", "object", "score", "source"), folds=pl.DataFrame(), clock="dated",
        classes=("0", "1"),
    )  # fmt: skip


def compared(snapshot: Snapshot, names: tuple[str, ...], workers: int, whole: bool = True) -> dict[str, Any]:
    """whole: with controls and the model of all rows, as `clinome train` does it."""
    begun = time.perf_counter()
    learn = Learn(trials=TRIALS, workers=workers)
    found = harness.run(snapshot, [make(n) for n in names], Evaluate(), learn, controls=whole, keep=whole)
    seconds = time.perf_counter() - begun
    auroc = {name: round(one["auroc"]["mean"], 4) for name, one in found.metrics.items()}
    return {"seconds": seconds, "auroc": auroc, "of which": {n: round(s, 1) for n, s in found.seconds.items()}}


def by_hand(snapshot: Snapshot, names: tuple[str, ...]) -> dict[str, Any]:
    """Tune, fit, predict, as anybody would write it; and how much of it went into making matrices."""
    units = harness._jobs(snapshot.folds, list(names), Evaluate(), Learn(trials=TRIALS), 0.0)
    begun = time.perf_counter()
    with one_thread(), clocked(TreeTable, DenseBlock, JoinedBlocks) as matrices:
        for unit in units:
            learner, seed = make(names[unit.learner]), seed_of(unit.seed, names[unit.learner])
            plan = inner_plan(snapshot, unit.train, unit.tuning, unit.seed)
            for i, setting in enumerate(learner.settings(TRIALS)):
                for k, part in enumerate(plan):
                    fitted(learner, setting, seed_of(seed, i, k), snapshot, part.train, part.tuning, part.scored)
            fitted(learner, {}, seed, snapshot, unit.train, unit.tuning, unit.held_out)
    return {"seconds": time.perf_counter() - begun, "matrices": matrices[0]}


def fitted(learner: Learner, setting: Any, seed: int, snapshot: Snapshot, *rows: np.ndarray) -> np.ndarray:
    one = learner.with_setting(setting, seed)
    one.fit(snapshot, *rows[:2])
    return one.predict(snapshot, rows[2])


@contextmanager
def clocked(*classes: type) -> Iterator[list[float]]:
    """Seconds spent in `fit` and `transform` of these classes; what one of them calls of another counts once."""
    spent, depth, before = [0.0], [0], {(c, n): getattr(c, n) for c in classes for n in ("fit", "transform")}

    def timed(whole: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(whole)
        def call(*given: Any) -> Any:
            depth[0] += 1
            begun = time.perf_counter()
            try:
                return whole(*given)
            finally:
                depth[0] -= 1
                spent[0] += 0.0 if depth[0] else time.perf_counter() - begun

        return call

    for (c, name), whole in before.items():
        setattr(c, name, timed(whole))
    try:
        yield spent
    finally:
        for (c, name), whole in before.items():
            setattr(c, name, whole)


def part(name: str, snapshot: Snapshot, first: Snapshot) -> dict[str, Any]:
    match name:
        case "two" | "one":
            return compared(snapshot, PLAIN, 2 if name == "two" else 1)
        case "network":
            return compared(snapshot, (*PLAIN, "propagation"), 2)
        case "hand":
            return by_hand(first, PLAIN)
        case "harness":
            return compared(first, PLAIN, 1, whole=False)
    raise SystemExit(f"--parts: got {name!r}; expected two, one, hand, harness, network")


def together(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What the parts say together."""
    seconds = {name: one["seconds"] for name, one in found.items()}
    for name, words in (("two", "2 workers"), ("one", "1 worker"), ("network", "2 workers, with propagation")):
        if name in seconds:
            yield f"{words}: {seconds[name]:.0f} s"
    if {"one", "two"} <= seconds.keys():
        yield f"2 workers are {seconds['one'] / seconds['two']:.2f} x one"
    if {"hand", "harness"} <= seconds.keys():
        whole, hand, bare = seconds["harness"], seconds["hand"], seconds["hand"] - found["hand"]["matrices"]
        yield f"by hand {hand:.1f} s, without making the matrices {bare:.1f} s; by the harness {whole:.1f} s"
        yield f"overhead {whole / hand - 1:.1%}, over the bare estimators {whole / bare - 1:.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--parts", default="two,one,hand,harness,network")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    snapshot = cohort()
    snapshot = snapshot.with_folds(make_folds(snapshot.rows, "binary", Evaluate(folds=FOLDS, repeats=args.repeats)))
    first = snapshot.with_folds(snapshot.folds.filter(pl.col("repeat") == 0))
    cores = len(os.sched_getaffinity(0))
    few = np.arange(60)
    with one_thread():  # so that no part pays for the imports
        for learner in PLAIN:
            fitted(make(learner), {}, 0, first, few, few[:0], few)
    for name in filter(None, args.parts.split(",")):
        one = {"part": name, **part(name, snapshot, first), "repeats": args.repeats, "cores": cores}
        line = json.dumps({**one, "seconds": round(one["seconds"], 2), "machine": platform.machine()})
        print(line, flush=True)
        with args.out.open("a") as file:
            file.write(line + "\n")
    lines = [line for line in args.out.read_text().splitlines() if line.startswith("{")]
    said = list(together({one["part"]: one for one in map(json.loads, lines)}))
    print(*said, sep="\n")
    args.out.write_text("\n".join([*lines, *said]) + "\n")


if __name__ == "__main__":
    main()
