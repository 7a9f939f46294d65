"""What omics and records say together: two_sources.py OUT [--seeds 1,2,3,4,5] [--patients 600] [--only gated,paired] [--folds 5].

`gated`: a direction of expression raises the risk of those on a drug and lowers it of the others; neither alone says anything.
`paired`: two hidden numbers show in both, in each beside ten others of its own that are stronger; the outcome follows the two.
AUROC of `fusion`, of `cross_attention` (gated), of `contrastive` and its twin of shuffled pairs (paired), one default fit a
fold, beside `ridge_late` and what whoever knows the true risk has. Ends with mean differences from `fusion` and their 95 %
intervals (t over seeds).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit
from sklearn.metrics import roc_auc_score

import clinome
from clinome.graph import cohort_of, open_graph, snapshot_of
from clinome.models.base.folds import parts
from clinome.models.learners.registry import make
from clinome.models.metrics.task_metrics import targets

ALL: dict[str, tuple[str, dict[str, object]]] = {
    "ridge_late": ("ridge_late", {}), "fusion": ("fusion", {}), "cross_attention": ("cross_attention", {}),
    "contrastive": ("contrastive", {}), "shuffled pairs": ("contrastive", {"pairs": "shuffled"}),
}  # fmt: skip
WAYS = {"gated": ("cross_attention",), "paired": ("contrastive", "shuffled pairs")}
STUDY = """name = "{name}"
store = "study.graph"
[patients]
path = "patients.csv"
id = "patient"
[omics.rna]
path = "rna.csv"
kind = "expression"
id = "patient"
features = "opaque"
[records.ehr]
format = "csv"
path = "events.csv"
subject = "patient"
time = "day"
unit = "days"
since = "entry"
codes = {{code = "LOCAL"}}
[cohort]
query = "patients_with_label_at"
params = {{property = "label"}}
[task]
kind = "binary"
label = "label"
[evaluate]
folds = 5
seed = {seed}
"""


def gated(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, 40) expression, (n, 20) codes, (n,) the true log odds."""
    u = rng.normal(size=n)
    rna = rng.normal(size=(n, 40))
    rna[:, :10] += 1.5 * u[:, None]
    codes = rng.random((n, 20)) < 0.4
    codes[:, 0] = rng.random(n) < 0.5
    return rna, codes, 2.5 * u * np.where(codes[:, 0], 1, -1)


def paired(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, 300) expression, (n, 100) codes, (n,) the true log odds."""
    z = rng.normal(size=(n, 2))
    own_rna, own_codes = rng.normal(size=(n, 10)), rng.normal(size=(n, 10))
    rna = 0.4 * z @ rng.normal(size=(2, 300)) + own_rna @ rng.normal(size=(10, 300)) + rng.normal(size=(n, 300))
    log_odds = 0.5 * z @ rng.normal(size=(2, 100)) + 0.7 * own_codes @ rng.normal(size=(10, 100)) - 1
    return rna, rng.random((n, 100)) < expit(log_odds), 2 * z[:, 0]


STUDIES = {"gated": gated, "paired": paired}


def write(folder: Path, name: str, n: int, seed: int) -> np.ndarray:
    """The study's files. Returns: (n,) the true log odds, in the patients' order."""
    rng = np.random.default_rng(seed)
    rna, codes, log_odds = STUDIES[name](rng, n)
    label = rng.random(n) < expit(log_odds)
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"P{i:05d}" for i in range(n)]
    pd.DataFrame({"patient": ids, "label": np.where(label, "yes", "no"), "index_date": "2000-01-01"}).to_csv(
        folder / "patients.csv", index=False
    )
    wide = pd.DataFrame(rna.round(4), columns=[f"G{j}" for j in range(rna.shape[1])])
    wide.insert(0, "patient", ids)
    wide.to_csv(folder / "rna.csv", index=False)
    who, what = np.nonzero(codes)
    events = {"patient": np.array(ids)[who], "day": -rng.integers(1, 300, len(who)), "code": [f"C{j}" for j in what]}
    pd.DataFrame(events).to_csv(folder / "events.csv", index=False)
    (folder / "study.toml").write_text(STUDY.format(name=name, seed=seed), encoding="utf-8")
    return log_odds


def measured(folder: Path, name: str, n: int, seed: int, folds: int) -> dict[str, float]:
    """AUROC of each way, mean over the folds, and of the true log odds."""
    truth = write(folder, name, n, seed)
    study = clinome.Study.read(folder)
    clinome.load(study)
    with open_graph(study) as graph:
        snapshot = snapshot_of(graph, cohort_of(graph))
    y = targets(snapshot.rows, snapshot.task, snapshot.classes)
    truth = truth[[int(one[1:]) for one in snapshot.rows["subject_id"]]]
    found = {"the truth": float(roc_auc_score(y, truth))}
    for way in ("ridge_late", "fusion", *WAYS[name]):
        learner, setting = ALL[way]
        scores = []
        for fold in range(folds):
            train, tuning, held = parts(snapshot.folds, 0, fold)
            one = make(learner).with_setting(setting, seed)
            one.fit(snapshot, train, tuning)
            scores.append(roc_auc_score(y[held], one.predict(snapshot, held).reshape(len(held), -1)[:, -1]))
        found[way] = float(np.mean(scores))
    return found


def main(asked: argparse.Namespace) -> None:
    seeds = [int(one) for one in asked.seeds.split(",")]
    for name in asked.only.split(","):
        table = [measured(asked.out / f"{name}{seed}", name, asked.patients, seed, asked.folds) for seed in seeds]
        for seed, row in zip(seeds, table, strict=True):
            print(f"{name} seed {seed}: " + "  ".join(f"{way} {value:.3f}" for way, value in row.items()), flush=True)
        for way in table[0]:
            mean = np.mean([row[way] for row in table])
            difference = np.array([row[way] - row["fusion"] for row in table])
            half = stats.t.ppf(0.975, len(seeds) - 1) * stats.sem(difference) if len(seeds) > 1 else np.nan
            print(f"{name:8s}{way:16s}{mean:.3f}   - fusion {difference.mean():+.3f} (± {half:.3f})", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--patients", type=int, default=600)
    parser.add_argument("--only", default="gated,paired")
    parser.add_argument("--folds", type=int, default=5)
    main(parser.parse_args())
