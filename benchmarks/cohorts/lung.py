"""TCGA lung patients, omics with records: lung.py DATA OUT [--trials 2] [--only lung,lung_untreated,luad,lusc].

lung: luad and lusc together, landmark 180 days after diagnosis, treatments as a timeline; lung_untreated: the same without
them. luad, lusc: overall survival from diagnosis on the published folds. DATA holds tcga/, tcga_mutations/,
tcga_lung_clinical/ and knowledge/. Prints one table a study from its results.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import polars as pl

import clinome
from clinome.console import Console

TCGA = """
name = "{name}"
store = "{name}.graph"

[identifiers]
genes = "{data}/knowledge/mappings/genes_entrez_symbol.tsv.gz"

[patients]
path = {tables}
id = "case_id"
keep = ["age", "is_female", "oncotree_code", "survival_months", "censorship"]
"""
LAYER = """
[omics.{layer}]
path = {tables}
kind = "{kind}"
id = "case_id"
suffix = "_{suffix}"
"""
PAIRS = """
[omics.mutations]
path = "{data}/tcga_mutations/LUAD_sm_data.txt.gz"
kind = "mutation"
subject = 0
gene = 1
"""
KNOWLEDGE = """
[knowledge.reactome]
path = "{data}/knowledge/gmt/ReactomePathways.gmt"
[knowledge.humannet]
path = "{data}/knowledge/ppi/HumanNet90_Symbol.txt.gz"
format = "tsv"
predicate = "INTERACTS_WITH"
subject = 0
object = 1
score = 2
"""
TREATMENTS = """
[records.treatments]
format = "timeline"
path = "{data}/tcga_lung_clinical/data_timeline_treatment.txt"
"""
LANDMARK = '''
[cohort]
query = """
MATCH (p:Patient)
// step: lung patients
WHERE p.survival_months IS NOT NULL AND p.survival_months * 30.4375 > $days
// step: alive and followed past the landmark
RETURN p.id AS subject_id, $landmark AS prediction_time,
       p.survival_months * 30.4375 - $days AS duration_days, 1 - p.censorship AS event
"""
params = {landmark = 2000-06-29T00:00:00, days = 180}
'''
FROM_DIAGNOSIS = '''
[cohort]
query = """
MATCH (p:Patient) WHERE p.survival_months > 0
RETURN p.id AS subject_id, p.survival_months * 30.4375 AS duration_days, 1 - p.censorship AS event
"""
'''
TASK = """
[task]
kind = "survival"
label = "event"
covariates = {covariates}

[evaluate]
folds = {folds}

[learn]
trials = {trials}
"""


def tcga(data: Path, *cohorts: str) -> str:
    return json.dumps([f"{data}/tcga/tcga_{c}_all_clean.csv.zip" for c in cohorts])


def lung(data: Path, trials: int, treatments: bool) -> str:
    name, both = "lung" if treatments else "lung_untreated", tcga(data, "luad", "lusc")
    text = TCGA.format(name=name, data=data, tables=both)
    text += LAYER.format(layer="rna", tables=both, kind="expression", suffix="rnaseq")
    text += LAYER.format(layer="cnv", tables=tcga(data, "luad"), kind="copy_number", suffix="cnv")
    text += PAIRS.format(data=data) + KNOWLEDGE.format(data=data)
    text += TREATMENTS.format(data=data) if treatments else ""
    return text + LANDMARK + TASK.format(covariates='["age", "is_female", "oncotree_code"]', folds=5, trials=trials)


def write_published(data: Path, out: Path, cohort: str) -> None:
    """The published folds (columns train, val of splits_0.csv … splits_4.csv) as OUT/folds.csv."""
    parts = []
    for fold in range(5):
        split = pl.read_csv(data / "tcga" / "splits_5foldcv" / cohort / f"splits_{fold}.csv", infer_schema=False)
        held_out = split["val"].drop_nulls().filter(split["val"].drop_nulls() != "").unique(maintain_order=True)
        parts.append(pl.DataFrame({"fold": fold, "subject_id": held_out, "split": "held_out"}))
    pl.concat(parts).write_csv(out / "folds.csv")


def layers_of(table: Path) -> list[tuple[str, str, str]]:
    """(layer, kind, suffix) of the layers that a cohort's table has."""
    header = pl.read_csv(_unzipped(table), n_rows=1).columns
    known = (("rna", "expression", "rnaseq"), ("cnv", "copy_number", "cnv"), ("mut", "mutation", "mut"))
    return [one for one in known if any(c.endswith(f"_{one[2]}") for c in header)]


def published(data: Path, out: Path, cohort: str, trials: int) -> str:
    """The study of one cohort on its published folds."""
    write_published(data, out, cohort)
    table = tcga(data, cohort)
    text = TCGA.format(name=cohort, data=data, tables=table)
    for layer, kind, suffix in layers_of(Path(json.loads(table)[0])):
        text += LAYER.format(layer=layer, tables=table, kind=kind, suffix=suffix)
    return (
        text
        + KNOWLEDGE.format(data=data)
        + FROM_DIAGNOSIS
        + TASK.format(covariates="[]", folds='"folds.csv"', trials=trials)
    )


def _unzipped(path: Path) -> bytes:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return archive.read(archive.namelist()[0])


def show(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    print(f"\n{run.name}: chosen {[c['name'] for c in results['chosen']]}")
    for name, learner in results["learners"].items():
        c = learner["metrics"]["c_index"]
        print(f"  {name:14s} C {c['mean']:.4f}  [{c['low']:.3f}, {c['high']:.3f}]  {learner.get('seconds', 0):.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--only", default="luad,lusc,lung,lung_untreated")
    args = parser.parse_args()
    data = args.data.resolve()
    for name in args.only.split(","):
        out = args.out.resolve() / name
        out.mkdir(parents=True, exist_ok=True)
        text = (
            lung(data, args.trials, name == "lung")
            if name.startswith("lung")
            else published(data, out, name, args.trials)
        )
        (out / "study.toml").write_text(text)
        run = clinome.run(clinome.Study.read(out), console=Console())
        show(run.folder)


if __name__ == "__main__":
    main()
