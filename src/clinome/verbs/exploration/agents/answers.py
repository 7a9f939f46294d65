"""Bounds on what leaves: rows, cells, and counts of patients, which are rounded and told only from ten on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from clinome.graphs.language import syntax as s
from clinome.graphs.language.tokens import without_comments
from clinome.loaders.errors import InputError

ROWS = 200
"""Rows of one answer."""
SECONDS = 20.0
"""How long one query may take."""
LEAST = 10
"""Fewer patients than these are not counted."""
_STEP = 5
"""Counts are told to the nearest of these: the difference of two of them seldom tells of one person."""
_TEXT, _LIST, _SIZE = 2_000, 50, 200_000


def told(count: int) -> int | str:
    """A count of patients as it may be told.

    Example:
        >>> told(0), told(9), told(10), told(13)
        ('<10', '<10', 10, 15)
    """
    return f"<{LEAST}" if count < LEAST else _STEP * ((count + _STEP // 2) // _STEP)


def limited(text: str, tree: s.Query) -> str:
    """The same query with no more rows than may leave, and one by which one sees that there are more.

    Args:
        text: one statement that reads. tree: its syntax tree.
    Raises: InputError for a UNION, and for a LIMIT that is larger or no number.
    """
    last = tree.singles[-1].clauses[-1]
    if len(tree.singles) > 1 or not isinstance(last, s.Projection):
        raise InputError("a UNION has no one LIMIT", "query", fix="ask its parts one by one")
    if last.limit is None:
        return f"{without_comments(text).rstrip().rstrip(';')}\nLIMIT {ROWS + 1}"
    limit = last.limit
    if not (isinstance(limit, s.Literal) and limit.value.isdigit() and int(limit.value) <= ROWS):
        raise InputError("more rows than leave here", "query LIMIT", None, f"a number up to {ROWS}", "lower the LIMIT")
    return text


def table(columns: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """columns, rows, and `more`: whether rows or parts of cells were left out."""
    rows = [[_plain(value) for value in row] for row in zip(*columns.values(), strict=True)] if columns else []
    more, size, kept = len(rows) > ROWS, 0, []
    for row in rows[:ROWS]:
        cut = [_cut(value) for value in row]
        size += len(json.dumps(cut, default=str))
        if size > _SIZE:
            more = True
            break
        more = more or cut != row
        kept.append(cut)
    return {"columns": list(columns), "rows": kept, "more": more}


def _plain(value: Any) -> Any:
    """As JSON holds it: NaN and infinities are missing, times and the like are text."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value)


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _TEXT:
        return value[:_TEXT] + " …"
    if isinstance(value, list):
        return [_cut(one) for one in value[:_LIST]]
    return {key: _cut(one) for key, one in value.items()} if isinstance(value, dict) else value
