"""Read-only queries: what makes a text safe to run: it reads the graph alone, and no file, whatever the store."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...loaders.errors import InputError

ALLOWED = "MATCH, OPTIONAL MATCH, WHERE, WITH, UNWIND, RETURN, ORDER BY, SKIP, LIMIT, UNION and CALL { … } that reads"

_WRITES = {
    "CREATE", "INSERT", "MERGE", "SET", "DELETE", "DETACH", "NODETACH", "REMOVE", "DROP", "FOREACH",
    "ALTER", "GRANT", "DENY", "REVOKE", "RENAME",
}  # fmt: skip
_OUTSIDE = {"LOAD", "CALL", "USE", "SHOW", "TERMINATE", "ENABLE", "DEALLOCATE", "REALLOCATE", "DRYRUN", "FORMAT"}
_NAMESPACES = {"date", "datetime", "localdatetime", "time", "localtime", "duration", "point", "vector"}
"""Namespaces of Cypher's own functions, such as duration.between; every other one is a plug-in's (apoc, gds, db)."""

_SCHEMA = "for labels, types, properties, constraints and indexes write `clinome schema STUDY`"

_NAME_AFTER = frozenset(".:|&!$%")
"""After one of these a word is a property, a label, a type or a parameter, and no clause."""
_NAME_BEFORE = frozenset(":.,)]}=<>+-*/|;")
"""Before one of these a word is a variable or a key: no clause goes on so."""

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<quoted>`(?:[^`]|``)*`)
    | (?P<word>\w+)
    | (?P<symbol>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u2028\u2029]|\r(?!\n)")


def check_read_only(text: str) -> None:
    """Refuse a query that could write, call a plug-in, leave its database, or read a file.

    A second fence behind the store's own read-only mode: that one lets LOAD CSV read any local file.
    Words inside strings, comments, backticks, and names of properties, labels and parameters pass.
    Args:
        text: one Cypher statement.
    Raises: InputError that says what was met and what is allowed.
    Example:
        >>> check_read_only("MATCH (p:Patient) WHERE p.created = 'DELETE' RETURN p.id AS subject_id")
        >>> check_read_only("MATCH (p) DETACH DELETE p")
        Traceback (most recent call last):
        ...
        clinome.loaders.errors.InputError: query: it may only read; got 'DETACH'; expected MATCH, OPTIONAL MATCH, \
WHERE, WITH, UNWIND, RETURN, ORDER BY, SKIP, LIMIT, UNION and CALL { … } that reads. Fix: put the name into \
backticks if it is one.
    """
    tokens = list(_tokens(text))
    if not tokens:
        raise InputError("the query is empty", "query", expected=ALLOWED, fix="write MATCH … RETURN …")
    for i, (kind, token) in enumerate(tokens):
        before = tokens[i - 1][1] if i else ""
        after = tokens[i + 1][1] if i + 1 < len(tokens) else ""
        if token == ";" and after:
            raise InputError("it holds more than one statement", "query", expected="one", fix="run them one by one")
        if kind != "word":
            continue
        word, following = token.upper(), after.upper()
        if word == "LOAD" and following == "CSV":
            raise _refusal("LOAD CSV", "read files with a source in the study file")
        if word == "IN" and following == "TRANSACTIONS":
            raise _refusal("IN TRANSACTIONS")
        if _is_name(before, after):
            if after == "." and before != "." and token.lower() not in _NAMESPACES and _called(tokens, i):
                raise _refusal(f"{token}.…()", "use Cypher's own functions")
        elif word == "CALL":
            if after not in ("{", "("):
                raise _refusal("CALL of a procedure", f"a subquery is CALL {{ … }} or CALL (…) {{ … }}; {_SCHEMA}")
        elif word == "SHOW":
            raise _refusal("SHOW", _SCHEMA)
        elif word in _WRITES or word in _OUTSIDE:
            raise _refusal(word)


def _refusal(got: str, fix: str = "put the name into backticks if it is one") -> InputError:
    return InputError("it may only read", "query", got, ALLOWED, fix)


def _is_name(before: str, after: str) -> bool:
    return before in _NAME_AFTER or after in _NAME_BEFORE or not after


def _called(tokens: list[tuple[str, str]], i: int) -> bool:
    """Whether the dotted name that begins at token i is called: a.b.c( … )."""
    while i + 2 < len(tokens) and tokens[i + 1][1] == "." and tokens[i + 2][0] in ("word", "quoted"):
        i += 2
    return i + 1 < len(tokens) and tokens[i + 1][1] == "("


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """(kind, text) of what the engine will execute: spaces and comments left out.

    Everything that two lexers could read in two ways is refused, so that nothing hides between them.
    """
    if _CONTROL.search(text):
        raise InputError("it holds control characters", "query", expected="plain text", fix="remove them")
    for match in _TOKEN.finditer(text):
        kind, token = str(match.lastgroup), match.group()
        if kind == "string" and re.search(r"\\u00[0-7]", token, re.IGNORECASE):
            raise InputError("a unicode escape of a plain character", "query", fix="write the character itself")
        if kind == "quoted" and "\\" in token:
            raise InputError("a backslash in a name", "query", fix="rename it, or use p[$key]")
        if kind == "symbol" and token in "'\"`\\":
            raise InputError(
                "a quote without its end, or a backslash",
                "query",
                token,
                "closed quotes",
                "close the quote; give text as a parameter: $name",
            )
        if kind == "quoted":
            yield kind, "``"
        elif kind == "string":
            yield kind, "''"
        elif kind not in ("space", "comment"):
            yield kind, token
