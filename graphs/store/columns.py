"""Columns <-> rows between polars and a store: what goes in as parameters, what comes back as columns."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import polars as pl
import polars.selectors as cs


def rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows as maps for UNWIND; NaN means not measured and is left out, like null."""
    return frame.with_columns(cs.float().fill_nan(None), cs.categorical().cast(pl.String)).to_dicts()


def properties(frame: pl.DataFrame, *keys: str) -> tuple[pl.DataFrame, str, dict[str, Any]]:
    """Rows, and `name`: r.`name`, … that puts their properties into a CREATE; names are quoted, never text.

    A column that holds one value everywhere goes as `$same.name`, once and not in every row: a quarter of the time.
    Args:
        keys: columns that stay in the rows and are no properties.
    Returns: the rows left, the Cypher, and the map `same`.
    """
    frame = frame.with_columns(cs.float().fill_nan(None))
    names = [name for name in frame.columns if name not in keys]
    same = _same(frame.select(names))
    quoted = {name: "`" + name.replace("`", "``") + "`" for name in names}
    parts = [f"{quoted[name]}: {'$same' if name in same else 'r'}.{quoted[name]}" for name in names]
    return frame.drop(list(same)), ", ".join(parts), same


def grouped(frame: pl.DataFrame) -> tuple[list[tuple[Any, ...]], list[str], dict[str, Any]]:
    """Relationships by where they start: the groups, the names of their properties, and the map `same`.

    Args:
        frame: start, end and properties.
    Returns: a group is (start, ends, values of the first property, values of the second, …); `same` as in properties().
    """
    frame = frame.with_columns(cs.float().fill_nan(None), cs.categorical().cast(pl.String))
    same = _same(frame.drop("start", "end"))
    names = [name for name in frame.columns if name not in ("start", "end", *same)]
    groups = frame.select("start", "end", *names).group_by("start", maintain_order=True).agg(pl.all())
    return groups.rows(), names, same


def _same(frame: pl.DataFrame) -> dict[str, Any]:
    """Columns that hold one value everywhere, and it."""
    plain = frame.select(~cs.nested())
    return {name: plain[name][0] for name in plain.columns if frame.height and plain[name].n_unique() == 1}


def parameters(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters in the types that every store takes: zoned datetimes become naive UTC, series and sets lists."""
    return {name: _parameter(value) for name, value in params.items()}


def _parameter(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return _naive(value)
    if isinstance(value, Mapping):
        return parameters(value)
    if isinstance(value, pl.Series):
        value = value.to_list()
    if isinstance(value, frozenset | set):
        value = sorted(value)
    if isinstance(value, list | tuple):
        return [_parameter(item) for item in value]
    return value.item() if hasattr(value, "item") else value


def _naive(value: dt.datetime) -> dt.datetime:
    return value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)


def table(columns: Mapping[str, list[Any]]) -> pl.DataFrame:
    """Columns of Python values as a frame; a column of several kinds that no number type holds becomes text."""
    return pl.DataFrame([_series(name, values) for name, values in columns.items()])


def _series(name: str, values: list[Any]) -> pl.Series:
    if values and isinstance(values[0], str):  # most columns: no look at every value's type first
        with contextlib.suppress(TypeError):
            return pl.Series(name, values, dtype=pl.String)
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if kinds == {int, float}:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    if kinds == {dt.datetime}:
        return pl.Series(name, [None if v is None else _naive(v) for v in values], dtype=pl.Datetime("us"))
    if kinds == {dict}:
        return _structs(name, values)
    try:
        return pl.Series(name, values, strict=True)
    except (TypeError, pl.exceptions.PolarsError, OverflowError):
        return pl.Series(name, [as_text(value) for value in values], dtype=pl.String)


def _structs(name: str, values: list[Any]) -> pl.Series:
    """Maps as a struct over every key that any of them has."""
    try:
        return pl.DataFrame([{name: value} for value in values], infer_schema_length=None, strict=True)[name]
    except (TypeError, pl.exceptions.PolarsError, OverflowError):
        return pl.Series(name, [as_text(value) for value in values], dtype=pl.String)


def as_text(value: Any) -> str | None:
    """A value in one cell: text as it is, all else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, default=str, ensure_ascii=False)
