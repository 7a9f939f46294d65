"""A planted links study: diseases of one module have its phenotypes and its genes; genes of a module interact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

import clinome
from clinome.models.base.specs import LinkTask
from clinome.models.learners.links.graph import LinkGraph, link_graph

MODULES, GENES, DISEASES = 10, 12, 8
TASK = '[task]\nkind = "links"\npredicate = "ASSOCIATED_WITH"\nquery = "Diagnosis"\ncandidate = "Gene"\n'


def edges(seed: int = 1) -> pl.DataFrame:
    """subject, subject_label, predicate, object, object_label, score, year."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, str, str, str, float | None, int | None]] = []
    for module in range(MODULES):
        genes = [f"NCBIGene:{module * GENES + i + 1}" for i in range(GENES)]
        for i, gene in enumerate(genes):
            rows.append((gene, "Gene", "IN_PATHWAY", f"PATHWAY:{module}-{i % 2}", "Pathway", None, None))
            for other in rng.choice([one for one in genes if one != gene], 3, replace=False):
                rows.append((gene, "Gene", "INTERACTS_WITH", str(other), "Gene", 1.0, None))
        for _ in range(DISEASES):
            disease = f"OMIM:{100_000 + module * DISEASES + _}"
            for gene in rng.choice(genes, 2, replace=False):
                rows.append(
                    (str(gene), "Gene", "ASSOCIATED_WITH", disease, "Diagnosis", None, int(rng.integers(2000, 2020)))
                )
            for sign in rng.choice(6, 4, replace=False):
                rows.append(
                    (disease, "Diagnosis", "HAS_PHENOTYPE", f"HP:{module * 6 + sign:07d}", "Phenotype", None, None)
                )
    columns = ["subject", "subject_label", "predicate", "object", "object_label", "score", "year"]
    found = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    return found.unique(columns[:5], maintain_order=True)


def planted(hold_out: str = "candidates", seed: int = 1) -> LinkGraph:
    return link_graph(edges(seed), LinkTask("ASSOCIATED_WITH", "Diagnosis", "Gene", hold_out=hold_out))


def write(folder: Path, task: str = 'hold_out = "candidates"\n', more: str = "[learn]\nworkers = 1\n") -> clinome.Study:
    """The same as files and a study file."""
    folder.mkdir(parents=True, exist_ok=True)
    table, sections = edges(), []
    genes = sorted({one for one in [*table["subject"], *table["object"]] if one.startswith("NCBIGene")})
    lines = [f"G{one.split(':')[1]}\t{one.split(':')[1]}" for one in genes]
    (folder / "genes.tsv").write_text("symbol\tentrez_id\n" + "\n".join(lines) + "\n")
    for (predicate,), part in table.partition_by("predicate", as_dict=True).items():
        name = str(predicate).lower()
        part.select("subject", "object", "score", "year").write_csv(folder / f"{name}.csv")
        year = 'year = "year"\n' if predicate == "ASSOCIATED_WITH" else ""
        sections.append(
            f'[knowledge.{name}]\npath = "{name}.csv"\npredicate = "{predicate}"\nsubject = "subject"\nobject = "object"\n{year}'
        )
    head = 'name = "planted"\nstore = "planted.graph"\n[identifiers]\ngenes = "genes.tsv"\n'
    (folder / "study.toml").write_text("\n".join([head, *sections, TASK + task, more]))
    return clinome.Study.read(folder)
