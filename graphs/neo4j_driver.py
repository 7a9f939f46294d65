"""One connection to a Neo4j server: sessions, transactions, retries, and its failures in plain words.

The only module that imports the driver. What a server says may quote ids and values, and a chained exception shows it
again in a trace: so its errors are told anew (graphs/neo4j_errors.py), and never chained.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, LiteralString, Self, TypeVar

import neo4j
import neo4j.graph
import neo4j.time
from neo4j.exceptions import DriverError, Neo4jError

from ..loaders.errors import ClinomeError
from .neo4j_errors import Address, told

ATTEMPTS = 6  # of one transaction: after 0.1, 0.2 … 1.6 s, a little more or less
TIMEOUT_S = 600.0
PATIENCE_S = 10.0
"""How long to wait for a server to take a connection."""

_AWAY = (neo4j.exceptions.ServiceUnavailable, neo4j.exceptions.SessionExpired, neo4j.exceptions.ConnectionPoolError)
_DEBUG = "neo4j"  # the driver's log: at DEBUG it holds every parameter of every query

T = TypeVar("T")


class Work:
    """One open transaction: run statements in it. A job that raises leaves nothing behind."""

    def __init__(self, transaction: neo4j.ManagedTransaction) -> None:
        self._transaction = transaction

    def run(self, text: LiteralString, params: Mapping[str, Any]) -> tuple[dict[str, list[Any]], dict[str, int]]:
        """Columns by name, and what the statement changed (nodes_deleted, relationships_created, …; 0 is left out)."""
        result = self._transaction.run(text, dict(params))
        names, rows = result.keys(), [record.values() for record in result]
        counters = vars(result.consume().counters)
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        found = {name: [_native(v) for v in column] for name, column in zip(names, columns, strict=True)}
        return found, {name: n for name, n in counters.items() if n and isinstance(n, int)}


class Connection:
    """A server and one of its databases, for one user. Threads may share it.

    Args:
        address: where; `neo4j+s://` and `bolt+s://` speak TLS.
        user, password: both empty where the server asks for none.
    Raises: EngineError if the address cannot be used. Nothing is sent before the first transaction.
    Example:
        with Connection(Address.parse("bolt://127.0.0.1:7687"), "neo4j", password) as connection:
            connection.read("MATCH (p:Patient) RETURN count(p) AS n", {})["n"]
    """

    def __init__(self, address: Address, user: str, password: str) -> None:
        log = logging.getLogger(_DEBUG)
        if log.level == logging.NOTSET:  # a program that logs everything shall not log patients
            log.setLevel(logging.CRITICAL)  # its errors are told anew
        self.address = address
        self.retried = 0
        self._count = threading.Lock()
        self._driver = self._told(
            lambda: neo4j.GraphDatabase.driver(
                address.uri,
                auth=(user, password) if user or password else None,
                connection_timeout=PATIENCE_S,
                connection_acquisition_timeout=3 * PATIENCE_S,
                max_transaction_retry_time=-1,  # retried here, where it is bounded and counted
                notifications_min_severity="OFF",  # they quote the query
                warn_notification_severity="OFF",
                telemetry_disabled=True,
                user_agent="clinome",
            )
        )

    def version(self) -> str:
        """The server's version, e.g. 5.26.30; asked once, without a second attempt."""

        def ask() -> str:
            with self._session(neo4j.READ_ACCESS) as session:
                session.run("RETURN 1 AS one").consume()
            return self._driver.get_server_info().agent

        return self._told(ask).partition("/")[2]

    def read(
        self, text: LiteralString, params: Mapping[str, Any], timeout_s: float = TIMEOUT_S
    ) -> dict[str, list[Any]]:
        """Columns by name. The server refuses a write in here, and ends what takes longer.

        Raises: InputError for a query that is wrong, EngineError for all else.
        """
        return self._again(neo4j.READ_ACCESS, lambda work: work.run(text, params)[0], timeout_s)

    def write(self, job: Callable[[Work], T], timeout_s: float = TIMEOUT_S) -> T:
        """Run a job in one transaction and commit it; all of it, or nothing. It may be run several times."""
        return self._again(neo4j.WRITE_ACCESS, job, timeout_s)

    def close(self) -> None:
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _session(self, access: str) -> neo4j.Session:
        return self._driver.session(database=self.address.database, default_access_mode=access)

    def _again(self, access: str, job: Callable[[Work], T], timeout_s: float) -> T:
        """A job in a managed transaction, again after what passes by itself: deadlocks, a server that starts anew."""
        unit = neo4j.unit_of_work(timeout=timeout_s)(lambda transaction: job(Work(transaction)))

        def once() -> T:
            with self._session(access) as session:
                run = session.execute_read if access == neo4j.READ_ACCESS else session.execute_write
                return run(unit)

        for attempt in range(ATTEMPTS - 1):
            try:
                return once()
            except (DriverError, Neo4jError) as error:
                if not error.is_retryable():
                    failed = self._plain(error, timeout_s)
                    break
            with self._count:
                self.retried += 1
            time.sleep(0.1 * 2**attempt * random.uniform(0.8, 1.2))
        else:
            return self._told(once, timeout_s)
        raise failed

    def _told(self, act: Callable[[], T], timeout_s: float = TIMEOUT_S) -> T:
        """What `act` returns; its failure in plain words, unchained."""
        try:
            return act()
        except (DriverError, Neo4jError, OSError, ValueError) as error:
            failed = self._plain(error, timeout_s)
        raise failed

    def _plain(self, error: Exception, timeout_s: float) -> ClinomeError:
        code = error.code if isinstance(error, Neo4jError) else None
        message = error.message if isinstance(error, Neo4jError) else None
        return told(self.address, code or "", message or "", isinstance(error, _AWAY), timeout_s)


def ping(uri: str, user: str, password: str) -> str:
    """The version of the server that answers there and takes this user, e.g. 5.26.30.

    One attempt, which does not wait for a server that is not there.
    Raises: ServerAway if none answers yet; EngineError if it refuses the user or the address cannot be used.
    """
    with Connection(Address.parse(uri), user, password) as connection:
        return connection.version()


def _native(value: Any) -> Any:
    """What the driver gives, in Python's own types: naive or zoned datetimes, dates, timedeltas, maps."""
    match value:
        case None | str() | int() | float():
            return value
        case list():
            return [_native(item) for item in value]
        case dict():
            return {name: _native(item) for name, item in value.items()}
        case neo4j.time.DateTime() | neo4j.time.Date() | neo4j.time.Time():
            return value.to_native()
        case neo4j.graph.Entity():
            return {name: _native(item) for name, item in value.items()}
        case _:
            return value
