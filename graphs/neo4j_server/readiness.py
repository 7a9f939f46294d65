"""Readiness of a server that was started: it listens itself, takes its user, and its database is up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...loaders.errors import EngineError
from ..neo4j_store.errors import Address, ServerAway
from .home import USER, Home

if TYPE_CHECKING:
    import psutil

_STATE = "SHOW DATABASE neo4j YIELD currentStatus, statusMessage"


def listens(process: psutil.Process, port: int) -> bool:
    """Whether this very process listens there: another server may have been faster, and would refuse the password."""
    import psutil

    try:
        connections = process.net_connections("tcp")
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections)


def answers(uri: str, home: Home) -> bool:
    """Whether it answers a query of its user.

    Raises: EngineError if it refuses the home's password, or cannot open its database.
    """
    from ..neo4j_store.driver import ping

    try:
        ping(uri, USER, home.password())
    except ServerAway:
        if _cannot_open(uri, home.password()):
            raise EngineError(
                f"{uri}: the server cannot open its database; its files are broken. "
                f"Fix: restore a dump (clinome neo4j restore FILE --replace). Its log: {home.path / 'logs' / 'debug.log'}"
            ) from None
        return False
    except EngineError:
        raise EngineError(
            f"{uri}: the server refuses its password. Fix: if it was changed there, write the new one into "
            f"{home.password_file}."
        ) from None
    return True


def _cannot_open(uri: str, password: str) -> bool:
    """Whether the server is up and its database is not, and never will be."""
    from ..neo4j_store.driver import Connection

    try:
        with Connection(Address(uri, "system"), USER, password) as connection:
            state = connection.read(_STATE, {})
    except ServerAway:
        return False
    return state["currentStatus"] == ["offline"] and any(state["statusMessage"])
