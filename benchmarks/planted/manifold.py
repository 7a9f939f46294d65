"""Two latent numbers against two principal components: manifold.py GENERATOR OUT [--seeds 1,2,3,4,5] [--keep FILE].

GENERATOR makes `manifold`: a ring in two hidden dimensions, bent into 300 features; the outcome is inside or outside of it.
Each embedding has two dimensions, is learnt on the training rows without the outcome, and is judged on the held-out rows by the
AUROC of an RBF support vector machine on it (scikit-learn's defaults). Ends with mean differences and their 95 % intervals (t).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.svm import SVC

import clinome
from clinome.graph import cohort_of, open_graph, snapshot_of
from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.base.folds import parts
from clinome.models.learners.latent.latent_block import LatentBlock
from clinome.models.preprocessing.fold import FoldPreprocessing


def frozen(generator: Path, folder: Path, seed: int) -> Snapshot:
    asked = [sys.executable, generator, "manifold", folder, "--seed", str(seed)]
    subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
    study = clinome.Study.read(folder)
    clinome.load(study)
    with open_graph(study) as graph:
        return snapshot_of(graph, cohort_of(graph))


def embeddings(snapshot: Snapshot, train: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """(rows, 2) of each way, of all rows."""
    block, rows = FoldPreprocessing.fit(snapshot, train).blocks["rna"], np.arange(snapshot.rows.height)
    x = np.asarray(block.transform(snapshot, rows))
    found = {"principal components": PCA(2, random_state=seed).fit(x[train]).transform(x)}
    for name, variational in (("autoencoder", False), ("vae", True)):
        made = LatentBlock([block], variational, {"width": 2}, seed).fit(snapshot, train)
        found[name] = made.latent(snapshot, rows)
    return found


def auroc(z: np.ndarray, y: np.ndarray, train: np.ndarray, held: np.ndarray) -> float:
    z = (z - z[train].mean(axis=0)) / z[train].std(axis=0)
    return float(roc_auc_score(y[held], SVC().fit(z[train], y[train]).decision_function(z[held])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    said, found = [], dict[str, list[float]]()
    for seed in map(int, args.seeds.split(",")):
        snapshot = frozen(args.generator, args.out / str(seed), seed)
        train, tuning, held = parts(snapshot.folds, 0, 0)
        seen, y = np.sort(np.concatenate([train, tuning])), snapshot.rows["label"].to_numpy().astype(int)
        for name, z in embeddings(snapshot, seen, seed).items():
            found.setdefault(name, []).append(auroc(z, y, seen, held))
        said.append(f"seed {seed}  " + "  ".join(f"{name} {values[-1]:.4f}" for name, values in found.items()))
        print(said[-1], flush=True)
    plain = np.array(found.pop("principal components"))
    for name, values in found.items():
        more = np.array(values) - plain
        low, high = (
            stats.t.interval(0.95, len(more) - 1, more.mean(), stats.sem(more)) if len(more) > 1 else (np.nan,) * 2
        )
        said.append(
            f"{name}: {np.mean(values):.4f}, {more.mean():+.4f} ({low:+.4f}, {high:+.4f}) to two principal components {plain.mean():.4f}"
        )
        print(said[-1], flush=True)
    if args.keep:
        args.keep.write_text("\n".join(said) + "\n")


if __name__ == "__main__":
    main()
