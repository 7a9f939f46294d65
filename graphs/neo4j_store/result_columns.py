"""Result columns: the server collects each column of an answer into one list, ten times as fast as rows.

Measured with 200,000 rows of three values: rows 5 µs a value, nearly all of it in the driver; columns 0.4 µs. The
lists come in slices, so that one is unpacked here while the server packs the next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import uuid4

from ...loaders.errors import InputError
from ..schema import trusted
from .driver import NATIVE, Connection, Work, natives
from .errors import OutOfMemory

_NOTHING, _SLICE = "clinome_null", "clinome_slice"
_ROWS = 50_000  # in a slice
_PLAIN = re.compile(r"\w+")
_MODES = re.compile(r"\s*(EXPLAIN|PROFILE|CYPHER)\b", re.IGNORECASE)


def columns(
    connection: Connection, text: str, params: Mapping[str, Any], timeout_s: float, known: dict[str, list[str]]
) -> dict[str, list[Any]]:
    """Columns by name, in the query's order.

    A query that is no subquery as it stands (a column without a name of its own), or that is too large for the
    server's memory as a whole, goes row by row.
    Args:
        text: passed graphs/store/read_only.py.
        known: names of columns by text, from earlier queries: the server is asked once for them. Is added to.
    Raises: InputError for a query that is wrong, EngineError for all else.
    """
    asked = trusted(text.rstrip().rstrip(";"))
    if _MODES.match(asked):
        return connection.read(asked, params, timeout_s)
    nothing = uuid4().bytes  # collect() leaves nulls out; of a type that one look finds among the others

    def ask(work: Work) -> dict[str, list[Any]]:
        if asked not in known:
            known[asked] = list(work.run(trusted("EXPLAIN " + asked), params)[0])
        names = known[asked]
        if not names or not all(_PLAIN.fullmatch(name) for name in names):
            return work.run(asked, params)[0]
        found: dict[str, list[Any]] = {name: [] for name in names}
        for slices in work.rows(_collected(asked, names), {**params, _NOTHING: nothing, _SLICE: _ROWS}):
            for name, part in zip(names, slices, strict=True):
                found[name] += _with_nulls(part, nothing)
        return found

    try:
        return connection.reading(ask, timeout_s)
    except (InputError, OutOfMemory):
        return connection.read(asked, params, timeout_s)  # and says what is wrong in the query's own lines


def _collected(asked: LiteralString, names: list[str]) -> LiteralString:
    """CASE, not coalesce: that takes a third of a query's time by itself."""
    lists = ", ".join(
        f"collect(CASE WHEN `{name}` IS NULL THEN $clinome_null ELSE `{name}` END) AS `{name}`" for name in names
    )
    slices = ", ".join(f"`{name}`[clinome_row..clinome_row + $clinome_slice] AS `{name}`" for name in names)
    return trusted(
        f"CALL () {{\n{asked}\n}}\nWITH count(*) AS clinome_rows, {lists}\n"
        f"UNWIND range(0, clinome_rows - 1, $clinome_slice) AS clinome_row\nRETURN {slices}"
    )


def _with_nulls(values: list[Any], nothing: bytes) -> list[Any]:
    kinds = set(map(type, values))
    if kinds <= NATIVE:
        return values
    return natives([None if value == nothing else value for value in values] if bytes in kinds else values)
