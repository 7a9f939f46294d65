"""Hashes of content: of a table as a multiset of rows, of files by their bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from ...loaders.files.source_folder import files_within

_EXACT = 2**53  # integers up to here are floats without loss, and count as equal to them


def sha256(paths: Iterable[Path]) -> str:
    """One checksum over the content of files; a folder counts as its files, by name, but for those that Clinome writes."""
    total = hashlib.sha256()
    for path in paths:
        if path.is_dir():
            for inner in files_within(path):
                total.update(f"{inner.relative_to(path).as_posix()}\0{sha256([inner])}\0".encode())
            continue
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 as `sha256sum` prints it; of a folder, over what lies in it, `sha256`."""
    if path.is_dir():
        return sha256([path])
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
