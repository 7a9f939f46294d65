"""A server's address and its failures: plain, and without a value, an id or a password."""

from __future__ import annotations

import pytest

from clinome.graphs.neo4j_store.driver import ping
from clinome.graphs.neo4j_store.errors import Address, OutOfMemory, ServerAway, TooLong, told
from clinome.loaders.errors import EngineError, InputError

HERE = Address.parse("bolt://127.0.0.1:7687")


@pytest.mark.parametrize(
    ("store", "uri", "database"),
    [
        ("bolt://127.0.0.1:7687", "bolt://127.0.0.1:7687", None),
        ("neo4j+s://a.example?database=lung", "neo4j+s://a.example", "lung"),
        ("neo4j://a.example:7688/?policy=eu&database=b", "neo4j://a.example:7688?policy=eu", "b"),
    ],
)
def test_an_address_and_its_database(store: str, uri: str, database: str | None) -> None:
    assert Address.parse(store) == Address(uri, database)


@pytest.mark.parametrize("store", ["", "bolt://", "http://a", "bolt://a:b", "bolt://u:secret@a", "neo4j://secret@a"])
def test_no_address_and_no_password_in_one(store: str) -> None:
    with pytest.raises(InputError) as refused:
        Address.parse(store)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "message", "kind", "words"),
    [
        ("Neo.ClientError.Statement.SyntaxError", 'Variable `PLANTED` not defined (line 1, column 9 (offset: 8))\n"PLANTED"', InputError, "line 1, column 9"),
        ("Neo.ClientError.Statement.SyntaxError", "Invalid input 'RETURN': expected 'WHERE' or 'PLANTED' (line 2, column 1 (offset: 0))", InputError, "'RETURN'"),
        ("Neo.ClientError.Statement.SyntaxError", 'Text cannot be parsed to a Date\n"PLANTED"', InputError, "a value"),
        ("Neo.ClientError.Statement.TypeError", "Cannot add PLANTED", InputError, "TypeError"),
        ("Neo.ClientError.Statement.AccessMode", "PLANTED", InputError, "only read"),
        ("Neo.ClientError.Statement.ParameterMissing", "Expected parameter(s): code", InputError, "expected code"),
        ("Neo.ClientError.Transaction.TransactionTimedOut", "PLANTED", TooLong, "longer than 3 s"),
        ("Neo.ClientError.Schema.ConstraintValidationFailed", "Node(1) has id = 'PLANTED'", EngineError, "already"),
        ("Neo.ClientError.Security.Unauthorized", "PLANTED", EngineError, "CLINOME_NEO4J_PASSWORD"),
        ("Neo.ClientError.Security.AuthenticationRateLimit", "PLANTED", EngineError, "wait"),
        ("Neo.ClientError.Database.DatabaseNotFound", "PLANTED", EngineError, "no such database"),
        ("Neo.TransientError.General.MemoryPoolOutOfMemoryError", "PLANTED", OutOfMemory, "memory"),
        ("Neo.TransientError.Database.DatabaseUnavailable", "PLANTED", ServerAway, "does not answer"),
        ("Neo.DatabaseError.Statement.ExecutionFailed", "PLANTED is too large to index", EngineError, "8 KB"),
        ("Neo.DatabaseError.General.UnknownError", "PLANTED", EngineError, "UnknownError"),
        ("", "PLANTED", EngineError, "address"),
    ],
)  # fmt: skip
def test_what_a_server_said_is_told_without_its_values(
    code: str, message: str, kind: type[Exception], words: str
) -> None:
    error = told(HERE, code, message, away=False, timeout_s=3)
    assert isinstance(error, kind)
    assert words in str(error)
    assert "PLANTED" not in str(error)


def test_nobody_answers() -> None:
    with pytest.raises(ServerAway, match=r"bolt://127\.0\.0\.1:1: .*does not answer") as away:
        ping("bolt://127.0.0.1:1", "neo4j", "secret-password")
    assert away.value.exit_code == 3
    assert away.value.__context__ is None
    assert "secret" not in str(away.value)
