"""Errors of a Neo4j server in plain words, and its address: no value, no id, no password in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ...loaders.errors import ClinomeError, EngineError, InputError

SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")


class ServerAway(EngineError):
    """No server answers, or it went away in the middle."""


class TooLong(EngineError):
    """A transaction was ended because its time was over."""


class OutOfMemory(EngineError):
    """A transaction needs more memory than the server has for one."""


@dataclass(frozen=True)
class Address:
    """A server's URI without user and password, and the database (None: the server's own choice).

    Example:
        >>> Address.parse("neo4j://graph.example:7687?database=lung")
        Address(uri='neo4j://graph.example:7687', database='lung')
    """

    uri: str
    database: str | None = None

    @classmethod
    def parse(cls, store: str) -> Address:
        """The address in a study's `store`.

        Raises: InputError for another scheme, no host, or a password in it.
        """
        try:
            parts = urlsplit(store)
            host, named = parts.hostname, parts.username or parts.password
            parts.port  # noqa: B018  one that is no number raises
        except ValueError:
            host, named = None, None
        if not host or parts.scheme not in SCHEMES:
            expected = "neo4j://HOST:7687?database=NAME (bolt://, neo4j+s:// and bolt+s:// too)"
            raise InputError(
                "no address of a Neo4j server", "store", expected=expected, fix="correct `store` in the study file"
            )
        if named:
            fix = "put them into CLINOME_NEO4J_USER and CLINOME_NEO4J_PASSWORD"
            raise InputError("a user or a password in the address", "store", expected="an address alone", fix=fix)
        rest = parse_qsl(parts.query)
        database = dict(rest).get("database")
        query = urlencode([(name, value) for name, value in rest if name != "database"])
        return cls(urlunsplit((parts.scheme, parts.netloc, "", query, "")), database)

    def __str__(self) -> str:
        return self.uri + (f" (database {self.database})" if self.database else "")


_SECURITY = "Neo.ClientError.Security."
_WRONG_QUERY = ("Neo.ClientError.Statement.", "Neo.ClientError.Procedure.", "Neo.ClientError.LinkedDatabase.")
_OUT_OF_MEMORY = ("OutOfMemory", "MemoryPool", "StackOverFlow")
_QUOTED = re.compile(r"'[^'\n]*'|`[^`\n]*`|\"[^\"\n]*\"")
_PLACE = re.compile(r"\(line (\d+), column (\d+)")
_MISSING = re.compile(r"Expected parameter\(s\): ([\w, ]+)")
_WORD = re.compile(
    r"(?:[^\w\s]{1,3}|MATCH|OPTIONAL|WHERE|WITH|UNWIND|RETURN|ORDER|BY|SKIP|LIMIT|UNION|CALL|AS|AND|OR|IN|ON)$"
)


def told(address: Address, code: str, message: str, away: bool, timeout_s: float) -> ClinomeError:
    """The error that a person reads, from the code and the message of the server's.

    Args:
        code: e.g. Neo.ClientError.Statement.SyntaxError; empty where the driver failed by itself.
        message: the server's words, which may quote the query and its values: only parts known to be safe are kept.
        away: the connection could not be made, or broke.
        timeout_s: what the transaction was given.
    """
    kind = code.rsplit(".", 1)[-1]
    if away or kind in ("DatabaseUnavailable", "ServiceUnavailable"):
        return ServerAway(
            f"{address}: the Neo4j server does not answer, or went away. Start it (clinome neo4j start) or check the "
            "address; then the same command goes on from here."
        )
    if "TimedOut" in kind or kind == "LockClientStopped":
        return TooLong(f"{address}: the query took longer than {timeout_s:g} s and was stopped.")
    if kind == "AccessMode":
        return InputError("it may only read", "query", fix="load and remove with clinome's own commands")
    if code.startswith(_SECURITY):
        return _refused(address, kind)
    if kind == "DatabaseNotFound":
        return EngineError(
            f"{address}: this server has no such database.", "leave ?database= out; a Community server has one: neo4j"
        )
    if kind == "ConstraintValidationFailed":
        return EngineError(
            f"{address}: this batch, or a node in it, is there already; nothing was written.",
            "give the same command again",
        )
    if kind == "ParameterMissing":
        names = _MISSING.search(message)
        return InputError(
            "a parameter is missing",
            "query",
            expected=names.group(1) if names else None,
            fix="-p name=value, or [cohort] params",
        )
    if any(sign in kind for sign in _OUT_OF_MEMORY):
        fix = "Ask for less at once, or give the server more memory (server.memory.heap.max_size)."
        return OutOfMemory(f"{address}: the server ran out of memory in this transaction. {fix}")
    if code.startswith(_WRONG_QUERY):
        return InputError("the query cannot be run", "query", fix=_safe(message) if kind == "SyntaxError" else kind)
    if "too large to index" in message:
        return EngineError(
            f"{address}: an id or an indexed value is longer than 8 KB; nothing was written.",
            "leave the column out of `keep`, or shorten the ids",
        )
    if not code:
        return EngineError(
            f"{address}: the address cannot be used, or no Neo4j server answers there.",
            "check the address and that the server runs: clinome neo4j status",
        )
    return EngineError(f"{address}: the server refused ({code}).", "look into the server's log for this code")


def _refused(address: Address, kind: str) -> EngineError:
    if kind == "AuthenticationRateLimit":
        return EngineError(
            f"{address}: too many wrong passwords; the server takes none for some seconds.",
            "wait, then set the right password",
        )
    if kind == "Forbidden":
        return EngineError(
            f"{address}: this user may not do that on the server.",
            "ask who runs it for the right to write and to make constraints",
        )
    return EngineError(
        f"{address}: the server refused the user or the password. "
        "Fix: set CLINOME_NEO4J_USER and CLINOME_NEO4J_PASSWORD to those of this server."
    )


def _safe(message: str) -> str:
    """The first line of a syntax error with all that it quotes left out, but Cypher's own words and signs.

    Example:
        >>> _safe("Variable `P001` not defined (line 1, column 23 (offset: 22))")
        'Variable … not defined (line 1, column 23)'
    """
    line = message.splitlines()[0] if message else ""
    if not (place := _PLACE.search(line)):
        return "its text or a value in it"
    words = line[: place.start()].strip()
    words = _QUOTED.sub(lambda found: found.group() if _WORD.match(found.group()[1:-1]) else "…", words)
    return f"{words} (line {place.group(1)}, column {place.group(2)})"
