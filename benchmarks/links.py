"""Links on public knowledge: genes of a disease by its phenotypes (OMIM, HPO), more genes of a disease (DisGeNET), diseases
of a drug (DrugBank indications, DGIdb), each by `clinome run`; every learner beside its twins.

    python benchmarks/links.py KNOWLEDGE OUT [--only genes,time,disgenet,drugs,new_drugs] [--learners NAME,NAME]

KNOWLEDGE: a folder with gene_disease/, drug_target/, gmt/, hetionet/, mappings/, ontologies/, ppi/ (what each holds: docs/links.md).
OUT/links.txt gets the figures. The files that the studies read are made in OUT; gene sets named after diseases are left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

import clinome
from clinome.models.learners.links.rankers.kernel import Kernel
from clinome.reports.tasks.links.sentences import disease_named

HEAD = 'name = "{name}"\nstore = "{name}.graph"\ntables = "{name}.tables"\n[identifiers]\ngenes = "genes.tsv"\n'
SOURCE = '[knowledge.{name}]\npath = "{name}.tsv"\npredicate = "{predicate}"\nsubject = "subject"\nobject = "object"\naccept = ["cells", "names"]\n'
SETS = '[knowledge.{name}]\npath = "{name}.gmt"\nfeatures = "{features}"\naccept = ["cells", "names"]\n'
TASK = '[task]\nkind = "links"\npredicate = "{predicate}"\nquery = "{query}"\ncandidate = "{candidate}"\nhold_out = "{hold_out}"\n'
FIRST_MIM = [(1994, 600_000), (2000, 604_500), (2006, 609_800), (2010, 613_000), (2013, 614_900), (2015, 616_100),
             (2017, 617_200), (2019, 618_200), (2021, 619_100), (2023, 620_200), (2025, 621_100)]  # fmt: skip
"""About when MIM numbers of six digits from 600000 on were given out: they count up. A disease's number is taken for its year."""
RANKED = {
    "genes": ("ASSOCIATED_WITH", "Diagnosis", "Gene", "candidates"), "time": ("ASSOCIATED_WITH", "Diagnosis", "Gene", "time"),
    "disgenet": ("ASSOCIATED_WITH", "Diagnosis", "Gene", "edges"), "drugs": ("TREATS", "Drug", "Diagnosis", "edges"),
    "new_drugs": ("TREATS", "Drug", "Diagnosis", "queries"),
}  # fmt: skip
REPEATS = 10
"""Of the drugs, which are few: by how their folds are drawn, the MRR of one and the same learner goes from .69 to .73."""


class PlainKernel(Kernel):
    """The gene–pathway kernel without weights, as it is usually meant."""

    grid = ({"weighted": False},)


def read(path: Path, **more: object) -> pl.DataFrame:
    return pl.read_csv(path, separator="\t", infer_schema=False, quote_char=None, **more)  # type: ignore[arg-type]


def year_of(mim: str) -> int:
    number = int(mim.split(":")[1])
    years, first = zip(*FIRST_MIM, strict=True)
    return int(np.interp(number, first, years)) if number >= first[0] else 1990


def genes(data: Path, out: Path) -> None:
    """A gene table with symbols, aliases and Entrez ids."""
    alias = read(data / "mappings/entrez_alias.tsv.gz").group_by("entrez").agg(pl.col("alias_symbol").str.join("|"))
    table = read(data / "mappings/genes_entrez_symbol.tsv.gz").join(alias, on="entrez", how="left")
    table.select("symbol", "alias_symbol", entrez_id="entrez").write_csv(out / "genes.tsv", separator="\t")


def networks(data: Path, out: Path) -> str:
    """HumanNet, and Reactome and WikiPathways without sets that are named after diseases."""
    lines = [
        line.split()
        for line in gzip.decompress((data / "ppi/HumanNet90_Symbol.txt.gz").read_bytes()).decode().splitlines()
    ]
    write(out, "humannet", [(a, b, w) for a, b, w in lines], score=True)
    for name, file in (
        ("reactome", "ReactomePathways.gmt"),
        ("wikipathways", "wikipathways-20220610-gmt-Homo_sapiens.gmt"),
    ):
        sets = (data / "gmt" / file).read_text().splitlines()
        out_of_it = set(disease_named([one.split("\t")[0] for one in sets]))
        (out / f"{name}.gmt").write_text("\n".join(one for one in sets if one.split("\t")[0] not in out_of_it) + "\n")
    ppi = SOURCE.format(name="humannet", predicate="INTERACTS_WITH") + 'score = "score"\n'
    return ppi + SETS.format(name="reactome", features="symbol") + SETS.format(name="wikipathways", features="entrez")


def write(out: Path, name: str, rows: list[tuple[object, ...]], *, score: bool = False, year: bool = False) -> None:
    columns = ["subject", "object", *(["score"] if score else []), *(["year"] if year else [])]
    pl.DataFrame(sorted(set(rows), key=str), schema=columns, orient="row").write_csv(
        out / f"{name}.tsv", separator="\t"
    )


def omim(data: Path, out: Path) -> str:
    """OMIM genes of diseases, phenotypes of diseases, and the phenotypes' parents."""
    pairs = read(data / "gene_disease/hpo_gene_disease_pairs.tsv.gz").filter(
        pl.col("disease_id").str.starts_with("OMIM")
    )
    hpoa = read(data / "gene_disease/phenotype.hpoa.gz", comment_prefix="#")
    hpoa = hpoa.filter(
        (pl.col("aspect") == "P")
        & pl.col("qualifier").is_null()
        & pl.col("database_id").is_in(pairs["disease_id"].implode())
    )
    parents, renamed = ontology(data / "ontologies/hp.obo.gz")
    known = pairs.filter(pl.col("disease_id").is_in(hpoa["database_id"].implode()))
    write(
        out,
        "omim",
        [(f"NCBIGene:{g}", d, year_of(d)) for g, d in known.select("ncbi_gene_id", "disease_id").iter_rows()],
        year=True,
    )
    write(out, "phenotypes", [(d, renamed.get(t, t)) for d, t in hpoa.select("database_id", "hpo_id").iter_rows()])
    write(out, "hpo", list(parents))
    return (
        SOURCE.format(name="omim", predicate="ASSOCIATED_WITH") + 'year = "year"\n'
        + SOURCE.format(name="phenotypes", predicate="HAS_PHENOTYPE") + SOURCE.format(name="hpo", predicate="IS_A")
    )  # fmt: skip


def ontology(path: Path) -> tuple[set[tuple[str, str]], dict[str, str]]:
    """Parents of each term of an OBO file, and what alternative ids are called now."""
    parents, renamed, term = set(), {}, ""
    for line in gzip.decompress((path).read_bytes()).decode().splitlines():
        key, _, value = line.rstrip("\n").partition(": ")
        if line.startswith("["):
            term = ""
        elif key == "id":
            term = value
        elif key == "alt_id" and term:
            renamed[value] = term
        elif key == "is_a" and term:
            parents.add((term, value.split(" ")[0]))
    return parents, renamed


def disgenet(data: Path, out: Path) -> str:
    table = read(data / "gene_disease/curated_gene_disease_associations.txt.gz", encoding="utf8-lossy")
    rows = [(f"NCBIGene:{g}", d.replace("umls", "UMLS")) for g, d in table.select("geneId", "diseaseId").iter_rows()]
    write(out, "disgenet", rows)
    return SOURCE.format(name="disgenet", predicate="ASSOCIATED_WITH")


def drugs(data: Path, out: Path) -> str:
    """Disease-modifying indications of drugs with a known target, their targets by name, and diseases' genes."""
    named = read(data / "drug_target/drugs.tsv").select("drugbank_id", key=plain("drug"))
    claims = read(data / "drug_target/dgidb_drug_gene.tsv.gz")
    keys = [claims.select("Gene", key=plain(c)) for c in ("drug_claim_primary_name", "drug_claim_name", "drug_name")]
    found = pl.concat(keys).join(named, on="key").select("drugbank_id", "Gene").drop_nulls().unique()
    write(out, "targets", [(f"DRUGBANK:{a}", b) for a, b in found.iter_rows()])
    told = read(data / "drug_target/indications.tsv").filter(pl.col("category") == "DM")
    told = told.filter(pl.col("drugbank_id").is_in(found["drugbank_id"].implode()))
    write(out, "indications", [(f"DRUGBANK:{a}", b) for a, b in told.select("drugbank_id", "doid_id").iter_rows()])
    linked = read(data / "hetionet/DaG-association.tsv.gz")
    write(
        out, "disease_genes", [(f"NCBIGene:{g}", d) for d, g in linked.select("doid_id", "entrez_gene_id").iter_rows()]
    )
    return "".join(SOURCE.format(name=name, predicate=predicate) for name, predicate in
                   (("indications", "TREATS"), ("targets", "TARGETS"), ("disease_genes", "ASSOCIATED_WITH")))  # fmt: skip


def plain(column: str) -> pl.Expr:
    return pl.col(column).str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "")


def study(name: str, data: Path, out: Path, learners: str) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    genes(data, out)
    match name:
        case "genes" | "time":
            sources = omim(data, out) + networks(data, out)
        case "disgenet":
            sources = disgenet(data, out) + networks(data, out)
        case _:
            sources = drugs(data, out) + networks(data, out)
    predicate, query, candidate, hold_out = RANKED[name]
    task = TASK.format(predicate=predicate, query=query, candidate=candidate, hold_out=hold_out)
    after = "after = 2015-01-01\n" if hold_out == "time" else ""
    repeats = f"repeats = {REPEATS}\n" if name in ("drugs", "new_drugs") else ""
    asked = f"learners = {json.dumps(learners.split(','))}\n" if learners else ""
    (out / "study.toml").write_text(
        HEAD.format(name=name) + sources + task + f"[evaluate]\n{after}{repeats}[learn]\n{asked}"
    )
    return out / "study.toml"


def lines(name: str, run: clinome.Run, seconds: float) -> Iterator[str]:
    found = run.read_json("results.json")
    yield (
        f"{name}: {found['links']} links, {found['queries']} queries, {found['candidates']} candidates, {found['held_out']} held out "
        f"by {found['hold_out']}; {seconds:.0f} s in all"
    )
    for who, one in found["learners"].items():
        each = "  ".join(
            f"{m} {one['metrics'][m]['mean']:.4f} [{one['metrics'][m]['low']:.4f}, {one['metrics'][m]['high']:.4f}]"
            for m in ("mrr", "recall@20")
        )
        lists = "  ".join(
            f"{which} {lists['mrr']['mean']:.4f} (n {lists['mrr']['queries']})"
            for which, lists in one["lists"].items()
            if lists
        )
        yield f"  {who:22s} {each}  hits@10 {one['metrics']['hits@10']['mean']:.3f}  auroc_matched {one['metrics']['auroc_matched']['mean']:.3f}  mrr by list: {lists}  {one['seconds']:.0f} s"
    for who, one in found["controls"].items():
        yield f"  {who:34s} mrr {one['metrics']['mrr']['mean']:.4f}  recall@20 {one['metrics']['recall@20']['mean']:.4f}"
    for one in found["comparisons"]:
        yield f"  {one['a']} − {one['b']}, {one['metric']}: {one['difference']:+.4f} [{one['low']:+.4f}, {one['high']:+.4f}], p {one['p']:.1e}"
    for who, one in found["learners"].items():
        if one.get("weights"):
            yield f"  weights of {who}, first fold: {one['weights'][0]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default=",".join(RANKED))
    parser.add_argument("--learners", default="")
    args = parser.parse_args()
    for name in args.only.split(","):
        file = study(name, args.data, args.out / name, args.learners)
        clinome.load(file)
        begun = time.perf_counter()
        run = clinome.train(file, learners={"plain_kernel": PlainKernel()} if name == "genes" else None)
        clinome.report(file)
        said = "\n".join(lines(name, run, time.perf_counter() - begun))
        print(said, flush=True)
        with (args.out / "links.txt").open("a") as written:
            written.write(said + "\n\n")


if __name__ == "__main__":
    main()
