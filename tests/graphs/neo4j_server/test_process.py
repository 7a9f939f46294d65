"""`clinome neo4j start | stop | status`: a real server of each version, and what holds while it runs."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import neo4j.exceptions
import psutil
import pytest
from command import Clinome
from servers import Server, session

from clinome.graphs.neo4j_server import process as neo4j_server
from clinome.graphs.neo4j_server.home import Home, Record, credentials
from clinome.graphs.neo4j_server.jars import RELEASES
from clinome.graphs.neo4j_store.driver import ping
from clinome.loaders.errors import ClinomeError, EngineError, InputError, UsageError


@pytest.fixture
def clinome(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Clinome:
    return Clinome(capsys, monkeypatch)


@pytest.fixture
def foreign() -> Iterator[psutil.Process]:
    """A process that is no server."""
    process = psutil.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()


def process_of(server: Server) -> psutil.Process:
    process = neo4j_server.running(Home.of(server.folder))
    assert process is not None
    return process


def test_it_is_the_version_asked_for_and_takes_its_user(server: Server) -> None:
    assert ping(server.uri, server.user, server.password) == RELEASES[server.version].version


def test_nobody_gets_in_without_the_password(server: Server) -> None:
    for user, password in (("", ""), ("neo4j", "neo4j"), ("neo4j", server.password[:-1])):
        with pytest.raises(EngineError, match="refused the user or the password"):
            ping(server.uri, user, password)


def test_a_second_start_says_that_it_runs(server: Server, clinome: Clinome) -> None:
    before = process_of(server).pid
    assert "it runs as it was started" in clinome("neo4j", "start", "--in", server.folder, "--heap", "1g").out
    ended = clinome("neo4j", "start", "--in", server.folder, "--json")
    assert ended.code == 0
    assert "as it was started" not in ended.out
    assert "runs already" in ended.out
    last = json.loads(ended.out.splitlines()[-1])
    assert {name: last[name] for name in ("uri", "user", "version")} == {
        "uri": server.uri, "user": "neo4j", "version": server.version,
    }  # fmt: skip
    assert Path(last["password_file"]).read_text(encoding="utf-8").strip() == server.password
    assert process_of(server).pid == before == last["pid"]


def test_its_status(server: Server, clinome: Clinome) -> None:
    ended = clinome("neo4j", "status", "--in", server.folder, "--json")
    assert ended.code == 0
    found = json.loads(ended.out.splitlines()[-1])
    assert (found["state"], found["running"], found["uri"]) == ("runs", True, server.uri)
    assert found["pid"] == process_of(server).pid
    assert Path(found["log"]).read_text(encoding="utf-8")
    assert server.password not in ended.out


def test_another_version_on_its_home_is_refused(server: Server, clinome: Clinome) -> None:
    other = next(line for line in RELEASES if line != server.version)
    ended = clinome("neo4j", "start", "--in", server.folder, "--version", other)
    assert ended.code == 1
    assert "this home is another version's" in ended.err
    assert "clinome neo4j dump FILE" in ended.err


def test_it_listens_on_the_loopback_and_nowhere_else(server: Server) -> None:
    process = process_of(server)
    listening = [c.laddr for c in process.net_connections("all") if c.status == psutil.CONN_LISTEN]
    assert {(at.ip.removeprefix("::ffff:"), at.port) for at in listening} == {
        ("127.0.0.1", int(server.uri.rpartition(":")[2]))
    }
    assert not process.net_connections("udp")


def test_only_its_owner_reads_the_home_and_the_password(server: Server) -> None:
    home = Home.of(server.folder)
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.password_file.stat().st_mode) == 0o600


def test_the_password_is_in_no_process_list_and_in_no_other_file(server: Server) -> None:
    process = process_of(server)
    home = Home.of(server.folder)
    seen = ["\n".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
    assert any(str(home.path) in line for line in seen)
    assert not [line for line in seen if server.password in line]
    assert server.password not in process.environ().values()
    secret = server.password.encode()
    assert [f.name for f in home.path.rglob("*") if f.is_file() and secret in f.read_bytes()] == ["password"]


def test_no_value_of_a_query_is_in_a_log(server: Server) -> None:
    marks = "PATIENT-4711", "PATIENT-4712", "PATIENT-4713"
    with session(server) as opened:
        opened.run("CREATE (:Marked {id: $id})", id=marks[0]).consume()
        opened.run("CREATE CONSTRAINT marked IF NOT EXISTS FOR (m:Marked) REQUIRE m.id IS UNIQUE").consume()
        wrong = (
            "MATCH (n {id: 'PATIENT-4712'}) RETRUN n",
            "RETURN 1 / 0 AS `PATIENT-4713`",
            "CREATE (:Marked {id: $id})",
        )
        for text in wrong:
            with pytest.raises(neo4j.exceptions.Neo4jError):
                opened.run(text, id=marks[0]).consume()
    folder = Home.of(server.folder).path / "logs"  # an import leaves a folder of its own there
    files = [file for file in folder.rglob("*") if file.is_file()]
    logs = {file.relative_to(folder).as_posix(): file.read_text("utf-8", "replace") for file in files}
    assert "Started." in logs["console.log"]
    assert logs["debug.log"]
    assert not [(name, mark) for name, text in logs.items() for mark in marks if mark in text]


def test_the_store_finds_its_credentials(server: Server, tmp_path: Path) -> None:
    port = server.uri.rpartition(":")[2]
    for uri in (server.uri, f"neo4j://localhost:{port}", f"bolt://127.0.0.1:{port}?database=neo4j"):
        assert credentials(uri, [tmp_path, server.folder], {}) == (server.user, server.password)
    given = {"CLINOME_NEO4J_USER": "reader", "CLINOME_NEO4J_PASSWORD": "own"}
    assert credentials(server.uri, [server.folder], given) == ("reader", "own")
    for elsewhere in (f"bolt://graph.example:{port}", f"bolt://127.0.0.1:{int(port) + 1}"):
        with pytest.raises(InputError, match="no user and password for this server") as told:
            credentials(elsewhere, [server.folder], {})
        assert server.password not in str(told.value)
    with pytest.raises(UsageError, match="both or neither"):
        credentials(server.uri, [server.folder], {"CLINOME_NEO4J_USER": "reader"})


def test_where_no_server_ever_was(clinome: Clinome, tmp_path: Path) -> None:
    ended = clinome("neo4j", "status", "--in", tmp_path)
    assert (ended.code, ended.out.splitlines()[0]) == (0, "Neo4j: no server was started here")
    ended = clinome("neo4j", "stop", "--in", tmp_path)
    assert (ended.code, ended.out) == (0, "Neo4j: does not run here\n")
    assert clinome("neo4j", "dump", tmp_path / "x.dump", "--in", tmp_path).code == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("same_moment", [False, True])
def test_a_process_that_only_has_its_id_is_left_alone(
    foreign: psutil.Process, same_moment: bool, clinome: Clinome, tmp_path: Path
) -> None:
    home = Home.of(tmp_path)
    home.make()
    created = foreign.create_time() if same_moment else foreign.create_time() - 3600
    home.write(Record("5.26", 7687, "512m", "64m", foreign.pid, created))
    assert clinome("neo4j", "status", "--in", tmp_path).out.startswith("Neo4j: stopped")
    assert clinome("neo4j", "stop", "--in", tmp_path).out == "Neo4j: does not run here\n"
    assert neo4j_server.alive(foreign)


def test_a_record_that_is_none_is_told(clinome: Clinome, tmp_path: Path) -> None:
    home = Home.of(tmp_path)
    home.make()
    (home.path / "server.json").write_text("{", encoding="utf-8")
    ended = clinome("neo4j", "start", "--in", tmp_path)
    assert ended.code == 1
    assert "not a record of a server" in ended.err


def test_a_version_that_there_is_not_is_wrong_usage(clinome: Clinome, tmp_path: Path) -> None:
    ended = clinome("neo4j", "start", "--in", tmp_path, "--version", "4.4")
    assert ended.code == 2
    assert "5.26 or 2026.09" in ended.err
    assert not (tmp_path / ".clinome").exists()


def test_settings_of_ones_own_overrule(tmp_path: Path) -> None:
    home = Home.of(tmp_path)
    home.make()
    (home.path / "conf" / "own.conf").write_text("# mine\ndb.tx_log.preallocate = true\n", encoding="utf-8")
    home.write_settings(Record("5.26", 7687, "512m", "64m"), [("only.here", "1")])
    lines = (home.path / "conf" / "neo4j.conf").read_text(encoding="utf-8").splitlines()
    assert "db.tx_log.preallocate=true" in lines
    assert "server.http.enabled=false" in lines
    assert "only.here=1" in lines
    assert len({line.partition("=")[0] for line in lines}) == len(lines)
    (home.path / "conf" / "own.conf").write_text("what\n", encoding="utf-8")
    with pytest.raises(ClinomeError, match="not a setting"):
        home.write_settings(Record("5.26", 7687, "512m", "64m"), [])
