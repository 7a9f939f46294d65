"""A server that goes away, a loader that is killed, queries that run away: plain words, exit 3, nothing lost, nobody named."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from servers import Server, kill_server, session, start_again, wipe

import clinome
from clinome.console import SILENT
from clinome.graphs.neo4j_store.errors import ServerAway
from clinome.graphs.neo4j_store.store import Neo4jStore
from clinome.loaders.errors import EngineError
from clinome.study import Study
from clinome.verbs.loading.load import load_study

LOAD = (
    "import logging; logging.basicConfig(level=logging.DEBUG)\n"  # whoever logs everything must not log patients
    "import clinome.graphs.ingest.write_source as write; write.BATCH = 200\n"  # more moments at which a load is half done
    "from clinome.cli.main import main; main()"
)
PLANTED = "PLANTED"
STUDY = """
name = "small"
store = "STORE"
[patients]
path = "patients.csv"
[omics.rna]
path = "rna.csv"
kind = "expression"
id = "id"
graph = "all"
"""
ENDLESS = "UNWIND range(1, 1000000) AS a UNWIND range(1, 1000000) AS b WITH a, b WHERE a = -b RETURN count(*) AS n"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def credentials(running_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("CLINOME_NEO4J_USER", running_server.user)
    monkeypatch.setenv("CLINOME_NEO4J_PASSWORD", running_server.password)
    wipe(running_server)
    yield running_server
    start_again(running_server)


def write_study(folder: Path, store: str) -> Path:
    """Sixty patients whose ids, notes and samples are planted, with 150 values each: 9,000 relationships."""
    folder.mkdir()
    ids = [f"{PLANTED}-{n:03d}" for n in range(60)]
    pl.DataFrame({"patient_id": ids, "note": [f"{PLANTED} note {n}" for n in range(60)]}).write_csv(
        folder / "patients.csv"
    )
    values = np.random.default_rng(1).normal(size=(150, 60)).round(3)
    table = {f"G{k}": values[k] for k in range(150)}
    pl.DataFrame({"id": ids, **table}).write_csv(folder / "rna.csv")
    (folder / "study.toml").write_text(STUDY.replace("STORE", store))
    return folder / "study.toml"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The fingerprint of the embedded store: it is every store's."""
    study = Study.read(write_study(tmp_path_factory.mktemp("undisturbed") / "study", "small.graph"))
    load_study(study, SILENT)
    return fingerprint(study)


def fingerprint(study: Study) -> str:
    with clinome.open(study) as graph:
        return graph.fingerprint()


def start_load(file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, "load", str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def batches(server: Server) -> int:
    with session(server) as opened:
        return int(opened.run("MATCH (b:Batch) RETURN count(b) AS n").single(strict=True)["n"])


def until(true: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=300)
    assert PLANTED not in said
    assert "Traceback" not in said
    return said


def of_clinome(server: Server) -> list[str]:
    """The queries of Clinome that run on the server."""
    text = "SHOW TRANSACTIONS YIELD currentQuery, metaData WHERE currentQuery CONTAINS 'UNWIND range(1, 1000000)' RETURN currentQuery AS q"
    with session(server) as opened:
        return [row["q"] for row in opened.run(text) if not row["q"].startswith("SHOW")]


@pytest.mark.slow
def test_a_load_whose_server_goes_away_ends_plainly_and_goes_on_afterwards(
    credentials: Server, undisturbed: str, tmp_path: Path
) -> None:
    server, file = credentials, write_study(tmp_path / "study", credentials.uri)
    process = start_load(file)
    until(lambda: batches(server) > 15)
    kill_server(server.folder)
    said = finish(process)
    assert process.returncode == 3, said
    assert "the Neo4j server does not answer, or went away" in said
    assert server.password not in said
    start_again(server)
    half = batches(server)
    assert 15 < half < 50, "it had ended before the server was killed"
    again = start_load(file)
    said = finish(again)
    assert again.returncode == 0, said
    assert fingerprint(Study.read(file)) == undisturbed
    logs = [path for path in (server.folder / ".clinome" / "neo4j" / "logs").rglob("*") if path.is_file()]
    assert logs
    for path in logs:
        text = path.read_text(errors="replace")
        assert PLANTED not in text, path.name
        assert server.password not in text, path.name


@pytest.mark.slow
def test_a_load_that_is_killed_goes_on_at_once(credentials: Server, undisturbed: str, tmp_path: Path) -> None:
    file = write_study(tmp_path / "study", credentials.uri)
    for more in (10, 25):
        process = start_load(file)
        until(lambda more=more: batches(credentials) > more)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    again = start_load(file)
    said = finish(again)
    assert again.returncode == 0, said
    assert fingerprint(Study.read(file)) == undisturbed


def test_a_reader_whose_server_goes_away_is_told_so(credentials: Server) -> None:
    failed: list[Exception] = []
    with Neo4jStore(credentials.uri, credentials.user, credentials.password, write=True) as store:
        store.prepare()
        store.save()
    reader = Neo4jStore(credentials.uri, credentials.user, credentials.password, write=False)

    def ask() -> None:
        try:
            reader.run(ENDLESS + f" // {PLANTED}", {"planted": PLANTED})
        except Exception as error:  # noqa: BLE001  looked at below
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: bool(of_clinome(credentials)))
    kill_server(credentials.folder)
    thread.join(120)
    assert not thread.is_alive()
    (error,) = failed
    assert isinstance(error, ServerAway)
    assert error.exit_code == 3
    assert PLANTED not in str(error)
    assert (error.__cause__, error.__context__) == (None, None)
    reader.close()


def test_a_query_that_runs_away_is_ended_on_the_server(credentials: Server) -> None:
    with Neo4jStore(credentials.uri, credentials.user, credentials.password, write=True) as store:
        store.prepare()
        with pytest.raises(EngineError, match=r"longer than 0\.5 s"):
            store.run(ENDLESS, {}, timeout_s=0.5)
        until(lambda: not of_clinome(credentials))
    code = (
        "import sys; from clinome.graphs.neo4j_store.store import Neo4jStore\n"
        f"Neo4jStore(*sys.argv[1:4], write=True).run({ENDLESS!r}, {{}})"
    )
    process = subprocess.Popen([sys.executable, "-c", code, credentials.uri, credentials.user, credentials.password])
    until(lambda: bool(of_clinome(credentials)))
    process.kill()
    process.wait()
    until(lambda: not of_clinome(credentials))


def test_no_failure_quotes_what_it_was_about(credentials: Server, caplog: pytest.LogCaptureFixture) -> None:
    """Ids, values, names of properties and literals in a query, in errors, in what they are chained to, and in logs."""
    person = pl.DataFrame({"id": [f"{PLANTED}-1"], "note": [f"{PLANTED} note"]})
    from clinome.graphs.store.protocol import Edges, Nodes

    def edges(**columns: Any) -> Edges:
        rows = {"start": [f"{PLANTED}-1"], "end": [f"{PLANTED}-2"], **columns}
        return Edges("EXPRESSES", "Patient", "Gene", pl.DataFrame(rows))

    with (
        caplog.at_level("DEBUG"),
        Neo4jStore(credentials.uri, credentials.user, credentials.password, write=True) as store,
    ):
        store.prepare()
        store.write_nodes(f"{PLANTED} batch", "load", Nodes("Patient", person))
        store.write_nodes("gene", "load", Nodes("Gene", pl.DataFrame({"id": [f"{PLANTED}-2"]})))
        attempts: list[Callable[[], object]] = [
            lambda: store.write_nodes(f"{PLANTED} batch", "load", Nodes("Patient", person)),
            lambda: store.write_nodes("b", "load", Nodes("Patient", pl.DataFrame({"id": [PLANTED * 2000]}))),
            lambda: store.write_nodes("b", "load", Nodes("Patient", person.with_columns(x=pl.struct("note")))),
            lambda: store.write_nodes("b", "load", Nodes("Patient", person.with_columns(x=pl.lit(2**64 - 1, pl.UInt64)))),
            lambda: store.write_edges("b", "load", Edges("EXPRESSES", "Patient", "Drug", edges().rows)),
            lambda: store.write_edges("b", "load", edges(**{f"{PLANTED}\0": [1]})),
            lambda: store.write_edges(f"{PLANTED} batch", "load", edges()),
            lambda: store.run(f"MATCH (p:Patient {{id: {PLANTED}}}) RETURN p", {}),
            lambda: store.run(f"MATCH (p:Patient {{id: '{PLANTED}'}} RETURN p", {}),
            lambda: store.run(f"MATCH (p:Patient) WHERE p.id = '{PLANTED}' AND RETURN p", {}),
            lambda: store.run(f"RETURN date('{PLANTED}') AS x", {}),
            lambda: store.run("RETURN date($x) AS x", {"x": PLANTED}),
            lambda: store.run("MATCH (p:Patient) RETURN p.note / 2 AS x", {}),
            lambda: store.run("MATCH (p:Patient) RETURN duration(p.id) AS x", {}),
            lambda: store.run("RETURN $x AS x", {"x": [PLANTED, 2**70]}),
            lambda: store.run(f"MATCH (p:Patient) WHERE p.id = '{PLANTED}' DELETE p", {}),
        ]  # fmt: skip
        for number, attempt in enumerate(attempts):
            with pytest.raises(clinome.loaders.errors.ClinomeError) as refused:
                attempt()
            error: BaseException | None = refused.value
            while error is not None:
                assert PLANTED not in f"{error} {error.args} {vars(error)}", f"attempt {number}"
                error = error.__cause__ or error.__context__
    assert PLANTED not in caplog.text
    assert credentials.password not in caplog.text


@pytest.mark.slow
def test_eight_readers_see_no_half_of_a_batch(credentials: Server, tmp_path: Path) -> None:
    """Two minutes of it: benchmarks/stores/readers.py URI."""
    script = [sys.executable, str(ROOT / "benchmarks" / "stores" / "readers.py"), credentials.uri, "--seconds", "8"]
    ended = subprocess.run(script, capture_output=True, text=True, timeout=200, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = re.search(r"in ([\d,]+) batches.*: ([\d,]+) queries", ended.stdout, re.DOTALL)
    assert said is not None
    assert all(int(count.replace(",", "")) > 0 for count in said.groups())
