"""Node merging: which properties a node of several sources has, whatever the order in which they were loaded.

A node's properties come from all sources that bring it now: each from the first source, by name, that has it.
A visit begins with the earliest and ends with the latest time that any source gives it: a table of its laboratory values
knows no end, and what is known at a visit's end is then never known too early. `sources` lists them all. Of `clock` the one that allows least wins: order before relative before dated.
A node that several studies may bring (schema.SHARED) keeps in `told` what each of its sources says, where they differ:
whichever study lets go of it, the node is then what the others say, without their tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from .. import schema
from ..store.protocol import Nodes, Store
from ..tables.study_tables import Tables

_STRICTER = {"dated": 0, "relative": 1, "order": 2}
_SOURCES = "MATCH (l:Load) RETURN DISTINCT l.source AS source"
_SAID = """
UNWIND $ids AS i MATCH (n:LABEL {id: i}) WHERE any(s IN n.sources WHERE s IN $others)
RETURN n.id AS id, n.sources AS sources, n.told AS told,
       n.symbol AS symbol, n.name AS name, n.release AS release, n.licence AS licence
"""
SPAN = {"start_time": "min", "end_time": "max"}
"""Of a visit of several sources: which of their times counts."""
_SAYS = ("symbol", "name", "release", "licence")
"""What sources say of a node that studies share; nodes() brings nothing else for those labels."""


def others(store: Store, tables: Tables) -> list[str]:
    """The sources in the graph that other studies brought, sorted."""
    found = store.run(_SOURCES, {})["source"].cast(pl.String)
    return sorted(name for name in found if not tables.owns(name))


def merged(
    tables: Tables, label: str, ids: pl.Series, without: str | None = None, beside: Iterable[pl.DataFrame] = ()
) -> list[Nodes]:
    """These nodes of one label as all sources' tables describe them; ids that no source brings are left out.

    More than one part only where two sources give a property in different types: each keeps its own.
    Args:
        without: a source to leave out, by its name in the graph, because it is on its way out.
        beside: what other studies' sources say, from `said`.
    """
    wanted = ids.to_frame("id").unique()
    found: list[pl.DataFrame] = []
    for source in tables.sources():
        name = tables.name_of(source)
        rows = None if name == without else tables.nodes(source, label)
        if rows is not None:
            rows = rows.drop(name for name, kind in rows.schema.items() if kind == pl.Null())
            found.append(rows.join(wanted, on="id", how="semi").with_columns(pl.lit(name).alias("sources")))
    found += [rows for rows in beside if rows["sources"][0] != without]
    found = sorted((rows for rows in found if rows.height), key=lambda rows: _rank(rows["sources"][0]))
    if not found:
        return []
    kinds: dict[str, set[pl.DataType]] = {}
    for rows in found:
        for name, kind in rows.schema.items():
            kinds.setdefault(name, set()).add(kind)
    split = {name for name, types in kinds.items() if len(types) > 1}
    parts = _by_type([_marked(rows, split) for rows in found], split, SPAN if label == "Visit" else {})
    if label in schema.SHARED and len(found) > 1:
        told = _told(found)
        parts = [part.join(told, on="id", how="left", maintain_order="left") for part in parts]
    return [Nodes(label, part) for part in parts]


def said(store: Store, label: str, ids: pl.Series, others: list[str], without: str | None = None) -> list[pl.DataFrame]:
    """What other studies' sources say of these nodes: a frame a source, with id, sources (its name) and properties.

    Args:
        others: their names in the graph. Without any the graph is not asked.
    """
    others = [name for name in others if name != without]
    if not others or label not in schema.SHARED:
        return []
    rows = store.run(schema.cypher(_SAID, LABEL=label), {"ids": ids.to_list(), "others": others})
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        shown = {name: row[name] for name in _SAYS}
        told = json.loads(row["told"]) if row["told"] else [shown] * len(row["sources"])
        for source, says in zip(row["sources"], told, strict=True):
            if source in others:
                lines.setdefault(source, []).append({"id": row["id"], "sources": source, **says})
    texts = {name: pl.String() for name in ("id", "sources", *_SAYS)}
    return [pl.DataFrame(found, schema=texts) for _, found in sorted(lines.items())]


def _rank(name: str) -> tuple[str, str]:
    """Sources by what they are in their study, then by study: a study's name does not change which of its own wins."""
    return name.rpartition("/")[2], name


def _told(found: list[pl.DataFrame]) -> pl.DataFrame:
    """id, told: JSON of what each source says, in the order of `sources`; of those nodes where they differ."""
    names = sorted({name for rows in found for name in rows.columns} - {"id", "sources"})
    rows = pl.concat(found, how="diagonal")
    differ = pl.any_horizontal(pl.lit(False), *(pl.col(name).n_unique().over("id") > 1 for name in names))
    rows = rows.filter(differ).sort("id", "sources")
    told: dict[str, list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        says = {name: row[name] for name in names if row[name] is not None}
        told.setdefault(row["id"], []).append(says)
    text = [json.dumps(each, ensure_ascii=False, sort_keys=True, separators=(",", ":")) for each in told.values()]
    return pl.DataFrame({"id": list(told), "told": text}, schema={"id": pl.String, "told": pl.String})


def _marked(rows: pl.DataFrame, split: set[str]) -> pl.DataFrame:
    """Columns that differ in type between sources get the type into their name, so that none is converted."""
    return rows.rename({name: f"{name}\0{kind}" for name, kind in rows.schema.items() if name in split})


def _by_type(found: list[pl.DataFrame], split: set[str], span: Mapping[str, str]) -> list[pl.DataFrame]:
    everything = pl.concat([rows.with_columns(rank=pl.lit(i)) for i, rows in enumerate(found)], how="diagonal")
    names = [name for name in everything.columns if name not in ("id", "sources", "rank", "clock")]
    marked = [name for name in names if name.split("\0")[0] in split]
    first = [
        getattr(pl.col(name), span[name])() if name in span else pl.col(name).drop_nulls().first() for name in names
    ]
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
