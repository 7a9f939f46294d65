"""Gene: what the graph knows of one gene, its neighbourhood, and what runs found of it."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from ...loaders.errors import InputError
from ..search.find import Search, nearest
from ..store.protocol import Store
from .around import around
from .subgraph import Subgraph, frame

SURE = 0.93
"""The score from which a name means a gene, and nothing has to be guessed."""
_RUNS = """
MATCH (r:Run)-[k:RANKS]->(g:Gene {id: $id})
RETURN r.id AS run, k.layer AS layer, k.rank AS rank, k.score AS effect, k.stability AS stability, k.q AS q
ORDER BY rank, run, layer LIMIT 50
"""
_MUTATED = """
MATCH (g:Gene {id: $id}) RETURN COUNT { MATCH (g)<-[:MUTATED_IN]-() } AS mutated
"""
_RANKS = {"run": pl.String, "layer": pl.String, "rank": pl.Int64, "effect": pl.Float64, "stability": pl.Float64, "q": pl.Float64}  # fmt: skip


def gene_of(search: Search, text: str) -> tuple[str, str, str]:
    """id, symbol, and how it was found, of the gene that a symbol, an old symbol or an id means.

    Raises: InputError where none does, or several do; the nearest is named.
    """
    found = search.find(text, 10, ("Gene",)).filter(pl.col("score") >= SURE)
    if not found.height:
        fix = nearest(search, text, ("Gene",))
        raise InputError("no gene of this name", "the graph", text, "a symbol or an id, such as NCBIGene:7157", fix)
    best = found.filter(pl.col("score") == found["score"].max())
    if best.height > 1:
        raise InputError("several genes have this name", "the graph", text, ", ".join(best["id"]), "give the id of one")
    row = best.row(0, named=True)
    return row["id"], row["name"], row["how"]


def gene(search: Search, text: str, limit: int = 60) -> Subgraph:
    """One gene with what lies around it, patients as counts, and in `about` its names, how many patients have it mutated, and its ranks in runs.

    Raises: InputError where no gene is meant.
    """
    id, symbol, how = gene_of(search, text)
    found = around(search, id, 1, limit, "Gene", people=False)
    others = search.aliases.filter(pl.col("gene") == id)["name"].to_list()
    about = {
        "id": id, "symbol": symbol, "found_by": how, "other_names": others,
        "mutated_in": int(search.store.lists(_MUTATED, {"id": id})["mutated"][0]),
        "ranks": ranks_of(search.store, id).to_dicts(),
    }  # fmt: skip
    return replace(found, title=symbol, about=about)


def ranks_of(store: Store, id: str) -> pl.DataFrame:
    """run, layer, rank, effect, stability, q: where runs rank this gene, the foremost first."""
    return frame(store.lists(_RUNS, {"id": id}), **_RANKS)
