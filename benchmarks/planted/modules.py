"""Are planted modules found, and nothing in shuffled networks? modules.py GENERATOR OUT [--seeds 10] [--shuffles 100].

GENERATOR is a script that writes a study: GENERATOR module OUT --seed N, with truth.json beside study.toml. All rows of each
study are searched, as FLOORS' figures were. Prints, of each seed, how many of the planted genes the first module holds,
how many others, its p and q, and how many planted genes stand among as many single genes; then, on networks whose edges are
shuffled (every gene keeps its degree; the shuffles are shared out among the seeds), in how many a module passes at q <= 0.05.
What is printed is kept in OUT/modules.txt.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import polars as pl

import clinome
from clinome.graph import open_graph
from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.biomarkers.association import p_values
from clinome.models.biomarkers.modules.modules import modules
from clinome.models.learners.links.graph import Relation
from clinome.models.learners.links.twins import shuffled
from clinome.verbs.train import cohort_of, snapshot_of


def snapshot(generator: Path, out: Path, seed: int) -> tuple[Snapshot, set[str]]:
    """The study of a seed, loaded; and the genes planted in it."""
    folder = out / f"module{seed}"
    subprocess.run(
        [sys.executable, generator, "module", folder, "--seed", str(seed)], check=True, stdout=subprocess.DEVNULL
    )
    study = clinome.Study.read(folder)
    clinome.load(study)
    with open_graph(study) as graph:
        made = snapshot_of(graph, cohort_of(graph))
    return made, set(json.loads((folder / "truth.json").read_text())["planted"])


def rewired(given: Snapshot, rng: np.random.Generator) -> Snapshot:
    """The same patients under a network of the same degrees."""
    genes = given.layers["rna"].var["feature"].to_list()
    place = {name: i for i, name in enumerate(genes)}
    pairs = np.array([[place[a], place[b]] for a, b in given.links.select("subject", "object").iter_rows()])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    pairs = shuffled(Relation("", "Gene", "Gene", pairs, np.ones(len(pairs))), rng).pairs
    ends = pl.DataFrame({"subject": [genes[a] for a in pairs[:, 0]], "object": [genes[b] for b in pairs[:, 1]]})
    rest = ends.with_columns(
        predicate=pl.lit("INTERACTS_WITH"), score=pl.lit(None, pl.Float64), source=pl.lit("shuffled")
    )
    return replace(given, links=rest.select(given.links.columns), folds=given.folds.clear())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("generator", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--shuffles", type=int, default=100)
    args = parser.parse_args()
    lines = ["seed  planted  others  p      q      of the first 12 single genes  seconds"]
    found, passed, done = [], 0, 0
    for seed in range(1, args.seeds + 1):
        given, planted = snapshot(args.generator, args.out.resolve(), seed)
        begun = time.perf_counter()
        table = modules(given)
        seconds = time.perf_counter() - begun
        first = table.filter(pl.col("module") == 1)
        hits = len(planted & set(first["symbol"]))
        names = given.layers["rna"].var["feature"].to_list()
        alone = np.array(names)[np.argsort(p_values(given, "rna", names))[:12]]
        single = sum(name.removeprefix("opaque:") in planted for name in alone)
        found.append((hits, first.height - hits, single))
        p, q = (first[0, column] if first.height else float("nan") for column in ("p", "q"))
        lines.append(f"{seed:4d}  {hits:7d}  {first.height - hits:6d}  {p:.3f}  {q:.3f}  {single:28d}  {seconds:7.1f}")
        print(lines[-1], flush=True)
        rng = np.random.default_rng(seed)
        for _ in range(args.shuffles * seed // args.seeds - args.shuffles * (seed - 1) // args.seeds):
            twin = modules(rewired(given, rng), seed=int(rng.integers(1 << 30)))
            passed, done = passed + bool((twin["q"] <= 0.05).any()), done + 1
        print(f"      {passed} of {done} shuffled networks pass", flush=True)
    hits, others, single = (fmean(one[i] for one in found) for i in range(3))
    lines += [
        "",
        f"mean of {args.seeds} seeds: {hits:.1f} of 12 planted genes, {others:.1f} others; the first 12 single genes hold {single:.1f}",
        f"shuffled networks of the same degrees: {passed} of {done} pass at q <= 0.05",
    ]
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "modules.txt").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
