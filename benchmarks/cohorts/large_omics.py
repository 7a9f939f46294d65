"""Large omics: large_omics.py OUT [--part h5ad|text] [--samples 10000] [--genes 20000] [--workers 2].

h5ad: invents a study of 10,000 samples x 20,000 genes (float32, 800 MB), and runs `clinome load` and `clinome train` with
`ridge_late` as a user does; prints seconds and peak memory, the largest sum over the command and all its processes
(proportional set size: what they share is counted once).
text: 500 samples x 20,000 genes as tsv: seconds of reading the layer as `clinome load` does, against `polars.read_csv`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

STUDY = """name = "large"
store = "large.graph"
[patients]
path = "patients.csv"
[omics.rna]
path = "rna.h5ad"
scale = "zscore"
graph = "none"
[cohort]
query = "MATCH (p:Patient) RETURN p.id AS subject_id, p.outcome AS label"
[task]
kind = "binary"
[learn]
learners = ["ridge_late"]
trials = 1
workers = {workers}
"""
_ROWS = 500


def invent(out: Path, samples: int, genes: int, workers: int) -> None:
    """The study: fifty genes go with the outcome. Written some rows at a time."""
    import h5py
    import pandas as pd
    from anndata import AnnData

    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    ill = rng.integers(0, 2, samples)
    ids = [f"P{i:05d}" for i in range(samples)]
    pl.DataFrame({"patient_id": ids, "outcome": ill}).write_csv(out / "patients.csv")
    obs, var = pd.DataFrame(index=ids), pd.DataFrame(index=[f"GENE{j}" for j in range(genes)])
    AnnData(X=None, obs=obs, var=var).write_h5ad(out / "rna.h5ad")
    with h5py.File(out / "rna.h5ad", "a") as file:
        if "X" in file:
            del file["X"]
        x = file.create_dataset("X", (samples, genes), dtype="f4", chunks=(100, genes))
        x.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        for first in range(0, samples, _ROWS):
            part = rng.standard_normal((min(_ROWS, samples - first), genes), dtype=np.float32)
            part[:, :50] += 0.15 * ill[first : first + _ROWS, None]
            x[first : first + _ROWS] = part
    (out / "study.toml").write_text(STUDY.format(workers=workers))


def measured(*command: str | Path) -> tuple[float, float]:
    """Seconds and peak memory in GB of a command and its processes."""
    start, peak = time.perf_counter(), 0
    process = subprocess.Popen([str(one) for one in command], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, sum(map(_memory, _family(process.pid))))
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"{command[1]} ended with {process.returncode}")
    return time.perf_counter() - start, peak / 1e6


def _family(pid: int) -> list[int]:
    """The process and those that it began."""
    try:
        told = [
            Path(f"/proc/{pid}/task/{task.name}/children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()
        ]
    except OSError:
        return [pid]
    return [pid, *(one for child in " ".join(told).split() for one in _family(int(child)))]


def _memory(pid: int) -> int:
    """Its proportional set size in kB; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def h5ad(out: Path, samples: int, genes: int, workers: int) -> None:
    invent(out, samples, genes, workers)
    clinome = Path(sys.executable).parent / "clinome"
    for verb in ("load", "train"):
        seconds, peak = measured(clinome, verb, out / "study.toml")
        print(f"{samples:,} x {genes:,} h5ad, {verb}: {seconds:.0f} s, peak {peak:.2f} GB", flush=True)


def text(out: Path, samples: int, genes: int) -> None:
    from clinome.loaders.identifiers.genes import GeneTable
    from clinome.loaders.omics.layer import read_omics
    from clinome.loaders.specs import Omics
    from clinome.loaders.tables import Known

    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    ids = [f"P{i:05d}" for i in range(samples)]
    for name, x, rows, columns in (
        ("samples in rows", rng.normal(6, 2, (samples, genes)), ids, [f"GENE{j}" for j in range(genes)]),
        ("samples in columns", rng.normal(6, 2, (genes, samples)), [f"GENE{j}" for j in range(genes)], ids),
    ):
        path = out / f"{name.replace(' ', '_')}.tsv"
        frame = pl.DataFrame(x.round(5), schema=columns).insert_column(0, pl.Series("id", rows))
        frame.write_csv(path, separator="\t")
        spec = Omics((path,), name="rna", kind="expression")
        known = Known(frozenset(ids), None, GeneTable.empty())
        ours, theirs = [], []
        for _ in range(3):
            start = time.perf_counter()
            pl.read_csv(path, separator="\t", infer_schema_length=100)
            theirs.append(time.perf_counter() - start)
            start = time.perf_counter()
            read_omics(spec, known)
            ours.append(time.perf_counter() - start)
        a, b = min(ours), min(theirs)
        print(f"{samples:,} x {genes:,} text, {name}: {a:.2f} s, polars {b:.2f} s, ratio {a / b:.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", choices=["h5ad", "text"])
    parser.add_argument("--samples", type=int)
    parser.add_argument("--genes", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    out = args.out.resolve()
    if args.part != "h5ad":
        text(out / "text", args.samples or 500, args.genes)
    if args.part != "text":
        h5ad(out / "h5ad", args.samples or 10_000, args.genes, args.workers)


if __name__ == "__main__":
    main()
