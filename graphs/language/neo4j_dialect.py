"""Dialect of Neo4j: what a query means there that it does not mean on the embedded engine, said so that it does.

Nodes of Clinome's own book-keeping, which only a server needs, are no part of the graph; keys come in order; percentileCont
is a float; the truncation of null is null.
"""

from __future__ import annotations

import re

from . import syntax as s
from .rewriter import Rewriter

_NAME = re.compile(r"\(\s*(?!WHERE\b)(?:\w+|`(?:[^`]|``)*`)?", re.IGNORECASE)


def translate(text: str, query: s.Query) -> str:
    """The query for Neo4j.

    Args:
        text: that of the query, without comments.
    Example:
        >>> from .parser import parse
        >>> text = "MATCH (n) RETURN count(n) AS n"
        >>> translate(text, parse(text))
        'MATCH (n:!Clinome ) RETURN count(n) AS n'
    """
    return _Neo4j(text).out(query)


class _Neo4j(Rewriter):
    def made(self, part: s.Part) -> str | None:
        match part:
            case s.Item(named=False, expression=expression, alias=alias):
                out = self.out(expression)
                changed = out != self.text[expression.start : expression.end]
                return f"{out} AS `{alias.replace('`', '``')}`" if changed else None
            case s.Call(name="percentilecont"):
                return f"toFloat({self.kept(part)})"  # else a whole number where it meets one of the values
            case s.Path(elements=[s.NodePattern(labels=None) as node]):
                head, name = self.text[part.start : node.start], _NAME.match(self.text, node.start)
                assert name is not None
                return f"{head}{name.group()}:!Clinome {self.kept(node)[len(name.group()) :]}"
            case s.Call(name="keys", args=[entity]):
                key = "clinome_key"
                return f"COLLECT {{ UNWIND keys({self.out(entity)}) AS {key} RETURN {key} ORDER BY {key} }}"
            case s.Call(name=name, args=[_, moment, *_]) if name.endswith(".truncate"):
                return f"CASE WHEN {self.out(moment)} IS NOT NULL THEN {self.kept(part)} END"  # else null is an error
        return None
