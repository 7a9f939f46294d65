"""Where do known genes stand? known_genes.py DATA OUT [--only gbmlgg,laml] [--learners …] [--trials 2].

Two cohorts whose drivers are known: gliomas (TCGA GBM and LGG: expression, copy number and mutations, with methylation, miRNA
and further expression of 475 of them; survival, published folds) and acute myeloid leukaemia (mutations; survival). Known are
the genes that DisGeNET associates with the disease and the drivers named here. DATA holds tcga/, tcga_lgg_layers/, laml_maf/ and
knowledge/. Prints and writes OUT/known_genes.txt: of each driver the rank of each of its features, effect and adjusted hazard
ratio with their intervals, and q; known and new among the first; and the queries that give the rank and the source of an edge.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import chosen
import lung
import pandas as pd

import clinome
from clinome.console import Console

DRIVERS = {"gbmlgg": ("IDH1", "TP53", "ATRX", "CIC", "NOTCH1"), "laml": ("FLT3", "NPM1", "DNMT3A", "RUNX1")}
DISEASES = {
    "gbmlgg": ("UMLS:C0017638", "UMLS:C0004114", "UMLS:C0028945", "UMLS:C0017636"),  # glioma and three kinds of it
    "laml": ("UMLS:C0023467",),
}
DISGENET = """
[knowledge.disgenet]
path = "{data}/knowledge/gene_disease/curated_gene_disease_associations.txt.gz"
format = "tsv"
predicate = "ASSOCIATED_WITH"
subject = "geneSymbol"
object = "diseaseId"
score = "score"
"""
LAYERS = """
[omics.{name}]
path = "{data}/tcga_lgg_layers/{file}.csv.gz"
kind = "{kind}"
accept = ["names", "samples"]
"""
FIRST = 20
SOURCES = (
    "MATCH (run:Run {{name: '{run}'}})-[at:RANKS]->(gene:Gene {{symbol: '{gene}'}}) RETURN at.layer, at.rank, at.score, at.q, at.source",
    "MATCH (gene:Gene {{symbol: '{gene}'}})-[known:ASSOCIATED_WITH]->(disease) RETURN disease.id, known.score, known.source",
)


def study(data: Path, out: Path, cohort: str, trials: int, learners: str) -> str:
    if cohort == "laml":
        text = chosen.study(data, out, cohort, trials, learners)
    else:
        text = lung.published(data, out, cohort, trials).replace("covariates = []", 'covariates = ["age", "is_female"]')
        text += f"learners = {json.dumps(learners.split(','))}\n"
        kinds = {"methylation": "methylation", "mirna": "mirna", "rna": "expression"}
        text += "".join(
            LAYERS.format(data=data, name=f"lgg_{name}", file=name, kind=kind) for name, kind in kinds.items()
        )
    known = json.dumps([*DISEASES[cohort], *DRIVERS[cohort]])
    return text + DISGENET.format(data=data) + f"[biomarkers]\nknown = {known}\n"


def lines(cohort: str, run: clinome.Run) -> Iterator[str]:
    ranked, results, found = run.biomarkers, run.read_json("results.json"), run.read_json("biomarkers.json")
    metric = results["metric"]
    score = results["learners"]["chosen"]["metrics"][metric]
    yield f"{cohort}: chosen {metric} {score['mean']:.3f} ({score['low']:.3f} to {score['high']:.3f}), {len(ranked):,} ranked features"
    for gene in DRIVERS[cohort]:
        mine = ranked[ranked["symbol"].astype(str).str.upper() == gene]
        if mine.empty:
            yield f"  {gene:8s} no feature of it moved a prediction, or none is measured"
        for one in mine.itertuples():
            hazard = (
                of(one.adjusted, one.adjusted_low, one.adjusted_high) if pd.notna(one.adjusted) else one.adjusted_why
            )
            yield (
                f"  {gene:8s} {one.layer:16s} rank {one.rank:5d}, percentile {one.percentile_low:.1f} to {one.percentile_high:.1f}, "
                f"effect {of(one.effect, one.low, one.high)}, q {one.q:.2g}, hazard ratio {hazard if isinstance(hazard, str) else 'not asked'}"
            )
    first = ranked.head(FIRST)
    for word in ("known", "new"):
        names = (
            first.loc[first["known"] == word, "name"].astype(str)
            + " ("
            + first.loc[first["known"] == word, "layer"]
            + ")"
        )
        yield f"  {word} among the first {FIRST}: {', '.join(names) or 'none'}"
    known, stability = found["known"], found["stability"]
    yield (
        f"  {known['known']} known of {known['genes']:,} measured genes: average recall {known['average_recall']:.3f}, at random "
        f"{known['low']:.3f} to {known['high']:.3f}, p {known['p']:.3f}; {known['within']}"
    )
    alone = known["alone"]
    yield f"  known genes alone ({alone['learner']}): {alone['metric']} {of(alone['mean'], alone['low'], alone['high'])}"
    yield f"  folds: Kendall's tau {stability['kendall_tau']['mean']:.2f}, rank-biased overlap {stability['rank_biased_overlap']['mean']:.2f}"
    modules = run.modules
    for number in modules["module"].unique():
        one = modules[modules["module"] == number]
        head = one.iloc[0]
        yield (
            f"  module {number}: {head.layer} {head.direction}, {head.genes} genes ({', '.join(one['symbol'].astype(str).head(8))}), "
            f"p {head.p:.3f}, q {head.q:.3f}, held out {head.measure} {of(head.held_out, head.held_out_low, head.held_out_high)}"
        )
    if modules.empty:
        yield "  no module stands out"
    for query in SOURCES:
        yield "  " + query.format(run=run.name, gene=DRIVERS[cohort][0])


def of(value: float, low: float, high: float) -> str:
    return f"{value:.3g} ({low:.3g} to {high:.3g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="gbmlgg,laml")
    parser.add_argument("--learners", default="majority,ridge_late,cox_pca,chosen")
    parser.add_argument("--trials", type=int, default=2)
    args = parser.parse_args()
    said = []
    for cohort in args.only.split(","):
        out = args.out.resolve() / cohort
        out.mkdir(parents=True, exist_ok=True)
        (out / "study.toml").write_text(study(args.data.resolve(), out, cohort, args.trials, args.learners))
        begun = time.perf_counter()
        run = clinome.run(clinome.Study.read(out), console=Console())
        said += [*lines(cohort, run), f"  {time.perf_counter() - begun:.0f} s", ""]
        print("\n".join(said), flush=True)
    (args.out / "known_genes.txt").write_text("\n".join(said))


if __name__ == "__main__":
    main()
