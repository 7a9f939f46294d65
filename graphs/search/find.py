"""Find nodes by what one remembers of them: id, code, symbol, old symbol, name, its beginning, or nearly so.

Sure ways come first, in Cypher; only where none of them answers is a typing mistake looked for, over the names as
columns, so that every store answers alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from ..store.protocol import Store
from .names import COLUMNS, SEARCHED, beginning, by_id, by_symbol, everything, written

SCHEMA = {"label": pl.String, "id": pl.String, "name": pl.String, "how": pl.String, "score": pl.Float64}
_SURE = {"id": 1.0, "code": 0.99, "symbol": 0.98, "old symbol": 0.95, "alias": 0.94, "name": 0.93}
_BEGINNING, _PART, _SPELLING = 0.9, 0.7, 0.8  # what a perfect likeness of this kind counts


@dataclass
class Search:
    """Forgiving search over one open store; names are fetched once, when the first mistake is looked for.

    aliases: name, gene, how (`old symbol`, `alias`): what the study's gene table says beside the symbols.
    Example:
        Search(store).find("TP35")
    """

    store: Store
    aliases: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"name": pl.String, "gene": pl.String, "how": pl.String}))  # fmt: skip
    _names: pl.DataFrame | None = None

    def find(self, text: str, limit: int = 20, labels: Iterable[str] | None = None) -> pl.DataFrame:
        """label, id, name, how, score (0 to 1) of the nodes that a text may mean, the likeliest first; each once.

        Args:
            text: an id, a code with or without its vocabulary, a symbol of today or of before, a name or its beginning.
            limit: so many at the most.
            labels: only these (default: all).
        """
        text = text.strip()
        if not text:
            return pl.DataFrame(schema=SCHEMA)
        found = [self._exact(text), self._other_names(text), self._beginning(text, limit)]
        if not any(part.filter(pl.col("how") != "beginning").height for part in found):
            found.append(self._alike(text, limit))
        best = pl.concat(found).sort("score", "label", "id", descending=[True, False, False])
        if labels is not None:
            best = best.filter(pl.col("label").is_in(list(labels)))
        return best.unique(["label", "id"], keep="first", maintain_order=True).head(limit)

    def _exact(self, text: str) -> pl.DataFrame:
        ids = by_id(self.store, written(text))
        own = pl.when(pl.col("id").str.to_lowercase() == text.lower()).then(pl.lit("id")).otherwise(pl.lit("code"))
        symbols = by_symbol(self.store, list(dict.fromkeys((text, text.upper()))))
        return _sure(pl.concat([ids.with_columns(how=own), symbols.with_columns(how=pl.lit("symbol"))]))

    def _other_names(self, text: str) -> pl.DataFrame:
        told = self.aliases.filter(pl.col("name").str.to_lowercase() == text.lower())
        genes = by_id(self.store, told["gene"].unique().to_list(), ("Gene",)) if told.height else _nothing()
        return _sure(genes.join(told.select(id="gene", how="how").unique("id"), on="id"))

    def _beginning(self, text: str, limit: int) -> pl.DataFrame:
        if len(text) < 2:
            return pl.DataFrame(schema=SCHEMA)
        found = beginning(self.store, text, limit)
        whole = pl.any_horizontal(pl.col(c).str.to_lowercase() == text.lower() for c in ("symbol", "name")).fill_null(
            False
        )
        same = _sure(found.filter(whole).with_columns(how=pl.lit("name")))
        more = _named(found.filter(~whole)).with_columns(how=pl.lit("beginning"))
        longer = _BEGINNING - 0.2 * (1 - len(text) / pl.col("name").str.len_chars().clip(len(text)))
        return pl.concat([same, more.select(*list(SCHEMA)[:4], score=longer)])

    def _alike(self, text: str, limit: int) -> pl.DataFrame:
        """By edits (Damerau and Levenshtein: a letter too many, missing, wrong, or two the wrong way round), and for longer
        texts as a part of a name."""
        from rapidfuzz import fuzz, process
        from rapidfuzz.distance import OSA

        names = self._everything()
        said, low = names["said"].str.to_lowercase().to_list(), text.lower()
        most = min(3, len(low) // 3)
        near = process.extract(low, said, scorer=OSA.distance, score_cutoff=most, limit=5 * limit) if most else []
        fewest = min((edits for _, edits, _ in near), default=0)
        rows = [
            (at, "spelling", _SPELLING * (1 - edits / len(low)) - (0.01 if len(one) != len(low) else 0.0))
            for one, edits, at in near
            if edits == fewest
        ]
        if len(low) >= 5:
            parts = process.extract(low, said, scorer=fuzz.partial_ratio, score_cutoff=85, limit=5 * limit)
            rows += [(at, "part of the name", _PART * like / 100) for one, like, at in parts if len(one) >= len(low)]
        found = pl.DataFrame(rows, schema={"at": pl.UInt32, "how": pl.String, "score": pl.Float64}, orient="row")
        return names.with_row_index("at").join(found, on="at").select(list(SCHEMA))

    def _everything(self) -> pl.DataFrame:
        """A row a name: label, id, name (shown), said (compared)."""
        if self._names is None:
            nodes = everything(self.store)
            shown = _named(nodes)
            parts = [shown.with_columns(said=nodes[column]) for column in ("symbol", "name")]
            others = self.aliases.join(shown, left_on="gene", right_on="id", suffix="_shown")
            told = others.select("label", id="gene", name="name_shown", said="name")
            self._names = pl.concat([*parts, told]).drop_nulls("said").unique(maintain_order=True)
        return self._names


def surely(search: Search, text: str, labels: Iterable[str] = SEARCHED) -> str | None:
    """The id of what a text means by one of the sure ways (symbol, old symbol, code, name); None where two could be meant."""
    found = search.find(text, 2, labels)
    sure = found.filter(pl.col("how").is_in(list(_SURE)))
    best = sure.filter(pl.col("score") == pl.col("score").max()) if sure.height else sure
    return str(best["id"][0]) if best.height == 1 else None


def nearest(search: Search, text: str, labels: Iterable[str] = SEARCHED) -> str:
    """What was most likely meant, as the fix of an error: `did you mean 'TP53' (NCBIGene:7157)?`"""
    found = search.find(text, 1, labels)
    if not found.height:
        return "graph.find(TEXT) searches by symbol, name or code; what is not in the study's files is not in its graph"
    return f"did you mean {found['name'][0]!r} ({found['id'][0]})?"


def _named(nodes: pl.DataFrame) -> pl.DataFrame:
    return nodes.select("label", "id", name=pl.coalesce("symbol", "name", "id"))


def _sure(nodes: pl.DataFrame) -> pl.DataFrame:
    """Nodes with `how` as rows of an answer."""
    if not nodes.height:
        return pl.DataFrame(schema=SCHEMA)
    score = pl.col("how").replace_strict(_SURE, return_dtype=pl.Float64)
    return nodes.select("label", "id", name=pl.coalesce("symbol", "name", "id"), how="how", score=score)


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema=COLUMNS)
