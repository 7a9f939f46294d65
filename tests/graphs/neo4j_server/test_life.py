"""A server's life on a home of its own: first start, a power cut, dump, restore, broken files. Both versions."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import psutil
import pytest
from command import Clinome
from servers import VERSIONS, Server, kill_server, start_server

from clinome.graphs.neo4j_server import process as neo4j_server
from clinome.graphs.neo4j_server.home import Home
from clinome.graphs.neo4j_store.store import Neo4jStore
from clinome.graphs.store.fingerprint import fingerprint
from clinome.graphs.store.protocol import Edges, Nodes

pytestmark = pytest.mark.slow


@pytest.fixture
def clinome(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Two working folders; what runs in them ends with the test."""
    both = tmp_path / "first", tmp_path / "second"
    for folder in both:
        folder.mkdir()
    yield both
    for folder in both:
        kill_server(folder)


def open_store(server: Server, write: bool = False) -> Neo4jStore:
    return Neo4jStore(server.uri, server.user, server.password, write=write)


def fill(server: Server) -> None:
    with open_store(server, write=True) as store:
        store.prepare()
        store.write_nodes("n1", "load", Nodes("Patient", pl.DataFrame({"id": ["a", "b"], "name": ["ü", "it's"]})))
        store.write_nodes("n2", "load", Nodes("Gene", pl.DataFrame({"id": ["g"], "symbol": ["TP53"]})))
        edges = pl.DataFrame({"start": ["a", "b"], "end": ["g", "g"], "value": [1.5, -2.0]})
        store.write_edges("e1", "load", Edges("EXPRESSES", "Patient", "Gene", edges))
        store.save()


def printed(server: Server) -> str:
    with open_store(server) as store:
        return fingerprint(store)


def dump(clinome: Clinome, file: Path, folder: Path) -> None:
    ended = clinome("neo4j", "dump", file, "--in", folder)
    assert ended.code == 0, ended.err
    assert f"{file.stat().st_size:,} bytes" in ended.out


def restore(clinome: Clinome, file: Path, folder: Path, *options: str) -> None:
    ended = clinome("neo4j", "restore", file, "--in", folder, *options)
    assert ended.code == 0, ended.err


@contextmanager
def watched() -> Iterator[set[str]]:
    """The command lines of all processes that run meanwhile."""
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            seen.update(" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"]))

    thread = threading.Thread(target=look)
    thread.start()
    yield seen
    done.set()
    thread.join()


@pytest.mark.parametrize(("version", "newer"), [(VERSIONS[0], VERSIONS[-1]), (VERSIONS[-1], VERSIONS[-1])])
def test_from_the_first_start_to_broken_files(
    version: str, newer: str, clinome: Clinome, folders: tuple[Path, Path]
) -> None:
    first, second = folders
    with watched() as command_lines:
        server = start_server(first, version)
    assert [line for line in command_lines if "AdminTool" in line and str(first) in line]
    assert not [line for line in command_lines if server.password in line]
    fill(server)
    before = printed(server)

    kill_server(first)  # a power cut
    assert clinome("neo4j", "status", "--in", first).out.startswith("Neo4j: stopped")
    file = first / "backup.dump"
    dump(clinome, file, first)  # it recovers first
    assert file.stat().st_mode & 0o077 == 0
    assert sorted(f.name for f in first.iterdir()) == [".clinome", "backup.dump"]
    assert neo4j_server.running(Home.of(first)) is None
    again = clinome("neo4j", "dump", file, "--in", first)
    assert (again.code, "there is such a file already" in again.err) == (1, True)

    nonsense = first / "nonsense.dump"
    nonsense.write_bytes(b"no dump" * 1000)
    bad = clinome("neo4j", "restore", nonsense, "--in", second, "--version", newer)
    assert (bad.code, "not a dump of Neo4j" in bad.err) == (1, True)
    restore(clinome, file, second)
    restored = start_server(second, newer)
    assert printed(restored) == before
    assert restored.password != server.password

    full = clinome("neo4j", "restore", file, "--in", second)
    assert (full.code, "it holds data already" in full.err) == (1, True)
    restore(clinome, file, second, "--replace")
    assert printed(restored) == before  # it runs again, where it ran
    assert clinome("neo4j", "stop", "--in", second).out == "Neo4j: stopped\n"
    assert neo4j_server.running(Home.of(second)) is None

    broken = Home.of(second).database("neo4j") / "neostore"
    broken.write_bytes(os.urandom(broken.stat().st_size))
    ended = clinome("neo4j", "start", "--in", second)
    assert ended.code == 3
    assert "its files are broken" in ended.err
    assert neo4j_server.running(Home.of(second)) is None


def test_two_that_start_at_once_start_one(folders: tuple[Path, Path]) -> None:
    began: list[bool] = []

    def start() -> None:
        began.append(neo4j_server.start(Home.of(folders[0]), heap="512m", pagecache="64m").began)

    both = [threading.Thread(target=start) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(began) == [False, True]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--heap", "9000g"), "not enough memory"),
        (("--heap", "20m"), "its heap is too small"),
        (("--heap", "much"), "a setting is wrong"),
    ],
)
def test_a_start_that_fails_says_why(
    options: tuple[str, ...], reason: str, clinome: Clinome, folders: tuple[Path, Path]
) -> None:
    ended = clinome("neo4j", "start", "--in", folders[0], *options)
    assert ended.code == 3
    assert reason in ended.err
    assert "console.log" in ended.err
    assert clinome("neo4j", "status", "--in", folders[0]).out.startswith("Neo4j: stopped")
    record = Home.of(folders[0]).read()
    assert record is not None and record.heap != options[1]  # what failed is not kept


def test_a_port_that_is_taken_is_told(clinome: Clinome, folders: tuple[Path, Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = clinome("neo4j", "start", "--in", folders[0], "--port", str(port))
    assert ended.code == 3
    assert f"port {port} of this machine is taken" in ended.err
