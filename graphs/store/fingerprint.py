"""What a graph holds, as one hash: equal contents, equal print, whatever the store, the order and the history."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import polars as pl

from .. import schema
from .protocol import Store

OWN_TIME = ("seconds", "created", "started", "finished", "time", "checksum", "tables", "place")
"""Properties of Study, Cohort, Run and Load that say when, where and how, and not what (a checksum is of an encoding)."""

_NOT_OURS = ("title", "type")
"""Properties that the embedded engine may add by itself; Clinome writes none of these names."""

_EXACT = 2**53  # integers up to here are floats without loss, and count as equal to them

_NODE_KEYS = "MATCH (n:LABEL) UNWIND keys(n) AS key RETURN DISTINCT key AS key"
_NODES = "MATCH (n:LABEL) RETURN n.id AS `end`"
_EDGE_KEYS = "MATCH ()-[n:TYPE]->() UNWIND keys(n) AS key RETURN DISTINCT key AS key"
_EDGES = """
MATCH (s)-[n:TYPE]->(e)
RETURN labels(s)[0] AS start_label, s.id AS start, labels(e)[0] AS end_label, e.id AS `end`
"""


def fingerprint(store: Store) -> str:
    """SHA-256 over every node and relationship but Batch, as sorted canonical rows.

    Left out are the ids of runs and when something was done. 1 and 1.0 are equal; so are 0.0 and -0.0.
    Returns: 64 hex digits.
    """
    total = hashlib.sha256()
    for label in sorted(set(schema.LABELS) - {"Batch"}):
        left_out = (*(OWN_TIME if label in schema.ACTS else ()), *(("id", "name") if label == "Run" else ()))
        rows = _rows(store, _NODE_KEYS, _NODES, ("LABEL", schema.label(label)), left_out)
        total.update(f"node {label} {digest(rows.drop('end'))}\n".encode())
    for type in sorted(schema.RELATIONSHIPS):
        rows = _rows(store, _EDGE_KEYS, _EDGES, ("TYPE", schema.relationship(type).type), ())
        if schema.relationship(type).start == ("Run",):
            rows = rows.drop("start", ".source", strict=False)
        total.update(f"relationship {type} {digest(rows)}\n".encode())
    return total.hexdigest()


def _rows(store: Store, keys: str, text: str, place: tuple[str, str], left_out: tuple[str, ...]) -> pl.DataFrame:
    """All rows of one label or type, a column a property; each property is named by a parameter."""
    found = store.run(keys.replace(*place), {})["key"].cast(pl.String)
    names = sorted(set(found) - {*left_out, *_NOT_OURS})
    columns = "".join(f", n[$k{i}] AS p{i}" for i in range(len(names)))
    params = {f"k{i}": name for i, name in enumerate(names)}
    rows = store.run(text.replace(*place).rstrip() + columns, params)
    return rows.rename({f"p{i}": f".{name}" for i, name in enumerate(names)})


def digest(rows: pl.DataFrame) -> str:
    """Hash of the rows as a multiset; a row is its non-null values by name, each with its kind and length."""
    if not rows.height or not rows.width:
        return f"{rows.height} empty"
    cells = [pl.lit(f"{len(name.encode())}:{name}=") + _canonical(rows[name]) for name in sorted(rows.columns)]
    line = pl.concat_str(cells, ignore_nulls=True)
    framed = rows.select(line=pl.concat_str(line.str.len_bytes(), pl.lit(":"), line))["line"].sort()
    return hashlib.sha256("".join(framed.to_list()).encode()).hexdigest()


def _canonical(values: pl.Series) -> pl.Series:
    """Each value as text that tells its kind and its end; null stays null."""
    kind = values.dtype
    if kind == pl.Null:
        return values.cast(pl.String)
    if kind == pl.Boolean:
        return "b" + values.cast(pl.Int8).cast(pl.String) + ";"
    if kind.is_integer():
        large = pl.when(pl.col("v").abs() > _EXACT).then(pl.concat_str(pl.lit("i"), "v", pl.lit(";")))
        whole = values.to_frame("v").select(large.alias("v"))["v"]
        return whole.zip_with(whole.is_not_null(), _bits(values.cast(pl.Float64)))
    if kind.is_float():
        return _bits(values.cast(pl.Float64))
    if kind == pl.Datetime:
        return "t" + values.cast(pl.Datetime("us")).cast(pl.Int64).cast(pl.String) + ";"
    if kind == pl.Date:
        return "d" + values.cast(pl.Int32).cast(pl.String) + ";"
    if kind == pl.String:
        parts = (pl.lit("s"), pl.col("v").str.len_bytes(), pl.lit(":"), "v")
        return values.to_frame("v").select(v=pl.concat_str(parts))["v"]
    if isinstance(kind, pl.List):
        return _lists(values)
    return _canonical(pl.Series(values.name, [_json(value) for value in values.to_list()], dtype=pl.String))


def _bits(values: pl.Series) -> pl.Series:
    """Floats by their bits: how a library prints them may change."""
    bits = pl.Series((values.fill_null(0.0).to_numpy() + 0.0).view("uint64"))  # -0.0 + 0.0 is 0.0
    text = "f" + bits.cast(pl.String) + ";"
    return text.zip_with(values.is_not_null(), pl.Series([None], dtype=pl.String).new_from_index(0, len(text)))


def _lists(values: pl.Series) -> pl.Series:
    """A list as its length and its members in order."""
    table = values.to_frame("v").with_row_index("row").with_columns(n=pl.col("v").list.len())
    members = table.filter(pl.col("n") > 0).explode("v")
    text = members.select("row", text=_canonical(members["v"]).fill_null("n;"))
    joined = text.group_by("row", maintain_order=True).agg(pl.col("text").str.join(""))
    table = table.join(joined, on="row", how="left", maintain_order="left")
    parts = (pl.lit("l"), "n", pl.lit("["), pl.col("text").fill_null(""), pl.lit("]"))
    return table.select(v=pl.concat_str(parts))["v"]


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
