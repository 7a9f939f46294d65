"""`clinome demo --seed N` over ten seeds: demo_seeds.py OUT [--seeds 101-110]. Prints what each recovered, and the means.

--second: only the demo's second study, of what only a graph can read. --keep FILE: what is printed is kept there, too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from clinome.demo.crosstalk import run_crosstalk

Rows = list[dict[str, Any]]


def recovered(folder: Path, seed: int, second: bool) -> dict[str, Any]:
    """What one demo found; of the second study under `crosstalk`."""
    if second:
        return {"crosstalk": run_crosstalk(folder, seed)[1]}
    command = ["clinome", "demo", str(folder), "--seed", str(seed), "--json", "--quiet"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def mean(rows: Rows, key: str) -> float:
    return float(np.mean([row[key] for row in rows]))


def of_the_cohort(rows: Rows) -> list[str]:
    genes = [row["genes_in_first_20"] >= 8 for row in rows]
    pathway = [(row["pathway_rank"] or 99) <= 2 for row in rows]
    return [
        f"true risk AUROC           {mean(rows, 'true_auroc'):.4f}   (0.80 ± 0.02)",
        f"chosen AUROC              {mean(rows, 'chosen_auroc'):.4f}   (within 0.03 of the true risk's)",
        f"permuted AUROC            {mean(rows, 'permuted_auroc'):.4f}   (0.47–0.53)",
        f"gain if let in (decoy)    {mean(rows, 'decoy_gain'):.4f}   (at least 0.10)",
        f"seeds with >= 8 of 10 genes in the first 20: {sum(genes)} (>= 8)",
        f"seeds with the pathway in the first two:     {sum(pathway)} (>= 8)",
        f"both on one seed:                            {sum(map(all, zip(genes, pathway, strict=True)))} (>= 8)",
    ]


def of_the_graph(rows: Rows) -> list[str]:
    """plain: the best learner without a graph, seen afterwards, on each seed."""
    above = sum(row["graph_auroc"] > row["plain_auroc"] for row in rows)
    picked = sum(row["chosen"] == "gene_gnn" for row in rows)
    return [
        f"crosstalk: true risk      {mean(rows, 'true_auroc'):.4f}",
        f"           gene_gnn       {mean(rows, 'graph_auroc'):.4f}   above every learner without a graph on {above} of {len(rows)} seeds; chosen on {picked}",
        f"           best without   {mean(rows, 'plain_auroc'):.4f}",
        f"           shuffled twin  {mean(rows, 'shuffled_auroc'):.4f}   ({mean(rows, 'shuffled_auroc') - mean(rows, 'plain_auroc'):+.4f} from the best without; within 0.03)",
        f"           edgeless twin  {mean(rows, 'edgeless_auroc'):.4f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="101-110")
    parser.add_argument("--second", action="store_true")
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()

    def say(line: str) -> None:
        print(line, flush=True)
        if args.keep:
            with args.keep.open("a") as file:
                file.write(line + "\n")

    first, last = map(int, args.seeds.split("-"))
    rows = []
    for seed in range(first, last + 1):
        folder = args.out / f"demo-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        start = time.perf_counter()
        found = recovered(folder, seed, args.second)
        found["crosstalk"].pop("report")
        seconds = round(time.perf_counter() - start, 1)
        rows.append({**found, "seed": seed, "seconds": seconds})
        rounded = {name: round(x, 3) if isinstance(x, float) else x for name, x in found["crosstalk"].items()}
        say(f"seed {seed}, crosstalk: {rounded}" if args.second else json.dumps(rows[-1]))
    (args.out / "demo_seeds.json").write_text(json.dumps(rows, indent=1))
    for line in [] if args.second else of_the_cohort(rows):
        say(line)
    for line in of_the_graph([row["crosstalk"] for row in rows]):
        say(line)
    say(f"seconds: mean {mean(rows, 'seconds'):.0f}, most {max(row['seconds'] for row in rows):.0f} (< 240)")


if __name__ == "__main__":
    main()
