"""`clinome demo --seed N` over ten seeds: demo_seeds.py OUT [--seeds 101-110]. Prints what each recovered, and the means."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="101-110")
    args = parser.parse_args()
    first, last = map(int, args.seeds.split("-"))
    rows = []
    for seed in range(first, last + 1):
        folder = args.out / f"demo-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        start = time.perf_counter()
        command = ["clinome", "demo", str(folder), "--seed", str(seed), "--json", "--quiet"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        row = {
            "seed": seed,
            "seconds": round(time.perf_counter() - start, 1),
            **json.loads(done.stdout.splitlines()[-1]),
        }
        rows.append(row)
        print(json.dumps(row), flush=True)
    (args.out / "demo_seeds.json").write_text(json.dumps(rows, indent=1))

    def mean(key: str) -> float:
        return float(np.mean([r[key] for r in rows]))

    print(f"true risk AUROC           {mean('true_auroc'):.4f}   (0.80 ± 0.02)")
    print(f"chosen AUROC              {mean('chosen_auroc'):.4f}   (within 0.03 of the true risk's)")
    print(f"permuted AUROC            {mean('permuted_auroc'):.4f}   (0.47–0.53)")
    print(f"gain if let in (decoy)    {mean('decoy_gain'):.4f}   (at least 0.10)")
    print(f"seeds with >= 8 of 10 genes in the first 20: {sum(r['genes_in_first_20'] >= 8 for r in rows)} (>= 8)")
    print(
        f"seeds with the pathway in the first two:     {sum(r['pathway_rank'] is not None and r['pathway_rank'] <= 2 for r in rows)} (>= 8)"
    )
    print(
        f"both on one seed:                            {sum(r['genes_in_first_20'] >= 8 and (r['pathway_rank'] or 99) <= 2 for r in rows)} (>= 8)"
    )
    print(f"seconds: mean {mean('seconds'):.0f}, most {max(r['seconds'] for r in rows):.0f} (< 240)")


if __name__ == "__main__":
    main()
