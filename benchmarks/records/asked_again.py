"""Boosting where subjects are asked over and over: asked_again.py DATA OUT [--outer] [--thin 3] [--patients N].

PhysioNet 2019, sepsis, every hour of the first 48 (the study of floors.py). `boosting` with the columns of a question that is
asked once, and with those of one that is asked again (`WindowColumns`), on three inner folds of the first outer fold's
training part, or with --outer on all five folds. --thin learns from every so manieth hour of a stay, for time; all hours are predicted.
--patients takes the first so many. AUROC, average precision and the challenge's utility, its threshold picked on the other
folds' predictions.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean

import floors
import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

import clinome
from clinome.models.base.folds import carve
from clinome.models.base.snapshot import Snapshot
from clinome.models.evaluation.decisions.early_warning import alert_gain, utility
from clinome.models.learners.registry import make
from clinome.models.preprocessing.records import event_counts


def parts(y: np.ndarray, patient: np.ndarray, outer: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to learn from and to predict: the floors' five folds, or three inside the first one's training part."""

    def split(who: np.ndarray, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        ill = np.array([y[patient == one].max() for one in who])
        found = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(ill, ill, who)
        return [(who[a], who[b]) for a, b in found]

    whole = split(np.unique(patient), 5, 100)
    asked = whole if outer else split(whole[0][0], 3, 1)
    return [(np.flatnonzero(np.isin(patient, a)), np.flatnonzero(np.isin(patient, b))) for a, b in asked]


def scores(
    snapshot: Snapshot, folds: list[tuple[np.ndarray, np.ndarray]], hour: np.ndarray, thin: int
) -> list[np.ndarray]:
    out = []
    for train, held in folds:
        first, tuning = carve(snapshot.rows, snapshot.task, train[hour[train] % thin == 0], seed=0)
        one = make("boosting").with_setting({}, 0)
        one.fit(snapshot, first, tuning)
        out.append(one.predict(snapshot, held).ravel())
    return out


def best_threshold(score: np.ndarray, gain: np.ndarray) -> float:
    order = np.argsort(-score, kind="stable")
    return float(score[order][np.argmax(np.cumsum(gain[order]))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--outer", action="store_true")
    parser.add_argument("--thin", type=int, default=3)
    parser.add_argument("--patients", type=int, default=0)
    args = parser.parse_args()
    out = args.out.resolve() / "sepsis2019"
    out.mkdir(parents=True, exist_ok=True)
    learn = {"learners": '["boosting"]', "trials": 1}
    (out / "study.toml").write_text(floors.study("sepsis2019", args.data.resolve(), out, args.patients, learn))
    study = clinome.Study.read(out)
    clinome.load(study)
    with clinome.open(study) as graph:
        snapshot = graph.snapshot(graph.cohort())
    patient = snapshot.rows["subject_id"].rank("dense").to_numpy().astype(np.int64)
    hour = snapshot.rows["prediction_time"].dt.epoch("s").to_numpy() // 3600
    y = snapshot.rows["label"].to_numpy()
    gain, best = alert_gain(patient, hour, y)
    folds = parts(y, patient, args.outer)
    for name, often in (("as asked once", float("inf")), ("as asked again", event_counts.ROLLING)):
        event_counts.ROLLING = often
        found = scores(snapshot, folds, hour, args.thin)
        auroc = [roc_auc_score(y[held], p) for (_, held), p in zip(folds, found, strict=True)]
        auprc = [average_precision_score(y[held], p) for (_, held), p in zip(folds, found, strict=True)]
        worth = []
        for k, (_, held) in enumerate(folds):
            rest = [(held, p) for j, ((_, held), p) in enumerate(zip(folds, found, strict=True)) if j != k]
            at = best_threshold(np.concatenate([p for _, p in rest]), gain[np.concatenate([rows for rows, _ in rest])])
            worth.append(utility(gain[held], best[held], found[k] >= at) or 0.0)
        each = " ".join(f"{one:.3f}" for one in auroc)
        print(
            f"{name:15s} AUROC {fmean(auroc):.4f} ({each})  AUPRC {fmean(auprc):.4f}  utility {fmean(worth):.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
