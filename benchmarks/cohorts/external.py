"""Another platform: external.py DATA OUT [--seeds 5] [--outcomes idh1,death] [--few].

TCGA lower-grade glioma, of which the same 475 patients have RNA in two forms: logarithms of 200 genes (tcga_lgg_layers) and
z-scores of 1,544 genes over gliomas of all grades (tcga/gbmlgg), with 17 genes in both. A model (`ridge_late`) is trained
on a random half in one form, and predicts the other half in the other; so what alignment gives back can be compared with
the same patients on the model's own platform, and the expected loss with what was lost.
--few: instead, fine-tuning on few labelled patients of the other half.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import clinome
from clinome.run_folder.run import Run

STUDY = """name = "{name}"
store = "{name}.graph"
[identifiers]
genes = "{data}/knowledge/mappings/genes_entrez_symbol.tsv.gz"
[patients]
path = "{name}.csv"
[omics.rna]
path = "{name}_rna.csv"
scale = "{scale}"
accept = ["names"]
[cohort]
query = "MATCH (p:Patient) WHERE p.{outcome} IS NOT NULL RETURN p.id AS subject_id, {returned}"
[task]
kind = "{kind}"
[learn]
learners = ["ridge_late"]
trials = 1
workers = 1
"""
RETURNED = {
    "idh1": ("binary", "p.idh1 AS label"),
    "death": ("survival", "p.months * 30.4 AS duration_days, p.death AS event"),
}
METHODS = ("none", "standard", "quantile")


def platforms(data: Path) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """The outcomes of the patients whom both forms hold, and RNA in each form."""
    with zipfile.ZipFile(data / "tcga/tcga_gbmlgg_all_clean.csv.zip") as archive:
        every = pl.read_csv(archive.read(archive.namelist()[0]), infer_schema_length=None)
    every = every.unique("case_id", keep="first", maintain_order=True)
    logs = pl.read_csv(data / "tcga_lgg_layers/rna.csv.gz", infer_schema_length=None)
    logs = logs.rename({logs.columns[0]: "patient_id"})
    every = every.rename({"case_id": "patient_id"}).join(logs.select("patient_id"), on="patient_id", how="semi")
    people = every.select(
        "patient_id", idh1="IDH1_mut", months="survival_months", death=1 - pl.col("censorship").cast(int)
    )
    genes = {c: c.removesuffix("_rnaseq") for c in every.columns if c.endswith("_rnaseq")}
    z = every.select("patient_id", *genes).rename(genes)
    return people, {"logs": logs.join(people, on="patient_id", how="semi"), "z": z}


def in_both(forms: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """The logarithms of the genes that both forms hold."""
    shared = [c for c in forms["logs"].columns[1:] if c.rsplit("_", 1)[0] in forms["z"].columns]
    return forms["logs"].select("patient_id", *shared)


def write(folder: Path, name: str, people: pl.DataFrame, rna: pl.DataFrame, **words: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    kind, returned = RETURNED[words["outcome"]]
    people.write_csv(folder / f"{name}.csv")
    rna.join(people.select("patient_id"), on="patient_id", how="semi").write_csv(folder / f"{name}_rna.csv")
    text = STUDY.format(name=name, kind=kind, returned=returned, **words)
    (folder / f"{name}.toml").write_text(text)
    return folder / f"{name}.toml"


def halves(people: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    first = np.random.default_rng(seed).permutation(people.height) < people.height / 2
    return people.filter(pl.Series(first)), people.filter(pl.Series(~first))


def trained(study: Path) -> Run:
    clinome.load(study)
    return clinome.train(study)


def scored(run: Run, study: Path, align: str | None = None) -> tuple[float, dict[str, Any]]:
    made = clinome.predict(run, study, align=align)
    metric = run.read_json("results.json")["metric"]
    return made.metrics[metric]["mean"], made.about


def one_seed(
    people: pl.DataFrame, forms: dict[str, pl.DataFrame], out: Path, seed: int, **words: Any
) -> Iterator[tuple[str, float]]:
    """What was measured, in words, and the main metric."""
    mine, others = halves(people, seed)
    for genes, home in (("200 genes", forms["logs"]), ("17 genes", in_both(forms))):
        folder = out / genes.replace(" ", "_")
        run = trained(write(folder, "home", mine, home, scale="none", **words))
        own = write(folder, "own", others, home, scale="none", **words)
        other = write(folder, "other", others, forms["z"], scale="none", **words)
        yield f"{genes}: the same patients on the model's own platform", scored(run, own)[0]
        for method in METHODS:
            score, about = scored(run, other, method)
            yield f"{genes}: z-scores, {method}", score
            for arm in about["expected_loss"].get("arms", ()):
                yield f"{genes}: z-scores, {method}, expected loss: {arm['arm']}", arm["mean"]
        if genes == "17 genes":
            run = trained(write(folder, "ranked", mine, home, scale="rank", **words))
            yield f"{genes}: trained on ranks, own platform", scored(run, own)[0]
            yield f"{genes}: trained on ranks, z-scores", scored(run, other)[0]


def few_labels(
    people: pl.DataFrame, forms: dict[str, pl.DataFrame], out: Path, seed: int, **words: Any
) -> Iterator[tuple[str, float]]:
    """Before and after fine-tuning on few of the other half, whose values are aligned."""
    mine, others = halves(people, seed)
    for genes, home in (("200 genes", forms["logs"]), ("17 genes", in_both(forms))):
        folder = out / f"few_{genes.replace(' ', '_')}"
        run = trained(write(folder, "home", mine, home, scale="none", **words))
        other = write(folder, "other", others, forms["z"], scale="none", **words)
        clinome.load(other)
        for point in clinome.finetune(run, other, align="quantile").points:
            for way, found in point["ways"].items():
                for metric, score in found.items():
                    yield f"{genes}: z-scores, quantile, {point['patients']} patients, {way}: {metric}", score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--outcomes", default="idh1,death")
    parser.add_argument("--few", action="store_true")
    args = parser.parse_args()
    people, forms = platforms(args.data.resolve())
    for outcome in args.outcomes.split(","):
        found: dict[str, list[float]] = {}
        for seed in range(args.seeds):
            out = args.out.resolve() / outcome / str(seed)
            measure = few_labels if args.few else one_seed
            for what, score in measure(people, forms, out, seed, data=args.data.resolve(), outcome=outcome):
                found.setdefault(what, []).append(score)
        for what, scores in found.items():
            print(f"{outcome}  {what:75s} {np.mean(scores):.3f}  ({', '.join(f'{s:.3f}' for s in scores)})", flush=True)


if __name__ == "__main__":
    main()
