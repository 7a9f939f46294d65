"""Every omics cohort as a study of its own: studies.py DATA OUT [--trials 2] [--only luad,laml].

Writes OUT/NAME/study.toml, each of under 30 lines, for `clinome benchmark OUT`: five TCGA cohorts (RNA, copy number, mutations; overall
survival on the published folds), lower-grade glioma (RNA, methylation, miRNA; death), somatic mutations of bladder and lung
(overall survival), acute myeloid leukaemia (a MAF; overall survival) and cell lines (methylation; response to 218 drugs).
DATA holds tcga/, tcga_lgg_layers/, tcga_mutations/, laml_maf/, drug_response/ and knowledge/. Prints the lines of each file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import drug_response
import lung

HEAD = """
name = "{name}"
store = "{name}.graph"
identifiers = {{genes = "{data}/knowledge/mappings/genes_entrez_symbol.tsv.gz"}}
patients = {{path = "{data}/{patients}", {options}}}
[omics]
{layers}
[knowledge]
reactome = {{path = "{data}/knowledge/gmt/ReactomePathways.gmt"}}
humannet = {{path = "{data}/knowledge/ppi/HumanNet90_Symbol.txt.gz", format = "tsv", predicate = "INTERACTS_WITH", subject = 0, object = 1, score = 2}}
[cohort]
query = \"\"\"
MATCH (p:Patient) WHERE {known}
RETURN p.id AS subject_id, {outcome}
\"\"\"
[task]
kind = "{kind}"
label = "{label}"
[evaluate]
folds = {folds}
[learn]
trials = {trials}
"""
SURVIVAL = "{days} AS duration_days, {event} AS event"
PAIRS = 'mut = {{path = "{data}/tcga_mutations/{name}_sm_data.txt.gz", kind = "mutation", subject = 0, gene = 1}}'
MAF = 'mut = {{path = "{data}/laml_maf/tcga_laml.maf.gz", kind = "mutation", profiled = "patients"}}'
LGG = """
rna = {{path = "{data}/tcga_lgg_layers/rna.csv.gz", kind = "expression", accept = ["names"]}}
methylation = {{path = "{data}/tcga_lgg_layers/methylation.csv.gz", kind = "methylation", accept = ["names"]}}
mirna = {{path = "{data}/tcga_lgg_layers/mirna.csv.gz", kind = "mirna"}}
""".strip()
TCGA = ("luad", "lusc", "gbmlgg", "blca", "kirc")
MUTATIONS = {"blca_mutations": "BLCA", "luad_mutations": "LUAD"}


def survival(days: str, event: str) -> dict[str, str]:
    return {
        "known": f"{days} > 0 AND {event} IS NOT NULL", "outcome": SURVIVAL.format(days=days, event=event), "kind": "survival",
        "label": "event",
    }  # fmt: skip


def study(data: Path, out: Path, name: str, trials: int) -> str:
    """The text of one study file; the folds and tables that it names beside itself are written to `out`."""
    if name == "drug_response":
        drug_response.write_folds(data / name, out)
        return drug_response.STUDY.format(data=data / name, learners='"default"', trials=trials).lstrip()
    told = {"name": name, "data": str(data), "trials": str(trials), "folds": "5"}
    if name in TCGA:
        lung.write_published(data, out, name)
        layers = [f'{layer} = {{path = "{data}/{table(name)}", kind = "{kind}", id = "case_id", suffix = "_{suffix}"}}'
                  for layer, kind, suffix in lung.layers_of(data / table(name))]  # fmt: skip
        told |= {"patients": table(name), "options": 'id = "case_id", keep = ["survival_months", "censorship"]',
                 "layers": "\n".join(layers), "folds": '"folds.csv"',
                 **survival("p.survival_months * 30.4375", "(1 - p.censorship)")}  # fmt: skip
    elif name in MUTATIONS:
        told |= {"patients": f"tcga_mutations/{MUTATIONS[name]}.clin.merged.surv.txt", "options": 'id = "column_0"',
                 "layers": PAIRS.format(data=data, name=MUTATIONS[name]), **survival("p.overall_survival", "p.vital_status")}  # fmt: skip
    elif name == "laml":
        told |= {"patients": "laml_maf/tcga_laml_annot.tsv", "options": 'id = "Tumor_Sample_Barcode"', "layers": MAF.format(data=data),
                 **survival("toFloat(p.days_to_last_followup)", "toInteger(p.Overall_Survival_Status)")}  # fmt: skip
    else:
        told |= {"patients": "tcga_lgg_layers/target.csv.gz", "options": 'id = "Patient_ID"', "layers": LGG.format(data=data),
                 "known": "p.target IS NOT NULL", "outcome": "p.target AS label", "kind": "binary", "label": "label"}  # fmt: skip
    return HEAD.format(**told).lstrip()


def table(cohort: str) -> str:
    return f"tcga/tcga_{cohort}_all_clean.csv.zip"


NAMES = (*TCGA, "lgg", *MUTATIONS, "laml", "drug_response")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--only", default=",".join(NAMES))
    asked = parser.parse_args()
    for name in asked.only.split(","):
        out = asked.out.resolve() / name
        out.mkdir(parents=True, exist_ok=True)
        text = study(asked.data.resolve(), out, name, asked.trials)
        (out / "study.toml").write_text(text, encoding="utf-8")
        print(json.dumps({"study": name, "lines": len(text.splitlines())}))


if __name__ == "__main__":
    main()
