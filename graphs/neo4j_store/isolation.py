"""Isolation: readers see a batch whole or not at all, which Neo4j does not promise while others commit.

A writer says in the database that it is at work. A reader that finds none, before and after its query, has read
something whole. One that finds a writer passes the gate: it locks one of a few nodes for as long as it reads, and a
batch locks all of them for its commit. So a commit waits for the queries under way, and the next queries for it.
A query that takes longer than a minute passes without a gate, as does one of a user who may not write at all.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import LiteralString, TypeVar

from ...loaders.errors import EngineError
from .driver import Connection, Work
from .errors import ServerAway

OPEN_S = 60.0  # how long a reader may keep a batch from its commit
PLACES = 16  # two readers that draw the same place wait for each other

_MAKE = "UNWIND range(1, $places) AS i MERGE (:Clinome {id: 'gate ' + toString(i)})"
_PASS = "MATCH (c:Clinome {id: 'gate ' + toString($place)}) SET c.passed = true"  # never committed
SHUT: LiteralString = "UNWIND range(1, $places) AS i MATCH (c:Clinome {id: 'gate ' + toString(i)}) SET c.passed = false"
_BEGIN = "MATCH (c:Clinome {id: 'schema'}) SET c.writing = true, c.writers = coalesce(c.writers, 0) + 1"
_END = "MATCH (c:Clinome {id: 'schema'}) SET c.writing = false"
_STATE = "MATCH (c:Clinome {id: 'schema'}) RETURN coalesce(c.writing, false) AS writing, c.writers AS writers"

T = TypeVar("T")


def begin(connection: Connection) -> None:
    """A writer is at work from here on; one that was killed has not said that it has ended."""

    def job(work: Work) -> None:
        work.run(_MAKE, {"places": PLACES})
        work.run(_BEGIN, {})

    connection.write(job)


def end(connection: Connection) -> None:
    """The writer is done; if the server is gone, readers go through the gate until the next one is."""
    with contextlib.suppress(EngineError):
        connection.write(lambda work: work.run(_END, {}))


def shut(work: Work) -> None:
    """The last statement of a batch: wait for the queries under way, and let none begin until it is committed."""
    work.run(SHUT, {"places": PLACES})


def whole(connection: Connection, ask: Callable[[], T]) -> T:
    """What `ask` returns, having seen each batch whole or not at all."""
    before = connection.read(_STATE, {})
    if before["writing"] != [True]:
        found = ask()
        if connection.read(_STATE, {}) == before:
            return found
    try:
        held = connection.hold(_PASS, {"place": random.randint(1, PLACES)}, OPEN_S)
    except ServerAway:
        raise
    except EngineError:
        return ask()
    try:
        return ask()
    finally:
        held.close()
