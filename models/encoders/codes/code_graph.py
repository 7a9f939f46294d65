"""Code graph: the entries of a vocabulary and the knowledge around them, as typed edges for message passing."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ..relational_graph import RelationalGraph, relational_graph

RESERVED = 2
"""Entries in front that stand for no code: they pad, and stand for the unknown."""


def code_graph(codes: Sequence[str], parents: Sequence[Sequence[int]], links: pl.DataFrame) -> RelationalGraph | None:
    """The graph around a vocabulary: two steps of knowledge, every ancestor one step away; None where no code is linked.

    Entries of one code (each of its categories) are linked by SAME_AS.
    Args:
        codes: the code of each entry, `RESERVED` ones first. parents: entry -> its ancestors' places. links: a snapshot's links.
    Example:
        >>> links = pl.DataFrame({"subject": ["D:1"], "predicate": ["MAPS_TO"], "object": ["M:9"], "score": [None]})
        >>> graph = code_graph(["", "?", "D:1", "D:1.2"], [(), (), (), (2,)], links)
        >>> graph.ids, graph.relations
        (('', '', 'D:1', 'D:1.2', 'M:9'), ('IS_A', 'MAPS_TO', 'rev_IS_A', 'rev_MAPS_TO'))
    """
    mine = {*codes[RESERVED:]}
    if links.filter(pl.col("subject").is_in(mine) | pl.col("object").is_in(mine)).is_empty():
        return None
    above = [(codes[i], "IS_A", codes[one]) for i, all_of_it in enumerate(parents) for one in all_of_it]
    plain = {"subject": pl.String, "predicate": pl.String, "object": pl.String}
    closure = pl.DataFrame(above, schema=plain, orient="row").with_columns(score=pl.lit(None, pl.Float64))
    known = links.select(*plain, pl.col("score").cast(pl.Float64))
    graph = relational_graph([*[None] * RESERVED, *codes[RESERVED:]], {}, pl.concat([known, closure]))
    return graph if graph.edge_index.size else None
