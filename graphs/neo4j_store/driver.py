"""Driver: one connection to a Neo4j server: sessions, transactions, retries, and its failures in plain words.

The only module that imports the driver. What a server says may quote ids and values, and a chained exception shows it
again in a trace: so its errors are told anew (graphs/neo4j_store/errors.py), and never chained.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, LiteralString, Self, TypeVar

import neo4j
import neo4j.graph
import neo4j.time
from neo4j.exceptions import ConnectionPoolError, DriverError, Neo4jError, ServiceUnavailable, SessionExpired

from ...loaders.errors import ClinomeError, EngineError, InputError
from .errors import Address, told

ATTEMPTS = 6  # of one transaction: after 0.1, 0.2 … 1.6 s, a little more or less
TIMEOUT_S = 600.0
PATIENCE_S = 10.0
"""How long to wait for a server to take a connection."""

_AWAY = (ServiceUnavailable, SessionExpired, ConnectionPoolError)
_UNSENDABLE = (OverflowError, TypeError, ValueError)  # a parameter that has no form on the wire, a URI that is none
_WRITES = {"clinome": "writes"}  # how a new writer knows what a killed one began
_LOG = "neo4j"  # the driver's: at DEBUG it holds every parameter of every query
NATIVE = {str, int, float, bool, type(None)}

T = TypeVar("T")


class Work:
    """One open transaction: run statements in it. A job that raises leaves nothing behind."""

    def __init__(self, transaction: neo4j.ManagedTransaction) -> None:
        self._transaction = transaction

    def run(self, text: LiteralString, params: Mapping[str, Any]) -> tuple[dict[str, list[Any]], dict[str, int]]:
        """Columns by name, and what the statement changed: nodes_deleted, relationships_created, …"""
        result = self._transaction.run(text, dict(params))
        names, rows = result.keys(), [record.values() for record in result]
        found = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
        columns = {name: natives(column) for name, column in zip(names, found, strict=True)}
        return columns, _changed(result)

    def rows(self, text: LiteralString, params: Mapping[str, Any]) -> Iterator[list[Any]]:
        """Rows as they come, in the driver's types: the server goes on while one is worked on."""
        for record in self._transaction.run(text, dict(params)):
            yield record.values()


class OpenTransaction:
    """A transaction that is kept open for what it locks. The server ends it when this process does."""

    def __init__(self, session: neo4j.Session, transaction: neo4j.Transaction) -> None:
        self._session, self._transaction = session, transaction

    def close(self) -> None:
        """Take it back; if the server is gone, it has done so."""
        with contextlib.suppress(DriverError, Neo4jError):
            self._transaction.close()
            self._session.close()


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
        log = logging.getLogger(_LOG)
        if log.level == logging.NOTSET:  # a program that logs everything shall not log patients
            log.setLevel(logging.CRITICAL)  # its errors are told anew
        self.address = address
        self.retried = 0
        self._count = threading.Lock()
        self._bookmarks = neo4j.GraphDatabase.bookmark_manager()
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
            ),
            0,
        )

    def version(self) -> str:
        """The server's version, e.g. 5.26.30; asked once, without a second attempt."""

        def ask() -> str:
            with self._session(neo4j.READ_ACCESS) as session:
                session.run("RETURN 1 AS one").consume()
            return self._driver.get_server_info().agent

        return self._told(ask, 0).partition("/")[2]

    def read(
        self, text: LiteralString, params: Mapping[str, Any], timeout_s: float = TIMEOUT_S
    ) -> dict[str, list[Any]]:
        """Columns by name. The server refuses a write in here, and ends what takes longer.

        Raises: InputError for a query that is wrong, EngineError for all else.
        """
        return self.reading(lambda work: work.run(text, params)[0], timeout_s)

    def reading(self, job: Callable[[Work], T], timeout_s: float = TIMEOUT_S) -> T:
        """Several reads in one transaction."""

        def once() -> T:
            unit = neo4j.unit_of_work(timeout=timeout_s)(lambda transaction: job(Work(transaction)))
            with self._session(neo4j.READ_ACCESS) as session:
                return session.execute_read(unit)

        return self._again(once, timeout_s)

    def write(self, job: Callable[[Work], T], timeout_s: float = TIMEOUT_S) -> T:
        """Run a job in one transaction and commit it; all of it, or nothing. It may be run several times.

        Raises: EngineError.
        """

        def once() -> T:
            unit = neo4j.unit_of_work(_WRITES, timeout_s)(lambda transaction: job(Work(transaction)))
            with self._session(neo4j.WRITE_ACCESS) as session:
                return session.execute_write(unit)

        return self._writing(once, timeout_s)

    def alone(self, text: LiteralString, params: Mapping[str, Any]) -> dict[str, int]:
        """Run one statement outside of a transaction: CALL … IN TRANSACTIONS, and what changes the schema.

        It may be run several times. Returns: what it changed, as Work.run does.
        Raises: EngineError.
        """

        def once() -> dict[str, int]:
            with self._session(neo4j.WRITE_ACCESS) as session:
                return _changed(session.run(neo4j.Query(text, _WRITES), dict(params)))

        return self._writing(once, TIMEOUT_S)

    def probe(self, text: LiteralString, timeout_s: float) -> None:
        """Whether a statement could be run now; it is taken back at once.

        Raises: TooLong if what it locks stays locked.
        """

        def once() -> None:
            with (
                self._session(neo4j.WRITE_ACCESS) as session,
                session.begin_transaction(timeout=timeout_s) as transaction,
            ):
                transaction.run(text).consume()
                transaction.rollback()

        self._writing(once, timeout_s)

    def hold(self, text: LiteralString, params: Mapping[str, Any], timeout_s: float | None = None) -> OpenTransaction:
        """Run a statement and keep its transaction, with all that it locks, until the end; then take it back.

        Args:
            timeout_s: how long to wait and to keep it; None: for ever.
        """
        session = self._session(neo4j.WRITE_ACCESS)

        def once() -> OpenTransaction:
            transaction = session.begin_transaction(timeout=timeout_s)
            transaction.run(text, dict(params)).consume()
            return OpenTransaction(session, transaction)

        return self._told(once, timeout_s or 0)

    def close(self) -> None:
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _session(self, access: str) -> neo4j.Session:
        """Every session sees what any of them wrote before, on whichever member of a cluster it is."""
        return self._driver.session(
            database=self.address.database, default_access_mode=access, bookmark_manager=self._bookmarks
        )

    def _writing(self, once: Callable[[], T], timeout_s: float) -> T:
        """A write that is refused is no mistake in a query of the user's."""
        try:
            return self._again(once, timeout_s)
        except InputError as error:
            why = error.fix
        raise EngineError(
            f"{self.address}: the graph refused a write ({why}); nothing of it is there.", "give the same command again"
        )

    def _again(self, once: Callable[[], T], timeout_s: float) -> T:
        """Again, after what passes by itself: deadlocks, a server that starts anew."""
        for attempt in range(ATTEMPTS - 1):
            try:
                return once()
            except (DriverError, Neo4jError) as error:
                if not error.is_retryable():
                    failed = self._plain(error, timeout_s)
                    break
            except _UNSENDABLE as error:
                failed = self._plain(error, timeout_s)
                break
            with self._count:
                self.retried += 1
            time.sleep(0.1 * 2**attempt * random.uniform(0.8, 1.2))
        else:
            return self._told(once, timeout_s)
        raise failed

    def _told(self, act: Callable[[], T], timeout_s: float) -> T:
        """What `act` returns; its failure in plain words, unchained."""
        try:
            return act()
        except (DriverError, Neo4jError, *_UNSENDABLE) as error:
            failed = self._plain(error, timeout_s)
        raise failed

    def _plain(self, error: Exception, timeout_s: float) -> ClinomeError:
        if isinstance(error, Neo4jError):
            return told(self.address, error.code or "", error.message or "", False, timeout_s)
        code = "Neo.ClientError.Statement.UnsuitableValue" if isinstance(error, _UNSENDABLE) else ""
        return told(self.address, code, "", isinstance(error, _AWAY), timeout_s)


def ping(uri: str, user: str, password: str) -> str:
    """The version of the server that answers there and takes this user, e.g. 5.26.30.

    One attempt, which does not wait for a server that is not there.
    Raises: ServerAway if none answers yet; EngineError if it refuses the user or the address cannot be used.
    """
    with Connection(Address.parse(uri), user, password) as connection:
        return connection.version()


def _changed(result: neo4j.Result) -> dict[str, int]:
    counters = vars(result.consume().counters)
    return {name: n for name, n in counters.items() if isinstance(n, int) and not isinstance(n, bool)}


def natives(values: list[Any]) -> list[Any]:
    """What the driver gives, in Python's own types: datetimes, dates, text for durations, maps for nodes and paths."""
    return values if set(map(type, values)) <= NATIVE else [_native(value) for value in values]


def _native(value: Any) -> Any:
    match value:
        case list():
            return natives(value)
        case neo4j.graph.Path():
            return {"nodes": natives(list(value.nodes)), "relationships": natives(list(value.relationships))}
        case neo4j.graph.Entity():
            return {name: _native(item) for name, item in sorted(value.items())}
        case dict():
            return {name: _native(item) for name, item in value.items()}
        case neo4j.time.DateTime() | neo4j.time.Date() | neo4j.time.Time():
            try:
                return value.to_native()
            except ValueError:  # beyond the years that Python has
                return value.iso_format()
        case neo4j.time.Duration():
            return value.iso_format()
        case _:
            return value
