"""Do activities of gene sets help beside the genes, or in their place? activity.py DATA OUT [--only kirc,luad,lgg,speed].

`ridge_late` with its default setting, survival of TCGA kirc and luad on the published folds (C-index) and death of lgg
(AUROC, five folds), all layers: of the RNA the genes, the genes and their activities, or the activities alone. Each is set
against the genes on the same folds, with the interval of the run's own comparisons. lgg's table holds 200 genes, so that its
sets count from two measured genes. speed: 2,512 sets of Reactome's sizes over 1,550 genes of 500 patients, seconds a method.
DATA holds tcga/, tcga_lgg_layers/ and knowledge/.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import chosen
import numpy as np

import clinome
from clinome.loaders.specs import Activity
from clinome.models.base.folds import parts
from clinome.models.base.task import task_of
from clinome.models.base.threads import one_thread
from clinome.models.evaluation.comparison import compare_with_reference
from clinome.models.evaluation.fold_scores import FoldScores
from clinome.models.evaluation.predictions import prediction_table
from clinome.models.learners.registry import make
from clinome.models.metrics.task_metrics import inner_score
from clinome.models.preprocessing.activity.gene_sets import GeneSets
from clinome.models.preprocessing.activity.registry import METHODS, activity
from clinome.snapshot import Snapshot

HALLMARK = '\n[knowledge.hallmark]\npath = "{data}/knowledge/gmt/h.all.v7.4.symbols.gmt"\n'
ASKED = [("hallmark", method, True) for method in METHODS]
ASKED += [("hallmark", "ulm", False), ("reactome", "ulm", True), ("reactome", "ulm", False)]


def frozen(data: Path, out: Path, cohort: str) -> Snapshot:
    """The cohort's snapshot with its folds."""
    out.mkdir(parents=True, exist_ok=True)
    text = chosen.study(data, out, cohort, 1).replace("\n[cohort]", HALLMARK.format(data=data) + "\n[cohort]", 1)
    (out / "study.toml").write_text(text)
    clinome.load(out / "study.toml")
    with clinome.open(out / "study.toml") as graph:
        return graph.snapshot(graph.cohort())


def scored(snapshot: Snapshot, name: str) -> list[FoldScores]:
    """`ridge_late` over the folds."""
    found, y = [], task_of(snapshot.task).targets(snapshot.rows, snapshot.classes)
    for repeat, fold in snapshot.folds.select("repeat", "fold").unique().sort("repeat", "fold").iter_rows():
        train, tuning, held_out = parts(snapshot.folds, repeat, fold)
        learner = make("ridge_late").with_setting({}, fold)
        learner.fit(snapshot, train, tuning)
        score = learner.predict(snapshot, held_out)
        found.append(FoldScores(name, repeat, fold, held_out, y[held_out], score))
    return found


def measure(snapshot: Snapshot, least: int) -> list[str]:
    rna, each = snapshot.layers["rna"], scored(snapshot, "genes")
    for source, method, keep in ASKED:
        asked = replace(rna, activity=Activity(method, (source,), least, keep))
        name = f"{'genes and ' if keep else ''}{source} by {method}"
        each += scored(replace(snapshot, layers={**snapshot.layers, "rna": asked}), name)
        print(name, flush=True)
    found = compare_with_reference(snapshot, prediction_table(snapshot, each), "genes", seed=1)
    plain = fmean(inner_score(snapshot.task, one.y, one.score) for one in each if one.learner == "genes")
    told = (f"{one.a}: {one.difference:+.4f} ({one.low:+.4f} to {one.high:+.4f})" for one in found)
    return [f"genes: {found[0].metric} {plain:.4f}", *told]


def speed(data: Path) -> list[str]:
    """Random values, and sets of Reactome's own sizes and overlaps over the first 1,550 genes that it names."""
    lines = (data / "knowledge/gmt/ReactomePathways.gmt").read_text(encoding="utf-8").splitlines()
    held = {line.split("\t")[1]: line.split("\t")[2:] for line in lines}
    genes = [*dict.fromkeys(gene for one in held.values() for gene in one)][:1550]
    sets = GeneSets.of({name: dict.fromkeys(one, 1.0) for name, one in held.items()}, genes, 1)
    x, told = np.random.default_rng(0).standard_normal((500, len(genes))), []
    for method in METHODS:
        start = time.process_time()
        activity(x, sets, method)
        told.append(
            f"{method}: {len(sets.names):,} sets, 500 patients, {time.process_time() - start:.2f} s of processor"
        )
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="kirc,luad,lgg,speed")
    args = parser.parse_args()
    data, out = args.data.resolve(), args.out.resolve()
    for name in args.only.split(","):
        with one_thread():
            told = (
                speed(data) if name == "speed" else measure(frozen(data, out / name, name), 2 if name == "lgg" else 5)
            )
        text = "\n".join(f"{name}: {line}" for line in told)
        print(text, flush=True)
        out.mkdir(parents=True, exist_ok=True)
        with (out / "activity.txt").open("a", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
