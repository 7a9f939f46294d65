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
_FIRST, _LAST = 36_526, 47_482  # 2000 to 2029, as days since 1899-12-30
_EPOCH = 25_569  # 1970-01-01
_TURNED = (3, 9, 10, 12)  # MARCH1, SEPT2, OCT4, DEC1
_DAYS = 16
_DATES = "dates: a spreadsheet turned symbols (SEPT2, MARCH1) into them, and no one can say which"
_SYMBOLS = ((_DATE, _DATES),)


def why_no_gene(names: pl.Series, namespace: str) -> pl.Series:
    """Why each name is none of a gene, in words; null where it may be one.

    Args: names: (n,) text. namespace: one of those of genes; dates are looked for among symbols alone.
    Source: Ziemann, Eren and El-Osta 2016, gene name errors are widespread in the scientific literature.
    Example:
        >>> why_no_gene(pl.Series(["TP53", "2-Sep", "-"]), "symbol").is_null().to_list()
        [True, False, False]
        >>> symbols = [f"GENE{i}" for i in range(30)]
        >>> why_no_gene(pl.Series([*symbols, "44621", "44621.0", "7157"]), "symbol").is_null().to_list()[-3:]
        [False, False, True]
    """
    text = names.cast(pl.String)
    why = pl.Series(names.name, [None] * names.len(), dtype=pl.String)
    for pattern, words in (*_ANYWHERE, *(_SYMBOLS if namespace == "symbol" else ())):
        found = text.str.contains(pattern).fill_null(False) & why.is_null()
        if found.any():
            why = pl.select(pl.when(found).then(pl.lit(words)).otherwise(why)).to_series().alias(names.name)
    if namespace == "symbol" and (serial := _serial_days(text)).any():
        why = pl.select(pl.when(serial).then(pl.lit(_DATES)).otherwise(why)).to_series().alias(names.name)
    return why


def _serial_days(names: pl.Series) -> pl.Series:
    """Numbers that stand for a day on which a symbol would have become a date, where most names beside them are no numbers."""
    number = names.str.strip_chars().str.strip_suffix(".0").cast(pl.Int64, strict=False)
    day = (number.clip(0, 100_000) - _EPOCH).cast(pl.Int32).cast(pl.Date)
    fits = number.is_between(_FIRST, _LAST) & day.dt.month().is_in(_TURNED) & (day.dt.day() <= _DAYS)
    few = number.count() < 0.1 * max(1, names.count())
    return fits.fill_null(False) if few else pl.repeat(False, names.len(), eager=True)


def counted(why: pl.Series) -> dict[str, int]:
    """How many names are of no gene, by the reason, in words for the ledger."""
    return {f"names that are {words}": n for words, n in why.drop_nulls().value_counts(sort=True, name="n").iter_rows()}
