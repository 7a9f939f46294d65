"""Pretraining on planted trajectories: pretrain.py GENERATOR OUT [--seeds 1,…,10] [--objective masked] [--keep FILE].

GENERATOR makes `pretrain`: 20,000 patients, 2,200 with an outcome, 200 of these to learn from; the order of codes alone tells.
For each seed, on the same rows: AUROC of `sequence` as it is, started from an encoder of the 17,800 others, and started from
one of the same records whose times were shuffled within each patient; a linear probe of either encoder; and, with --curve,
fewer and more patients to learn from, taken out of the held-out ones. Ends with mean differences and their 95 % intervals (t).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import roc_auc_score

import clinome
from clinome.graph import cohort_of, open_graph, snapshot_of
from clinome.graphs.snapshot.snapshot import Snapshot
from clinome.models.base.folds import parts
from clinome.models.encoders.codes.pretrained import PretrainedEncoder
from clinome.models.learners.registry import make
from clinome.models.learners.sequence import pretraining
from clinome.verbs.pretrain import unlabelled_of


def frozen(generator: Path, folder: Path, seed: int) -> tuple[Snapshot, Snapshot]:
    """The cohort, and the records of everybody else."""
    asked = [sys.executable, generator, "pretrain", folder, "--seed", str(seed)]
    subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
    study = clinome.Study.read(folder)
    clinome.load(study)
    with open_graph(study) as graph:
        others = unlabelled_of(graph)
        snapshot = snapshot_of(graph, cohort_of(graph))
    if others is None:
        raise SystemExit("everybody is in the cohort")
    return snapshot, others


def auroc(
    snapshot: Snapshot, encoder: PretrainedEncoder | None, rows: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int
) -> float:
    """Of `sequence` with its default setting, one fit."""
    learner = pretraining.started(make("sequence"), encoder).with_setting({}, seed)
    learner.fit(snapshot, rows[0], rows[1])
    y = snapshot.rows["label"].to_numpy().astype(int)
    return float(roc_auc_score(y[rows[2]], learner.predict(snapshot, rows[2])))


def probe(snapshot: Snapshot, encoder: PretrainedEncoder, rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> float:
    """Of a logistic regression on the encoder's vectors."""
    x, y = pretraining.patient_vectors(snapshot, encoder), snapshot.rows["label"].to_numpy().astype(int)
    seen = np.concatenate(rows[:2])
    fitted = LogisticRegressionCV(Cs=10, scoring="roc_auc", max_iter=2000).fit(x[seen], y[seen])
    return float(roc_auc_score(y[rows[2]], fitted.decision_function(x[rows[2]])))


def curve(rows: tuple[np.ndarray, np.ndarray, np.ndarray], count: int, seed: int) -> tuple[np.ndarray, ...]:
    """So many rows to learn from, a fifth of them to tune; the last 1,200 rows are always those that judge."""
    rng = np.random.default_rng(seed)
    everyone = np.sort(np.concatenate(rows))
    mine = rng.permutation(everyone[:1000])[:count]
    return np.sort(mine[count // 5 :]), np.sort(mine[: count // 5]), everyone[1000:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="1,2,3,4,5,6,7,8,9,10")
    parser.add_argument("--objective", default="masked")
    parser.add_argument("--curve", default="", help="counts of patients to learn from, such as 50,100,200,500,1000")
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()

    def say(line: str) -> None:
        print(line, flush=True)
        if args.keep:
            with args.keep.open("a") as file:
                file.write(line + "\n")

    found: list[dict[str, float]] = []
    for seed in map(int, args.seeds.split(",")):
        snapshot, others = frozen(args.generator.resolve(), args.out.resolve() / f"pretrain-{seed}", seed)
        rows = parts(snapshot.folds, 0, 0)
        start = time.process_time()
        encoder = pretraining.pretrain(others, args.objective, seed=seed)
        took = time.process_time() - start
        assert others.events is not None
        mixed = replace(others, events=pretraining.shuffled_times(others.events, seed))
        control = pretraining.pretrain(mixed, args.objective, seed=seed)
        one = {
            "without": auroc(snapshot, None, rows, seed), "pretrained": auroc(snapshot, encoder, rows, seed),
            "shuffled": auroc(snapshot, control, rows, seed), "probe": probe(snapshot, encoder, rows),
            "shuffled probe": probe(snapshot, control, rows),
        }  # fmt: skip
        for count in map(int, filter(None, args.curve.split(","))):
            part = curve(rows, count, seed)
            for name, start_from in (("without", None), ("pretrained", encoder)):
                one[f"{count} {name}"] = auroc(snapshot, start_from, (part[0], part[1], part[2]), seed)
        found.append(one)
        say(
            f"{args.objective} seed {seed} ({took:.0f} s of processor): "
            + ", ".join(f"{n} {v:.3f}" for n, v in one.items())
        )
    say("mean: " + ", ".join(f"{name} {np.mean([one[name] for one in found]):.3f}" for name in found[0]))
    for name in ("pretrained", "shuffled"):
        difference = np.array([one[name] - one["without"] for one in found])
        low, high = stats.t.interval(0.95, len(found) - 1, difference.mean(), stats.sem(difference))
        say(f"{name} - without, {len(found)} seeds: {difference.mean():+.3f} ({low:+.3f} to {high:+.3f})")


if __name__ == "__main__":
    main()
