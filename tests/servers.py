"""Real Neo4j servers for tests, by the very code of `clinome neo4j start`: one of each version a pytest worker.

A worker has its own, because Community has one database a server: two workers on one would wipe each other's. A module
that takes `server` begins with an empty database. A server that cannot start is a failure, never a skip.

    def test_something(server: Server) -> None:      # runs once a version
        ... server.uri, server.user, server.password
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import neo4j
import pytest

from clinome.graphs import neo4j_server
from clinome.graphs.neo4j_home import USER, Home
from clinome.graphs.neo4j_jars import RELEASES

VERSIONS = tuple(RELEASES)

_WATCH = """
import sys, time
import psutil
test, server = (psutil.Process(int(pid)) for pid in sys.argv[1:])
while test.is_running() and server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
    time.sleep(1)
server.kill()
"""


@dataclass(frozen=True)
class Server:
    """A running server, and how to reach it. folder: the working folder that holds its home."""

    folder: Path
    version: str
    uri: str
    user: str
    password: str


def start_server(folder: Path, version: str) -> Server:
    """Start a small server in this folder, or find that it runs. It ends with this process, whatever happens."""
    home = Home.of(folder)
    running = neo4j_server.start(home, version, heap="512m", pagecache="64m")
    if running.began:
        subprocess.Popen(
            [sys.executable, "-c", _WATCH, str(os.getpid()), str(running.pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    return Server(folder, version, running.uri, USER, home.password())


def kill_server(folder: Path) -> None:
    """End it at once, as a power cut would."""
    if process := neo4j_server.running(Home.of(folder)):
        process.kill()
        process.wait(10)


@pytest.fixture(scope="session", params=VERSIONS)
def running_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of each version, started once a worker; holds what earlier modules left there: take `server`."""
    folder = tmp_path_factory.mktemp(f"neo4j-{request.param}", numbered=False)
    yield start_server(folder, request.param)
    kill_server(folder)  # a graceful end takes ten seconds, and nobody needs what it would save
    shutil.rmtree(folder)


def wipe(server: Server) -> None:
    """Take all nodes, constraints and indexes out of a server."""
    with (
        neo4j.GraphDatabase.driver(server.uri, auth=(server.user, server.password)) as driver,
        driver.session() as session,
    ):
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()
        for kind, kinds in (("CONSTRAINT", "CONSTRAINTS"), ("INDEX", "INDEXES")):
            for row in session.run(f"SHOW {kinds} YIELD name, type WHERE type <> 'LOOKUP' RETURN name").data():
                session.run(f"DROP {kind} `{row['name']}`").consume()


@pytest.fixture(scope="module")
def server(running_server: Server) -> Server:
    """A running server, empty when the module begins."""
    wipe(running_server)
    return running_server
