"""Similar patients on real cohorts: patients.py DATA OUT [--only laml,kirc,luad].

`patient_gnn` beside its twins, `ridge_late`, `cox_pca` and `propagation`: overall survival of TCGA cohorts on their published
folds (one setting each), and of acute myeloid leukaemia by its mutations and FAB class (five folds, twice, two settings).
DATA holds tcga/, laml_maf/ and knowledge/. Prints each one's concordance, and the paired differences of `patient_gnn`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import lung

import clinome

LEARN = 'learners = ["majority", "ridge_late", "cox_pca", "propagation", "patient_gnn"]\n'
LAML = """name = "laml"
store = "laml.graph"
[identifiers]
genes = "{data}/knowledge/mappings/genes_entrez_symbol.tsv.gz"
[patients]
path = "{data}/laml_maf/tcga_laml_annot.tsv"
id = "Tumor_Sample_Barcode"
[omics.mut]
path = "{data}/laml_maf/tcga_laml.maf.gz"
kind = "mutation"
profiled = "patients"
{knowledge}
[cohort]
query = \"\"\"
MATCH (p:Patient)
WHERE toFloat(p.days_to_last_followup) > 0 AND toInteger(p.Overall_Survival_Status) IS NOT NULL
RETURN p.id AS subject_id, toFloat(p.days_to_last_followup) AS duration_days,
       toInteger(p.Overall_Survival_Status) AS event, p.FAB_classification AS fab
\"\"\"
[task]
kind = "survival"
label = "event"
covariates = ["fab"]
[evaluate]
folds = 5
repeats = 2
[learn]
trials = 2
"""


def study(data: Path, out: Path, cohort: str) -> str:
    if cohort == "laml":
        return LAML.format(data=data, knowledge=lung.KNOWLEDGE.format(data=data)) + LEARN
    return lung.published(data, out, cohort, 1) + LEARN


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="laml,kirc,luad")
    args = parser.parse_args()
    for cohort in args.only.split(","):
        out = args.out.resolve() / cohort
        out.mkdir(parents=True, exist_ok=True)
        (out / "study.toml").write_text(study(args.data.resolve(), out, cohort))
        run = clinome.run(clinome.Study.read(out))
        results = json.loads((run.folder / "results.json").read_text())
        for name, one in results["learners"].items():
            print(f"{cohort}  {name:28s} {one['metrics']['c_index']['mean']:.4f}")
        for name, one in results["controls"].items():
            print(f"{cohort}  {name:28s} {one['mean']:.4f}")
        for one in results["comparisons"]:
            if "patient_gnn" in (one["a"], one["b"]):
                print(
                    f"{cohort}  {one['a']} - {one['b']}: {one['difference']:+.4f} [{one['low']:.3f}, {one['high']:.3f}]"
                )


if __name__ == "__main__":
    main()
