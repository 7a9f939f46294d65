"""Names of a graph's nodes: what a text is compared with, the same columns on every store."""

from __future__ import annotations

import polars as pl

from ..schema import CODE_LABEL, CODES, FEATURES, KNOWLEDGE, LABELS, cypher, trusted
from ..store.protocol import Store

SEARCHED = (*(label for label in FEATURES if label not in ("MethylationSite", "Variant")), *KNOWLEDGE, *CODES)
"""Labels whose nodes have names that one writes by hand. Probes, variants and people are found by their ids alone."""
MOST = 100_000
"""Names of a label that are looked through for a typing mistake, in the order of their ids."""
COLUMNS = {"label": pl.String, "id": pl.String, "symbol": pl.String, "name": pl.String}

_BY_ID = "UNWIND $ids AS id MATCH (n:LABEL {id: id}) RETURN labels(n)[0] AS label, n.id AS id, n.symbol AS symbol, n.name AS name"
_BY_SYMBOL = """
UNWIND $symbols AS symbol MATCH (n:Gene {symbol: symbol})
RETURN 'Gene' AS label, n.id AS id, n.symbol AS symbol, n.name AS name
"""
_BEGINNING = """
MATCH (n:LABEL)
WHERE toLower(n.symbol) STARTS WITH $low OR toLower(n.name) STARTS WITH $low OR toLower(n.id) STARTS WITH $low
RETURN labels(n)[0] AS label, n.id AS id, n.symbol AS symbol, n.name AS name
ORDER BY size(coalesce(n.symbol, n.name, n.id)), id LIMIT $limit
"""
_ALL = "MATCH (n:LABEL) RETURN labels(n)[0] AS label, n.id AS id, n.symbol AS symbol, n.name AS name ORDER BY id LIMIT $limit"


def by_id(store: Store, ids: list[str], labels: tuple[str, ...] = LABELS) -> pl.DataFrame:
    """label, id, symbol, name of the nodes with one of these ids; an id is unique within its label."""
    text = trusted(" UNION ALL ".join(cypher(_BY_ID, LABEL=label) for label in labels))
    return _table(store, text, {"ids": ids})


def by_symbol(store: Store, symbols: list[str]) -> pl.DataFrame:
    """label, id, symbol, name of the genes with one of these symbols, as it is written."""
    return _table(store, _BY_SYMBOL, {"symbols": symbols})


def beginning(store: Store, text: str, limit: int) -> pl.DataFrame:
    """label, id, symbol, name where one of them begins with this text, small or capital; so many of a label, shortest first."""
    asked = {"low": text.lower(), "limit": limit}
    return pl.concat(_table(store, cypher(_BEGINNING, LABEL=label), asked) for label in SEARCHED)


def everything(store: Store) -> pl.DataFrame:
    """label, id, symbol, name of all that is searched by name, at most MOST of a label."""
    return pl.concat(_table(store, cypher(_ALL, LABEL=label), {"limit": MOST}) for label in SEARCHED)


def written(text: str) -> list[str]:
    """The ids that a text may mean: itself, and a code without its vocabulary in each of them.

    Example:
        >>> "ICD10CM:I50.1" in written("i50.1")
        True
    """
    forms = list(dict.fromkeys((text, text.upper())))
    prefixes = ("NCBIGene", "hgnc.symbol", "ENSEMBL", "UniProtKB", *CODE_LABEL)
    return forms + [f"{prefix}:{form}" for prefix in prefixes for form in forms if ":" not in form]


def _table(store: Store, text: str, params: dict[str, object]) -> pl.DataFrame:
    found = store.lists(text, params)
    table = pl.DataFrame({name: found.get(name, []) for name in COLUMNS}, schema=COLUMNS, strict=False)
    made_up = pl.col("name") == pl.col("label") + "_" + pl.col("id")  # by the embedded engine, where there is none
    return table.with_columns(name=pl.when(made_up).then(None).otherwise("name"))
