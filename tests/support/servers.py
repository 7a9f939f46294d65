"""Real Neo4j servers for tests, by the very code of `clinome neo4j start`: one of each version a pytest worker.

A worker has its own, because Community has one database a server: two workers on one would wipe each other's. A module
that takes `server` begins with an empty database. A server that cannot start is a failure, never a skip.

    def test_something(server: Server) -> None:      # runs once a version
        ... server.uri, server.user, server.password
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import neo4j
import pytest

from clinome.graphs.neo4j_server import process as neo4j_server
from clinome.graphs.neo4j_server.home import USER, Home
from clinome.graphs.neo4j_server.jars import RELEASES

VERSIONS = tuple(RELEASES)

_WATCH = """
import json, sys, time
import psutil
test = psutil.Process(int(sys.argv[1]))
while test.is_running() and test.status() != psutil.STATUS_ZOMBIE:
    time.sleep(1)
with open(sys.argv[2]) as record:
    psutil.Process(json.load(record)["pid"] or -1).kill()
"""  # by its record: a test may stop it and start it again


@dataclass(frozen=True)
class Server:
    """A running server, and how to reach it. folder: the working folder that holds its home."""

    folder: Path
    version: str
    uri: str
    user: str
    password: str


def start_server(folder: Path, version: str, port: int | None = None) -> Server:
    """Start a small server in this folder, or find that it runs. It ends with this process, whatever happens."""
    os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")  # half the work of a start
    home = Home.of(folder)
    running = neo4j_server.start(home, version, port or _free_port(), heap="512m", pagecache="64m")
    if running.began:
        subprocess.Popen(
            [sys.executable, "-c", _WATCH, str(os.getpid()), str(home.path / "server.json")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    return Server(folder, version, running.uri, USER, home.password())


def _free_port() -> int:
    """Not 7687, which another worker's server may be about to take."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_again(server: Server) -> None:
    """Start a server that was killed, at its own address."""
    start_server(server.folder, server.version, int(server.uri.rsplit(":", 1)[1]))


def kill_server(folder: Path) -> None:
    """End it at once, as a power cut would."""
    if process := neo4j_server.running(Home.of(folder)):
        process.kill()
        process.wait(10)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """A server of the version asked for, started once a worker; holds what earlier modules left there."""
    begun: dict[str, Server] = {}

    def of(version: str) -> Server:
        if version not in begun:
            folder = tmp_path_factory.mktemp(f"neo4j-{version}", numbered=False)
            begun[version] = start_server(folder, version)
        return begun[version]

    yield of
    for server in begun.values():
        kill_server(server.folder)  # a graceful end takes ten seconds, and nobody needs what it would save
        shutil.rmtree(server.folder)


@pytest.fixture(scope="session", params=VERSIONS)
def running_server(request: pytest.FixtureRequest, servers: Callable[[str], Server]) -> Server:
    """A server of each version; holds what earlier modules left there: take `server`."""
    return servers(request.param)


_UNTIE = "MATCH ()-[r]->() CALL (r) { DELETE r } IN TRANSACTIONS OF 20000 ROWS"  # a hub has more than fit into memory
_CLEAR = "MATCH (n) WHERE NOT n:Clinome CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS"
_WIPE = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS"


@contextmanager
def session(server: Server) -> Iterator[neo4j.Session]:
    """A session of the driver's own, to look at a server past Clinome."""
    with (
        neo4j.GraphDatabase.driver(server.uri, auth=(server.user, server.password)) as driver,
        driver.session() as opened,
    ):
        yield opened


def clear(server: Server) -> None:
    """Take all data out of a server; the constraints that Clinome made stay."""
    with session(server) as opened:
        opened.run(_UNTIE).consume()
        opened.run(_CLEAR).consume()
        opened.run("MATCH (c:Clinome) REMOVE c.saved").consume()


def wipe(server: Server) -> None:
    """Take all nodes, constraints and indexes out of a server."""
    with session(server) as opened:
        opened.run(_UNTIE).consume()
        opened.run(_WIPE).consume()
        for kind, kinds in (("CONSTRAINT", "CONSTRAINTS"), ("INDEX", "INDEXES")):
            for row in opened.run(f"SHOW {kinds} YIELD name, type WHERE type <> 'LOOKUP' RETURN name").data():
                opened.run(f"DROP {kind} `{row['name']}`").consume()


@pytest.fixture(scope="module")
def server(running_server: Server) -> Server:
    """A running server, empty when the module begins."""
    wipe(running_server)
    return running_server
