"""Cypher queries: the library in neo4j/queries, a file, or text; their parameters; running them read-only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from ...loaders.errors import InputError
from ..language import kglite_dialect, neo4j_dialect
from ..language.checker import Checked, check
from ..language.parser import NotUnderstood
from ..language.parser import parse as parse_cypher
from ..language.tokens import without_comments
from ..language.types import Type
from ..store.columns import table
from ..store.protocol import Store
from ..store.read_only import check_read_only
from .catalog import Catalog
from .params import TYPES, convert, guess

_PARAM = re.compile(r"//\s*param\s+(\w+)\s*:\s*(\w+)\s*(?:=\s*(\S+))?\s*(.*)")
_CYPHER = re.compile(r"\b(MATCH|RETURN|UNWIND|CALL|SHOW|CREATE|MERGE|DELETE|DROP|LOAD|INSERT|FOREACH)\b", re.IGNORECASE)
_QUOTED_OR_COMMENT = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`|//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Param:
    """One parameter of a query; default is text as in the header, None where it must be given."""

    name: str
    type: str
    default: str | None = None
    description: str = ""


@dataclass(frozen=True)
class Query:
    """A question in Cypher. `declared` is False for text without a header: its parameters are those it uses."""

    name: str
    question: str
    params: tuple[Param, ...]
    columns: tuple[tuple[str, str], ...]
    text: str
    store: str = "any"
    declared: bool = True


def parse(name: str, text: str) -> Query:
    """A query from its text: header lines `// param`, `// returns`, `// store`; other first comments are the question.

    Example:
        >>> parse("all", "// Everybody.\\n// returns: subject_id text\\nMATCH (p:Patient) RETURN p.id AS subject_id").columns
        (('subject_id', 'text'),)
    """
    question: list[str] = []
    params: list[Param] = []
    columns: tuple[tuple[str, str], ...] = ()
    store = "any"
    for line in text.strip().splitlines():
        if not line.startswith("//") or line.removeprefix("//").strip().startswith("step:"):
            break
        body = line.removeprefix("//").strip()
        if body.startswith("param "):
            params.append(_param(name, line))
        elif body.startswith("returns:"):
            pairs = [column.split() for column in body.removeprefix("returns:").split(",") if column.strip()]
            columns = tuple((pair[0], pair[1] if len(pair) > 1 else "any") for pair in pairs)
        elif body.startswith("store:"):
            store = body.removeprefix("store:").strip()
        else:
            question.append(body)
    used = _used(text)
    declared = bool(params or columns)
    if not declared:
        params = [Param(parameter, "any") for parameter in used]
    undeclared = sorted(set(used) - {param.name for param in params})
    if undeclared:
        raise InputError(
            "a parameter that the header does not declare",
            name,
            undeclared[0],
            "a line // param name: type",
            "add the line, or take the parameter out",
        )
    return Query(name, " ".join(question), tuple(params), columns, text.strip() + "\n", store, declared)


def _param(name: str, line: str) -> Param:
    match = _PARAM.match(line)
    if match is None or match.group(2) not in TYPES:
        raise InputError(
            "a parameter line that cannot be read",
            name,
            line,
            f"// param name: type = default  description ({', '.join(TYPES)})",
            "correct the line",
        )
    return Param(match.group(1), match.group(2), match.group(3), match.group(4).strip())


def _used(text: str) -> list[str]:
    """Names of the parameters that a text uses, outside of quotes and comments."""
    bare = _QUOTED_OR_COMMENT.sub(" ", text)
    return list(dict.fromkeys(re.findall(r"\$(\w+)", bare)))


@cache
def _library() -> tuple[Query, ...]:
    folder = files("clinome") / "neo4j" / "queries"
    found = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".cypher")), key=lambda entry: entry.name
    )
    return tuple(parse(entry.name.removesuffix(".cypher"), entry.read_text(encoding="utf-8")) for entry in found)


def library() -> list[Query]:
    """The queries that Clinome brings, by name."""
    return list(_library())


def find(name_or_text: str, base: Path, otherwise: Path | None = None) -> Query:
    """A query by its name in the library, by a .cypher file, or from its own text.

    Args:
        base: what the file's path is relative to: of a study file its folder, on the command line where one stands.
        otherwise: where to look for the file if it is not there.
    Raises: InputError naming the nearest name, where it is none of these.
    """
    wanted = name_or_text.strip()
    known = {query.name: query for query in library()}
    if wanted in known:
        return known[wanted]
    if wanted.endswith(".cypher") and "\n" not in wanted:
        places = [base / wanted, *([] if otherwise is None else [otherwise / wanted])]
        path = next((place for place in places if place.is_file()), places[0])
        if not path.is_file():
            to = "the study file" if otherwise is None else "where you stand, else to the study file"
            raise InputError("no such query file", path, fix=f"check the path, which is relative to {to}")
        try:
            return parse(path.stem, path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise InputError("a query file that is not UTF-8", path, fix="save it as UTF-8") from error
    if _CYPHER.search(wanted) and any(space in wanted for space in " \n"):
        return parse("query", wanted)
    near = get_close_matches(wanted, known, n=1, cutoff=0.0)
    raise InputError(
        "no such query", "query", wanted, "a name in the library, a .cypher file, or Cypher text",
        f"did you mean {near[0]!r}? `clinome query --list` shows all" if near else "",
    )  # fmt: skip


def parse_params(query: Query, pairs: Iterable[str]) -> dict[str, Any]:
    """`name=value` pairs of the command line: by the header's types, where there is no type by what they look like."""
    types = {param.name: param.type for param in query.params}
    given: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError("a parameter without a value", "-p", pair, "name=value", "write -p name=value")
        given[name.strip()] = guess(value) if types.get(name.strip()) == "any" else value
    return bind(query, given)


def bind(query: Query, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a query runs with: what was given, in the header's types, and the defaults.

    Raises: InputError for one that is missing, unknown, or not of its type.
    """
    names = [param.name for param in query.params]
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, n=1, cutoff=0.0)
            hint = f"did you mean {near[0]!r}?" if near else "this query takes none"
            raise InputError("an unknown parameter", query.name, name, ", ".join(names) or "none", hint)
    bound = {}
    for param in query.params:
        where = f"{query.name}, parameter {param.name}"
        if param.name in given:
            bound[param.name] = convert(given[param.name], param.type, where)
        elif param.default is None:
            raise InputError(
                "a parameter is missing", where, expected=param.description or param.type, fix="give it a value"
            )
        else:
            bound[param.name] = convert(
                guess(param.default) if param.type == "any" else param.default, param.type, where
            )
    return bound


def run_query(store: Store, query: Query, params: Mapping[str, Any], timeout_s: float | None = None) -> pl.DataFrame:
    """Ask a store: parameters bound, writes and file access refused, and the store that the query needs checked."""
    return table(run_lists(store, query, params, timeout_s))


def run_lists(
    store: Store,
    query: Query,
    params: Mapping[str, Any],
    timeout_s: float | None = None,
    catalog: Catalog | None = None,
) -> dict[str, list[Any]]:
    """The same as plain values (`Store.lists`). catalog: as in `understood`."""
    if query.store not in ("any", store.name):
        raise InputError(
            "a query for another store", query.name, store.name, query.store, f"load the study into {query.store}"
        )
    bound = bind(query, params)
    return store.lists(understood(store, query.text, bound, catalog).text, bound, timeout_s)


@dataclass(frozen=True)
class Understood:
    """A text as its store is to be asked, and the types of what it returns, by column, as far as they are known."""

    text: str
    columns: Mapping[str, Type]


def understood(store: Store, text: str, params: Mapping[str, Any], catalog: Catalog | None = None) -> Understood:
    """Cypher that means the same on every store: checked against the graph's schema, and translated where one differs.

    Args:
        text: the user's. params: what it will run with, in their types.
        catalog: the store's, where several queries are asked of it while nobody writes.
    Raises: InputError for what is not read-only, what the schema does not hold, and what Cypher cannot compare.
    """
    check_read_only(text)
    try:
        tree = parse_cypher(text)
    except NotUnderstood:
        if store.name == "neo4j":  # a later Cypher than the parser's, or a mistake: the server says which
            return Understood(text, {})
        raise
    bare, embedded = without_comments(text), store.name == "embedded"
    if embedded and (safe := kglite_dialect.quoted(bare)) != bare:
        bare, tree = safe, parse_cypher(safe)
    checked: Checked = check(bare, tree, params, catalog or Catalog(store))
    told = kglite_dialect.translate(bare, tree, checked) if embedded else neo4j_dialect.translate(bare, tree)
    return Understood(told, checked.columns)
