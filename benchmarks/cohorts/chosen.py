"""Does choosing pay? chosen.py DATA OUT [--trials 2] [--only luad,lusc,gbmlgg,blca,kirc,diabetes] [--learners …].

Five TCGA cohorts on their published folds (survival, `chosen` against `cox_pca`) and readmission of diabetes130 (`chosen`
against `ridge_late`), each a study run whole with the default learners (diabetes: those of diabetes.py); by name also `lgg`
(RNA, methylation, miRNA; death) and `laml` (a MAF; survival). DATA holds tcga/, tcga_lgg_layers/, laml_maf/, knowledge/ and
ehr/. Prints and writes OUT/chosen.txt: each cohort's metric of both, and the paired difference with its interval, as the
run's own results.json has them. --learners names those of every study (`default,gene_gnn,hetero_gnn,pathway_net`); each is
then set against the plain ones and its own twins in OUT/table.txt.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean
from typing import Any

import diabetes
import lung
import polars as pl

import clinome
from clinome.console import Console
from clinome.models.evaluation.comparison import compare_with_reference

COHORTS = ("luad", "lusc", "gbmlgg", "blca", "kirc", "diabetes")
PLAIN = ("ridge_late", "cox_pca")
HEAD = """
name = "{name}"
store = "{name}.graph"
[identifiers]
genes = "{data}/knowledge/mappings/genes_entrez_symbol.tsv.gz"
"""
LGG = """
[patients]
path = "{data}/tcga_lgg_layers/target.csv.gz"
id = "Patient_ID"
[omics.rna]
path = "{data}/tcga_lgg_layers/rna.csv.gz"
kind = "expression"
accept = ["names"]
[omics.methylation]
path = "{data}/tcga_lgg_layers/methylation.csv.gz"
kind = "methylation"
accept = ["names"]
[omics.mirna]
path = "{data}/tcga_lgg_layers/mirna.csv.gz"
kind = "mirna"
[cohort]
query = "MATCH (p:Patient) WHERE p.target IS NOT NULL RETURN p.id AS subject_id, p.target AS label"
[task]
kind = "binary"
label = "label"
"""
LAML = """
[patients]
path = "{data}/laml_maf/tcga_laml_annot.tsv"
id = "Tumor_Sample_Barcode"
[omics.mutations]
path = "{data}/laml_maf/tcga_laml.maf.gz"
kind = "mutation"
[cohort]
query = '''
MATCH (p:Patient) WHERE toFloat(p.days_to_last_followup) > 0 AND p.Overall_Survival_Status IS NOT NULL
RETURN p.id AS subject_id, toFloat(p.days_to_last_followup) AS duration_days, toInteger(p.Overall_Survival_Status) AS event
'''
[task]
kind = "survival"
label = "event"
"""


def study(data: Path, out: Path, cohort: str, trials: int, learners: str = "") -> str:
    match cohort:
        case "diabetes":
            return diabetes.study(data, out, trials)
        case "lgg" | "laml":
            text = (HEAD + (LGG if cohort == "lgg" else LAML)).format(name=cohort, data=data)
            text += lung.KNOWLEDGE.format(data=data) + f"[evaluate]\nfolds = 5\n[learn]\ntrials = {trials}\n"
        case _:
            text = lung.published(data, out, cohort, trials)
    return text + (f"learners = {json.dumps(learners.split(','))}\n" if learners else "")


def line(cohort: str, results: dict[str, Any]) -> tuple[float, str]:
    """The difference, and the row of the table."""
    metric = results["metric"]
    plain = "cox_pca" if results["task"] == "survival" else "ridge_late"
    mean = {name: results["learners"][name]["metrics"][metric]["mean"] for name in ("chosen", plain)}
    pair = next(c for c in results["comparisons"] if (c["a"], c["b"]) == ("chosen", plain))
    best = max((r["metrics"][metric]["mean"], n) for n, r in results["learners"].items() if n != "chosen")
    text = (
        f"{cohort:10s} {metric:8s} {plain:10s} {mean[plain]:.4f}   {mean['chosen']:.4f}   "
        f"{pair['difference']:+.4f} ({pair['low']:+.3f} to {pair['high']:+.3f})   {best[1]} {best[0]:.4f}"
    )
    return pair["difference"], text


def table(cohort: str, run: clinome.Run) -> list[str]:
    """Every learner beside the plain ones and its twins (five folds each; the intervals are the run's own)."""
    results = run.read_json("results.json")
    metric, predictions = results["metric"], pl.read_parquet(run.path("predictions.parquet"))
    against = {
        plain: {one.a: one for one in compare_with_reference(run.snapshot, predictions, plain, seed=0, metric=metric)}
        for plain in PLAIN
    }
    lines = []
    for name, found in results["learners"].items():
        text = f"{cohort:8s} {name:14s} {found['metrics'][metric]['mean']:.4f}"
        for plain, pairs in against.items():
            if name in pairs:
                one = pairs[name]
                text += f"   - {plain} {one.difference:+.4f} ({one.low:+.3f} to {one.high:+.3f})"
        for twin in ("shuffled_graph", "no_edges"):
            control = results["controls"].get(f"{twin}:{name}")
            text += f"   {twin} {control['mean']:.4f}" if control else ""
        lines.append(text)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--only", default=",".join(COHORTS))
    parser.add_argument("--learners", default="")
    args = parser.parse_args()
    found, lines = (
        [],
        ["cohort     metric   plain      its       chosen   chosen - plain (95 % interval)   the best single one"],
    )
    for cohort in args.only.split(","):
        out = args.out.resolve() / cohort
        out.mkdir(parents=True, exist_ok=True)
        (out / "study.toml").write_text(study(args.data.resolve(), out, cohort, args.trials, args.learners))
        run = clinome.run(clinome.Study.read(out), console=Console())
        if args.learners:
            with (args.out / "table.txt").open("a") as file:
                file.write("\n".join(table(cohort, run)) + "\n\n")
        difference, text = line(cohort, json.loads((run.folder / "results.json").read_text()))
        found.append(difference)
        lines.append(text)
        print(text, flush=True)
    lines += ["", f"mean difference {fmean(found):+.4f}, the worst {min(found):+.4f}"]
    (args.out / "chosen.txt").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
