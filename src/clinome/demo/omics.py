"""Demo omics: genes, pathways, interactions, four layers with plates, gaps and absentees."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

UNIVERSE = 1000
SIZES = {"rna": 600, "methylation": 450, "copy_number": 350, "mutations": 120}
ABSENT = {"rna": 0.02, "methylation": 0.06, "copy_number": 0.07, "mutations": 0.03}
LOADING = 0.9
"""Of each planted gene on the pathway's activity; a background gene follows its own pathway with 0.25."""

PATHWAYS = [
    f"{what} {does}"
    for what in ("Axon", "Calcium", "Hypoxia", "Iron", "Kinase", "Lipid", "Matrix", "Redox", "Retinoid", "Sterol")
    for does in ("biogenesis", "repair", "sensing", "signalling", "transport", "turnover")
]


@dataclass(frozen=True)
class CohortPlan:
    """What exists before any patient: invented genes, who is measured where, pathways, what is planted.

    entrez: symbol -> CURIE, for the genes that the gene table maps. members: pathway -> its symbols.
    """

    symbols: np.ndarray
    entrez: dict[str, str]
    layers: dict[str, np.ndarray]
    members: dict[str, np.ndarray]
    pathway: str
    mutation: str

    @property
    def pathway_id(self) -> str:
        return f"PATHWAY:SYN{PATHWAYS.index(self.pathway) + 1:02d}"

    @property
    def planted(self) -> dict[str, str]:
        return {str(symbol): self.entrez[symbol] for symbol in self.members[self.pathway]}


@dataclass(frozen=True)
class Biology:
    """What is true of each patient: rna (patients, genes) before plates, activity (patients,), mutated (patients, genes)."""

    rna: np.ndarray
    activity: np.ndarray
    mutated: np.ndarray
    carrier: np.ndarray


def plan(rng: np.random.Generator) -> CohortPlan:
    """Draw layers and pathways; plant ten genes that RNA measures, and one mutated gene outside of them."""
    symbols = np.array([f"SYN{i:04d}" for i in range(1, UNIVERSE + 1)])
    layers = {name: np.sort(rng.choice(symbols, size, replace=False)) for name, size in SIZES.items()}
    pathway = str(rng.choice(PATHWAYS))
    planted = np.sort(rng.choice(layers["rna"], 10, replace=False))
    sizes = rng.integers(10, 41, len(PATHWAYS))
    members = {
        name: np.sort(rng.choice(symbols, size, replace=False)) for name, size in zip(PATHWAYS, sizes, strict=True)
    }
    members[pathway] = planted
    mutation = str(rng.choice(np.setdiff1d(layers["mutations"], planted)))
    unmapped = set(rng.choice(np.setdiff1d(symbols, [*planted, mutation]), 20, replace=False))
    entrez = {str(s): f"NCBIGene:{990_000_000 + i}" for i, s in enumerate(symbols, 1) if s not in unmapped}
    return CohortPlan(symbols, entrez, layers, members, pathway, mutation)


def draw(rng: np.random.Generator, plan: CohortPlan, n: int) -> Biology:
    """Standard normal expression in which pathways move together, and mutations; 20 % carry the planted one."""
    genes = plan.layers["rna"]
    latent = {name: rng.normal(size=n) for name in PATHWAYS}
    home = {gene: name for name, members in plan.members.items() for gene in members}
    home |= dict.fromkeys(plan.members[plan.pathway], plan.pathway)  # a planted gene follows the planted pathway alone
    rna = rng.normal(size=(n, len(genes)))
    for j, gene in enumerate(genes):
        if gene in home:
            loading = LOADING if home[gene] == plan.pathway else 0.25
            rna[:, j] = loading * latent[home[gene]] + np.sqrt(1 - loading**2) * rna[:, j]
    activity = rna[:, np.isin(genes, plan.members[plan.pathway])].mean(axis=1)
    frequency = rng.uniform(0.005, 0.06, SIZES["mutations"])
    frequency[plan.layers["mutations"] == plan.mutation] = 0.20
    mutated = rng.random((n, SIZES["mutations"])) < frequency
    carrier = mutated[:, plan.layers["mutations"] == plan.mutation][:, 0]
    return Biology(rna, (activity - activity.mean()) / activity.std(), mutated, carrier)


def write(
    rng: np.random.Generator, folder: Path, plan: CohortPlan, biology: Biology, ids: np.ndarray, index: np.ndarray
) -> None:
    """Write genes, pathways, interactions, samples and the four layers. ids, index: (patients,)."""
    samples = np.char.add(ids, "-T1")
    plate = rng.integers(0, 6, len(ids))
    collected = index - rng.integers(1, 90, len(ids)).astype("timedelta64[D]")
    who = {"sample_id": samples, "patient_id": ids, "plate": [f"plate{p + 1}" for p in plate], "collected": collected}
    pl.DataFrame(who).write_csv(folder / "samples.tsv", separator="\t")
    here = {name: rng.random(len(ids)) >= share for name, share in ABSENT.items()}
    _genes(folder, plan)
    _pathways(folder, plan)
    _interactions(rng, folder, plan)

    level, spread = rng.normal(7, 2, SIZES["rna"]), rng.uniform(0.5, 1.5, SIZES["rna"])
    rna = level + spread * (biology.rna + rng.normal(0, 0.15, (6, SIZES["rna"]))[plate])
    rna[rng.random(rna.shape) < 0.01] = np.nan
    text = _matrix("gene", plan.layers["rna"], samples[here["rna"]], rna[here["rna"]].T).write_csv(separator="\t")
    with gzip.GzipFile(folder / "rna.tsv.gz", "wb", mtime=0) as file:  # no clock in the bytes
        file.write(text.encode())

    beta = rng.normal(0, 1.5, SIZES["methylation"]) + rng.normal(size=(len(ids), SIZES["methylation"]))
    beta = 1 / (1 + np.exp(-beta - rng.normal(0, 0.1, (6, SIZES["methylation"]))[plate]))
    old = np.char.replace(plan.layers["methylation"][:12], "SYN", "OLD")  # renamed since: the gene table knows them
    names = np.concatenate([old, plan.layers["methylation"][12:]])
    table = _matrix("sample_id", samples[here["methylation"]], names, beta[here["methylation"]])
    stray = table[-1].with_columns(pl.lit("UNKNOWN-T1").alias("sample_id"))
    pl.concat([table, stray]).write_csv(folder / "methylation.csv")

    segment = np.arange(SIZES["copy_number"]) // 15  # neighbouring genes share a segment
    copies = 0.35 * rng.standard_t(4, (len(ids), segment[-1] + 1))[:, segment]
    copies += rng.normal(0, 0.08, copies.shape)
    table = _matrix("sample_id", samples[here["copy_number"]], plan.layers["copy_number"], copies[here["copy_number"]])
    table.write_parquet(folder / "copy_number.parquet")
    _maf(rng, folder, plan, biology.mutated, samples, here["mutations"])


def _matrix(corner: str, rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> pl.DataFrame:
    """A table of values (rows, columns) with four decimals; NaN is an empty cell."""
    cells = pl.DataFrame(values.round(4), schema=[str(c) for c in columns], orient="row", nan_to_null=True)
    return cells.insert_column(0, pl.Series(corner, rows))


def _genes(folder: Path, plan: CohortPlan) -> None:
    """symbol, earlier symbol, Entrez id; the twenty genes that no table maps are not in it."""
    renamed = set(plan.layers["methylation"][:12])
    rows = [(s, s.replace("SYN", "OLD") if s in renamed else None, c.split(":")[1]) for s, c in plan.entrez.items()]
    table = pl.DataFrame(rows, schema=["symbol", "prev_symbol", "entrez_id"], orient="row")
    table.write_csv(folder / "genes.tsv", separator="\t")


def _pathways(folder: Path, plan: CohortPlan) -> None:
    lines = [
        "\t".join((name, f"PATHWAY:SYN{number:02d}", *members))
        for number, (name, members) in enumerate(plan.members.items(), 1)
    ]
    (folder / "pathways.gmt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _interactions(rng: np.random.Generator, folder: Path, plan: CohortPlan) -> None:
    """Members of a pathway meet often, others now and then; two rows are broken."""
    pairs = {tuple(sorted(rng.choice(plan.symbols, 2, replace=False))) for _ in range(1500)}
    for members in plan.members.values():
        first, second = np.triu_indices(len(members), 1)
        chosen = rng.random(len(first)) < 0.2
        pairs |= set(zip(members[first[chosen]], members[second[chosen]], strict=True))
    rows = [
        (a, b, f"{score:.3f}") for (a, b), score in zip(sorted(pairs), rng.uniform(0.4, 1, len(pairs)), strict=True)
    ]
    rows += [("SYN0001", "SYN0002", "high"), ("SYN0003", "", "0.700")]
    table = pl.DataFrame(rows, schema=["gene_a", "gene_b", "score"], orient="row")
    table.write_csv(folder / "interactions.tsv", separator="\t")


def _maf(
    rng: np.random.Generator,
    folder: Path,
    plan: CohortPlan,
    mutated: np.ndarray,
    samples: np.ndarray,
    sequenced: np.ndarray,
) -> None:
    """One row a mutation of those sequenced; three rows are broken."""
    who, which = np.nonzero(mutated & sequenced[:, None])
    genes = plan.layers["mutations"]
    kinds = ["Missense_Mutation", "Nonsense_Mutation", "Frame_Shift_Del", "Splice_Site"]
    start = 10_000 * (1 + which) + rng.integers(0, 5000, len(who))
    rows = list(zip(genes[which], samples[who], rng.choice(kinds, len(who)), start, strict=True))
    rows += [(genes[0], "UNKNOWN-T1", kinds[0], 10_001), (genes[1], "UNKNOWN-T2", kinds[0], 20_001)]
    rows += [("", samples[0], kinds[0], 1)]
    name = ["Hugo_Symbol", "Tumor_Sample_Barcode", "Variant_Classification", "Start_Position"]
    table = pl.DataFrame(rows, schema=name, orient="row").with_columns(
        pl.lit("1").alias("Chromosome"), pl.lit("C").alias("Reference_Allele"), pl.lit("T").alias("Tumor_Seq_Allele2")
    )
    table.write_csv(folder / "mutations.maf", separator="\t")
    (folder / "sequenced.txt").write_text("\n".join(samples[sequenced]) + "\n", encoding="utf-8")
