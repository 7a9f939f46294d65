"""One node, several sources: which properties it has, whatever the order in which the sources were loaded.

A node's properties come from all sources that bring it now: each from the first source, by name, that has it.
`sources` lists them all. Of `clock` the one that allows least wins: order before relative before dated.
"""

from __future__ import annotations

import polars as pl

from .store import Nodes
from .tables import Tables

_STRICTER = {"dated": 0, "relative": 1, "order": 2}


def merged(tables: Tables, label: str, ids: pl.Series, without: str | None = None) -> list[Nodes]:
    """These nodes of one label as all sources' tables describe them; ids that no source brings are left out.

    More than one part only where two sources give a property in different types: each keeps its own.
    Args:
        without: a source to leave out, because it is on its way out.
    """
    wanted = ids.to_frame("id").unique()
    found: list[pl.DataFrame] = []
    for source in tables.sources():
        rows = None if source == without else tables.nodes(source, label)
        if rows is not None:
            rows = rows.drop(name for name, kind in rows.schema.items() if kind == pl.Null())
            found.append(rows.join(wanted, on="id", how="semi").with_columns(pl.lit(source).alias("sources")))
    found = [rows for rows in found if rows.height]
    if not found:
        return []
    kinds: dict[str, set[pl.DataType]] = {}
    for rows in found:
        for name, kind in rows.schema.items():
            kinds.setdefault(name, set()).add(kind)
    split = {name for name, types in kinds.items() if len(types) > 1}
    return [Nodes(label, part) for part in _by_type([_marked(rows, split) for rows in found], split)]


def _marked(rows: pl.DataFrame, split: set[str]) -> pl.DataFrame:
    """Columns that differ in type between sources get the type into their name, so that none is converted."""
    return rows.rename({name: f"{name}\0{kind}" for name, kind in rows.schema.items() if name in split})


def _by_type(found: list[pl.DataFrame], split: set[str]) -> list[pl.DataFrame]:
    everything = pl.concat([rows.with_columns(rank=pl.lit(i)) for i, rows in enumerate(found)], how="diagonal")
    names = [name for name in everything.columns if name not in ("id", "sources", "rank", "clock")]
    marked = [name for name in names if name.split("\0")[0] in split]
    first = [pl.col(name).drop_nulls().first() for name in names]
    ranks = [pl.col("rank").filter(pl.col(name).is_not_null()).first().alias(f"rank\0{name}") for name in marked]
    clock = (
        [pl.col("clock").sort_by(pl.col("clock").replace_strict(_STRICTER, default=-1)).last()]
        if "clock" in everything.columns
        else []
    )
    nodes = everything.group_by("id").agg(*first, *clock, *ranks, pl.col("sources").sort()).sort("id")
    for name in sorted(split):
        rivals = [one for one in marked if one.split("\0")[0] == name]
        best = pl.min_horizontal(*[f"rank\0{one}" for one in rivals])
        nodes = nodes.with_columns(pl.when(pl.col(f"rank\0{one}") == best).then(one).alias(one) for one in rivals)
    nodes = nodes.drop([f"rank\0{one}" for one in marked])
    if not marked:
        return [nodes]
    parts = _partitions(nodes, marked)
    return [part.rename({one: one.split("\0")[0] for one in marked if one in part.columns}) for part in parts]


def _partitions(nodes: pl.DataFrame, marked: list[str]) -> list[pl.DataFrame]:
    """Rows that have the same of the marked columns, each without those it lacks."""
    keys = [pl.col(one).is_not_null().alias(f"has\0{one}") for one in marked]
    parts = nodes.with_columns(keys).partition_by([f"has\0{one}" for one in marked], as_dict=True)
    return [
        part.drop([f"has\0{one}" for one in marked], *[one for one, has in zip(marked, key, strict=True) if not has])
        for key, part in sorted(parts.items())
    ]
