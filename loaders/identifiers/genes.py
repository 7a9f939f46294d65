"""Gene identifiers: names of features -> CURIEs: `NCBIGene:…` where the study's table knows the gene, else itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import polars as pl

from ..errors import InputError
from ..files.text_table import read_bytes, read_cells
from ..specs import NAMESPACES
from .not_genes import counted, why_no_gene

UNMAPPED = {
    "symbol": "hgnc.symbol", "ensembl": "ENSEMBL", "entrez": "opaque", "hgnc": "HGNC", "uniprot": "UniProtKB",
    "mirbase": "mirbase", "cpg": "cpg", "chebi": "CHEBI", "hmdb": "hmdb", "opaque": "opaque",
}  # fmt: skip
"""The prefix of a name that no table maps."""

GENE_NAMESPACES = ("symbol", "ensembl", "entrez", "hgnc", "uniprot")
_GENES_OF_THEIR_OWN = ("hgnc.symbol", "ENSEMBL", "HGNC", "opaque")  # prefixes whose CURIE stands for the gene itself
_COLUMNS = {
    "entrez": ("entrez", "entrez_id", "entrez_gene_id", "entrezgene", "entrezgene_id", "entrezid", "geneid",
               "ncbi_gene_id", "ncbi_gene", "gene_id"),
    "symbol": ("symbol", "gene_symbol", "hgnc_symbol", "hugo_symbol", "approved_symbol"),
    "previous": ("prev_symbol", "previous_symbol", "previous_symbols"),
    "alias": ("alias_symbol", "alias_symbols", "synonyms", "alias", "aliases"),
    "ensembl": ("ensembl_gene_id", "ensembl_id", "ensembl"),
    "hgnc": ("hgnc_id", "hgnc"),
    "uniprot": ("uniprot_ids", "uniprot_id", "uniprot"),
    "links": ("dbxrefs",),
    "type": ("gene_type", "type_of_gene", "locus_group", "locus_type", "gene_biotype"),
    "taxon": ("tax_id", "taxon"),
}  # fmt: skip
_NAMES = {"namespace": pl.String, "name": pl.String, "gene": pl.String}
_APPROVED = {"gene": pl.String, "symbol": pl.String}


@dataclass(frozen=True)
class GeneTable:
    """Which gene a name means.

    names: namespace, name, gene; each pair of namespace and name once. approved: gene, symbol.
    checksum: SHA-256 of the file, "" for the empty table. counts: what was left out on reading.
    """

    names: pl.DataFrame
    approved: pl.DataFrame
    checksum: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> GeneTable:
        """The table of a study without one: only Entrez ids become NCBIGene."""
        return cls(pl.DataFrame(schema=_NAMES), pl.DataFrame(schema=_APPROVED))

    def curies(self, names: pl.Series, namespace: str) -> pl.DataFrame:
        """One row a name: feature (its CURIE, null for a null), symbol, gene (CURIE of its gene, null where it has none).

        Raises: InputError for an unknown namespace.
        Example:
            >>> GeneTable.empty().curies(pl.Series(["TP53"]), "symbol").row(0)
            ('hgnc.symbol:TP53', 'TP53', 'hgnc.symbol:TP53')
        """
        return self.counted(names, namespace)[0]

    def counted(self, names: pl.Series, namespace: str) -> tuple[pl.DataFrame, dict[str, int]]:
        """`curies`, and in plain words how many names were mapped, changed, or mapped by no table."""
        if namespace not in NAMESPACES:
            raise InputError("unknown namespace", "features", namespace, ", ".join(NAMESPACES), "name one of them")
        bare = _bare(names, namespace)
        why = why_no_gene(bare, namespace) if namespace in GENE_NAMESPACES else None
        if why is not None:
            bare = bare.set(why.is_not_null(), None)
        gene, changed = self._genes(bare, namespace)
        prefix = UNMAPPED[namespace]
        frame = pl.DataFrame({"name": bare, "gene": gene}).with_columns(
            feature=pl.coalesce(pl.col("gene"), pl.lit(f"{prefix}:") + pl.col("name"))
        )
        frame = frame.join(self.approved, on="gene", how="left", maintain_order="left")
        own = pl.col("feature") if prefix in _GENES_OF_THEIR_OWN else pl.lit(None, pl.String)
        counts = {}
        if namespace in GENE_NAMESPACES:
            noun = "symbols" if namespace == "symbol" else f"{namespace} ids"
            mapped = gene.count()
            counts = {
                f"{noun} mapped to NCBIGene": mapped,
                f"{noun} that no table maps": bare.count() - mapped,
                f"{noun} brought up to date": int(changed.sum()),
                **({} if why is None else counted(why)),
            }
        symbols = pl.coalesce("symbol", "name")
        return frame.select("feature", symbol=symbols, gene=pl.coalesce("gene", own)), {
            k: n for k, n in counts.items() if n
        }

    def _genes(self, bare: pl.Series, namespace: str) -> tuple[pl.Series, pl.Series]:
        """The gene of each name, and whether another name than the current one led to it."""
        none = pl.Series([False], dtype=pl.Boolean).new_from_index(0, bare.len())
        if namespace == "entrez":
            valid = bare.str.contains(r"^[1-9]\d*$").fill_null(False)
            return _where(valid, "NCBIGene:" + bare), none
        if namespace not in GENE_NAMESPACES:
            return pl.Series([None], dtype=pl.String).new_from_index(0, bare.len()), none
        gene = self._look_up(bare, namespace)
        if namespace == "uniprot":
            gene = gene.zip_with(gene.is_not_null(), self._of_group(bare))
        if namespace != "symbol":
            return gene, none
        first = gene.is_not_null()
        for namespaces, other in (
            (("previous", "alias"), bare),
            (("symbol", "previous", "alias"), bare.str.replace(r"^(C[0-9XY]+)ORF(\d+)$", "${1}orf${2}")),
        ):
            for way in namespaces:
                gene = gene.zip_with(gene.is_not_null(), self._look_up(other, way))
        changed = gene.is_not_null() & ~first
        return gene.zip_with(gene.is_not_null(), self._beside(bare)), changed

    def _look_up(self, bare: pl.Series, namespace: str) -> pl.Series:
        table = self.names.filter(pl.col("namespace") == namespace)
        return bare.to_frame("name").join(table, on="name", how="left", maintain_order="left")["gene"]

    def _of_group(self, bare: pl.Series) -> pl.Series:
        """The gene of several accessions in one name (`sp|P00533|EGFR_HUMAN`, `P01116;P01116-2`), if it is one gene's."""
        names = pl.DataFrame({"name": bare}).with_row_index("i")
        parts = names.with_columns(pl.col("name").str.split(";")).explode("name")
        accession = (
            pl.col("name").str.replace(r"^\s*(?:sp|tr)\|([^|]+)\|.*$", "$1").str.strip_chars().str.replace(r"-\d+$", "")
        )
        parts = parts.with_columns(accession)
        found = parts.with_columns(gene=self._look_up(parts["name"], "uniprot")).drop_nulls("gene")
        one = found.group_by("i").agg(pl.col("gene").unique()).filter(pl.col("gene").list.len() == 1)
        return names.join(one.with_columns(pl.col("gene").list.first()), on="i", how="left", maintain_order="left")[
            "gene"
        ]

    def _beside(self, bare: pl.Series) -> pl.Series:
        """The gene of a name that carries two ids.

        `A1BG|1` (TCGA) and `A1BG (1)` (DepMap) hold the Entrez id, which is the gene whatever the symbol says; `A1BG_1`
        does where table and symbol agree on it; of `ENSG00000141510|TP53` it is the Ensembl id's. What carries several
        symbols (`TP53;WRAP53`, `TP53 /// WRAP53`) is a gene's only if they all are that gene's; `TP53,1.0` has a weight.
        """
        if not bare.str.contains(r"[|_ ;,/]").any():
            return pl.Series([None], dtype=pl.String).new_from_index(0, bare.len())
        number = "NCBIGene:" + bare.str.extract(r"^.*(?:\||\s\()([1-9]\d*)\)?$")
        parts = bare.str.extract_groups(r"^(.+)_(\d+)$").struct.rename_fields(["symbol", "entrez"]).struct.unnest()
        by_symbol = self._genes(parts["symbol"], "symbol")[0] if parts["symbol"].count() else parts["symbol"]
        agreed = "NCBIGene:" + parts["entrez"]
        ensembl = bare.str.extract(r"^(ENSG\d{11})(?:\.\d+)?[|_]")
        by_ensembl = self._look_up(ensembl, "ensembl")
        agreed = _where((by_symbol == agreed).fill_null(False), agreed)
        found = number.zip_with(number.is_not_null(), agreed.zip_with(agreed.is_not_null(), by_ensembl))
        return found.zip_with(found.is_not_null(), self._of_all(bare))

    def _of_all(self, bare: pl.Series) -> pl.Series:
        """The gene of names that carry several symbols, or one and its weight, if all of them are one gene's."""
        names = pl.DataFrame({"name": bare}).with_row_index("i")
        several = names.filter(pl.col("name").str.contains(r";|,| /{2,3} ").fill_null(False))
        parts = several.with_columns(
            pl.col("name")
            .str.replace(r",-?\d+(?:\.\d+)?$", "")
            .str.replace_all(r"\s*(?:;|,|/{2,3})\s*", ";")
            .str.split(";")
        )
        parts = parts.explode("name").filter(pl.col("name") != "")
        if parts.is_empty():
            return pl.Series([None], dtype=pl.String).new_from_index(0, bare.len())
        genes = parts.with_columns(gene=self._look_up(parts["name"], "symbol"))
        one = genes.group_by("i").agg(pl.col("gene").unique(), unknown=pl.col("gene").null_count())
        one = one.filter(pl.col("gene").list.len() == 1, pl.col("unknown") == 0).with_columns(
            pl.col("gene").list.first()
        )
        return names.join(one.select("i", "gene"), on="i", how="left", maintain_order="left")["gene"]


def with_entrez(frame: pl.DataFrame, entrez: pl.Series, table: GeneTable) -> pl.DataFrame:
    """The Entrez ids beside symbols, for those that the table does not map. Without a table symbols stay symbols.

    Args:
        frame: (n,) rows of `GeneTable.curies`; entrez: (n,) text.
    """
    if table.names.is_empty():
        return frame
    known = table.curies(entrez, "entrez").select(entrez="feature", approved="symbol")
    unmapped = pl.col("feature").str.starts_with("NCBIGene:").not_().fill_null(True)
    valid = pl.col("entrez").str.starts_with("NCBIGene:").fill_null(False)
    curie = pl.when(unmapped & valid).then(pl.col("entrez"))
    named = pl.col("approved").str.contains(r"\D").fill_null(False)  # a number is what a table without the gene leaves
    return pl.concat([frame, known], how="horizontal").with_columns(
        feature=pl.coalesce(curie, "feature"), gene=pl.coalesce(curie, "gene"),
        symbol=pl.when(curie.is_not_null() & named).then("approved").otherwise("symbol"),
    ).drop("entrez", "approved")  # fmt: skip


def read_genes(path: Path) -> GeneTable:
    """A gene table from HGNC's complete set, NCBI gene_info, or any table with a symbol and an Entrez column.

    Of genes that share a symbol the first protein-coding one is meant; previous symbols and aliases count only
    where they are nobody's symbol and lead to one gene.

    Raises: InputError where the file has no such columns.
    """
    data, _ = read_bytes(path)
    cells = read_cells(path)
    found = gene_columns(cells.frame.columns)
    if found["symbol"] is None or found["entrez"] is None:
        raise InputError(
            "no gene table", path, f"{cells.frame.width} columns", "a symbol and an Entrez column", "name them so"
        )
    frame = cells.frame.select(
        (pl.lit(None, pl.String) if name is None else pl.col(name).str.strip_chars()).alias(role)
        for role, name in found.items()
    )
    if (frame["taxon"] == "9606").any():
        frame = frame.filter(pl.col("taxon") == "9606")
    digits = pl.col("entrez").str.strip_suffix(".0")
    frame = frame.with_columns(gene=pl.lit("NCBIGene:") + pl.when(digits.str.contains(r"^[1-9]\d*$")).then(digits))
    known = frame.drop_nulls(["gene", "symbol"])
    if known.is_empty():
        raise InputError("no gene table", path, "no row with both", "symbols and Entrez ids", "check the columns")
    coding = known["type"].fill_null("").str.to_lowercase().str.contains("protein")
    known = known.with_columns(coding=coding).sort(~pl.col("coding"), maintain_order=True)
    names = _names(known)
    counts = {
        "gene table: rows without symbol or Entrez id": frame.height - known.height,
        "gene table: rows that could not be read": cells.broken.height,
        "gene table: symbols of several genes": known.height - known["symbol"].n_unique(),
    }
    approved = known.select("gene", "symbol").unique("gene", keep="first", maintain_order=True)
    return GeneTable(names, approved, sha256(data).hexdigest(), {k: n for k, n in counts.items() if n})


def gene_columns(names: Iterable[str]) -> dict[str, str | None]:
    """Which column of a gene table holds what: role (symbol, entrez, previous, …) -> its name, None where there is none.

    Example:
        >>> gene_columns(["HGNC ID", "Approved symbol", "NCBI Gene ID"])["entrez"]
        'NCBI Gene ID'
    """
    columns = {re.sub(r"\W+", "_", name.lower()).strip("_"): name for name in reversed([*names])}
    return {role: next((columns[c] for c in candidates if c in columns), None) for role, candidates in _COLUMNS.items()}


def other_names(table: GeneTable) -> pl.DataFrame:
    """name, gene, how (`old symbol`, `alias`): what a gene table calls genes beside their symbols.

    Example:
        >>> other_names(GeneTable.empty()).columns
        ['name', 'gene', 'how']
    """
    how = {"previous": "old symbol", "alias": "alias"}
    told = table.names.filter(pl.col("namespace").is_in(list(how)))
    return told.select("name", "gene", how=pl.col("namespace").replace(how))


def _names(known: pl.DataFrame) -> pl.DataFrame:
    """Every name of every gene, ambiguous ones left out."""
    symbols = known.select(name="symbol", gene="gene").unique("name", keep="first", maintain_order=True)
    parts = {"symbol": symbols}
    links = known.with_columns(
        hgnc=pl.coalesce("hgnc", pl.col("links").str.extract(r"HGNC:(HGNC:\d+)")),
        ensembl=pl.coalesce("ensembl", pl.col("links").str.extract(r"Ensembl:(ENSG\d+)")),
    )
    for way in ("previous", "alias", "ensembl", "hgnc", "uniprot"):
        listed = pl.col(way).str.replace_all(r"\s*[|;,]\s*", "|").str.split("|")
        split = links.select(name=listed, gene="gene").explode("name").drop_nulls("name")
        split = split.with_columns(_bare(split["name"], way)).unique(maintain_order=True)
        split = split.filter(pl.len().over("name") == 1, ~pl.col("name").is_in(["", "-"]))
        if way in ("previous", "alias"):
            split = split.join(symbols.select("name"), on="name", how="anti")
        parts[way] = split
    return pl.concat(part.select(pl.lit(way).alias("namespace"), "name", "gene") for way, part in parts.items())


def _bare(names: pl.Series, namespace: str) -> pl.Series:
    """Names without white space around them, quotes, versions and the prefix that they may carry."""
    text = names.cast(pl.String).str.strip_chars().str.strip_chars('"').rename("name")
    match namespace:
        case "ensembl":
            text = text.str.replace(r"^(?i:ensembl:)", "").str.replace(r"^(ENS[A-Z]*\d+)\.\d+(_PAR_Y)?$", "$1")
        case "entrez":
            text = text.str.replace(r"^(?i:ncbigene|entrez|geneid):", "").str.strip_suffix(".0")
        case "hgnc" | "chebi":
            text = text.str.replace(r"^(?i:hgnc|chebi):", "")
        case "uniprot":
            text = text.str.replace(r"^(?i:uniprotkb|uniprot):", "")
        case _:
            pass
    return text.set(text == "", None)


def _where(mask: pl.Series, values: pl.Series) -> pl.Series:
    return values.set(~mask, None)
