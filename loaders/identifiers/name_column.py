"""Name column: which of several columns holds the names of the genes: the one whose cells the study's table maps."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from ..files.cells.forms import form
from ..files.cells.number_words import Reason
from ..specs import NAMESPACES
from .genes import GENE_NAMESPACES, GeneTable

_LOOKED_AT = 2_000
_FEW = 0.1
"""Where the table maps fewer names than this share, they are names of something else."""
_LEAST = 3


def name_column(candidates: Mapping[str, pl.Series], table: GeneTable, namespace: str) -> str:
    """The candidate whose cells are gene names; the first, unless it holds row numbers or others map far better.

    Args: candidates: column -> cells, the first is where names usually stand.
    Example:
        >>> table = GeneTable.empty()
        >>> name_column({"": pl.Series(["0", "1", "2"]), "gene": pl.Series(["TP53", "EGFR", "KRAS"])}, table, "symbol")
        'gene'
    """
    first = next(iter(candidates))
    if namespace not in GENE_NAMESPACES or len(candidates) < 2:
        return first
    if table.names.is_empty():
        named = [c for c, cells in candidates.items() if not is_numbering(cells) and _distinct(cells)]
        return named[0] if is_numbering(candidates[first]) and named else first
    shares = {column: mapped_share(cells.head(_LOOKED_AT), table, namespace) for column, cells in candidates.items()}
    best = max(shares, key=lambda column: shares[column])
    return best if shares[best] > 2 * shares[first] and shares[best] > _FEW else first


def mapped_share(names: pl.Series, table: GeneTable, namespace: str) -> float:
    """Of these names the share that the table maps to a gene."""
    there = names.drop_nulls()
    if not there.len():
        return 0.0
    features = table.curies(there.cast(pl.String), namespace)["feature"]
    return int(features.str.starts_with("NCBIGene:").sum()) / there.len()


def is_numbering(names: pl.Series) -> bool:
    """Whether names are 0, 1, 2, … or 1, 2, 3, …: a row number, as programs write where they were not told a name."""
    if names.len() < _LEAST:
        return False
    numbers = names.cast(pl.String).str.strip_suffix(".0").cast(pl.Int64, strict=False)
    return not numbers.null_count() and any((numbers == pl.Series(range(k, k + names.len()))).all() for k in (0, 1))


def strange_names(names: pl.Series, features: pl.Series, table: GeneTable, namespace: str) -> Reason | None:
    """Why a layer's names are hardly those of genes, with two of their forms; None where enough of them are.

    Args: names, features: (n,) as the file has them, and as the table reads them.
    """
    if namespace not in GENE_NAMESPACES or names.len() < _LEAST:
        return None
    shown = " / ".join(dict.fromkeys(form(name) for name in names.drop_nulls().cast(pl.String).head(2)))
    if is_numbering(names) and namespace != "entrez":
        return Reason("they are row numbers", shown, "name the column of names with `id`, or put it first")
    mapped = int(features.str.starts_with("NCBIGene:").fill_null(False).sum())
    if table.names.is_empty() or mapped >= _FEW * names.len():
        return None
    other = _other_namespace(names, table, namespace)
    fix = f'features = "{other}"' if other else 'set `features` to what they are called; "opaque" if they are no genes'
    return Reason("the gene table maps hardly any of them", shown, fix)


def _other_namespace(names: pl.Series, table: GeneTable, namespace: str) -> str | None:
    """The namespace under which most names are known, or look like its own."""
    some = names.drop_nulls().cast(pl.String).head(_LOOKED_AT)
    for pattern, other in ((r"^cg\d{8}", "cpg"), (r"(?i)^[a-z]{3}-(?:mir|let)-", "mirbase")):
        if 2 * int(some.str.contains(pattern).sum()) > some.len():
            return other
    shares = {
        other: mapped_share(some, table, other)
        for other in NAMESPACES
        if other in GENE_NAMESPACES and other != namespace
    }
    best = max(shares, key=lambda other: shares[other])
    return best if shares[best] > 2 * _FEW else None


def _distinct(cells: pl.Series) -> bool:
    text = cells.cast(pl.String)
    return 2 * text.n_unique() > text.len() and text.str.contains(r"[A-Za-z]").fill_null(False).any()
