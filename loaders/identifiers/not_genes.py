"""Names of no gene: what stands among gene names and names none: dates of spreadsheets, proteins, complexes, decoys."""

from __future__ import annotations

import polars as pl

_MONTH = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec|march|april|june|july)"
_ANYWHERE = (
    (r"^[-.?_*/ ]+$", "signs for no name (-)"),
    (r"^(?i:complex):", "complexes: several proteins, no gene"),
    (r"^(?:\d+\.)?ENS(?:[A-Z]{3,4})?[PT]\d{11}", "Ensembl proteins or transcripts (ENSP, ENST): map them to genes (ENSG) first"),
    (r"^(?:CON_{1,2}|REV_{1,2}|(?i:decoy|contam(?:inant)?)_)", "contaminants and decoys of a search"),
)  # fmt: skip
_DATE = (
    rf"^(?:\d{{1,2}}[-/. ]{_MONTH}(?:[-/. ]\d{{2,4}})?|{_MONTH}[-/. ]\d{{1,4}}"
    r"|\d{4}-\d{2}-\d{2}(?:[T ]00:00(?::00)?)?|\d{1,2}[./]\d{1,2}[./]\d{2,4})$"
)
_SYMBOLS = ((_DATE, "dates: a spreadsheet turned symbols (SEPT2, MARCH1) into them, and no one can say which"),)


def why_no_gene(names: pl.Series, namespace: str) -> pl.Series:
    """Why each name is none of a gene, in words; null where it may be one.

    Args: names: (n,) text. namespace: one of those of genes; dates are looked for among symbols alone.
    Source: Ziemann, Eren and El-Osta 2016, gene name errors are widespread in the scientific literature.
    Example:
        >>> why_no_gene(pl.Series(["TP53", "2-Sep", "-"]), "symbol").is_null().to_list()
        [True, False, False]
    """
    text = names.cast(pl.String)
    why = pl.Series(names.name, [None] * names.len(), dtype=pl.String)
    for pattern, words in (*_ANYWHERE, *(_SYMBOLS if namespace == "symbol" else ())):
        found = text.str.contains(pattern).fill_null(False) & why.is_null()
        if found.any():
            why = pl.select(pl.when(found).then(pl.lit(words)).otherwise(why)).to_series().alias(names.name)
    return why


def counted(why: pl.Series) -> dict[str, int]:
    """How many names are of no gene, by the reason, in words for the ledger."""
    return {f"names that are {words}": n for words, n in why.drop_nulls().value_counts(sort=True, name="n").iter_rows()}
