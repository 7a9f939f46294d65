"""Names in knowledge files -> CURIEs: of genes, and of codes."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from ..files.ledger import Ledger
from ..files.rows import CONTROL, LONGEST
from ..identifiers.curie import KNOWN_LATE, VOCABULARIES, is_curie, meds_codes, vocabulary
from ..identifiers.name_column import strange_names
from ..identifiers.not_genes import why_no_gene
from ..tables import Known

GENES = frozenset({"NCBIGene", "opaque"})
NOT_GENES = frozenset(VOCABULARIES) - GENES
"""Vocabularies of codes, pathways and drugs: a CURIE of theirs names no gene."""


def gene_ends(names: pl.Series, features: str, known: Known) -> tuple[pl.DataFrame, dict[str, int]]:
    """The gene that each name means; a name that no vocabulary knows is looked up among opaque names.

    Args: names: (n,) text; features: what they are called (specs.NAMESPACES).
    Returns: (n,) rows of id (null where it is no gene) and symbol; counts over distinct names.
    """
    bare = names.cast(pl.String).str.strip_chars().alias("text")
    seen = bare.drop_nulls().unique(maintain_order=True)
    table, counts = known.genes.counted(seen, features)
    found = table.with_columns(text=seen, opaque=_opaque(seen, known), curie=_curies(seen))
    mapped = pl.col("gene").str.starts_with("NCBIGene:").fill_null(False)
    own = pl.coalesce("opaque", "curie", "gene")
    id = pl.when(mapped).then("gene").otherwise(own)
    found = found.with_columns(id=id)
    prefix = pl.col("id").str.extract(r"^([^:]+):")
    named = pl.lit(why_no_gene(seen, features).is_null()) | pl.col("opaque").is_not_null()
    gene = ~prefix.is_in(list(NOT_GENES)) & _proper(pl.col("id")) & named
    found = found.with_columns(
        id=pl.when(gene).then("id"), symbol=pl.when(mapped | pl.col("curie").is_null()).then("symbol")
    )
    counts = {**counts, "names found among opaque ones": int((found["id"] == found["opaque"]).sum())}
    found = found.select("text", "id", symbol=pl.when(pl.col("id").is_not_null()).then("symbol"))
    return bare.to_frame().join(found, on="text", how="left", maintain_order="left").select("id", "symbol"), counts


def doubt_names(names: pl.Series, ids: pl.Series, features: str, known: Known, ledger: Ledger) -> None:
    """Say that the names are hardly those of genes, if the gene table maps almost none of them: the load ends there.

    Args: names, ids: (n,) as the file has them, and the genes that they were taken for.
    """
    each = pl.DataFrame({"name": names, "id": ids}).unique("name", maintain_order=True).drop_nulls("name")
    odd = strange_names(each["name"], each["id"], known.genes, features)
    if odd is not None and not each["id"].is_in(list(known.opaque.values())).any():
        ledger.lose("names", "", each.height, each.height, odd, said="that mean no gene", ends=True)


def code_ends(names: pl.Series, known: Known, bare: bool) -> tuple[pl.Series, dict[str, int]]:
    """The CURIE that each name is; a bare name as MEDS events would spell it where `bare`, else null.

    ICD gets its dot here as it does in records, so that both meet.
    """
    text = names.cast(pl.String).str.strip_chars()
    curies, counts = meds_codes(text, recorded=False)
    if not bare:
        curies = _where(is_curie(text), curies)
    opaque = _opaque(text, known)
    return curies.zip_with((opaque.is_null() | is_curie(text)).fill_null(True), opaque), counts


def term_ids(names: pl.Series, prefixes: Mapping[str, str] | None = None) -> tuple[pl.Series, dict[str, int]]:
    """The CURIE that each name of an ontology's term is, spelled as records spell their codes; null where it is none.

    Args: prefixes: what a prefix of the file means here, as {"ICD9": "ICD9CM"}.
    Example:
        >>> term_ids(pl.Series(["HP:0000118", "http://purl.obolibrary.org/obo/MONDO_0000001", "Orphanet:166024", "part_of"]))[0].to_list()
        ['HP:0000118', 'MONDO:0000001', 'ORPHA:166024', None]
    """
    text = names.cast(pl.String).str.strip_chars().str.replace(_PURL, "$1:").str.replace(_SNOMED, "SNOMED:")
    for own, meant in (prefixes or {}).items():
        text = text.str.replace(rf"^{re.escape(own)}:", f"{vocabulary(meant)}:")
    curies, counts = meds_codes(text, recorded=False)
    return _where(is_curie(text), curies), counts


_PURL = r"^https?://purl\.obolibrary\.org/obo/([A-Za-z]+)_"
_SNOMED = r"^SNOMED(?:CT|_CT)\w*:"


def below(subject: pl.Expr, object: pl.Expr) -> pl.Expr:
    """Whether a mapping that has no direction goes from its subject to its object: from codes that patients have to MONDO,
    from there to the names that genes are known by (OMIM, ORPHA, DOID, HP). So a walk upwards meets the genes."""

    def rank(end: pl.Expr) -> pl.Expr:
        prefix = end.str.extract(r"^([^:]+):")
        return pl.when(prefix.is_in(RECORDED)).then(0).when(prefix == "MONDO").then(1).otherwise(2)

    return rank(subject) <= rank(object)


RECORDED = sorted(KNOWN_LATE - {"MONDO", "DOID", "OMIM", "ORPHA", "UMLS"})
"""Vocabularies of diagnoses and procedures that records are written in."""


def _opaque(text: pl.Series, known: Known) -> pl.Series:
    table = pl.DataFrame(
        {"text": list(known.opaque), "opaque": list(known.opaque.values())},
        schema={"text": pl.String, "opaque": pl.String},
    )
    return text.alias("text").to_frame().join(table, on="text", how="left", maintain_order="left")["opaque"]


def _curies(text: pl.Series) -> pl.Series:
    """The texts that already are CURIEs, spelled as elsewhere."""
    return _where(is_curie(text), meds_codes(text, recorded=False)[0])


def _proper(id: pl.Expr) -> pl.Expr:
    return ~id.str.contains(CONTROL) & (id.str.len_chars() <= LONGEST) & ~id.str.ends_with(":")


def _where(mask: pl.Series, values: pl.Series) -> pl.Series:
    return values.set(~mask.fill_null(False), None)
